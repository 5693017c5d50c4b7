"""The gateway against the emulator: the life of a request, and every fault it can be made to meet."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import emulator.app
from core.job import CancelOutcome, ErrorReason
from emulator.faults import Fault, FaultOrder
from emulator.settings import Settings
from emulator.testing import eventually
from tests.integration.fal.leap import PATIENT, leap
from tests.integration.fal.raw_fal import KEY
from workers.fal.errors import (
    GenerationFailedError,
    NotAcceptedError,
    PollFailedError,
    ProviderError,
    RefusedError,
    ResultExpiredError,
    ResultFetchFailedError,
    SubmissionUnknownError,
)
from workers.fal.gateway import FalGateway
from workers.fal.statuses import Completed, Queued, Running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from emulator.app import Emulator
    from workers.fal.statuses import Status

ECHO = "emulator/echo/with/a/path"
IMAGE = "fal-ai/flux/schnell"


@pytest.fixture
async def fal() -> AsyncIterator[Emulator]:
    """An emulator without waiting times."""
    started = await emulator.app.start(
        Settings(port=0, queue_seconds=0, run_seconds=0, concurrency=4, render="tiny", video_width=64)
    )
    yield started
    await started.close()


@pytest.fixture
async def gateway(fal: Emulator) -> AsyncIterator[FalGateway]:
    """A gateway that waits for its answers."""
    opened = FalGateway(key=KEY, base_url=fal.url, timeouts=PATIENT)
    yield opened
    await opened.aclose()


def order(fal: Emulator, fault: Fault, **details: Any) -> None:
    fal.context.faults.add(FaultOrder(fault=fault, **details))


async def until(gateway: FalGateway, request_id: str, kind: type[Status], endpoint: str = ECHO) -> Status:
    """Poll until the status is of *kind*, and return it."""
    last: list[Status] = []

    async def reached() -> bool:
        last.append(await gateway.status(endpoint, request_id, with_logs=True))
        return isinstance(last[-1], kind)

    await eventually(reached)
    return last[-1]


async def _until(condition: Callable[[], bool]) -> None:
    async def holds() -> bool:
        return condition()

    await eventually(holds)


async def failure(gateway: FalGateway, request_id: str, endpoint: str = ECHO) -> ProviderError:
    """Wait for the end and return what the result says of it."""
    completed = await until(gateway, request_id, Completed, endpoint)
    assert isinstance(completed, Completed)
    with pytest.raises(ProviderError) as caught:
        await gateway.result(endpoint, request_id, completed=completed)
    return caught.value


async def test_a_request_waits_runs_and_ends_with_its_output(fal: Emulator, gateway: FalGateway) -> None:
    fal.context.behaviour.change({"concurrency": 0, "run_seconds": 60})
    first = await gateway.submit(ECHO, {"prompt": "a"})
    second = await gateway.submit(ECHO, {"prompt": "b"})

    assert await gateway.status(ECHO, first) == Queued(0)
    assert await gateway.status(ECHO, second) == Queued(1)

    fal.context.behaviour.change({"concurrency": 4})
    running = await until(gateway, first, Running)
    fal.context.behaviour.change({"run_seconds": 0})
    completed = await until(gateway, first, Completed)

    assert isinstance(running, Running)
    assert isinstance(completed, Completed)
    assert (completed.error, completed.error_type) == (None, None)
    assert completed.logs
    assert all(line.text and line.time is not None for line in completed.logs)
    assert await gateway.result(ECHO, first, completed=completed) == {"prompt": "a"}


async def test_logs_come_only_when_asked_for(fal: Emulator, gateway: FalGateway) -> None:
    request_id = await gateway.submit(ECHO, {})
    await until(gateway, request_id, Completed)

    quiet = await gateway.status(ECHO, request_id)

    assert isinstance(quiet, Completed)
    assert quiet.logs == ()


async def test_an_invalid_input_is_told_with_its_place(fal: Emulator, gateway: FalGateway) -> None:
    request_id = await gateway.submit(IMAGE, {"prompt": "a", "num_images": 99})

    error = await failure(gateway, request_id, IMAGE)

    assert isinstance(error, GenerationFailedError)
    assert (error.reason, error.retryable) == (ErrorReason.INVALID_INPUT, False)
    assert error.message.startswith("num_images: ")
    assert error.metadata["http_status"] == "422"


async def test_a_content_refusal_is_told_apart(fal: Emulator, gateway: FalGateway) -> None:
    request_id = await gateway.submit(IMAGE, {"prompt": "please refuse this"})

    error = await failure(gateway, request_id, IMAGE)

    assert (type(error), error.reason) == (GenerationFailedError, ErrorReason.CONTENT_REFUSED)


@pytest.mark.parametrize(
    ("fault", "reason", "retryable"),
    [
        (Fault.RUN_500, ErrorReason.PROVIDER_ERROR, True),
        (Fault.RUN_422, ErrorReason.INVALID_INPUT, False),
        (Fault.CONTENT_REFUSED, ErrorReason.CONTENT_REFUSED, False),
    ],
)
async def test_a_failing_model_is_classified(
    fal: Emulator, gateway: FalGateway, fault: Fault, reason: ErrorReason, retryable: bool
) -> None:
    order(fal, fault)
    request_id = await gateway.submit(ECHO, {})

    error = await failure(gateway, request_id)

    assert (type(error), error.reason, error.retryable) == (GenerationFailedError, reason, retryable)


async def test_cancelling_a_waiting_request_removes_it(fal: Emulator, gateway: FalGateway) -> None:
    fal.context.behaviour.change({"concurrency": 0})
    request_id = await gateway.submit(ECHO, {})

    assert await gateway.cancel(ECHO, request_id) is CancelOutcome.REMOVED

    error = await failure(gateway, request_id)
    assert isinstance(error, GenerationFailedError)
    assert error.cancelled
    assert fal.context.ledger.counts()["billed"] == 0


async def test_cancelling_a_running_request_signals_it(fal: Emulator, gateway: FalGateway) -> None:
    order(fal, Fault.NEVER_FINISHES)
    request_id = await gateway.submit(ECHO, {})
    await until(gateway, request_id, Running)

    assert await gateway.cancel(ECHO, request_id) is CancelOutcome.SIGNALLED


async def test_cancelling_too_late_or_in_vain_says_so(fal: Emulator, gateway: FalGateway) -> None:
    request_id = await gateway.submit(ECHO, {})
    await until(gateway, request_id, Completed)

    assert await gateway.cancel(ECHO, request_id) is CancelOutcome.ALREADY_COMPLETED
    assert await gateway.cancel(ECHO, "no-such-request") is CancelOutcome.NOT_FOUND


@pytest.mark.parametrize(
    ("fault", "kind", "accepted"),
    [
        (Fault.RESET_BEFORE_ACCEPT, SubmissionUnknownError, 0),
        (Fault.RESET_AFTER_ACCEPT, SubmissionUnknownError, 1),
        (Fault.SLOW_SUBMIT, SubmissionUnknownError, 1),
        (Fault.TRUNCATED_SUBMIT, SubmissionUnknownError, 1),
        (Fault.MISSING_KEYS, SubmissionUnknownError, 1),
        (Fault.SUBMIT_500, SubmissionUnknownError, 0),
        (Fault.SUBMIT_502, SubmissionUnknownError, 0),
        (Fault.SUBMIT_502_AFTER_ACCEPT, SubmissionUnknownError, 1),
        (Fault.SUBMIT_409, NotAcceptedError, 0),
        (Fault.SUBMIT_429, NotAcceptedError, 0),
        (Fault.SUBMIT_403, RefusedError, 0),
    ],
)
async def test_a_faulty_submit_is_posted_once_and_judged(
    fal: Emulator, gateway: FalGateway, fault: Fault, kind: type[ProviderError], accepted: int
) -> None:
    order(fal, fault, times=20, seconds=3600)
    submitting = asyncio.create_task(gateway.submit(ECHO, {}))
    if fault is Fault.SLOW_SUBMIT:
        await _until(lambda: fal.context.ledger.submits == 1)
        leap()

    with pytest.raises(ProviderError) as caught:
        await submitting

    assert type(caught.value) is kind
    assert fal.context.ledger.posts == 1
    assert fal.context.ledger.submits == accepted


async def test_a_locked_account_is_a_matter_of_balance(fal: Emulator, gateway: FalGateway) -> None:
    order(fal, Fault.SUBMIT_403)

    with pytest.raises(RefusedError) as caught:
        await gateway.submit(ECHO, {})

    assert caught.value.reason is ErrorReason.PROVIDER_BALANCE


async def test_an_unknown_model_is_refused(fal: Emulator, gateway: FalGateway) -> None:
    with pytest.raises(RefusedError) as caught:
        await gateway.submit("fal-ai/no-such-model", {})

    assert caught.value.reason is ErrorReason.INVALID_INPUT


@pytest.mark.parametrize("fault", [Fault.POLL_403, Fault.POLL_404, Fault.POLL_500, Fault.POLL_HANG])
async def test_after_a_failed_poll_the_next_one_answers(fal: Emulator, gateway: FalGateway, fault: Fault) -> None:
    request_id = await gateway.submit(ECHO, {})
    order(fal, fault, seconds=3600)
    polling = asyncio.create_task(gateway.status(ECHO, request_id))
    if fault is Fault.POLL_HANG:
        await _until(lambda: [request.polls for request in fal.context.ledger.requests] == [1])
        leap()

    with pytest.raises(PollFailedError) as caught:
        await polling

    assert caught.value.unknown_request is (fault is Fault.POLL_404)
    await until(gateway, request_id, Completed)


async def test_a_requeued_request_is_seen_waiting_again(fal: Emulator, gateway: FalGateway) -> None:
    fal.context.behaviour.change({"run_seconds": 60})
    order(fal, Fault.REQUEUE, seconds=0)
    request_id = await gateway.submit(ECHO, {})

    await until(gateway, request_id, Running)
    fal.context.behaviour.change({"run_seconds": 0, "concurrency": 0})
    leap()  # half of its time, when it is lost
    await until(gateway, request_id, Queued)
    fal.context.behaviour.change({"concurrency": 4})
    await until(gateway, request_id, Completed)


async def test_a_result_that_fails_once_is_there_the_next_time(fal: Emulator, gateway: FalGateway) -> None:
    request_id = await gateway.submit(ECHO, {"prompt": "a"})
    order(fal, Fault.RESULT_504)

    assert type(await failure(gateway, request_id)) is ResultFetchFailedError
    assert await gateway.result(ECHO, request_id) == {"prompt": "a"}
    assert fal.context.ledger.submits == 1


async def test_a_result_before_the_end_is_not_there_yet(fal: Emulator, gateway: FalGateway) -> None:
    fal.context.behaviour.change({"concurrency": 0})
    request_id = await gateway.submit(ECHO, {})

    with pytest.raises(ResultFetchFailedError):
        await gateway.result(ECHO, request_id)


async def test_an_expired_result_is_told(fal: Emulator, gateway: FalGateway) -> None:
    request_id = await gateway.submit(ECHO, {})
    order(fal, Fault.RESULT_EXPIRED)

    assert type(await failure(gateway, request_id)) is ResultExpiredError


async def test_an_uploaded_file_can_be_downloaded(fal: Emulator, gateway: FalGateway) -> None:
    url = await gateway.upload(b"some bytes", "image/png", "a picture.png")

    async with httpx.AsyncClient() as client:
        response = await client.get(url)
    assert (response.content, response.headers["content-type"]) == (b"some bytes", "image/png")


async def test_a_large_upload_goes_in_parts(
    fal: Emulator, gateway: FalGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fal_client.client.MULTIPART_THRESHOLD", 10)
    monkeypatch.setattr("fal_client.client.MULTIPART_CHUNK_SIZE", 8)
    data = bytes(range(50))

    url = await gateway.upload(data, "video/mp4", "film.mp4")

    async with httpx.AsyncClient() as client:
        assert (await client.get(url)).content == data
