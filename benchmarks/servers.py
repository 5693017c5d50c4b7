"""The server processes that are measured: ours and the bare one, under every grpcio release."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import grpc

from benchmarks import bare
from benchmarks.load import LoadError
from benchmarks.store import PREFIX
from devstack.ports import LOOPBACK, free_port
from devstack.process import ChildProcess
from devstack.settings import child_environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping
    from pathlib import Path

#: Seconds that the first call to a new server may take.
PROBE_SECONDS: Final = 10
#: Jobs of a BatchSubmit: the most that the contract allows.
BATCH_JOBS: Final = 1000


class Target(StrEnum):
    """What is measured: a method of ours, or one of the bare server's."""

    ECHO = "echo"
    """Returns the bytes it gets."""
    EVALSHA = "evalsha"
    """The same, after one script call that writes what a job takes, with redis-py as it is."""
    LINE = "line"
    """The same as EVALSHA, over the one connection that our server uses (ADR 15)."""
    HGETALL = "hgetall"
    """Reads one job."""
    PAGE = "page"
    """Reads the newest ids and, in one pipeline, the jobs of a page."""
    STREAM = "stream"
    """Sends a snapshot and then events, all as large as ours."""
    SUBMIT = "SubmitJob"
    BATCH = "BatchSubmit"
    GET = "GetJob"
    LIST = "ListJobs"
    WATCH = "WatchJob"

    @property
    def is_ours(self) -> bool:
        """Whether `python -m server` serves it."""
        return self in {Target.SUBMIT, Target.BATCH, Target.GET, Target.LIST, Target.WATCH}

    @property
    def path(self) -> str:
        """The method that is called."""
        if self.is_ours:
            return f"/segue.v1.JobService/{self.value}"
        return f"/{bare.SERVICE}/{'Watch' if self is Target.STREAM else self.capitalize()}"

    @property
    def stores(self) -> int:
        """How many jobs each call leaves in Redis."""
        return {Target.EVALSHA: 1, Target.LINE: 1, Target.SUBMIT: 1, Target.BATCH: BATCH_JOBS}.get(self, 0)

    @property
    def reads(self) -> bool:
        """Whether it shows jobs that were stored before."""
        return self in {Target.HGETALL, Target.PAGE, Target.GET, Target.LIST}

    @property
    def beside(self) -> tuple[Target, ...]:
        """The bare methods that one of ours is set beside."""
        return {
            Target.SUBMIT: (Target.ECHO, Target.EVALSHA, Target.LINE),
            Target.GET: (Target.HGETALL,),
            Target.LIST: (Target.PAGE,),
            Target.WATCH: (Target.STREAM,),
        }.get(self, ())


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, and what is called of it."""

    release: str
    target: Target
    port: int
    pid: int


@asynccontextmanager
async def running_servers(
    releases: Mapping[str, Mapping[str, str]],
    targets: Iterable[Target],
    *,
    redis_url: str,
    log_level: str,
    folder: Path,
) -> AsyncIterator[list[Server]]:
    """Run what serves the targets under every release inside the block, all on one Redis.

    Args:
        releases: the environment of each grpcio release.
        targets: what is measured; one process serves all of ours, another one all bare ones.
        log_level: of our server, as SEGUE_LOG_LEVEL takes it.
        folder: where their output goes.
    """
    async with AsyncExitStack() as resources:
        servers = []
        for release, environment in releases.items():
            for ours in (False, True):
                wanted = [target for target in targets if target.is_ours is ours]
                if not wanted:
                    continue
                port, module = free_port(), "server" if ours else "benchmarks.bare"
                settings = {
                    "SEGUE_LISTEN": f"{LOOPBACK}:{port}",
                    "SEGUE_REDIS_URL": redis_url,
                    "SEGUE_KEY_PREFIX": PREFIX,
                    "SEGUE_LOG_LEVEL": log_level,
                }
                process = ChildProcess(
                    f"{module} under grpcio {release}",
                    [sys.executable, "-m", module],
                    log_path=folder / f"{module}-{release}.log",
                    environment=child_environment({**environment, **settings}),
                )
                resources.push_async_callback(process.stop)
                await process.start(r"^server ready\b")
                servers += [Server(release, target, port, process.pid) for target in wanted]
        yield servers


async def probe(server: Server, message: bytes) -> None:
    """Call a server once in earnest, as load generators do not look into what they get.

    Raises:
        LoadError: it did not answer OK.
    """
    async with grpc.aio.insecure_channel(f"{LOOPBACK}:{server.port}") as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(server.target.path)
        try:
            await call(message, timeout=PROBE_SECONDS, wait_for_ready=True)
        except grpc.aio.AioRpcError as error:
            raise LoadError(f"{server.target} under grpcio {server.release}: {error.details()}") from error
