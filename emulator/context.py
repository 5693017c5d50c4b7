"""What all faces of one running emulator share, and the questions they all ask of an HTTP request."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from emulator import hosts
from emulator.faults import Faults
from emulator.ledger import Ledger
from emulator.queue import FalQueue
from emulator.settings import LiveBehaviour, Settings
from emulator.storage import FileStore


@dataclass(kw_only=True)
class Context:
    """The parts of one running emulator."""

    settings: Settings
    behaviour: LiveBehaviour
    faults: Faults
    ledger: Ledger
    queue: FalQueue
    files: FileStore
    url: str = ""
    """The own address as others reach it, without a slash; known once the port is bound."""

    def is_authorized(self, request: web.Request) -> bool:
        """Whether the call carries an acceptable fal key."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() not in ("key", "bearer") or not key.strip():
            return False
        return self.settings.key is None or key.strip() == self.settings.key.get_secret_value()

    def media_base(self, request: web.Request) -> str:
        """Return the address of files for this caller: fal's own name behind the TLS front, else ours."""
        return f"https://{hosts.CDN}" if request.secure else self.url

    def queue_base(self, request: web.Request) -> str:
        """Return the address of the queue API in the terms the caller used."""
        name = (request.host or "").partition(":")[0]
        if name in hosts.ALL:
            return f"https://{hosts.QUEUE}"
        return f"{request.scheme}://{request.host}/queue"


def lifecycle_seconds(headers: Mapping[str, str]) -> float | None:
    """Read how long a file shall live; None for ever, also when the header makes no sense."""
    for name in ("X-Fal-Object-Lifecycle-Preference", "X-Fal-Object-Lifecycle"):
        try:
            preference = json.loads(headers.get(name, ""))
            return float(preference["expiration_duration_seconds"])
        except (ValueError, TypeError, KeyError):
            continue
    return None
