from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from grpc import StatusCode

from core.job import Progress
from core.store.attempts import AttemptKey, Outcome
from segue.v1 import job_pb2
from segue.v1 import job_service_pb2 as pb
from tests.integration.server import life
from tests.integration.server.answers import watched
from tests.unit.server.asked import submit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from core.store.attempts import AttemptStore
    from segue.v1.job_service_pb2_grpc import JobServiceAsyncStub


async def submitted(jobs: JobServiceAsyncStub, owner: str) -> str:
    request = submit()
    request.owner = owner
    request.labels["for"] = owner
    return (await jobs.SubmitJob(request)).job.id


async def take(stream: AsyncIterator[Any], count: int) -> list[Any]:
    async with asyncio.timeout(30):
        return [await anext(stream) for _ in range(count)]


async def test_a_watch_of_many_jobs_shows_those_of_an_owner_from_acceptance_to_end(
    jobs: JobServiceAsyncStub, worker: AttemptStore
) -> None:
    before = await submitted(jobs, "o")
    stream = aiter(jobs.WatchJobs(pb.WatchJobsRequest(owner="o")))
    (first,) = await take(stream, 1)
    await submitted(jobs, "p")
    job = await life.claimed(worker)
    key = AttemptKey(job.tenant, job.id, job.attempt)
    await worker.report(key, Progress(fraction=0.5), ["a line"])
    await worker.finish(key, Outcome.SUCCEEDED)
    after = await submitted(jobs, "o")

    events = await take(stream, 4)

    assert [shown.id for shown in first.snapshot.jobs] == [before]
    assert not first.snapshot.jobs[0].HasField("spec")
    assert [event.job_event.job_id for event in events] == [before, before, before, after]
    assert [event.job_event.WhichOneof("event") for event in events] == [
        *("state_change", "progress", "state_change", "state_change")
    ]
    assert [event.sequence - first.sequence for event in events] == [2, 3, 4, 5]
    accepted = events[-1].job_event
    assert (accepted.sequence, accepted.state_change.from_state) == (1, job_pb2.JOB_STATE_UNSPECIFIED)
    assert accepted.state_change.to_state == job_pb2.JOB_STATE_PENDING
    assert accepted.state_change.job.labels["for"] == "o"


async def test_a_watch_of_many_jobs_goes_on_after_a_sequence(jobs: JobServiceAsyncStub) -> None:
    (snapshot,) = await take(aiter(jobs.WatchJobs(pb.WatchJobsRequest())), 1)
    ids = [await submitted(jobs, "o") for _ in range(3)]

    after = snapshot.sequence + 1
    stream = aiter(jobs.WatchJobs(pb.WatchJobsRequest(labels={"for": "o"}, after_sequence=after)))
    events = await take(stream, 2)

    assert [(event.sequence, event.job_event.job_id) for event in events] == [(after + 1, ids[1]), (after + 2, ids[2])]


async def test_a_wrong_watch_of_many_jobs_names_its_faults(jobs: JobServiceAsyncStub) -> None:
    request = pb.WatchJobsRequest(owner="x" * 200, labels={"no spaces": ""}, after_sequence=-1)
    request.heartbeat_interval.FromSeconds(1)

    _, refusal = await watched(jobs.WatchJobs(request))

    assert refusal is not None
    assert refusal.code is StatusCode.INVALID_ARGUMENT
    assert {path.split("[")[0].split(".")[0] for path in refusal.paths} == {
        *("owner", "labels", "after_sequence", "heartbeat_interval")
    }
