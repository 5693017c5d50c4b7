"""Submitting: what is accepted is stored, once, with its ticket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.errors import BatchNotFoundError, RequestIdReusedError
from core.events.event import StateChanged
from core.ids import time_ordered_ids
from core.job import DEFAULT_TENANT, BatchId, JobId, JobState
from tests.integration.core.engine import submission

if TYPE_CHECKING:
    from core.jobs import Jobs
    from tests.integration.core.engine import Clock, Engine


async def test_an_accepted_job_is_stored_as_it_was_answered(engine: Engine) -> None:
    job = await engine.submit(owner="ann", labels={"team": "red"}, priority=2, request_id="r", digest="d")

    assert await engine.now(job) == job


async def test_the_first_event_in_the_log_follows_the_acceptance_and_shows_the_job_without_its_spec(
    engine: Engine,
) -> None:
    job = await engine.submit(labels={"team": "red"})
    await engine.cancel(job.tenant, job.id)

    (event,) = await engine.events(job)
    assert isinstance(event, StateChanged)
    assert (event.sequence, event.from_state, event.to_state) == (2, JobState.PENDING, JobState.CANCELLED)
    assert event.job.spec is None
    assert event.job.labels == {"team": "red"}


async def test_a_job_and_its_ticket_are_stored_in_one_step(engine: Engine) -> None:
    await engine.submit()

    assert await engine.tickets() == 1


async def test_a_held_job_has_no_ticket_and_is_not_claimed(engine: Engine) -> None:
    job = await engine.submit(hold=True)

    assert job.state is JobState.HELD
    assert await engine.tickets() == 0
    assert await engine.claim() is None


async def test_the_same_request_id_with_the_same_payload_gives_the_first_job(jobs: Jobs) -> None:
    first = await jobs.submit(DEFAULT_TENANT, submission(request_id="r", digest="d"))

    second = await jobs.submit(DEFAULT_TENANT, submission(request_id="r", digest="d"))

    assert not first.deduplicated
    assert second.deduplicated
    assert second.job == first.job


async def test_the_same_request_id_with_another_payload_is_refused(engine: Engine) -> None:
    await engine.submit(request_id="r", digest="d")

    with pytest.raises(RequestIdReusedError):
        await engine.submit(request_id="r", digest="other")


@pytest.mark.parametrize("request_id", ["", "r"])
async def test_a_call_repeated_after_a_lost_answer_is_accepted_once_and_answered_alike(
    engine: Engine, clock: Clock, request_id: str
) -> None:
    job_id = JobId(time_ordered_ids()[0])
    first = await engine.store.submit(DEFAULT_TENANT, job_id, submission(request_id=request_id, digest="d"))

    clock.now += 1000
    again = await engine.store.submit(DEFAULT_TENANT, job_id, submission(request_id=request_id, digest="d"))

    assert again == first
    assert await engine.tickets() == 1


async def test_a_batch_keeps_the_order_of_its_jobs(engine: Engine) -> None:
    made, batch_id = await engine.submit_batch([submission(owner=str(i)) for i in range(30)])

    stored = await engine.store.jobs_of_batch(DEFAULT_TENANT, batch_id)
    assert made is not None
    assert [job.owner for job in stored] == [str(i) for i in range(30)]
    assert [job.id for job in made] == [job.id for job in stored]
    assert await engine.tickets() == 30


async def test_a_batch_with_held_jobs_counts_each_state(engine: Engine) -> None:
    _, batch_id = await engine.submit_batch([submission(hold=i < 2, priority=i + 1) for i in range(5)])

    batch = await engine.store.get_batch(DEFAULT_TENANT, batch_id)
    assert batch.job_count == 5
    assert batch.state_counts == {JobState.HELD: 2, JobState.PENDING: 3}
    assert await engine.tickets() == 3


@pytest.mark.parametrize("request_id", ["", "r"])
async def test_a_batch_repeated_after_a_lost_answer_is_accepted_once(engine: Engine, request_id: str) -> None:
    batch_id, *ids = time_ordered_ids(3)

    async def submit() -> object:
        jobs = [(JobId(id_), submission()) for id_ in ids]
        return await engine.store.submit_batch(
            DEFAULT_TENANT, BatchId(batch_id), jobs, display_name="n", request_id=request_id, digest="d"
        )

    first = await submit()

    assert await submit() == first
    assert await engine.tickets() == 2


async def test_the_same_request_id_gives_the_first_batch_with_its_jobs(jobs: Jobs) -> None:
    wanted = [submission(), submission()]
    first = await jobs.submit_batch(DEFAULT_TENANT, wanted, display_name="n", request_id="r", digest="d")

    second = await jobs.submit_batch(DEFAULT_TENANT, wanted, display_name="n", request_id="r", digest="d")

    assert second.deduplicated
    assert second.batch == first.batch
    assert [job.id for job in second.jobs] == [job.id for job in first.jobs]


async def test_the_same_request_id_with_another_batch_is_refused(engine: Engine) -> None:
    await engine.submit_batch([submission()], request_id="r", digest="d")

    with pytest.raises(RequestIdReusedError):
        await engine.submit_batch([submission()], request_id="r", digest="other")


async def test_an_unknown_batch_is_not_found(engine: Engine) -> None:
    with pytest.raises(BatchNotFoundError):
        await engine.store.get_batch(DEFAULT_TENANT, BatchId("none"))


async def test_a_batch_of_a_thousand_blocks_redis_only_shortly(engine: Engine) -> None:
    wanted = [submission(owner=f"owner {i}", labels={"i": str(i)}) for i in range(1000)]

    async def processor_ms() -> float:
        used = await engine.redis.info("cpu")
        return 1000 * float(used["used_cpu_user"] + used["used_cpu_sys"])

    took = []
    for _ in range(3):
        before = await processor_ms()
        made, _ = await engine.submit_batch(wanted)
        took.append(await processor_ms() - before)
        assert made is not None
        assert len({job.id for job in made}) == 1000

    # About 35 when this machine is idle; it is shared, and the test must say no only when the script has gone wrong.
    assert min(took) < 100, f"{took} ms"


async def test_a_preview_stores_nothing(jobs: Jobs, engine: Engine) -> None:
    job = jobs.preview(DEFAULT_TENANT, submission())

    assert job.state is JobState.PENDING
    assert await engine.dump() == {}
