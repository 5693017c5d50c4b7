"""The server processes that are measured: ours and the bare ones, each under every grpcio release."""

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
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

#: Seconds that the first call to a new server may take.
PROBE_SECONDS: Final = 10


class Target(StrEnum):
    """What is measured."""

    ECHO = "echo"
    """A bare grpc.aio server that returns the bytes it gets."""
    EVALSHA = "evalsha"
    """The same, after one script call that writes what a job takes."""
    SUBMIT = "SubmitJob"
    """Ours."""

    @property
    def path(self) -> str:
        """The method that is called."""
        return "/segue.v1.JobService/SubmitJob" if self is Target.SUBMIT else f"/{bare.SERVICE}/{bare.METHOD}"

    @property
    def stores_jobs(self) -> bool:
        """Whether each call leaves a job in Redis."""
        return self is not Target.ECHO

    @property
    def command(self) -> list[str]:
        """What starts it."""
        if self is Target.SUBMIT:
            return [sys.executable, "-m", "server"]
        return [sys.executable, "-m", "benchmarks.bare", self.value]


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    release: str
    target: Target
    port: int
    pid: int


@asynccontextmanager
async def running_servers(
    releases: Mapping[str, Mapping[str, str]], *, redis_url: str, log_level: str, folder: Path
) -> AsyncIterator[list[Server]]:
    """Run every target under every release inside the block, all on one Redis.

    Args:
        releases: the environment of each grpcio release.
        log_level: of our server, as SEGUE_LOG_LEVEL takes it.
        folder: where their output goes.
    """
    async with AsyncExitStack() as resources:
        servers = []
        for release, environment in releases.items():
            for target in Target:
                port = free_port()
                settings = {
                    "SEGUE_LISTEN": f"{LOOPBACK}:{port}",
                    "SEGUE_REDIS_URL": redis_url,
                    "SEGUE_KEY_PREFIX": PREFIX,
                    "SEGUE_LOG_LEVEL": log_level,
                }
                process = ChildProcess(
                    f"{target} under grpcio {release}",
                    target.command,
                    log_path=folder / f"{target}-{release}.log",
                    environment=child_environment({**environment, **settings}),
                )
                resources.push_async_callback(process.stop)
                await process.start(r"^server ready\b")
                servers.append(Server(release, target, port, process.pid))
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
