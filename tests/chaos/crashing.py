"""A worker or a server that is hit by a signal at one exact point: `python -m tests.chaos.crashing workers`.

It is `python -m workers` with one method wrapped: before or after the n-th call that matches, the process sends itself
SIGKILL (or SIGSTOP), so that not one more instruction of it runs. Production code knows nothing of this.
"""

from __future__ import annotations

import functools
import os
import runpy
import signal
import sys
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic_settings import BaseSettings, SettingsConfigDict

from core.job import Generation
from core.store.attempts import AttemptStore
from core.store.jobs import JobStore
from workers.fal.gateway import FalGateway
from workers.fal.uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

_PREFIX: Final = "CHAOS_"
_OWNERS: Final = {owner.__name__: owner for owner in (AttemptStore, JobStore, FalGateway, Uploads)}


class Crash(BaseSettings):
    """Where the signal hits. Read from CHAOS_* environment variables."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True)

    method: str
    """With its class: of the stores, or of what talks to fal."""
    when: Literal["before", "after"]
    """On which side of the call."""
    sees: str = ""
    """Only calls that are given, or have answered, such a thing: see `words`; empty: all calls."""
    call: int = 1
    """The how-manieth of these calls it is."""
    signal: Literal["SIGKILL", "SIGSTOP"] = "SIGKILL"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that tell a worker of it."""
        return {f"{_PREFIX}{name.upper()}": str(value) for name, value in self.model_dump().items()}


def words(things: Iterable[object]) -> set[str]:
    """Return what a crash can see of arguments and answers: the states of generations, outcomes, names of types."""
    found: set[str] = set()
    for thing in things:
        found.add(type(thing).__name__)
        if isinstance(thing, Generation):
            found.add(thing.state.value)
        elif isinstance(thing, str):
            found.add(str(thing))
    return found


def arm(crash: Crash) -> None:
    """Wrap the method, for the life of this process."""
    owner, _, name = crash.method.partition(".")
    method: Callable[..., Awaitable[Any]] = getattr(_OWNERS[owner], name)
    calls = 0

    def hit_at(*things: object) -> None:
        nonlocal calls
        if not crash.sees or crash.sees in words(things):
            calls += 1
            if calls == crash.call:
                os.kill(os.getpid(), signal.Signals[crash.signal])

    @functools.wraps(method)
    async def wrapped(self: object, *arguments: object, **named: object) -> object:
        if crash.when == "before":
            hit_at(*arguments)
        answer = await method(self, *arguments, **named)
        if crash.when == "after":
            hit_at(*arguments, answer)
        return answer

    setattr(_OWNERS[owner], name, wrapped)


if __name__ == "__main__":
    arm(Crash())  # type: ignore[call-arg]  # the environment says it
    program = sys.argv.pop()
    runpy.run_module(program, run_name="__main__", alter_sys=True)
