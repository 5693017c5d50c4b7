"""The provider slots that steps wait for: in the order in which they came, and no longer than they must.

What a step of a job frees goes to the job's next step at once, so a job keeps the slots it has while it can use them.
It gets more where some are free: at once if no job waits for its claim, else after a pause in which the claims have had
their chance. So a job of many steps delays no other tenant's first job, and a script with twelve scenes fills every
slot that nobody else wants (ADR 17).
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from core.errors import StoreUnavailableError
from core.store.attempts import Take
from core.tasks import heed_cancellation
from workers.persistence import persistently

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from core.store.attempts import AttemptKey, AttemptStore

log = structlog.get_logger(__name__)

#: Pause between two looks for a slot that another process has freed, in seconds; only the first in the line looks.
SLOT_PAUSE: Final = 0.5


class _Standing(Enum):
    """How a step stands that waits."""

    WAITING = auto()
    PROMISED = auto()  #: a slot is being handed to it
    SERVED = auto()  #: it has a slot
    GONE = auto()  #: it waits no more


@dataclass(slots=True, eq=False)
class _Waiter:
    """A step in the line."""

    key: AttemptKey
    step: str
    standing: _Standing = _Standing.WAITING
    how: Take = Take.ANY
    """Which slots it may take when it is woken."""
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self, how: Take) -> None:
        """Let it look for a slot, or see that it has one."""
        self.how = how
        self.woken.set()


class SlotLine:
    """The steps of this process that wait for provider slots."""

    def __init__(self, store: AttemptStore) -> None:
        self._store = store
        self._line: deque[_Waiter] = deque()
        self._giving: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def slot(
        self, key: AttemptKey, step: str, *, has_one: bool = False, waiting: Callable[[], object] = lambda: None
    ) -> AsyncIterator[None]:
        """Hold a provider slot for a step. One that is cut off leaves it to its job: the generation goes on running.

        Args:
            has_one: whether the step has a slot already, from an earlier attempt.
            waiting: called when the step has to wait for it.

        Raises:
            FencedError: the attempt no longer holds the job.
        """
        await self._served(_Waiter(key, step), has_one=has_one, waiting=waiting)
        try:
            yield
        except asyncio.CancelledError:
            raise
        except BaseException:
            await self._give(key, step)
            raise
        await self._give(key, step)

    async def _served(self, waiter: _Waiter, *, has_one: bool, waiting: Callable[[], object]) -> None:
        # What is the job's already is nobody else's turn: it goes to the first of the job's own steps.
        looks = has_one or all(each.key != waiter.key for each in self._line)
        self._line.append(waiter)
        try:
            if looks:
                await self._look(waiter, Take.ANY if self._line[0] is waiter else Take.OWN)
            if waiter.standing is not _Standing.SERVED:
                waiting()
            while waiter.standing is not _Standing.SERVED:
                await self._turn(waiter)
                if waiter.standing is _Standing.WAITING and self._line[0] is waiter:
                    await self._look(waiter, waiter.how)
        finally:
            if waiter.standing is not _Standing.SERVED:
                waiter.standing = _Standing.GONE
            self._line.remove(waiter)
            # Where one slot was free there may be another.
            if self._line:
                self._line[0].wake(waiter.how)

    async def _look(self, waiter: _Waiter, how: Take) -> None:
        if await persistently(partial(self._store.take_slot, waiter.key, waiter.step, how)):
            waiter.standing = _Standing.SERVED
        heed_cancellation()

    async def _turn(self, waiter: _Waiter) -> None:
        """Return when a waiter is woken, or, for the first in the line, when it is time to look for itself."""
        try:
            async with asyncio.timeout(SLOT_PAUSE if self._line[0] is waiter else None):
                await waiter.woken.wait()
        except TimeoutError:
            waiter.how = Take.ANY
        waiter.woken.clear()

    async def _give(self, key: AttemptKey, step: str) -> None:
        giving = asyncio.create_task(self._hand_on(key, step))
        self._giving.add(giving)
        giving.add_done_callback(self._giving.discard)
        await asyncio.shield(giving)

    async def _hand_on(self, key: AttemptKey, step: str) -> None:
        """Give a slot to the next step of the same job, or back to all."""
        heir = next((each for each in self._line if each.key == key and each.standing is _Standing.WAITING), None)
        if heir:
            heir.standing = _Standing.PROMISED
        try:
            handed = await self._store.free_slot(key, step, heir=heir.step if heir else "")
        except StoreUnavailableError:
            log.warning("slot.kept", step=step)  # it falls back with the attempt
            handed = False
        if heir is None:
            if self._line:
                self._line[0].wake(Take.BEHIND)
        elif heir.standing is _Standing.GONE and handed:
            await self._hand_on(key, heir.step)
        elif heir.standing is _Standing.PROMISED:
            heir.standing = _Standing.SERVED if handed else _Standing.WAITING
            heir.wake(Take.BEHIND)
