from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from emulator import outcomes
from emulator.faults import Fault, FaultOrder, Faults
from emulator.ledger import Ledger
from emulator.queue import FalQueue
from emulator.records import Status, Submission
from emulator.settings import Behaviour, LiveBehaviour

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from emulator.records import FalRequest, JsonObject

#: Seconds that a test waits for the end of a request, and by which a timer may be late on a busy machine.
PATIENCE = 30


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
        async with asyncio.timeout(PATIENCE):
            for request in requests:
                await request.done.wait()


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    await bench.queue.close()


async def test_a_request_waits_then_runs_then_is_completed(bench: Bench) -> None:
    bench.change(queue_seconds=0.05, run_seconds=0.1)

    request = bench.submit(arguments={"x": 1})
    assert bench.queue.length == 1
    await bench.done(request)

    assert request.status is Status.COMPLETED
    assert request.started_at is not None
    assert request.ended_at is not None
    assert 0.05 <= request.started_at - request.queued_at < 0.05 + PATIENCE
    assert 0.1 <= request.ended_at - request.started_at < 0.1 + PATIENCE
    assert request.outcome is not None
    assert request.outcome.body == {"x": 1}
    assert request.outcome.billed


async def test_no_more_requests_run_than_the_account_may(bench: Bench) -> None:
    bench.change(concurrency=2, run_seconds=0.02)

    requests = [bench.submit() for _ in range(6)]
    assert [request.status for request in requests].count(Status.IN_PROGRESS) == 2
    await bench.done(*requests)

    assert bench.ledger.peak_in_progress == 2
    started = [request.started_at or 0 for request in requests]
    assert started == sorted(started)


async def test_positions_count_the_requests_ahead_and_move(bench: Bench) -> None:
    bench.change(concurrency=1, run_seconds=60)
    running, *waiting = [bench.submit() for _ in range(4)]
    assert [bench.queue.position(request) for request in waiting] == [0, 1, 2]

    bench.queue.cancel(running)
    assert waiting[0].status is Status.IN_PROGRESS
    assert [bench.queue.position(request) for request in waiting[1:]] == [0, 1]

    bench.queue.cancel(waiting[1])
    assert bench.queue.position(waiting[2]) == 0


async def test_low_priority_waits_behind_everything_normal(bench: Bench) -> None:
    bench.change(concurrency=0)
    low, normal = bench.submit(priority="low"), bench.submit()
    assert (bench.queue.position(low), bench.queue.position(normal)) == (1, 0)

    bench.change(concurrency=1, run_seconds=60)

    assert (low.status, normal.status) == (Status.IN_QUEUE, Status.IN_PROGRESS)


async def test_requests_of_others_melt_away_while_one_waits(bench: Bench) -> None:
    bench.change(queue_seconds=6000, others_ahead=10)
    request = bench.submit()
    assert bench.queue.position(request) == 10

    bench.change(queue_seconds=0.001, concurrency=0)
    await asyncio.sleep(0.002)

    assert bench.queue.position(request) == 0


async def test_changed_settings_concern_requests_already_running(bench: Bench) -> None:
    bench.change(run_seconds=60)
    request = bench.submit()

    bench.change(run_seconds=0)

    await bench.done(request)


async def test_cancelling_a_waiting_request_removes_it_unbilled(bench: Bench) -> None:
    bench.change(queue_seconds=60)
    request = bench.submit()

    assert bench.queue.cancel(request) == (200, "OK")

    assert request.outcome is not None
    assert (request.outcome.status, request.outcome.error_type) == (499, "client_cancelled")
    assert not request.outcome.billed
    assert bench.queue.cancel(request) == (400, "ALREADY_COMPLETED")


async def test_a_cancelled_run_stops_unbilled_when_the_model_obeys(bench: Bench) -> None:
    bench.change(run_seconds=60)
    request = bench.submit()

    assert bench.queue.cancel(request) == (202, "CANCELLATION_REQUESTED")

    assert request.status is Status.COMPLETED
    assert request.outcome is not None
    assert not request.outcome.billed
    assert bench.ledger.in_progress == 0


async def test_a_cancelled_run_completes_and_bills_when_the_model_does_not_listen(bench: Bench) -> None:
    bench.change(run_seconds=0.02, cancel_running="completes")
    request = bench.submit()

    assert bench.queue.cancel(request) == (202, "CANCELLATION_REQUESTED")
    await bench.done(request)

    assert request.outcome is not None
    assert request.outcome.status == 200
    assert request.outcome.billed


async def test_a_request_that_does_not_start_in_time_fails(bench: Bench) -> None:
    bench.change(concurrency=0)

    request = bench.submit(start_timeout=0.01)
    await bench.done(request)

    assert request.outcome is not None
    assert (request.outcome.status, request.outcome.error_type) == (504, "request_timeout")
    assert request.outcome.headers["X-Fal-Request-Timeout-Type"] == "user"


@pytest.mark.parametrize("billed", [False, True])
async def test_a_refusal_ends_the_run_at_once_and_is_billed_only_on_demand(bench: Bench, billed: bool) -> None:
    bench.change(run_seconds=60, bill_refused=billed)
    bench.models.error = outcomes.content_refused()

    request = bench.submit()
    await bench.done(request)

    assert request.outcome is not None
    assert (request.outcome.status, request.outcome.error_type) == (422, "content_policy_violation")
    assert request.outcome.billed is billed


async def test_a_renderer_that_breaks_is_a_broken_runner(bench: Bench) -> None:
    bench.models.error = RuntimeError("ffmpeg is gone")

    request = bench.submit()
    await bench.done(request)

    assert request.outcome is not None
    assert (request.outcome.status, request.outcome.error_type) == (500, "runner_server_error")


async def test_a_requeued_request_waits_again_and_then_succeeds(bench: Bench) -> None:
    bench.change(run_seconds=0.02)
    bench.faults.add(FaultOrder(fault=Fault.REQUEUE, seconds=0.01))

    request = bench.submit()
    first_attempt = request.gateway_id
    await bench.done(request)

    assert request.requeues == 1
    assert request.gateway_id != first_attempt
    assert request.outcome is not None
    assert request.outcome.billed
    assert bench.ledger.in_progress == 0


async def test_results_expire_and_large_ones_sooner(bench: Bench) -> None:
    bench.change(large_result_bytes=100, large_result_seconds=0.001)
    small, large = bench.submit(), bench.submit(arguments={"text": "x" * 100})
    await bench.done(small, large)

    await asyncio.sleep(0.005)

    assert bench.queue.is_kept(small)
    assert not bench.queue.is_kept(large)


async def test_forgetting_ends_everything_and_begins_new_books(bench: Bench) -> None:
    bench.change(concurrency=1, run_seconds=60)
    requests = [bench.submit() for _ in range(3)]

    await bench.queue.forget_all()

    assert all(request.done.is_set() for request in requests)
    assert set(bench.ledger.counts().values()) == {0}
    assert bench.submit().status is Status.IN_PROGRESS
