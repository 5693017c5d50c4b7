from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import grpc
import pytest
import trustme

import segue
from segue import errors
from segue.v1 import job_pb2, job_service_pb2, spec_pb2
from tests.integration.client.scripted_server import (
    HANG,
    JOB_ID,
    ScriptedServer,
    job,
    refusal,
    status,
)
from tests.kept_port import kept_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.client.conftest import Face
    from tests.integration.client.scripted_server import ScriptedJobs

SPEC = segue.transition("https://a.example/1.png", "https://a.example/2.png", prompt="a walk")
UNAVAILABLE = refusal(grpc.StatusCode.UNAVAILABLE, reason="STORE_UNAVAILABLE")


def accepted() -> job_service_pb2.SubmitJobResponse:
    return job_service_pb2.SubmitJobResponse(job=job())


def found() -> job_service_pb2.GetJobResponse:
    return job_service_pb2.GetJobResponse(job=job())


async def test_a_submit_carries_every_option(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_answer("SubmitJob", accepted())

    submitted = await client.call(
        "submit",
        SPEC,
        request_id="order-7",
        priority=2,
        owner="ada",
        labels={"project": "film"},
        time_limit=timedelta(minutes=10),
        retention=3600,
        max_attempts=2,
        hold=True,
        validate_only=True,
        on_unknown_submission="resubmit",
        schedule_time=datetime(2027, 1, 1, tzinfo=UTC),
        expire_if_not_started_after=timedelta(hours=1),
    )

    assert submitted.id == JOB_ID
    (request,) = jobs.asked["SubmitJob"]
    assert (request.spec, request.request_id, request.owner) == (SPEC, "order-7", "ada")
    assert (request.priority, request.max_attempts, dict(request.labels)) == (2, 2, {"project": "film"})
    assert (request.time_limit.seconds, request.retention.seconds) == (600, 3600)
    assert (request.hold, request.validate_only) == (True, True)
    assert request.schedule_time.ToJsonString() == "2027-01-01T00:00:00Z"
    assert request.expire_if_not_started_after.seconds == 3600
    assert request.on_unknown_submission == job_pb2.UNKNOWN_SUBMISSION_POLICY_RESUBMIT


async def test_what_is_not_said_is_left_to_the_server(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_answer("SubmitJob", accepted())

    await client.call("submit", SPEC)

    (request,) = jobs.asked["SubmitJob"]
    assert {field.name for field, _ in request.ListFields()} == {"spec", "request_id"}


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED])
async def test_a_submit_is_retried_under_one_request_id(
    client: Face, jobs: ScriptedJobs, code: grpc.StatusCode
) -> None:
    jobs.will_answer("SubmitJob", refusal(code), refusal(code), accepted())

    await client.call("submit", SPEC)

    ids = [request.request_id for request in jobs.asked["SubmitJob"]]
    assert len(ids) == 3
    assert len(set(ids)) == 1
    assert UUID(ids[0]).version == 4


