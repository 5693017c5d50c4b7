"""P3: a long silence between us and the client does not end a watch: heartbeats keep its connection in use."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import grpc
import pytest

from devstack.ports import LOOPBACK
from segue import aio
from segue.v1.job_service_pb2 import WatchJobRequest
from server.limits import HEARTBEATS
from tests.chaos.watching import Heard, Writer, assert_all_complete, stack_of, stubs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from core.job import Job

#: Seconds between heartbeats: the fewest that may be asked for, here in place of 15.
HEARTBEAT: Final = HEARTBEATS[0].total_seconds()
#: Seconds of silence after which the proxy cuts a connection, here in place of 60.
IDLE: Final = 1.8 * HEARTBEAT
#: Seconds for which nothing happens: several heartbeats, and several times IDLE.
SILENCE: Final = 3.5 * IDLE


class ImpatientProxy:
    """A TCP proxy that cuts each connection on which nothing has come either way for a while."""

    def __init__(self, address: str, *, idle: float) -> None:
        host, _, port = address.rpartition(":")
        self._target = (host, int(port))
        self._idle = idle
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self.accepted = 0
        """Connections that came."""
        self.cut = 0
        """Connections that were cut."""

    @property
    def address(self) -> str:
        """Where it listens."""
        assert self._server is not None
        return f"{LOOPBACK}:{self._server.sockets[0].getsockname()[1]}"

    @classmethod
    @asynccontextmanager
    async def before(cls, address: str, *, idle: float) -> AsyncIterator[ImpatientProxy]:
        """Have one before a server."""
        proxy = cls(address, idle=idle)
        proxy._server = await asyncio.start_server(proxy._serve, LOOPBACK, 0)
        try:
            yield proxy
        finally:
            proxy._server.close()
            for task in proxy._serving:
                task.cancel()
            await asyncio.gather(*proxy._serving, return_exceptions=True)

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.create_task(self._join(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_connection(*self._target)
        heard = time.monotonic()

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            nonlocal heard
            while data := await source.read(1 << 16):
                heard = time.monotonic()
                sink.write(data)
                await sink.drain()

        pumps = {asyncio.create_task(pump(reader, to_there)), asyncio.create_task(pump(there, writer))}
        try:
            while (left := heard + self._idle - time.monotonic()) > 0:
                done, _ = await asyncio.wait(pumps, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                if done:
                    return
            self.cut += 1
        finally:
            for task in pumps:
                task.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for end in (writer, to_there):
                end.transport.abort()


@pytest.mark.chaos
async def test_a_silent_watch_is_not_cut_by_a_proxy_that_cuts_what_is_idle(tmp_path: Path) -> None:
    async with stack_of(tmp_path) as stack, Writer.on(stack.redis_url) as writer:
        server = await stack.start_server()
        jobs = await writer.start(10)
        async with (
            ImpatientProxy.before(server.address, idle=IDLE) as proxy,
            ImpatientProxy.before(server.address, idle=IDLE) as control,
            aio.Client(proxy.address, heartbeat_interval=HEARTBEAT) as client,
        ):
            heard = [Heard(job, after=0) for job in jobs]
            watching = asyncio.gather(*(watch.by(client) for watch in heard))

            assert await _is_cut(control.address, jobs[0])
            await asyncio.sleep(SILENCE - IDLE)
            assert not watching.done()
            await asyncio.gather(*map(writer.finish, jobs))
            await asyncio.wait_for(watching, 30)

            assert (proxy.accepted, proxy.cut) == (1, 0)
            assert (control.accepted, control.cut) == (1, 1)
        await assert_all_complete(heard, writer)


async def _is_cut(address: str, job: Job) -> bool:
    """Whether a watch whose heartbeats are too far apart is cut while nothing happens."""
    request = WatchJobRequest(job_id=job.id)
    request.heartbeat_interval.FromTimedelta(HEARTBEATS[1])
    async with stubs(address) as (stub,):
        stream = aiter(stub.WatchJob(request))
        await anext(stream)
        async with asyncio.timeout(4 * IDLE):
            try:
                await anext(stream)
            except grpc.aio.AioRpcError as error:
                return error.code() is grpc.StatusCode.UNAVAILABLE
    return False
