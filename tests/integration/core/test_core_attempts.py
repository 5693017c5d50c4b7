"""What an attempt may do while it holds a job: renew, report, keep the ledger, end; its slots: test_core_slots.py."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from core.errors import FencedError
from core.events.event import LogWritten, ProgressMade, StateChanged
from core.job import ErrorReason, Generation, GenerationState, JobError, JobState, Progress
from core.store.attempts import AttemptKey, Hold, Outcome
from tests.integration.core.engine import LEASE, RETENTION, key_of

if TYPE_CHECKING:
    from core.job import Job
    from tests.integration.core.engine import Clock, Engine

ERROR = JobError(reason=ErrorReason.PROVIDER_ERROR, message="m", retryable=True, metadata={"step": "s"})
INTENDED = Generation(
    step="video",
    endpoint="fal-ai/x",
    state=GenerationState.INTENDED,
    intent="1",
    input_digest="d",
    submit_time=datetime.fromtimestamp(1_800_000_000, UTC),
)
SUBMITTED = replace(INTENDED, state=GenerationState.SUBMITTED, provider_request_id="p")


class TestHeartbeat:
    async def test_it_renews_the_lease(self, engine: Engine, clock: Clock) -> None:
        job = await engine.started()
        for _ in range(3):
            clock.advance(LEASE / 2)
            assert await engine.attempts.heartbeat([key_of(job)]) == [Hold.HELD]

        assert await engine.attempts.sweep() == []

    async def test_it_tells_of_a_cancellation(self, engine: Engine) -> None:
        job = await engine.started()
        await engine.cancel(job.tenant, job.id)

        assert await engine.attempts.heartbeat([key_of(job)]) == [Hold.CANCELLING]

    async def test_it_tells_of_each_attempt_in_order(self, engine: Engine) -> None:
        first, second = await engine.started(), await engine.started()
        await engine.finish(first, Outcome.SUCCEEDED)

        keys = [key_of(first), key_of(second), replace(key_of(second), attempt=9), AttemptKey("t", "none", 1)]  # type: ignore[arg-type]  # any text

        verdicts = await engine.attempts.heartbeat(keys)
        assert verdicts == [Hold.LOST, Hold.HELD, Hold.LOST, Hold.LOST]

    async def test_it_does_not_revive_a_lost_attempt(self, engine: Engine, stale: Job) -> None:
        assert await engine.attempts.heartbeat([key_of(stale)]) == [Hold.LOST]


class TestReport:
    async def test_progress_is_logged_and_kept(self, engine: Engine) -> None:
        job = await engine.started()
        progress = Progress(fraction=0.25, stage="render", message="frame 1", provider_queue_position=4)

        await engine.attempts.report(key_of(job), progress)

        event = (await engine.events(job))[-1]
        assert isinstance(event, ProgressMade)
        assert (event.sequence, event.progress) == (3, progress)
        assert (await engine.now(job)).progress == progress

    async def test_unknown_parts_of_progress_stay_unknown(self, engine: Engine) -> None:
        job = await engine.started()
        await engine.attempts.report(key_of(job), Progress(stage="wait", provider_queue_position=4))
        await engine.attempts.report(key_of(job), Progress(stage="run"))

        assert (await engine.now(job)).progress == Progress(stage="run")

    async def test_the_fraction_never_falls(self, engine: Engine) -> None:
        job = await engine.started()
        for fraction in (0.5, 0.3, None, 0.75):
            await engine.attempts.report(key_of(job), Progress(fraction=fraction))

        told = [event.progress.fraction for event in await engine.events(job) if isinstance(event, ProgressMade)]
        assert told == [0.5, 0.5, 0.5, 0.75]

    async def test_log_lines_are_events_in_order(self, engine: Engine) -> None:
        job = await engine.started()

        await engine.attempts.report(key_of(job), Progress(fraction=0.5), ["one", "zwei \N{SNOWMAN}", ""])

        events = (await engine.events(job))[1:]
        assert [event.sequence for event in events] == [3, 4, 5, 6]
        assert [event.text for event in events[1:] if isinstance(event, LogWritten)] == ["one", "zwei \N{SNOWMAN}", ""]

    async def test_logs_come_without_progress_too(self, engine: Engine) -> None:
        job = await engine.started()

        await engine.attempts.report(key_of(job), None, ["one"])

        assert (await engine.now(job)).sequence == 3

    async def test_a_stale_attempt_is_fenced(self, engine: Engine, stale: Job) -> None:
        before = await engine.dump()

        with pytest.raises(FencedError):
            await engine.attempts.report(key_of(stale), Progress(fraction=0.9), ["late"])
        assert await engine.dump() == before


class TestLedger:
    async def test_an_accepted_generation_makes_the_job_processing(self, engine: Engine) -> None:
        job = await engine.started()
        await engine.attempts.record(key_of(job), INTENDED, replaces=["absent"])
        assert (await engine.now(job)).state is JobState.STARTED

        await engine.attempts.record(key_of(job), SUBMITTED, replaces=[GenerationState.INTENDED])

        now = await engine.now(job)
        assert (now.state, now.generations) == (JobState.PROCESSING, (SUBMITTED,))
        event = (await engine.events(job))[-1]
        assert isinstance(event, StateChanged)
        assert event.job == replace(now, spec=None)

    async def test_the_output_is_stored_with_the_row(self, engine: Engine) -> None:
        job = await engine.started()
        done = replace(SUBMITTED, state=GenerationState.COMPLETED, end_time=INTENDED.submit_time)

        await engine.attempts.record(key_of(job), done, replaces=["absent"], output=b'{"a":1}')

        assert await engine.attempts.output(key_of(job), "video") == b'{"a":1}'
        assert await engine.attempts.output(key_of(job), "another") is None

    async def test_the_same_row_twice_is_one_write(self, engine: Engine) -> None:
        job = await engine.started()
        for _ in range(2):
            assert await engine.attempts.record(key_of(job), INTENDED, replaces=["absent"]) is None
        for _ in range(2):
            answer = await engine.attempts.record(key_of(job), SUBMITTED, replaces=[GenerationState.INTENDED])
            assert answer is None

        assert (await engine.now(job)).sequence == 3

    async def test_a_second_intention_conflicts_with_the_first(self, engine: Engine) -> None:
        job = await engine.started()
        await engine.attempts.record(key_of(job), INTENDED, replaces=["absent"])

        found = await engine.attempts.record(key_of(job), replace(INTENDED, intent="2"), replaces=["absent"])

        assert found == INTENDED
        assert (await engine.now(job)).generations == (INTENDED,)

    async def test_a_row_that_must_exist_and_does_not_is_an_error(self, engine: Engine) -> None:
        job = await engine.started()

        with pytest.raises(LookupError):
            await engine.attempts.record(key_of(job), SUBMITTED, replaces=[GenerationState.INTENDED])
        assert (await engine.now(job)).generations == ()

    async def test_a_stale_attempt_is_fenced(self, engine: Engine, stale: Job) -> None:
        with pytest.raises(FencedError):
            await engine.attempts.record(key_of(stale), INTENDED, replaces=["absent"])
        assert (await engine.now(stale)).generations == ()

    async def test_an_id_from_the_provider_is_salvaged_from_a_stale_attempt(self, engine: Engine, clock: Clock) -> None:
        job = await engine.started()
        await engine.attempts.record(key_of(job), INTENDED, replaces=["absent"])
        clock.advance(LEASE)
        await engine.attempts.sweep()

        with pytest.raises(FencedError):
            await engine.attempts.record(key_of(job), SUBMITTED, replaces=[GenerationState.INTENDED])
        assert (await engine.now(job)).generations == (SUBMITTED,)

    async def test_an_id_for_another_intention_is_not_salvaged(self, engine: Engine, clock: Clock) -> None:
        job = await engine.started()
        await engine.attempts.record(key_of(job), INTENDED, replaces=["absent"])
        clock.advance(LEASE)
        await engine.attempts.sweep()

        with pytest.raises(FencedError):
            await engine.attempts.record(
                key_of(job), replace(SUBMITTED, intent="2"), replaces=[GenerationState.INTENDED]
            )
        assert (await engine.now(job)).generations == (INTENDED,)

    async def test_a_generation_accepted_while_cancelling_leaves_the_job_cancelling(self, engine: Engine) -> None:
        job = await engine.started()
        await engine.attempts.record(key_of(job), INTENDED, replaces=["absent"])
        await engine.cancel(job.tenant, job.id)

        await engine.attempts.record(key_of(job), SUBMITTED, replaces=[GenerationState.INTENDED])

        now = await engine.now(job)
        assert (now.state, now.generations) == (JobState.CANCELLING, (SUBMITTED,))


class TestFinish:
    @pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELLED])
    async def test_a_final_outcome_ends_the_job(self, engine: Engine, clock: Clock, outcome: Outcome) -> None:
        job = await engine.started()
        clock.advance(timedelta(seconds=2))

        state = await engine.finish(job, outcome, result=b"\xff", error=ERROR)

        now = await engine.now(job)
        assert state is now.state is JobState(outcome.value)
        assert (now.result, now.error) == (b"\xff", ERROR)
        assert now.end_time == now.create_time + timedelta(seconds=2)
        assert now.expire_time == now.end_time + RETENTION
        event = (await engine.events(job))[-1]
        assert isinstance(event, StateChanged)
        assert event.is_final
        assert event.job == replace(now, spec=None)

    async def test_success_is_all_of_the_progress(self, engine: Engine) -> None:
        job = await engine.started()
        await engine.finish(job, Outcome.SUCCEEDED)

        assert (await engine.now(job)).progress.fraction == 1

    async def test_the_end_gives_everything_back(self, engine: Engine) -> None:
        job = await engine.started()
        await engine.attempts.take_slot(key_of(job), "second")

        await engine.finish(job, Outcome.SUCCEEDED)

        held = [name for name in await engine.dump() if name.split(":")[1] in {"leases", "provider", "running"}]
        assert held == []

    async def test_a_retry_waits_for_its_time(self, engine: Engine, clock: Clock) -> None:
        job = await engine.started()

        state = await engine.finish(job, Outcome.RETRY, error=ERROR, delay=timedelta(seconds=60))

        now = await engine.now(job)
        assert (state, now.error) == (JobState.PENDING, ERROR)
        assert now.next_attempt_time == now.create_time + timedelta(seconds=60)
        clock.advance(timedelta(seconds=59))
        assert await engine.attempts.sweep() == []
        assert await engine.claim() is None
        clock.advance(timedelta(seconds=1))
        assert await engine.attempts.sweep() == [("promoted", f"default/{job.id}")]
        again = await engine.claim()
        assert again is not None
        assert (again.attempt, again.tries, again.next_attempt_time) == (2, 2, None)

    async def test_an_interruption_does_not_count_as_a_try(self, engine: Engine) -> None:
        job = await engine.started(max_attempts=1)
        for _ in range(3):
            assert await engine.finish(job, Outcome.INTERRUPTED) is JobState.PENDING
            again = await engine.claim()
            assert again is not None
            job = again

        assert (job.attempt, job.tries) == (4, 1)

    async def test_an_interruption_wakes_another_slot(self, engine: Engine) -> None:
        job = await engine.started()
        before = await engine.tickets()

        await engine.finish(job, Outcome.INTERRUPTED)

        assert await engine.tickets() == before + 1

    @pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.FAILED, Outcome.RETRY, Outcome.CANCELLED])
    async def test_a_job_to_be_cancelled_ends_as_cancelled(self, engine: Engine, outcome: Outcome) -> None:
        job = await engine.started()
        await engine.cancel(job.tenant, job.id)

        assert await engine.finish(job, outcome, delay=timedelta(seconds=1)) is JobState.CANCELLED
        assert await engine.attempts.sweep() == []
        assert await engine.claim() is None

    async def test_a_cancelled_job_shows_no_result(self, engine: Engine) -> None:
        job = await engine.started()
        await engine.cancel(job.tenant, job.id)

        await engine.finish(job, Outcome.SUCCEEDED, result=b"r")

        assert (await engine.now(job)).result is None

    async def test_an_interruption_while_cancelling_leaves_the_cancellation_to_another(self, engine: Engine) -> None:
        job = await engine.started()
        await engine.cancel(job.tenant, job.id)

        assert await engine.finish(job, Outcome.INTERRUPTED) is JobState.CANCELLING
        orphan = await engine.claim()
        assert orphan is not None
        assert (orphan.id, orphan.attempt) == (job.id, 2)

    @pytest.mark.parametrize("outcome", list(Outcome))
    async def test_a_stale_attempt_is_fenced(self, engine: Engine, stale: Job, outcome: Outcome) -> None:
        before = await engine.dump()

        with pytest.raises(FencedError):
            await engine.finish(stale, outcome, delay=timedelta())
        assert await engine.dump() == before

    async def test_a_result_that_comes_after_the_lease_is_fenced_even_before_a_successor(
        self, engine: Engine, clock: Clock
    ) -> None:
        job = await engine.started()
        clock.advance(LEASE)
        await engine.attempts.sweep()

        with pytest.raises(FencedError):
            await engine.finish(job, Outcome.SUCCEEDED)

    @pytest.mark.parametrize("cancelling", [False, True])
    @pytest.mark.parametrize("outcome", list(Outcome))
    async def test_an_end_repeated_after_a_lost_answer_is_answered_alike(
        self, engine: Engine, outcome: Outcome, cancelling: bool
    ) -> None:
        job = await engine.started()
        if cancelling:
            await engine.cancel(job.tenant, job.id)
        first = await engine.finish(job, outcome, delay=timedelta(seconds=1))
        before = await engine.dump()

        assert await engine.finish(job, outcome, delay=timedelta(seconds=1)) is first
        assert await engine.dump() == before