async def test_two_submits_have_two_request_ids(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_answer("SubmitJob", accepted(), accepted())

    await client.call("submit", SPEC)
    await client.call("submit", SPEC)

    first, second = jobs.asked["SubmitJob"]
    assert first.request_id != second.request_id


async def test_retries_end(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_answer("GetJob", *[UNAVAILABLE] * 4)

    with pytest.raises(errors.Unavailable) as raised:
        await client.call("get", JOB_ID)

    assert raised.value.reason == "STORE_UNAVAILABLE"
    assert len(jobs.asked["GetJob"]) == 4


async def test_a_retry_waits_as_long_as_the_server_asks(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_answer("GetJob", refusal(grpc.StatusCode.UNAVAILABLE, retry_after=0.3), found())
    began = time.monotonic()

    await client.call("get", JOB_ID)

    assert time.monotonic() - began >= 0.3


async def test_a_wait_beyond_the_deadline_raises_at_once(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_answer("GetJob", refusal(grpc.StatusCode.UNAVAILABLE, retry_after=60))

    with pytest.raises(errors.Unavailable) as raised:
        await client.call("get", JOB_ID)

    assert raised.value.retry_after == timedelta(seconds=60)


async def test_a_call_has_a_deadline(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_answer("GetJob", HANG)

    with pytest.raises(TimeoutError) as raised:
        await client.call("get", JOB_ID, timeout=0.1)

    assert isinstance(raised.value, errors.DeadlineExceeded)


async def test_an_invalid_request_names_every_violation(client: Face, jobs: ScriptedJobs) -> None:
    faults = [("spec.transition.tail_image_url", "must be a URL"), ("priority", "must be 1 to 10")]
    jobs.will_answer(
        "SubmitJob",
        refusal(grpc.StatusCode.INVALID_ARGUMENT, "invalid", reason="INVALID_REQUEST", violations=faults),
    )

    with pytest.raises(segue.InvalidRequest) as raised:
        await client.call("submit", SPEC)

    error = raised.value
    assert list(error.violations) == faults
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert str(error).splitlines() == [
        "invalid [INVALID_REQUEST]",
        "  spec.transition.tail_image_url: must be a URL",
        "  priority: must be 1 to 10",
    ]
    assert len(jobs.asked["SubmitJob"]) == 1


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (grpc.StatusCode.FAILED_PRECONDITION, "REQUEST_ID_REUSED", errors.RequestIdReused),
        (grpc.StatusCode.FAILED_PRECONDITION, "JOB_FINISHED", errors.JobFinished),
        (grpc.StatusCode.FAILED_PRECONDITION, "JOB_NOT_RETRYABLE", errors.JobNotRetryable),
        (grpc.StatusCode.FAILED_PRECONDITION, "JOB_NOT_HELD", errors.JobNotHeld),
        (grpc.StatusCode.FAILED_PRECONDITION, "JOB_NOT_FINISHED", errors.JobNotFinished),
        (grpc.StatusCode.FAILED_PRECONDITION, "A_NEW_ONE", errors.FailedPrecondition),
        (grpc.StatusCode.NOT_FOUND, "BATCH_NOT_FOUND", errors.BatchNotFound),
        (grpc.StatusCode.NOT_FOUND, "JOB_NOT_FOUND", errors.JobNotFound),
        (grpc.StatusCode.NOT_FOUND, "", errors.NotFound),
        (grpc.StatusCode.UNIMPLEMENTED, "NOT_IMPLEMENTED", errors.Unimplemented),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "", errors.ResourceExhausted),
        (grpc.StatusCode.INTERNAL, "INTERNAL", errors.InternalError),
        (grpc.StatusCode.OUT_OF_RANGE, "", errors.SegueError),
    ],
)
async def test_an_error_has_the_class_of_its_reason_or_else_of_its_code(
    client: Face, jobs: ScriptedJobs, code: grpc.StatusCode, reason: str, expected: type[errors.SegueError]
) -> None:
    jobs.will_answer("CancelJob", refusal(code, reason=reason))

    with pytest.raises(expected) as raised:
        await client.call("cancel", JOB_ID)

    assert type(raised.value) is expected
    assert (raised.value.code, raised.value.reason) == (code, reason)
    assert isinstance(raised.value.__cause__, grpc.RpcError)


async def test_cancel_returns_the_job_as_it_then_stands(client: Face, jobs: ScriptedJobs) -> None:
    cancelling = job_service_pb2.CancelJobResponse(job=job(job_pb2.JOB_STATE_CANCELLING))
    jobs.will_answer("CancelJob", cancelling)

    cancelled = await client.call("cancel", JOB_ID)

    assert segue.state_name(cancelled.state) == "cancelling"


async def test_a_list_goes_through_all_pages(client: Face, jobs: ScriptedJobs) -> None:
    page = job_service_pb2.ListJobsResponse
    jobs.will_answer(
        "ListJobs",
        page(jobs=[job_pb2.Job(id="3"), job_pb2.Job(id="2")], next_page_token="more"),
        page(next_page_token="still more"),
        page(jobs=[job_pb2.Job(id="1")]),
    )

    listed = await client.list(
        owner="ada",
        states=["succeeded", job_pb2.JOB_STATE_FAILED],
        kinds=["transition"],
        labels={"project": "film"},
        create_time_from=datetime(2026, 1, 1, tzinfo=UTC),
    )

    assert [job.id for job in listed] == ["3", "2", "1"]
    first, second, third = jobs.asked["ListJobs"]
    assert list(first.states) == [job_pb2.JOB_STATE_SUCCEEDED, job_pb2.JOB_STATE_FAILED]
    assert list(first.kinds) == [spec_pb2.JOB_KIND_TRANSITION]
    assert first.create_time_from.ToJsonString() == "2026-01-01T00:00:00Z"
    assert [first.page_token, second.page_token, third.page_token] == ["", "more", "still more"]
    assert third.owner == "ada"


async def test_a_batch_says_which_items_were_refused_and_why(client: Face, jobs: ScriptedJobs) -> None:
    failure = status(
        grpc.StatusCode.INVALID_ARGUMENT, "invalid", "INVALID_REQUEST", violations=[("jobs[1].priority", "no")]
    )
    answer = job_service_pb2.BatchSubmitResponse(batch=job_pb2.Batch(id="b"), jobs=[job()], failures={1: failure})
    jobs.will_answer("BatchSubmit", UNAVAILABLE, answer)
    items: list[Any] = [SPEC, segue.submission(SPEC, priority=11)]

    batch = await client.call("submit_batch", items, display_name="trailer", allow_partial_success=True)

    assert batch.id == "b"
    assert [job.id for job in batch.jobs] == [JOB_ID]
    assert isinstance(batch.failures[1], segue.InvalidRequest)
    assert batch.failures[1].violations == (("jobs[1].priority", "no"),)
    first, second = jobs.asked["BatchSubmit"]
    assert first.request_id == second.request_id != ""
    assert [item.priority for item in second.jobs] == [0, 11]
    assert (second.display_name, second.allow_partial_success) == ("trailer", True)


async def test_calls_fail_over_to_the_server_that_is_there(
    connect: Callable[..., Face], server: ScriptedServer
) -> None:
    server.jobs.will_answer("GetJob", *[found() for _ in range(6)])
    with kept_port() as nobodys:
        client = connect(f"127.0.0.1:{nobodys}, {server.address}")

        for _ in range(6):
            assert (await client.call("get", JOB_ID)).id == JOB_ID


async def test_calls_go_to_the_servers_in_turn(connect: Callable[..., Face], server: ScriptedServer) -> None:
    other = ScriptedServer()
    await other.start()
    client = connect(f"{server.address},{other.address}")
    for one in (server, other):
        one.jobs.will_answer("GetJob", found(), found())

    for _ in range(4):
        await client.call("get", JOB_ID)

    assert not server.jobs.answers["GetJob"]
    assert not other.jobs.answers["GetJob"]
    await other.vanish()


async def test_metadata_goes_with_every_call(connect: Callable[..., Face], server: ScriptedServer) -> None:
    client = connect(server.address, metadata={"authorization": "Bearer key"})
    server.jobs.will_answer("GetJob", found())

    await client.call("get", JOB_ID)

    assert server.jobs.metadata[0]["authorization"] == "Bearer key"
    assert str(server.jobs.metadata[0]["user-agent"]).startswith("segue-client/")


async def test_many_watches_do_not_starve_a_call(connect: Callable[..., Face], server: ScriptedServer) -> None:
    limited = ScriptedServer(options=[("grpc.max_concurrent_streams", 1)])
    await limited.start()
    client = connect(limited.address)
    limited.jobs.will_play(HANG)
    limited.jobs.will_answer("GetJob", found())
    watching = asyncio.create_task(client.watch(JOB_ID))
    await limited.jobs.watching.wait()

    await client.call("get", JOB_ID, timeout=60)

    await client.close()
    with pytest.raises(errors.ClientClosed):
        await watching
    await limited.vanish()


async def test_tls_is_spoken_when_credentials_are_given(connect: Callable[..., Face]) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    server = ScriptedServer(
        credentials=grpc.ssl_server_credentials(
            [(certificate.private_key_pem.bytes(), certificate.cert_chain_pems[0].bytes())]
        )
    )
    await server.start()
    server.jobs.will_answer("GetJob", found())
    trusted = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
    client = connect(f"localhost:{server.port}", credentials=trusted)

    assert (await client.call("get", JOB_ID)).id == JOB_ID
    await server.vanish()


async def test_closing_the_client_ends_its_calls(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_answer("GetJob", HANG)
    getting = asyncio.create_task(client.call("get", JOB_ID))
    await jobs.hanging.wait()

    await client.close()

    with pytest.raises(errors.ClientClosed):
        await getting


async def test_a_closed_client_says_so(client: Face) -> None:
    await client.close()

    with pytest.raises(errors.ClientClosed):
        await client.call("get", JOB_ID)


async def test_the_callers_own_cancellation_of_a_call_propagates(
    aio_client: segue.aio.Client, jobs: ScriptedJobs
) -> None:
    jobs.will_answer("GetJob", HANG)
    getting = asyncio.create_task(aio_client.get(JOB_ID))
    async with asyncio.timeout(30):
        await jobs.hanging.wait()

    getting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await getting
    assert len(jobs.asked["GetJob"]) == 1
