"""The control side of a running emulator: its ledger, its settings, its faults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import httpx

#: Seconds for one answer; the control side never waits for a model.
TIMEOUT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What a real account would have been asked and billed."""

    requests: list[dict[str, Any]]
    """One row per accepted request: request_id, endpoint, arguments, status, billed, ..."""
    submits: int
    """How many submits arrived and were accepted."""
    billed: int
    """How many requests cost money."""


class EmulatorControl:
    """Asks and tells the emulator at *url* (`http://127.0.0.1:PORT`)."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def ledger(self) -> Ledger:
        """Return what was submitted and billed so far."""
        answer = await self._call("GET", "ledger")
        return Ledger(requests=answer["requests"], submits=answer["submits"], billed=answer["billed"])

    async def settings(self, **values: object) -> None:
        """Change how it behaves from now on, for example `run_seconds=5, concurrency=2`."""
        await self._call("PUT", "settings", values)

    async def fault(self, fault: str, *, times: int = 1, endpoint: str | None = None) -> None:
        """Let the next *times* requests (of *endpoint*) meet *fault*; the names are in DESIGN §7."""
        target = {} if endpoint is None else {"endpoint": endpoint}
        await self._call("POST", "faults", {"fault": fault, "times": times, **target})

    async def clear_faults(self) -> None:
        """Drop all faults that have not happened yet."""
        await self._call("DELETE", "faults")

    async def _call(self, method: str, what: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        async with httpx.AsyncClient(base_url=self.url, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            answer = await client.request(method, f"/emulator/{what}", json=body)
            answer.raise_for_status()
            return dict(answer.json()) if answer.content else {}
