"""Starts what a compose file says as plain processes: same commands, same environment, other addresses.

No container engine is needed, so a test can prove that the file works. What only an engine could do
(images, read-only file systems, networks) is left out; each service's host name becomes the loopback
interface, and each port a free one.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from devstack.ports import LOOPBACK, free_port
from devstack.process import ChildProcess
from devstack.redis import find_server

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: ${NAME} and ${NAME:-default}, the only interpolations our file uses.
_VARIABLE: Final = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")
#: What the image's ENV lines say; PATH is our own.
_IMAGE_ENVIRONMENT: Final = {"PATH": os.defpath, "PYTHONUNBUFFERED": "1"}
_PORTS: Final = {"redis": 6379, "server": 50051, "emulator": 8080}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service of the file, with all values filled in and all addresses mapped."""

    name: str
    command: list[str]
    environment: dict[str, str]
    replicas: int
    grace: float
    """Seconds between SIGTERM and SIGKILL (stop_grace_period)."""
    healthcheck: list[str]


class ComposeFile:
    """The compose file at *path*, as `docker compose` would see it with *variables* in its environment.

    Args:
        profiles: the profiles that are switched on.
        data_dir: stands in for all volumes.
        scripts: files of the image by their path in it.
    """

    def __init__(
        self,
        path: Path,
        *,
        variables: Mapping[str, str],
        profiles: frozenset[str] = frozenset(),
        data_dir: Path,
        scripts: Mapping[str, Path],
    ) -> None:
        self._variables = variables
        self._data_dir = data_dir
        self._scripts = {inside: str(outside) for inside, outside in scripts.items()}
        self.ports = {name: free_port() for name in _PORTS}
        self.services = {
            name: self._service(name, service)
            for name, service in yaml.safe_load(path.read_text())["services"].items()
            if not service.get("profiles") or profiles & set(service["profiles"])
        }

    def start(self, name: str) -> list[ChildProcess]:
        """Start all replicas of a service; whether they are ready is the health check's to say."""
        service = self.services[name]
        processes = [
            ChildProcess(
                f"{name}-{number}",
                service.command,
                log_path=self._data_dir / f"{name}-{number}.log",
                environment=service.environment,
            )
            for number in range(1, service.replicas + 1)
        ]
        for process in processes:
            process.spawn()
        return processes

    async def is_healthy(self, name: str) -> bool:
        """Run the health check of a service once."""
        check = await asyncio.create_subprocess_exec(
            *self.services[name].healthcheck,
            env=self.services[name].environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        return await check.wait() == 0

    def _service(self, name: str, service: dict[str, Any]) -> Service:
        given = {key: self._value(key, value) for key, value in service.get("environment", {}).items()}
        environment = {key: self._mapped(value) for key, value in given.items() if value is not None}
        return Service(
            name=name,
            command=self._command([self._mapped(self._filled(word)) for word in service["command"]]),
            environment={**_IMAGE_ENVIRONMENT, **environment},
            replicas=int(self._filled(str(service.get("deploy", {}).get("replicas", 1)))),
            grace=float(service.get("stop_grace_period", "10s").removesuffix("s")),
            healthcheck=self._command(
                [self._mapped(word) for word in service.get("healthcheck", {}).get("test", [])[1:]]
            ),
        )

    def _value(self, name: str, value: str | None) -> str | None:
        return self._variables.get(name) if value is None else self._filled(value)

    def _filled(self, text: str) -> str:
        return _VARIABLE.sub(lambda match: self._variables.get(match[1]) or match[2] or "", text)

    def _mapped(self, text: str) -> str:
        for name, port in _PORTS.items():
            text = re.sub(rf"\b({name}|0\.0\.0\.0|127\.0\.0\.1):{port}\b", f"{LOOPBACK}:{self.ports[name]}", text)
            text = str(self.ports[name]) if text == str(port) else text
        return text.replace("0.0.0.0", LOOPBACK)  # noqa: S104 - taken away, not bound

    def _command(self, words: list[str]) -> list[str]:
        words = [self._scripts.get(word, word) for word in words]
        match words[:1]:
            case ["python"]:
                return [sys.executable, *words[1:]]
            case ["valkey-server"]:
                place = ["--port", str(self.ports["redis"]), "--bind", LOOPBACK, "--dir", str(self._data_dir)]
                return [find_server(), *words[1:], *place]
            case _:
                return words
