"""A small client for tests: fal's queue as raw HTTP, and the emulator's control calls.

It never retries and hides nothing, so a test sees exactly what the wire says.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self

import httpx

from emulator import hosts
from emulator.records import JsonObject

_INTERVAL: Final = 0.01
#: Seconds a test waits for something before it fails.
_PATIENCE: Final = 60.0


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return as soon as *condition* holds; TimeoutError when it does not come to hold."""
    async with asyncio.timeout(_PATIENCE):
        while not await condition():  # noqa: ASYNC110 - the condition lies in another process
            await asyncio.sleep(_INTERVAL)


class EmulatorClient:
    """Talks to one emulator as a caller of fal and as its operator."""

    def __init__(self, url: str, *, key: str = "test-key") -> None:
        # Loading the authorities takes longer than most tests, and plain HTTP needs none.
        self.http = httpx.AsyncClient(base_url=url, timeout=_PATIENCE, trust_env=False, verify=False)  # noqa: S501
        self._headers = {"Authorization": f"Key {key}"} if key else {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.http.aclose()

    async def call(
        self, method: str, host: str, path: str, *, headers: Mapping[str, str] | None = None, **request: Any
    ) -> httpx.Response:
        """Send a request to one of fal's hosts."""
        sent = {"Host": host, **self._headers, **(headers or {})}
        return await self.http.request(method, path, headers=sent, **request)

    async def submit(self, endpoint: str, arguments: JsonObject | None = None, **request: Any) -> httpx.Response:
        """POST a request to the queue."""
        return await self.call("POST", hosts.QUEUE, f"/{endpoint}", json=arguments or {}, **request)

    async def accepted(self, endpoint: str, arguments: JsonObject | None = None, **request: Any) -> str:
        """Submit, and return the path of the request, such as `/segue/echo/requests/1234`."""
        response = await self.submit(endpoint, arguments, **request)
        assert response.status_code == 200, response.text  # noqa: S101 - a tool of tests
        return str(httpx.URL(response.json()["response_url"]).path)

    async def status(self, path: str, *, logs: bool = False) -> httpx.Response:
        """Ask where a request stands."""
        return await self.call("GET", hosts.QUEUE, f"{path}/status", params={"logs": int(logs)})

    async def until(self, path: str, status: str) -> JsonObject:
        """Poll until the request has *status*, and return the status object."""
        body: JsonObject = {}

        async def reached() -> bool:
            body.update((await self.status(path)).json())
            return body.get("status") == status

        await eventually(reached)
        return body

    async def result(self, path: str) -> httpx.Response:
        """Fetch the result."""
        return await self.call("GET", hosts.QUEUE, path)

    async def finished(self, path: str) -> httpx.Response:
        """Wait for the end and fetch the result."""
        await self.until(path, "COMPLETED")
        return await self.result(path)

    async def cancel(self, path: str) -> httpx.Response:
        """Ask for cancellation."""
        return await self.call("PUT", hosts.QUEUE, f"{path}/cancel")

    async def upload(self, data: bytes, *, name: str, content_type: str, **headers: str) -> str:
        """Upload a file in one piece and return its URL."""
        token = (await self.call("POST", hosts.REST, "/storage/auth/token", json={})).json()
        sent = {
            "Authorization": f"{token['token_type']} {token['token']}",
            "Content-Type": content_type,
            "X-Fal-File-Name": name,
            **headers,
        }
        response = await self.call("POST", hosts.CDN, "/files/upload", headers=sent, content=data)
        return str(response.raise_for_status().json()["access_url"])

    async def change(self, **values: Any) -> None:
        """Change settings."""
        (await self.http.put("/emulator/settings", json=values)).raise_for_status()

    async def order(self, fault: str, times: int = 1, **parameters: Any) -> None:
        """Order a fault; parameters are `endpoint` and `seconds`."""
        order = {"fault": fault, "times": times, **parameters}
        (await self.http.post("/emulator/faults", json=order)).raise_for_status()

    async def ledger(self) -> JsonObject:
        """Read the ledger."""
        body: JsonObject = (await self.http.get("/emulator/ledger")).raise_for_status().json()
        return body
