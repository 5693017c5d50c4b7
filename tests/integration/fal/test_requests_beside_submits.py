"""Polls, results, cancellations and uploads against a server that misbehaves: bounded, and never more than said."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from core.job import CancelOutcome, ErrorReason
from tests.integration.fal.leap import PATIENCE, PATIENT, leap
from tests.integration.fal.raw_fal import KEY, Exchange, never_answer, reply, silence, write_and_reset
from workers.fal.errors import (
    GenerationFailedError,
    PollFailedError,
    RefusedError,
    ResultExpiredError,
    ResultFetchFailedError,
    UploadFailedError,
)
from workers.fal.gateway import FalGateway
from workers.fal.limits import Limits
from workers.fal.statuses import Completed, Queued
from workers.fal.transport import FalTransport, HostRefusedError

if TYPE_CHECKING:
    from tests.integration.fal.raw_fal import RawFal, Script

ENDPOINT = "fal-ai/kling-video/v2.1/pro/image-to-video"
NGINX = b"<html>nginx</html>"
FROM_FAL = {"x-fal-request-id": "r-1"}
QUEUED = {"status": "IN_QUEUE", "queue_position": 3}
HOUR = timedelta(hours=1)
FAULT = {"detail": [{"loc": ["body", "seed"], "msg": "Too big", "type": "less_than", "input": 9}]}


@pytest.mark.parametrize(
    ("endpoint", "path"),
    [
        (ENDPOINT, "/fal-ai/kling-video/requests/r-1/status?logs=true"),
        ("workflows/me/film/v2", "/workflows/me/film/requests/r-1/status?logs=true"),
        ("comfy/me/film", "/comfy/me/film/requests/r-1/status?logs=true"),
    ],
)
async def test_a_poll_goes_to_the_address_built_from_endpoint_and_id(
    fal: RawFal, gateway: FalGateway, endpoint: str, path: str
) -> None:
    fal.script = reply(202, QUEUED)

    assert await gateway.status(endpoint, "r-1", with_logs=True) == Queued(3)
    assert [request.line for request in fal.requests] == [f"GET {path} HTTP/1.1"]


async def test_polls_share_a_connection(fal: RawFal, gateway: FalGateway) -> None:
    fal.script = reply(202, QUEUED)

    for _ in range(3):
        await gateway.status(ENDPOINT, "r-1")

    assert (len(fal.requests), fal.connections) == (3, 1)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(write_and_reset(b""), id="reset"),
        pytest.param(silence, id="silence"),
        pytest.param(reply(200, b"<html>"), id="garbage"),
        pytest.param(reply(200, {"status": "PONDERING"}), id="unknown status"),
        pytest.param(reply(200, {"status": "COMPLETED", "logs": ["x" * 20_000]}), id="endless"),
        pytest.param(reply(401, {"detail": "No"}), id="401"),
        pytest.param(reply(403, {"detail": "User is locked."}), id="403"),
        pytest.param(reply(408, {"detail": "No"}), id="408"),
        pytest.param(reply(429, {"detail": "No"}), id="429"),
        pytest.param(reply(500, {"detail": "No"}), id="500"),
        pytest.param(reply(502, NGINX), id="502 of the ingress"),
    ],
)
async def test_a_failed_poll_is_one_request_and_says_nothing_about_the_job(
    fal: RawFal, gateway: FalGateway, script: Script
) -> None:
    fal.script = script

    with pytest.raises(PollFailedError) as caught:
        await gateway.status(ENDPOINT, "r-1")

    assert (caught.value.retryable, caught.value.unknown_request) == (True, False)
    assert len(fal.requests) == 1


async def test_a_poll_tells_when_fal_knows_no_such_request(fal: RawFal, gateway: FalGateway) -> None:
    fal.script = reply(404, {"status": "NOT_FOUND"})

    with pytest.raises(PollFailedError) as caught:
        await gateway.status(ENDPOINT, "r-1")

    assert caught.value.unknown_request


async def test_a_404_of_a_proxy_does_not_count_as_fals_word(fal: RawFal, gateway: FalGateway) -> None:
    fal.script = reply(404, NGINX)

    with pytest.raises(PollFailedError) as caught:
        await gateway.status(ENDPOINT, "r-1")

    assert not caught.value.unknown_request


async def test_dripping_bytes_do_not_hold_a_poll(fal: RawFal, gateway: FalGateway) -> None:
    """Every read is in time, but the answer never ends."""

    async def drip(exchange: Exchange) -> None:
        await exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
        while True:
            await exchange.write(b"x")
            await asyncio.sleep(0.001)
            leap(PATIENCE / 10)

    fal.script = drip

    with pytest.raises(PollFailedError):
        await gateway.status(ENDPOINT, "r-1")


async def test_hanging_polls_delay_neither_a_cancellation_nor_a_submit(fal: RawFal) -> None:
    async def only_polls_hang(exchange: Exchange) -> None:
        if exchange.line.startswith("GET"):
            await never_answer(exchange)
        await exchange.answer(200, {"status": "OK", "request_id": "r-2"})

    fal.script = only_polls_hang
    timeouts = replace(PATIENT, turn=HOUR, poll=HOUR)
    gateway = FalGateway(key=KEY, base_url=fal.url, limits=Limits(polls=2), timeouts=timeouts)
    polls = [asyncio.create_task(gateway.status(ENDPOINT, "r-1")) for _ in range(10)]
    async with asyncio.timeout(PATIENCE.total_seconds()):
        await fal.arrival(2)

        assert await gateway.cancel(ENDPOINT, "r-1") is CancelOutcome.REMOVED
        assert await gateway.submit(ENDPOINT, {}) == "r-2"
    for poll in polls:
        poll.cancel()
    await asyncio.gather(*polls, return_exceptions=True)
    await gateway.aclose()


async def test_a_request_whose_turn_never_comes_gives_up(fal: RawFal) -> None:
    fal.script = never_answer
    timeouts = replace(PATIENT, turn=timedelta(seconds=0.1), poll=HOUR)
    gateway = FalGateway(key=KEY, base_url=fal.url, limits=Limits(polls=1), timeouts=timeouts)
    first = asyncio.create_task(gateway.status(ENDPOINT, "r-1"))
    async with asyncio.timeout(PATIENCE.total_seconds()):
        await fal.arrival(1)
        with pytest.raises(PollFailedError):
            await gateway.status(ENDPOINT, "r-2")
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await gateway.aclose()


async def test_polls_that_were_given_up_leave_their_connection_to_the_next(fal: RawFal) -> None:
    gateway = FalGateway(key=KEY, base_url=fal.url, limits=Limits(polls=1))
    for count in range(1, 6):
        fal.script = never_answer
        poll = asyncio.create_task(gateway.status(ENDPOINT, "r-1"))
        await fal.arrival(2 * count - 1)
        poll.cancel()
        await asyncio.gather(poll, return_exceptions=True)

        fal.script = reply(202, QUEUED)
        async with asyncio.timeout(PATIENCE.total_seconds()):
            assert await gateway.status(ENDPOINT, "r-1") == Queued(3)
    await gateway.aclose()


async def test_a_result_is_one_request(fal: RawFal, gateway: FalGateway) -> None:
    fal.script = reply(200, {"video": {"url": "u"}})

    assert await gateway.result(ENDPOINT, "r-1") == {"video": {"url": "u"}}
    assert [request.line for request in fal.requests] == ["GET /fal-ai/kling-video/requests/r-1 HTTP/1.1"]


async def test_a_result_that_is_no_object_is_not_lost(fal: RawFal, gateway: FalGateway) -> None:
    fal.script = reply(200, [1, 2])

    assert await gateway.result(ENDPOINT, "r-1") == {"output": [1, 2]}


@pytest.mark.parametrize(
    ("script", "retryable"),
    [
        pytest.param(write_and_reset(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), True, id="cut body"),
        pytest.param(silence, True, id="silence"),
        pytest.param(reply(200, b'{"video"'), True, id="broken JSON"),
        pytest.param(reply(400, {"detail": "Request is still in progress"}), True, id="unfinished"),
        pytest.param(reply(403, {"detail": "User is locked."}), True, id="403"),
        pytest.param(reply(404, NGINX), True, id="404 of a proxy"),
        pytest.param(reply(429, {"detail": "Too many"}), True, id="429"),
        pytest.param(reply(502, NGINX), True, id="502 of the ingress"),
        pytest.param(reply(504, {"detail": "Gateway Timeout"}, FROM_FAL), True, id="504"),
        pytest.param(reply(200, {"frames": "x" * 20_000}), False, id="too large"),
    ],
)
async def test_a_result_that_cannot_be_read_is_fetched_again_not_made_again(
    fal: RawFal, gateway: FalGateway, script: Script, retryable: bool
) -> None:
    fal.script = script

    with pytest.raises(ResultFetchFailedError) as caught:
        await gateway.result(ENDPOINT, "r-1", completed=Completed())

    assert (caught.value.reason, caught.value.retryable) == (ErrorReason.RESULT_FETCH_FAILED, retryable)
    assert len(fal.requests) == 1


async def test_an_invalid_input_shows_at_the_result(fal: RawFal, gateway: FalGateway) -> None:
    fal.script = reply(422, FAULT, FROM_FAL)

    with pytest.raises(GenerationFailedError) as caught:
        await gateway.result(ENDPOINT, "r-1")

    assert (caught.value.reason, caught.value.message) == (ErrorReason.INVALID_INPUT, "seed: Too big")
    assert not caught.value.retryable


async def test_a_bare_500_is_the_models_if_the_status_said_so(fal: RawFal, gateway: FalGateway) -> None:
    fal.script = reply(500, {"detail": "Internal Server Error"}, FROM_FAL)

    with pytest.raises(GenerationFailedError) as caught:
        await gateway.result(ENDPOINT, "r-1", completed=Completed(error="Internal Server Error"))

    assert (caught.value.reason, caught.value.retryable) == (ErrorReason.PROVIDER_ERROR, True)


async def test_a_result_that_is_gone_has_expired(fal: RawFal, gateway: FalGateway) -> None:
    fal.script = reply(404, {"detail": "Request not found"}, FROM_FAL)

    with pytest.raises(ResultExpiredError):
        await gateway.result(ENDPOINT, "r-1", completed=Completed())


async def test_an_expired_failure_is_still_a_failure(fal: RawFal, gateway: FalGateway) -> None:
    fal.script = reply(404, {"detail": "Request not found"}, FROM_FAL)

    with pytest.raises(GenerationFailedError) as caught:
        await gateway.result(ENDPOINT, "r-1", completed=Completed(error="Gone", error_type="runner_disconnected"))

    assert (caught.value.message, caught.value.reason) == ("Gone", ErrorReason.PROVIDER_UNAVAILABLE)


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        pytest.param(reply(200, {"status": "OK"}), CancelOutcome.REMOVED, id="200"),
        pytest.param(reply(202, {"status": "CANCELLATION_REQUESTED"}), CancelOutcome.SIGNALLED, id="202"),
        pytest.param(reply(200, b""), CancelOutcome.REMOVED, id="200 without a word"),
        pytest.param(reply(202, b""), CancelOutcome.SIGNALLED, id="202 without a word"),
        pytest.param(reply(400, {"status": "ALREADY_COMPLETED"}), CancelOutcome.ALREADY_COMPLETED, id="400"),
        pytest.param(reply(404, {"status": "NOT_FOUND"}), CancelOutcome.NOT_FOUND, id="404"),
        pytest.param(reply(403, {"detail": "User is locked."}), CancelOutcome.UNREACHABLE, id="403"),
    ],
)
async def test_a_cancellation_reports_what_fal_answered(
    fal: RawFal, gateway: FalGateway, script: Script, outcome: CancelOutcome
) -> None:
    fal.script = script

    assert await gateway.cancel(ENDPOINT, "r-1") is outcome
    assert [request.line for request in fal.requests] == ["PUT /fal-ai/kling-video/requests/r-1/cancel HTTP/1.1"]


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(never_answer, id="silence"),
        pytest.param(write_and_reset(b""), id="reset"),
        pytest.param(reply(502, NGINX), id="502 of the ingress"),
        pytest.param(reply(404, NGINX), id="404 of a proxy"),
    ],
)
async def test_a_cancellation_that_finds_nobody_ends_in_time(fal: RawFal, script: Script) -> None:
    fal.script = script
    gateway = FalGateway(key=KEY, base_url=fal.url, timeouts=replace(PATIENT, cancel=timedelta(seconds=0.6)))

    async with asyncio.timeout(PATIENCE.total_seconds()):
        assert await gateway.cancel(ENDPOINT, "r-1") is CancelOutcome.UNREACHABLE
    await gateway.aclose()


async def test_a_cancellation_is_tried_again_until_fal_answers(fal: RawFal, gateway: FalGateway) -> None:
    async def second_time(exchange: Exchange) -> None:
        if len(fal.requests) == 1:
            exchange.reset()
        else:
            await exchange.answer(202, {"status": "CANCELLATION_REQUESTED"})

    fal.script = second_time

    assert await gateway.cancel(ENDPOINT, "r-1") is CancelOutcome.SIGNALLED


async def test_the_storage_is_never_shown_the_key(fal: RawFal, gateway: FalGateway) -> None:
    async def storage(exchange: Exchange) -> None:
        if "/storage/auth/token" in exchange.line:
            token = {"token": "t", "token_type": "Bearer", "base_url": "https://v3.fal.media"}
            await exchange.answer(200, {**token, "expires_at": "2999-01-01T00:00:00"})
        else:
            await exchange.answer(200, {"access_url": "https://v3.fal.media/files/a/b.png"})

    fal.script = storage

    for _ in range(2):
        assert await gateway.upload(b"png", "image/png", "a b.png") == "https://v3.fal.media/files/a/b.png"

    token, *uploads = fal.requests
    assert (token.header("host"), token.header("authorization")) == ("rest.fal.ai", f"Key {KEY}")
    assert {upload.header("authorization") for upload in uploads} == {"Bearer t"}
    assert uploads[0].header("x-fal-file-name") == "a_b.png"


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(reply(401, {"detail": "No"}), id="401"),
        pytest.param(reply(200, {"token": "t"}), id="half a token"),
        pytest.param(reply(200, b"<"), id="garbage"),
    ],
)
async def test_a_failed_upload_says_so(fal: RawFal, gateway: FalGateway, script: Script) -> None:
    fal.script = script

    with pytest.raises(UploadFailedError):
        await gateway.upload(b"png", "image/png", "a.png")


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/x",
        "https://queue.fal.run.evil.example/x",
        "https://queue.fal.run:8443/x",
        "http://queue.fal.run/x",
        "http://127.0.0.1:1/x/status",
    ],
)
async def test_nothing_goes_to_a_host_that_is_not_fals(fal: RawFal, url: str) -> None:
    async with httpx.AsyncClient(transport=FalTransport(base_url=fal.url)) as client:
        with pytest.raises(HostRefusedError):
            await client.get(url)
    assert fal.connections == 0


@pytest.mark.parametrize("base_url", ["ftp://127.0.0.1", "127.0.0.1:9000", "http://a:b@127.0.0.1", "http://h/path"])
def test_a_base_url_is_an_origin(base_url: str) -> None:
    with pytest.raises(ValueError, match="base URL"):
        FalGateway(key=KEY, base_url=base_url)


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "ключ"])
def test_a_key_is_printable(key: str) -> None:
    with pytest.raises(ValueError, match="key"):
        FalGateway(key=key)


@pytest.mark.parametrize("request_id", ["", "..", "a/b", "a?b", "a" * 200])
async def test_a_request_id_cannot_leave_its_place_in_the_url(
    fal: RawFal, gateway: FalGateway, request_id: str
) -> None:
    with pytest.raises(RefusedError):
        await gateway.status(ENDPOINT, request_id)
    assert fal.connections == 0


async def test_requests_are_not_logged(fal: RawFal, gateway: FalGateway, caplog: pytest.LogCaptureFixture) -> None:
    fal.script = reply(202, QUEUED)

    with caplog.at_level(logging.INFO):
        await gateway.status(ENDPOINT, "r-1")

    assert not [record for record in caplog.records if record.name.startswith("http")]
