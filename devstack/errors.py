"""What can go wrong while the stack is started. The messages are for people, and complete."""

from __future__ import annotations


class DevstackError(Exception):
    """Base class of every error the development stack raises on purpose."""


class RedisMissingError(DevstackError):
    """Neither the PATH nor the Python environment has a Redis server."""

    def __init__(self) -> None:
        super().__init__(
            "There is no Redis here: install it (apt-get install redis-server, dnf install valkey, "
            "brew install redis) or set SEGUE_REDIS_URL."
        )


class DataInUseError(DevstackError):
    """Another Redis of ours keeps its data in the same folder."""

    def __init__(self, folder: str) -> None:
        super().__init__(
            f"Another Redis uses {folder}: does `make run` run already? SEGUE_DEV_DIR names another folder."
        )


class ProcessDiedError(DevstackError):
    """A process ended before it was ready; the message ends with what it wrote last."""


class StartTimeoutError(DevstackError):
    """A process was not ready in time; the message ends with what it wrote last."""


class DemoFailedError(DevstackError):
    """The demo's job did not succeed; the message says why."""
