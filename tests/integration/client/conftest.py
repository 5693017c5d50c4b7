from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

import pytest

import segue
from tests.integration.client.scripted_server import ScriptedServer
from tests.kept_port import kept_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from segue.v1.job_pb2 import Job
    from segue.v1.job_service_pb2 import WatchJobResponse
    from tests.integration.client.scripted_server import ScriptedJobs

#: Patient enough for a busy machine, quick enough for tests. A watchdog that a stall of the machine could wake belongs
#: only where it is under test.
OPTIONS: dict[str, Any] = {
    "retry": segue.Retry(attempts=4, initial=timedelta(milliseconds=10), maximum=timedelta(milliseconds=50)),
    "timeout": 30.0,
    "heartbeat_interval": 10,
}


class Face(Protocol):
    """What both clients can do, in a form that one test can use."""

    seen: list[WatchJobResponse]
    """The events of watches as they come."""

    async def call(self, name: str, *args: Any, **options: Any) -> Any: ...

    async def watch(self, job_id: str, **options: Any) -> list[WatchJobResponse]: ...

    async def stream(self, name: str, *args: Any, **options: Any) -> list[Any]: ...

    async def list(self, **filters: Any) -> list[Job]: ...

    async def close(self) -> None: ...


class AioFace:
    def __init__(self, addresses: str, **options: Any) -> None:
        self.client = segue.aio.Client(addresses, **{**OPTIONS, **options})
        self.seen: list[WatchJobResponse] = []

    async def call(self, name: str, *args: Any, **options: Any) -> Any:
        return await getattr(self.client, name)(*args, **options)

    async def watch(self, job_id: str, **options: Any) -> list[WatchJobResponse]:
        events = []
        async for event in self.client.watch(job_id, **options):
            events.append(event)
            self.seen.append(event)
        return events

    async def stream(self, name: str, *args: Any, **options: Any) -> list[Any]:
        return [message async for message in getattr(self.client, name)(*args, **options)]

    async def list(self, **filters: Any) -> list[Job]:
        return [job async for job in self.client.list(**filters)]

    async def close(self) -> None:
        await self.client.close()


class SyncFace:
    def __init__(self, addresses: str, **options: Any) -> None:
        self.client = segue.Client(addresses, **{**OPTIONS, **options})
        self.seen: list[WatchJobResponse] = []

    async def call(self, name: str, *args: Any, **options: Any) -> Any:
        return await asyncio.to_thread(getattr(self.client, name), *args, **options)

    async def watch(self, job_id: str, **options: Any) -> list[WatchJobResponse]:
        def watch() -> list[WatchJobResponse]:
            events = []
            for event in self.client.watch(job_id, **options):
                events.append(event)
                self.seen.append(event)
            return events

        return await asyncio.to_thread(watch)

    async def stream(self, name: str, *args: Any, **options: Any) -> list[Any]:
        return await asyncio.to_thread(lambda: list(getattr(self.client, name)(*args, **options)))

    async def list(self, **filters: Any) -> list[Job]:
        return await asyncio.to_thread(lambda: list(self.client.list(**filters)))

    async def close(self) -> None:
        await asyncio.to_thread(self.client.close)


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    with kept_port() as port:
        server = ScriptedServer(port=port)
        await server.start()
        yield server
        await server.vanish()


@pytest.fixture
def jobs(server: ScriptedServer) -> ScriptedJobs:
    return server.jobs


@pytest.fixture(params=[AioFace, SyncFace], ids=["aio", "sync"])
async def connect(request: pytest.FixtureRequest) -> AsyncIterator[Callable[..., Face]]:
    """Opens clients of either kind, and closes them at the end."""
    faces: list[Face] = []

    def connect(addresses: str, **options: Any) -> Face:
        faces.append(request.param(addresses, **options))
        return faces[-1]

    yield connect
    for face in faces:
        await face.close()


@pytest.fixture
async def client(connect: Callable[..., Face], server: ScriptedServer) -> Face:
    """The client under test, of both kinds in turn."""
    return connect(server.address)


@pytest.fixture
async def watchful(connect: Callable[..., Face], server: ScriptedServer) -> Face:
    """A client that takes a stream for dead after 1.5 s of silence, so also one that a busy machine holds up."""
    return connect(server.address, heartbeat_interval=0.5)


@pytest.fixture
async def aio_client(server: ScriptedServer) -> AsyncIterator[segue.aio.Client]:
    async with segue.aio.Client(server.address, **OPTIONS) as client:
        yield client
