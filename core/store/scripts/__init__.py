"""The Lua scripts: one decision each, told in their headers."""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, Protocol

from redis.exceptions import NoScriptError

from core.errors import StoreUnavailableError
from core.store.connection import RETRY_AFTER
from core.store.line import TRANSIENT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from redis.asyncio import Redis

#: What a script sees as the time when Redis's own clock shall count.
SERVER_CLOCK: Final = 0


class Script(Protocol):
    """A script bound to a connection and a prefix."""

    async def __call__(self, *args: object) -> Any:
        """Run the script with its ARGV."""


#: What the scripts share, in the order in which it is defined.
SHARED: Final = ("prelude", "ends")

_COMMENT: Final = re.compile("--.*")
_FUNCTION: Final = re.compile(r"^local function (\w+)", re.MULTILINE)


def source_of(name: str) -> str:
    """Return the script *name* after those parts of the shared files that it needs.

    Redis runs the whole source with each call, and each definition costs it a quarter of a microsecond. A part is what
    stands between two empty lines; one that defines a function is needed where the function's name is.
    """
    folder = files(__name__)
    source = (folder / f"{name}.lua").read_text()
    parts = [part for shared in SHARED for part in (folder / f"{shared}.lua").read_text().split("\n\n")]
    for part in reversed(parts):
        function = _FUNCTION.search(part)
        if function is None or re.search(rf"\b{function[1]}\b", _COMMENT.sub("", source)):
            source = f"{part}\n\n{source}"
    return source


def load(redis: Redis, prefix: str, name: str) -> Script:
    """Return the script *name*.

    redis-py's own Script does the same and looks at its arguments first; every call of ours passes here.
    """
    source = source_of(name)
    sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    execute: Callable[..., Awaitable[Any]] = redis.execute_command

    async def run(*args: object) -> Any:
        try:
            try:
                return await execute("EVALSHA", sha, 1, prefix, *args)
            except NoScriptError:
                await redis.script_load(source)
                return await execute("EVALSHA", sha, 1, prefix, *args)
        except TRANSIENT as error:
            raise StoreUnavailableError(retry_after=RETRY_AFTER) from error

    return run
