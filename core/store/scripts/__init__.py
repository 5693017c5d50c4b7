"""The Lua scripts: one decision each, told in their headers."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, Protocol

from core.store.connection import translated

if TYPE_CHECKING:
    from redis.asyncio import Redis

#: What a script sees as the time when Redis's own clock shall count.
SERVER_CLOCK: Final = 0


class Script(Protocol):
    """A script bound to a connection and a prefix."""

    async def __call__(self, *args: object) -> Any:
        """Run the script with its ARGV."""


def load(redis: Redis, prefix: str, name: str) -> Script:
    """Return the script *name*, with the prelude before it."""
    folder = files(__name__)
    source = (folder / "prelude.lua").read_text() + (folder / f"{name}.lua").read_text()
    registered = redis.register_script(source)

    async def run(*args: object) -> Any:
        with translated():
            return await registered(keys=[prefix], args=list(args))  # type: ignore[arg-type]  # str, bytes, numbers

    return run
