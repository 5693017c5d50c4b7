"""What callers change about jobs, and what they ask about the service."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import grpc
import pytest

import segue
from segue import errors
from segue.v1 import job_pb2, spec_pb2
from segue.v1 import job_service_pb2 as pb
from segue.v1 import system_service_pb2 as system_pb
from tests.integration.client.scripted_server import JOB_ID, job, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.client.conftest import Face
    from tests.integration.client.scripted_server import ScriptedJobs, ScriptedServer

UNAVAILABLE = refusal(grpc.StatusCode.UNAVAILABLE, reason="DRAINING")
SUCCEEDED = job_pb2.JOB_STATE_SUCCEEDED


async def test_a_retry_is_repeated_under_one_request_id(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_answer("RetryJob", UNAVAILABLE, pb.RetryJobResponse(job=job(), deduplicated=True))

    retried = await client.call("retry", JOB_ID, resubmit_unknown=True)

    first, second = jobs.asked["RetryJob"]
    assert (retried.id, first.job_id, first.resubmit_unknown) == (JOB_ID, JOB_ID, True)
    assert first == second
    assert UUID(first.request_id).version == 4


async def test_a_retry_takes_the_request_id_of_its_caller(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_answer("RetryJob", pb.RetryJobResponse(job=job()))

    await client.call("retry", JOB_ID, request_id="mine")

    assert jobs.asked["RetryJob"] == [pb.RetryJobRequest(job_id=JOB_ID, request_id="mine")]


async def test_jobs_are_released_together(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_answer("ReleaseJob", pb.ReleaseJobResponse(jobs=[job_pb2.Job(id="a"), job_pb2.Job(id="b")]))

    released = await client.call("release", "a", "b")

    assert [job.id for job in released] == ["a", "b"]
    assert jobs.asked["ReleaseJob"] == [pb.ReleaseJobRequest(job_ids=["a", "b"])]


async def test_a_job_is_deleted(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_answer("DeleteJob", pb.DeleteJobResponse())

    await client.call("delete", JOB_ID)

    assert jobs.asked["DeleteJob"] == [pb.DeleteJobRequest(job_id=JOB_ID)]


async def test_a_wait_is_cut_into_calls_and_ends_with_the_job(
    connect: Callable[..., Face], server: ScriptedServer
) -> None:
    client = connect(server.address, timeout=20)
    pending, done = pb.WaitJobResponse(job=job()), pb.WaitJobResponse(job=job(SUCCEEDED))
    server.jobs.will_answer("WaitJob", pending, UNAVAILABLE, pending, done)

    waited = await client.call("wait", JOB_ID, 3600)

    assert waited.state == SUCCEEDED
    asked = server.jobs.asked["WaitJob"]
    assert [(request.job_id, request.timeout.seconds) for request in asked] == [(JOB_ID, 10)] * 4


async def test_a_wait_that_is_over_returns_the_job_as_it_stands(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_answer("WaitJob", pb.WaitJobResponse(job=job()))

    waited = await client.call("wait", JOB_ID, 0)

    assert waited.state == job_pb2.JOB_STATE_PENDING
    assert jobs.asked["WaitJob"][0].HasField("timeout")


async def test_a_wait_goes_on_until_its_time_is_over(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_answer("WaitJob", *[pb.WaitJobResponse(job=job())] * 10_000)
    began = time.monotonic()

    await client.call("wait", JOB_ID, timeout=0.2)

    assert time.monotonic() - began >= 0.2
    assert all(request.timeout.ToTimedelta().total_seconds() <= 0.2 for request in jobs.asked["WaitJob"])


async def test_a_batch_is_read_and_cancelled(client: Face, jobs: ScriptedJobs) -> None:
    batch = job_pb2.Batch(id="b", job_count=3)
    jobs.will_answer("GetBatch", pb.GetBatchResponse(batch=batch))
    jobs.will_answer("CancelBatch", pb.CancelBatchResponse(batch=batch, cancelled_count=2))

    assert await client.call("get_batch", "b") == batch
    assert (await client.call("cancel_batch", "b")).cancelled_count == 2


async def test_jobs_are_cancelled_by_a_filter_until_none_is_left(client: Face, jobs: ScriptedJobs) -> None:
    answer = pb.CancelJobsResponse
    jobs.will_answer("CancelJobs", answer(cancelled_count=1000, more=True), UNAVAILABLE, answer(cancelled_count=7))

    count = await client.call(
        "cancel_where",
        owner="ada",
        states=["held"],
        kinds=["model"],
        batch_id="b",
        labels={"project": "film"},
        create_time_to=datetime(2026, 1, 1, tzinfo=UTC),
    )

    assert count == 1007
    first, second, third = jobs.asked["CancelJobs"]
    assert first == second == third
    wanted = first.filter
    assert (wanted.owner, list(wanted.states), wanted.batch_id) == ("ada", [job_pb2.JOB_STATE_HELD], "b")
    assert (list(wanted.kinds), dict(wanted.labels)) == ([spec_pb2.JOB_KIND_MODEL], {"project": "film"})
    assert (wanted.create_time_to.seconds > 0, wanted.HasField("create_time_from")) == (True, False)


async def test_jobs_are_retried_by_a_filter_until_none_is_left(client: Face, jobs: ScriptedJobs) -> None:
    answer = pb.RetryJobsResponse
    jobs.will_answer("RetryJobs", answer(retried_count=1000, more=True), answer(more=True), answer(retried_count=2))

    assert await client.call("retry_where", owner="ada", resubmit_unknown=True) == 1002

    assert [(request.filter.owner, request.resubmit_unknown) for request in jobs.asked["RetryJobs"]] == [
        ("ada", True)
    ] * 3


async def test_an_empty_filter_is_for_the_server_to_refuse(client: Face, jobs: ScriptedJobs) -> None:
    fault = [("filter", "is required")]
    jobs.will_answer("CancelJobs", refusal(grpc.StatusCode.INVALID_ARGUMENT, violations=fault))

    with pytest.raises(errors.InvalidRequest):
        await client.call("cancel_where")

    assert jobs.asked["CancelJobs"] == [pb.CancelJobsRequest(filter=pb.JobFilter())]


async def test_the_service_tells_how_it_is_and_what_it_can_do(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_answer("GetStats", system_pb.GetStatsResponse(job_count=5))
    jobs.will_answer("GetCapabilities", UNAVAILABLE, system_pb.GetCapabilitiesResponse(version="1"))

    assert (await client.call("stats")).job_count == 5
    assert (await client.call("capabilities")).version == "1"


@pytest.mark.parametrize(
    ("scope", "sent"),
    [
        ({"everything": True}, system_pb.SchedulingScope(everything=True)),
        ({"tenant": True}, system_pb.SchedulingScope(tenant=True)),
        ({"kind": "transition"}, system_pb.SchedulingScope(kind=spec_pb2.JOB_KIND_TRANSITION)),
    ],
    ids=["everything", "tenant", "kind"],
)
async def test_scopes_are_paused_and_resumed(
    client: Face, jobs: ScriptedJobs, scope: dict[str, object], sent: system_pb.SchedulingScope
) -> None:
    pause = system_pb.Pause(scope=sent)
    jobs.will_answer("PauseScheduling", system_pb.PauseSchedulingResponse(pauses=[pause]))
    jobs.will_answer("ResumeScheduling", system_pb.ResumeSchedulingResponse())

    assert await client.call("pause", **scope) == (pause,)
    assert await client.call("resume", **scope) == ()

    assert jobs.asked["PauseScheduling"] == [system_pb.PauseSchedulingRequest(scope=sent)]
    assert jobs.asked["ResumeScheduling"] == [system_pb.ResumeSchedulingRequest(scope=sent)]


@pytest.mark.parametrize(
    "scope", [{}, {"tenant": False}, {"tenant": True, "kind": "model"}], ids=["none", "not", "two"]
)
async def test_a_scope_is_exactly_one_thing(client: Face, scope: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="exactly one"):
        await client.call("pause", **scope)


def test_both_faces_have_the_same_methods() -> None:
    def public(face: type) -> set[str]:
        return {name for name in vars(face) if not name.startswith("_")}

    assert public(segue.Client) == public(segue.aio.Client)
