"""The whole stack: Redis, a local fal or fal itself, any number of servers and workers, each a process.

    async with Stack(settings) as stack:
        server = await stack.start_server()
        worker = await stack.start_worker(slots=4)
        ...
        await worker.kill()

Entering starts what the others need (Redis, the emulator); leaving stops all, and those two last.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from devstack.emulator import EmulatorControl
from devstack.errors import DevstackError, ProcessDiedError
from devstack.ports import LOOPBACK, free_port
from devstack.process import ChildProcess
from devstack.redis import AppendFsync, RedisServer
from devstack.settings import Settings, child_environment

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from types import TracebackType

#: The lines by which the processes say that they are ready, and where.
_SERVER_READY: Final = r"^server ready on (\S+)$"
_WORKER_READY: Final = r"^worker ready\b"
_EMULATOR_READY: Final = r"^emulator ready on (http://[^\s,]+)"

T = TypeVar("T")

#: The emulator takes any key that is not empty; a real one is never shown to it.
EMULATOR_KEY: Final = "local:emulator"


class ServerProcess(ChildProcess):
    """A server."""

    @property
    def address(self) -> str:
        """Where it listens (host:port), by its own word; empty until it is ready."""
        match = self.matched(_SERVER_READY)
        return match[1] if match else ""


class Stack:
    """Starts processes that know of each other, and stops them all.

    Args:
        settings: where things are, and which of them are ours to start.
        environment: settings of every process, by the names of the environment; each start may add more.
        appendfsync: of our own Redis; None keeps its data in memory only.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        environment: Mapping[str, str] | None = None,
        appendfsync: AppendFsync | None = "everysec",
    ) -> None:
        self._settings = settings
        self._environment = dict(environment or {})
        self._logs = settings.dev_dir / "logs"
        self._resources = contextlib.AsyncExitStack()
        self._emulator: EmulatorControl | None = None
        self.redis: RedisServer | None = (
            None
            if settings.redis_url
            else RedisServer(settings.dev_dir / "redis", log_path=self._logs / "redis.log", appendfsync=appendfsync)
        )
        """Our own Redis; None when somebody else's is used."""
        self.servers: list[ServerProcess] = []
        self.workers: list[ChildProcess] = []

    @property
    def redis_url(self) -> str:
        """The Redis that all processes share."""
        return self._settings.redis_url or (self.redis.url if self.redis else "")

    @property
    def emulator(self) -> EmulatorControl:
        """The control side of our emulator.

        Raises:
            DevstackError: there is none: fal itself is used, or somebody else's emulator.
        """
        if self._emulator is None:
            message = "No emulator was started: FAL_KEY or SEGUE_FAL_BASE_URL is set."
            raise DevstackError(message)
        return self._emulator

    @property
    def address(self) -> str:
        """Where the first server listens (host:port)."""
        return self.servers[0].address

    @property
    def fal_base_url(self) -> str | None:
        """What stands in for fal; None: fal itself is used, and paid."""
        return self._emulator.url if self._emulator else self._settings.fal_base_url

    @property
    def fal_key(self) -> str:
        """The key that is shown to fal, or to what stands in for it."""
        key = self._settings.fal_key
        return EMULATOR_KEY if key is None else key.get_secret_value()

    @property
    def fal_environment(self) -> dict[str, str]:
        """How a process reaches fal: the part of its environment."""
        return {
            **({} if self.fal_base_url is None else {"SEGUE_FAL_BASE_URL": self.fal_base_url}),
            "FAL_KEY": self.fal_key,
        }

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as resources:
            if self.redis is not None:
                resources.push_async_callback(self.redis.stop)
                await self.redis.start()
            if self._settings.wants_emulator:
                resources.push_async_callback((await self._start_emulator()).stop)
            self._resources = resources.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async with self._resources:
            await asyncio.gather(*(process.stop() for process in (*self.workers, *self.servers)))

    async def start_server(
        self, *, listen: str | None = None, environment: Mapping[str, str] | None = None
    ) -> ServerProcess:
        """Start one more server, on a free port unless *listen* says where, and return when it is ready."""
        name = f"server-{len(self.servers) + 1}"
        server = ServerProcess(
            name,
            [sys.executable, "-m", "server"],
            log_path=self._logs / f"{name}.log",
            environment=self._child_environment(
                {"SEGUE_LISTEN": listen or f"{LOOPBACK}:{free_port()}", **(environment or {})}
            ),
        )
        self.servers.append(server)
        await server.start(_SERVER_READY)
        return server

    async def start_worker(
        self, *, slots: int | None = None, environment: Mapping[str, str] | None = None
    ) -> ChildProcess:
        """Start one more worker, with *slots* jobs at once, and return when it is ready."""
        name = f"worker-{len(self.workers) + 1}"
        chosen = {} if slots is None else {"SEGUE_WORKER_SLOTS": str(slots)}
        worker = ChildProcess(
            name,
            [sys.executable, "-m", "workers"],
            log_path=self._logs / f"{name}.log",
            environment=self._child_environment({**self.fal_environment, **chosen, **(environment or {})}),
        )
        self.workers.append(worker)
        await worker.start(_WORKER_READY)
        return worker

    async def _start_emulator(self) -> ChildProcess:
        emulator = ChildProcess(
            "emulator",
            [sys.executable, "-m", "emulator", "--port", "0"],
            log_path=self._logs / "emulator.log",
            environment=child_environment(self._environment),
        )
        await emulator.start(_EMULATOR_READY)
        match = emulator.matched(_EMULATOR_READY)
        self._emulator = EmulatorControl(match[1] if match else "")
        self._emulator_process = emulator
        return emulator

    def _child_environment(self, changes: Mapping[str, str]) -> dict[str, str]:
        return child_environment({"SEGUE_REDIS_URL": self.redis_url, **self._environment, **changes})

    @property
    def processes(self) -> list[ChildProcess]:
        """All that were started and not stopped on purpose."""
        own_redis = [self.redis.process] if self.redis and self.redis.process else []
        emulator = [self._emulator_process] if self._emulator else []
        return [*own_redis, *emulator, *self.servers, *self.workers]

    async def while_alive(self, work: Coroutine[Any, Any, T]) -> T:
        """Do *work* as long as all processes live, and return what it returns.

        Raises:
            ProcessDiedError: a process ended, so *work* was given up; the message ends with its log.
        """
        working = asyncio.create_task(work)
        lives = {asyncio.create_task(process.wait()): process for process in self.processes}
        tasks: list[asyncio.Task[Any]] = [working, *lives]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            dead = next(process for task, process in lives.items() if task.done())
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        message = f"{dead.name} ended with code {dead.returncode}.\n{dead.tail()}"
        raise ProcessDiedError(message)
