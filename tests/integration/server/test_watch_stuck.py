"""A client that stops reading, but goes on living: nothing but the server's own patience ends its watch."""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING, Final, cast

import structlog
from grpc import StatusCode, aio

from benchmarks.wire import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PREFACE,
    SETTINGS,
    WINDOW,
    WINDOW_UPDATE,
    Wire,
    frame,
    header_block,
)
from core.store.connection import connect
from segue.v1 import job_service_pb2 as pb
from segue.v1.job_service_pb2_grpc import JobServiceStub
from tests.integration.core.engine import TIMEOUT, eventually
from tests.integration.server.conftest import running
from tests.unit.server.asked import submit

if TYPE_CHECKING:
    from segue.v1.job_service_pb2_grpc import JobServiceAsyncStub
    from server.settings import Settings

#: The one stream.
STREAM: Final = 1


class Frozen(Wire):
    """A watcher that answers pings and lets the server send nothing."""

    def __init__(self, address: str, job_id: str) -> None:
        super().__init__()
        self._headers = header_block(address, "/segue.v1.JobService/WatchJob")
        self._request = pb.WatchJobRequest(job_id=job_id).SerializeToString()
        self.received: list[tuple[int, bytes]] = []
        self.ended = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send(PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0)))
        self._send(frame(HEADERS, END_HEADERS, STREAM, self._headers))
        message = b"\0" + struct.pack(">I", len(self._request)) + self._request
        self._send(frame(DATA, END_STREAM, STREAM, message))

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        self.received.append((kind, payload))
        if flags & END_STREAM:
            self.ended.set()

    def thaw(self) -> None:
        """Let the server send."""
        self._send(frame(WINDOW_UPDATE, 0, STREAM, struct.pack(">I", WINDOW)))


async def test_a_watch_whose_client_takes_nothing_is_ended_and_frees_everything(settings: Settings) -> None:
    # Longer than a busy machine lets the watch beside wait with a message in hand.
    impatient = settings.model_copy(update={"watch_stuck_seconds": 4})
    redis = connect(settings.redis_url.get_secret_value(), timeout=TIMEOUT)
    async with running(impatient) as server, aio.insecure_channel(server.address) as channel:
        jobs: JobServiceAsyncStub = JobServiceStub(channel)
        job_id = (await jobs.SubmitJob(submit())).job.id
        request = pb.WatchJobRequest(job_id=job_id)
        request.heartbeat_interval.FromSeconds(60)
        beside = aiter(jobs.WatchJob(request))
        await anext(beside)

        async def only_the_one_beside() -> bool:
            return len(await redis.pubsub_channels("*:events:*")) == 1

        other = (await jobs.SubmitJob(submit())).job.id
        host, port = server.address.split(":")
        with structlog.testing.capture_logs() as lines:

            async def given_up() -> bool:
                return any(line["event"] == "stream.stuck" for line in lines)

            _, frozen = await asyncio.get_running_loop().create_connection(
                lambda: Frozen(server.address, other), host, int(port)
            )
            await eventually(given_up, within=60)

        # What its watch holds is freed; another one, which waited as long for its job, goes on.
        await eventually(only_the_one_beside, within=30)
        await jobs.CancelJob(pb.CancelJobRequest(job_id=job_id))
        assert (await anext(beside)).state_change.to_state
        assert DATA not in [kind for kind, _ in frozen.received]

        frozen.thaw()
        async with asyncio.timeout(30):
            await frozen.ended.wait()
        (_, snapshot), (_, trailers) = frozen.received[-2:]
        assert other.encode() in snapshot
        assert b"grpc-status\x01" + str(StatusCode.RESOURCE_EXHAUSTED.value[0]).encode() in trailers
        frozen.close()
        await frozen.lost
    await redis.aclose()
