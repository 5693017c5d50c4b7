"""grpcio releases side by side: each in a folder of its own, put before the environment's for a server process."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

from devstack.settings import child_environment

if TYPE_CHECKING:
    from pathlib import Path

#: Releases worth comparing: the newest of each line the generated stubs accept (they demand 1.83.2 or newer).
CANDIDATES: Final = ("1.83.2", "1.84.2", "1.85.1")
#: Seconds that an installation may take.
INSTALL_SECONDS: Final = 300


class ReleaseError(Exception):
    """A release could not be installed, or is not the one that runs."""


def installed(version: str, folder: Path) -> dict[str, str]:
    """Install a release once, without what it depends on, and return the environment in which Python finds it.

    Raises:
        ReleaseError: it cannot be had, or another one is found.
    """
    target = folder / f"grpcio-{version}"
    if not (target / "grpc").exists():
        options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:")
        _output("-m", "pip", "install", *options, "--target", str(target), f"grpcio=={version}", environment={})
    environment = {"PYTHONPATH": str(target.resolve())}
    found = _output("-c", "import grpc; print(grpc.__version__)", environment=environment).strip()
    if found != version:
        raise ReleaseError(f"grpcio {version} was wanted, but {found} is what runs; remove {target}")
    return environment


def _output(*arguments: str, environment: dict[str, str]) -> str:
    """Return what Python prints.

    Raises:
        ReleaseError: it failed.
    """
    try:
        done = subprocess.run(
            [sys.executable, *arguments],
            env=child_environment(environment),
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ReleaseError(f"no end in {INSTALL_SECONDS} s: {' '.join(arguments)}") from None
    if done.returncode:
        raise ReleaseError(done.stderr.strip()[-2000:])
    return done.stdout
