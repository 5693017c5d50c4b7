"""Steps of one job side by side: in time, in order, each paid once, whatever becomes of the others."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from core.events.event import ProgressMade
from core.job import CancelOutcome, ErrorReason, GenerationState, JobError, JobState
from core.store.feeds import JobFeed
from core.tasks import together
from emulator.faults import Fault
from emulator.records import Status
from segue.v1.job_pb2 import JobResult
from tests.integration.workers.rig import ECHO, PREFIX, eventually
from tests.quickest import quickest
from workers import slots
from workers.errors import JobFailedError
from workers.recipes.artifacts import result_of as result_from

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    import pytest

    from tests.integration.workers.rig import Recipe, Rig
    from workers.run import Run

SCENES = 12
FAILS = "segue/fails"
ENDLESS = "segue/endless"
#: Seconds that a whole film may take to be waited for, on a machine that is busy.
FILM = 60.0


async def film(run: Run, spec: Any, *, scenes: int = SCENES) -> JobResult:
    """Speech and images of each scene side by side, as a script video does."""
    audio = await run.stage("generating audio", span=(0.1, 0.4), part="scene", parts=scenes)
    images = await run.stage("generating images", span=(0.4, 0.9), part="scene", parts=scenes)
    steps = [(f"{stage.name.split()[1]}-{number}", stage) for stage in (audio, images) for number in range(scenes)]
    await together(run.generate(name, ECHO, {"prompt": name}, stage=stage) for name, stage in steps)
    return JobResult()


def good(run: Run) -> list[Coroutine[Any, Any, dict[str, Any]]]:
    """Return three steps that go well."""
    return [run.generate(f"good-{number}", ECHO, {"prompt": f"good {number}"}) for number in range(3)]


def prompts(rig: Rig) -> list[str]:
    """Return what fal was asked for, in order."""
    return [request.submission.arguments["prompt"] for request in rig.requests]


async def slots_of(rig: Rig) -> list[str]:
    """Return the provider slots that are taken."""
    taken: Any = await rig.redis.zrange(f"{PREFIX}:provider", 0, -1)
    return [slot.decode() for slot in taken]


async def test_twelve_scenes_fill_six_slots_all_the_time(rig: Rig, performed: Callable[[Recipe], None]) -> None:
    seconds = 2.0  # long beside what this machine, which is shared, needs for the calls
    rig.behave(run_seconds=seconds, concurrency=40)
    performed(film)
    rig.worker(provider_slots=6).start()

    async def made() -> float:
        before = len(rig.requests)
        job = await rig.submit()
        await rig.until(job, JobState.PROCESSING)
        began = time.monotonic()
        done = await rig.until(job, within=FILM)
        took = time.monotonic() - began
        assert done.state is JobState.SUCCEEDED
        assert rig.books == (before + 2 * SCENES, before + 2 * SCENES)
        assert await slots_of(rig) == []
        return took

    most = 1.25 * 4 * seconds
    assert await quickest(made, enough=most) <= most


async def test_they_take_their_slots_in_their_order(rig: Rig, performed: Callable[[Recipe], None]) -> None:
    performed(film)
    rig.worker(provider_slots=1).start()
    job = await rig.submit()

    await rig.until(job, within=FILM)

    assert prompts(rig) == [f"{kind}-{number}" for kind in ("audio", "images") for number in range(SCENES)]


async def test_their_progress_is_one(rig: Rig, performed: Callable[[Recipe], None]) -> None:
    rig.behave(run_seconds=0.2)
    performed(film)
    rig.worker(provider_slots=6).start()
    job = await rig.submit()

    await rig.until(job, within=FILM)

    events = await JobFeed(rig.store, rig.redis, job.tenant, job.id).events(after=0)
    told = [event.progress for event in events if isinstance(event, ProgressMade)]
    fractions = [progress.fraction or 0 for progress in told]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.1, 0.9)
    stages = [progress.stage for progress in told]
    assert stages == sorted(stages)  # audio, then images
    assert told[0].message == "Generating audio (scene 1/12)"
    assert {"Generating audio (scene 7/12)", "Generating images (scene 12/12)"} <= {each.message for each in told}


async def test_a_job_keeps_its_slots_while_others_wait_and_takes_none_of_theirs(
    rig: Rig, performed: Callable[[Recipe], None]
) -> None:
    """One job of many steps does not hold up the jobs behind it."""
    rig.behave(run_seconds=0.3)

    async def some(run: Run, spec: Any) -> JobResult:
        if run.job.owner == "many":
            return await film(run, spec, scenes=6)
        return result_from(await run.generate("one", ECHO, {"prompt": "one"}))

    performed(some)
    worker = rig.worker(provider_slots=2)
    many = await rig.submit(owner="many")
    single = [await rig.submit() for _ in range(3)]

    worker.start(slots=4)

    for job in single:
        assert (await rig.until(job)).state is JobState.SUCCEEDED
    assert (await rig.now(many)).state is JobState.PROCESSING
    assert (await rig.until(many, within=FILM)).state is JobState.SUCCEEDED


async def test_what_one_step_frees_the_next_one_gets_before_all_jobs_that_wait(
    rig: Rig, performed: Callable[[Recipe], None]
) -> None:
    async def some(run: Run, spec: Any) -> JobResult:
        if run.job.owner == "many":
            return await film(run, spec, scenes=2)
        return result_from(await run.generate("one", ECHO, {"prompt": "one"}))

    performed(some)
    worker = rig.worker(provider_slots=1)
    await rig.submit(owner="many")
    others = [await rig.submit() for _ in range(2)]

    worker.start(slots=4)

    for job in others:
        await rig.until(job)
    assert prompts(rig) == ["audio-0", "audio-1", "images-0", "images-1", "one", "one"]


async def test_a_slot_that_another_job_frees_is_taken_at_once(
    rig: Rig, performed: Callable[[Recipe], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "SLOT_PAUSE", 60)
    rig.behave(run_seconds=60)
    rig.order(Fault.NEVER_FINISHES, endpoint=ENDLESS)

    async def some(run: Run, spec: Any) -> JobResult:
        endpoints = [ECHO] if run.job.owner == "first" else [ENDLESS, ECHO]
        await together(run.generate(endpoint, endpoint, {"prompt": "a boat"}) for endpoint in endpoints)
        return JobResult()

    performed(some)
    rig.worker(provider_slots=2).start(slots=2)
    await rig.submit(owner="first")
    await eventually(lambda: len(rig.requests) == 1)
    await rig.submit(owner="second")
    await eventually(lambda: len(rig.requests) == 2 and rig.requests[1].polls > 10)

    rig.behave(run_seconds=0)

    await eventually(lambda: len(rig.requests) == 3)

    # Not the slot of the second's own first step: that one runs still.
    assert [request.status for request in rig.requests[:2]] == [Status.COMPLETED, Status.IN_PROGRESS]


async def test_a_step_under_way_is_not_begun_twice(rig: Rig, performed: Callable[[Recipe], None]) -> None:
    async def twice(run: Run, spec: Any) -> JobResult:
        await together(run.generate("same", ECHO, {"prompt": "same"}) for _ in range(2))
        return JobResult()

    performed(twice)
    rig.worker().start()
    job = await rig.submit(max_attempts=1)

    failed = await rig.until(job)

    assert failed.error is not None
    assert failed.error.reason is ErrorReason.INTERNAL
    assert rig.books[0] <= 1


class TestFailures:
    """One step fails while others run."""

    async def test_a_final_failure_cancels_them_at_fal(self, rig: Rig, performed: Callable[[Recipe], None]) -> None:
        async def fail() -> dict[str, Any]:
            await eventually(lambda: len(rig.requests) == 3)
            raise JobFailedError(JobError(reason=ErrorReason.CONTENT_REFUSED, message="no"))

        async def recipe(run: Run, spec: Any) -> JobResult:
            await together([*good(run), fail()])
            return JobResult()

        rig.behave(run_seconds=60)
        performed(recipe)
        rig.worker().start()
        job = await rig.submit()

        failed = await rig.until(job)

        assert failed.error is not None
        assert (failed.state, failed.error.reason) == (JobState.FAILED, ErrorReason.CONTENT_REFUSED)
        assert [row.cancel_outcome for row in failed.generations] == [CancelOutcome.SIGNALLED] * 3
        assert await slots_of(rig) == []

    async def test_they_go_on_where_another_attempt_follows_and_are_paid_once(
        self, rig: Rig, performed: Callable[[Recipe], None]
    ) -> None:
        async def bad(run: Run) -> dict[str, Any]:
            # The provider must have all others when this one fails.
            await eventually(lambda: len(rig.requests) >= 3)
            rig.behave(run_seconds=0.05)
            return await run.generate("bad", FAILS, {"prompt": "bad"})

        async def recipe(run: Run, spec: Any) -> JobResult:
            await together([*good(run), bad(run)])
            return JobResult()

        performed(recipe)
        rig.behave(run_seconds=1)
        rig.order(Fault.RUN_500, endpoint=FAILS, times=1)
        rig.sweeping()
        rig.worker().start()
        job = await rig.submit()

        done = await rig.until(job)

        assert (done.state, done.attempt) == (JobState.SUCCEEDED, 2)
        assert sorted(prompts(rig)) == ["bad", "bad", "good 0", "good 1", "good 2"]
        assert {row.state for row in done.generations} == {GenerationState.COMPLETED}

    async def test_the_failure_that_no_retry_mends_counts_of_two(
        self, rig: Rig, performed: Callable[[Recipe], None]
    ) -> None:
        async def recipe(run: Run, spec: Any) -> JobResult:
            async def fail(*, retryable: bool) -> None:
                reason = ErrorReason.PROVIDER_ERROR if retryable else ErrorReason.CONTENT_REFUSED
                raise JobFailedError(JobError(reason=reason, message="m", retryable=retryable))

            async with asyncio.TaskGroup() as group:
                group.create_task(fail(retryable=True))
                group.create_task(fail(retryable=False))
            return JobResult()

        performed(recipe)
        rig.worker().start()

        failed = await rig.until(await rig.submit())

        assert failed.error is not None
        assert failed.error.reason is ErrorReason.CONTENT_REFUSED


async def test_a_cancellation_reaches_all_of_them(rig: Rig, performed: Callable[[Recipe], None]) -> None:
    rig.behave(run_seconds=60)
    performed(film)
    rig.worker(provider_slots=6).start()
    job = await rig.submit()
    await eventually(lambda: len(rig.requests) == 6)

    await rig.cancel(job.tenant, job.id)

    done = await rig.until(job)
    assert done.state is JobState.CANCELLED
    assert len(done.generations) == 6
    assert {row.cancel_outcome for row in done.generations} == {CancelOutcome.SIGNALLED}
    assert all(request.cancel_time for request in rig.requests)
    assert await slots_of(rig) == []


async def test_a_second_worker_goes_on_with_all_of_them_and_pays_none_again(
    rig: Rig, performed: Callable[[Recipe], None]
) -> None:
    rig.behave(run_seconds=0.4)
    performed(film)
    first = rig.worker(provider_slots=6).start()
    job = await rig.submit()
    # In the middle: some are done, some run, some wait.
    await eventually(lambda: len(rig.requests) >= 9)

    await first.died()
    await rig.recorded(job)
    await rig.lost(job)
    rig.sweeping()
    rig.worker(provider_slots=6).start()

    done = await rig.until(job, within=FILM)
    assert (done.state, done.attempt) == (JobState.SUCCEEDED, 2)
    assert rig.books == (2 * SCENES, 2 * SCENES)
    assert len(set(prompts(rig))) == 2 * SCENES


async def test_an_interrupted_job_goes_on_with_all_of_them(rig: Rig, performed: Callable[[Recipe], None]) -> None:
    rig.behave(run_seconds=0.4)
    performed(film)
    first = rig.worker(provider_slots=6).start()
    job = await rig.submit()
    await eventually(lambda: len(rig.requests) >= 9)

    await first.interrupted()
    rig.worker(provider_slots=6).start()

    done = await rig.until(job, within=FILM)
    assert done.state is JobState.SUCCEEDED
    assert rig.books == (2 * SCENES, 2 * SCENES)
