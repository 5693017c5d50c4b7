"""The calls that `make run` prints: the main road of the service, as lines for a shell."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


class Tool(Protocol):
    """A program that calls gRPC from a shell and learns the contract by reflection."""

    def list(self, address: str) -> str:
        """Return the line that lists the services at *address*."""

    def describe(self, address: str, service: str) -> str:
        """Return the line that shows the methods of *service*."""

    def call(self, address: str, method: str, body: str) -> str:
        """Return the line that calls *method* with the JSON *body*, already quoted for the shell."""


@dataclass(frozen=True, slots=True)
class Grpcurl:
    """The common one; see github.com/fullstorydev/grpcurl."""

    program: str = "grpcurl"

    def list(self, address: str) -> str:
        """See `Tool`."""
        return f"{self.program} -plaintext {address} list"

    def describe(self, address: str, service: str) -> str:
        """See `Tool`."""
        return f"{self.program} -plaintext {address} describe {service}"

    def call(self, address: str, method: str, body: str) -> str:
        """See `Tool`."""
        return f"{self.program} -plaintext -d {body} {address} {method}"


@dataclass(frozen=True, slots=True)
class BufCurl:
    """The one that the environment holds already (from the buf-bin wheel)."""

    program: str = ".venv/bin/buf curl"

    @property
    def _command(self) -> str:
        return f"{self.program} --protocol grpc --http2-prior-knowledge"

    def list(self, address: str) -> str:
        """See `Tool`."""
        return f"{self._command} --list-services http://{address}"

    def describe(self, address: str, service: str) -> str:
        """See `Tool`; it lists the methods of all services."""
        del service
        return f"{self._command} --list-methods http://{address}"

    def call(self, address: str, method: str, body: str) -> str:
        """See `Tool`."""
        return f"{self._command} -d {body} http://{address}/{method}"


def lines(tool: Tool, address: str, *, first: str, last: str) -> Iterator[tuple[str, str]]:
    """Yield each call with the words above it; *first* and *last* are URLs of images.

    They are to be pasted in this order: the third keeps the job's id in $JOB for those after it.
    """
    transition = {"front_image_url": first, "tail_image_url": last, "transition_type": "TRANSITION_TYPE_CALM"}
    spec = json.dumps({"spec": {"transition": transition}})
    service = "segue.v1.JobService"
    job = '"{\\"job_id\\": \\"$JOB\\"}"'
    submit = tool.call(address, f"{service}/SubmitJob", f"'{spec}'")
    pick_id = """grep -o '"id": *"[^"]*"' | head -n 1 | cut -d '"' -f 4"""
    yield "what is there", tool.list(address)
    yield "its methods", tool.describe(address, service)
    accepted = f"JOB=$({submit} | {pick_id}); echo $JOB"
    yield "a transition between two photographs", accepted
    yield "live, until it ends", tool.call(address, f"{service}/WatchJob", job)
    yield "as it stands", tool.call(address, f"{service}/GetJob", job)
    yield "submit another and stop it", f"{accepted}; {tool.call(address, f'{service}/CancelJob', job)}"
    yield "is it healthy", tool.call(address, "grpc.health.v1.Health/Check", "'{}'")
