"""Several server processes behind one port (SO_REUSEPORT), looked after by a parent that serves nothing.

The parent never imports gRPC: a process that has used it must not be forked, and one that serves nothing cannot be
brought down by a call. Each child is a fresh interpreter with its own connections to Redis, its own hub and its own
health. The kernel spreads connections among them, so clients with few long connections are spread unevenly.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from asyncio.subprocess import PIPE
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import structlog

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Coroutine

    from server.settings import Settings

log = structlog.get_logger(__name__)

#: Pause before a child that died is replaced, in seconds, doubled with each death in a row up to the longest.
PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
#: A child that has served so long (in seconds) is replaced without the doubled pause.
STEADY: Final = 60.0
#: What a stopping child gets beyond its own delay and grace before it is killed, in seconds.
PATIENCE: Final = 5.0


class CannotServeError(Exception):
    """The address cannot be listened on, or a process cannot start."""


def serve_together(settings: Settings) -> None:
    """Serve in settings.processes children, and return after a signal when all have stopped.

    Raises:
        CannotServeError: the address is taken or not ours, or a child ended before it was ready.
    """
    with closing(_reserve(settings)) as reserved:
        port = reserved.getsockname()[1]
        asyncio.run(_Parent(settings, f"{settings.listen.rpartition(':')[0]}:{port}").run())


def _reserve(settings: Settings) -> socket.socket:
    """Return a socket that keeps the port for the children; it never listens, so no connection comes to it."""
    host, port = settings.host, int(settings.listen.rpartition(":")[2])
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        if not settings.so_reuseport and port:
            # Whether another server has it: sharing its port by accident would send it half of the calls.
            with socket.socket(family, socket.SOCK_STREAM) as alone:
                alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                alone.bind(address)
        reserved = socket.socket(family, socket.SOCK_STREAM)
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(address)
    except OSError as error:
        raise CannotServeError(f"cannot listen on {settings.listen}: it is taken, or not an address of ours") from error
    return reserved


class _Parent:
    """Looks after the children."""

    def __init__(self, settings: Settings, address: str) -> None:
        self._settings = settings
        self._address = address
        self._stop = asyncio.Event()
        self._ready: set[int] = set()

    async def run(self) -> None:
        """Keep the children running until a signal comes, then stop them."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, self._stop.set)
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(1, self._settings.processes + 1):
                    group.create_task(self._keep(number))
        except* CannotServeError as errors:
            raise CannotServeError(str(errors.exceptions[0])) from None

    async def _keep(self, number: int) -> None:
        """Keep one child running.

        Raises:
            CannotServeError: its first start failed: the next one would as well.
        """
        clock = asyncio.get_running_loop().time
        pause, served = PAUSE, False
        while not self._stop.is_set():
            started = clock()
            served = await self._child(number, is_first=not served) or served
            if self._stop.is_set():
                return
            pause = PAUSE if clock() - started > STEADY else min(2 * pause, LONGEST_PAUSE)
            log.error("server.process_died", process=number, restart_seconds=pause)
            await _either(self._stop.wait(), asyncio.sleep(pause))

    async def _child(self, number: int, *, is_first: bool) -> bool:
        """Run one child to its end; return whether it was ready once."""
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "server.process", self._address, str(number), stdin=PIPE, stdout=PIPE
        )
        ready = asyncio.create_task(self._announced(number, child))
        try:
            await _either(child.wait(), self._stop.wait())
        finally:
            await self._end(child)
            was_ready = await ready
        if is_first and not was_ready and not self._stop.is_set():
            raise CannotServeError(f"process {number} ended with status {child.returncode} before it was ready")
        return was_ready

    async def _announced(self, number: int, child: Process) -> bool:
        """Wait for a child's word that it is ready; the last one's is the word of all."""
        assert child.stdout is not None  # noqa: S101 - a pipe was asked for
        if not await child.stdout.readline():
            return False
        is_news = number not in self._ready
        self._ready.add(number)
        if is_news and len(self._ready) == self._settings.processes:
            sys.stdout.write(f"server ready on {self._address}\n")
            sys.stdout.flush()
        return True

    async def _end(self, child: Process) -> None:
        """Stop a child in order, or kill it when it takes longer than it may."""
        if child.returncode is not None:
            return
        child.send_signal(signal.SIGTERM)
        within = self._settings.shutdown_delay_seconds + self._settings.grace_seconds + PATIENCE
        try:
            async with asyncio.timeout(within):
                await child.wait()
        except TimeoutError:
            log.error("server.process_killed", pid=child.pid)  # noqa: TRY400 - the traceback would say nothing
            child.kill()
            await child.wait()


async def _either(*coroutines: Coroutine[Any, Any, Any]) -> None:
    """Wait until the first of some coroutines is done; cancel the others."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
