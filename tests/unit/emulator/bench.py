"""A queue with its surroundings, and shorthands to use it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from emulator.faults import Faults
from emulator.ledger import Ledger
from emulator.queue import FalQueue
from emulator.records import Submission
from emulator.settings import Behaviour, LiveBehaviour

if TYPE_CHECKING:
    from emulator.records import FalRequest, JsonObject


class FakeModels:
    """Answers at once with the arguments, or raises what the test wants."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    async def run(self, submission: Submission) -> tuple[JsonObject, float]:
        if self.error is not None:
            raise self.error
        return submission.arguments, 2.0


class Bench:
    def __init__(self) -> None:
        self.behaviour = LiveBehaviour(Behaviour(queue_seconds=0, run_seconds=0))
        self.faults = Faults()
        self.ledger = Ledger()
        self.models = FakeModels()
        self.queue = FalQueue(behaviour=self.behaviour, faults=self.faults, ledger=self.ledger, models=self.models)

    def change(self, **values: Any) -> None:
        self.behaviour.change(values)

    def submit(self, **values: Any) -> FalRequest:
        arguments = values.pop("arguments", {})
        submission = Submission(endpoint="segue/echo", arguments=arguments, media_base="http://127.0.0.1", **values)
        return self.queue.accept(submission)

    async def done(self, *requests: FalRequest) -> None:
        async with asyncio.timeout(5):
            for request in requests:
                await request.done.wait()
