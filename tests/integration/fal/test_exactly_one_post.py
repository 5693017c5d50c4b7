"""A submit reaches the wire exactly once, whatever happens to it, and says what is known about it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import fal_client.client as fal_impl
import httpx
import pytest

from core.job import ErrorReason
from tests.integration.fal.raw_fal import ACCEPTED, KEY, reply, silence, write_and_reset
from workers.fal.errors import NotAcceptedError, ProviderError, RefusedError, SubmissionUnknownError
from workers.fal.gateway import FalGateway

if TYPE_CHECKING:
    from tests.integration.fal.raw_fal import RawFal, Script

ENDPOINT = "fal-ai/kling-video/v2.1/pro/image-to-video"
NGINX = b"<html><center><h1>Any</h1></center><hr><center>nginx</center></html>"
FROM_FAL = {"x-fal-request-id": "gateway-1"}
LOCKED = {"detail": "User is locked. Reason: Exhausted balance. Top up your balance."}
REFUSED_CONTENT = {"detail": [{"loc": ["body", "prompt"], "msg": "Flagged", "type": "content_policy_violation"}]}
CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + b'{"request_id": "r-'


async def submit_error(gateway: FalGateway) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await gateway.submit(ENDPOINT, {"prompt": "a"})
    return caught.value


async def test_an_accepted_submit_returns_its_id_after_one_post(fal: RawFal, gateway: FalGateway) -> None:
    request_id = await gateway.submit(ENDPOINT, {"prompt": "a"})

    assert request_id == "r-1"
    assert fal.lines("POST") == [f"POST /{ENDPOINT} HTTP/1.1"]
    assert fal.requests[0].header("host") == "queue.fal.run"
    assert fal.requests[0].header("authorization") == f"Key {KEY}"
    assert fal.requests[0].header("x-fal-request-timeout") == ""
    assert json.loads(fal.requests[0].body) == {"prompt": "a"}


async def test_an_acceptance_without_urls_is_good_enough(fal: RawFal, gateway: FalGateway) -> None:
    fal.script = reply(200, {"request_id": "r-2"})

    assert await gateway.submit(ENDPOINT, {}) == "r-2"


async def test_every_submit_has_a_fresh_connection(fal: RawFal, gateway: FalGateway) -> None:
    await gateway.submit(ENDPOINT, {})
    await gateway.submit(ENDPOINT, {})

    assert fal.connections == 2


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(write_and_reset(b""), id="reset"),
        pytest.param(write_and_reset(b"HTTP/1.1 200 OK\r\nConte"), id="half a head"),
        pytest.param(write_and_reset(CUT), id="cut body"),
        pytest.param(silence, id="silence"),
        pytest.param(reply(200, b"<html>"), id="garbage"),
        pytest.param(reply(200, b'{"request_id": "r-1"'), id="broken JSON"),
        pytest.param(reply(200, {"status": "IN_QUEUE"}), id="no id"),
        pytest.param(reply(200, {"request_id": "../../other"}), id="an id that is a path"),
        pytest.param(reply(200, {**ACCEPTED, "logs": "x" * 20_000}), id="endless"),
        pytest.param(reply(200, b"no gzip", {"Content-Encoding": "gzip"}), id="undecodable"),
        pytest.param(reply(307, b"", {"Location": "https://queue.fal.run/elsewhere"}), id="redirect"),
        pytest.param(reply(408, NGINX), id="408"),
        pytest.param(reply(499, {"detail": "closed"}), id="499"),
        pytest.param(reply(500, {"detail": "Internal Server Error"}, FROM_FAL), id="500 of fal"),
        pytest.param(reply(502, NGINX), id="502 of the ingress"),
        pytest.param(reply(502, {"detail": "broken"}, FROM_FAL), id="502 of fal"),
        pytest.param(reply(503, {"detail": "x", "error_type": "runner_disconnected"}), id="503 of a runner"),
        pytest.param(reply(504, NGINX), id="504 of the ingress"),
    ],
)
async def test_an_unclear_outcome_is_reported_after_one_post(fal: RawFal, gateway: FalGateway, script: Script) -> None:
    fal.script = script

    error = await submit_error(gateway)

    assert type(error) is SubmissionUnknownError
    assert (error.reason, error.retryable) == (ErrorReason.SUBMISSION_UNKNOWN, False)
    assert (len(fal.lines("POST")), fal.connections) == (1, 1)


async def test_a_connection_reset_before_anything_was_read_is_unclear_too(fal: RawFal, gateway: FalGateway) -> None:
    fal.reads_requests = False
    fal.script = write_and_reset(b"")

    assert type(await submit_error(gateway)) is SubmissionUnknownError
    assert fal.connections == 1


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(reply(409, {"detail": "Conflict"}, FROM_FAL), id="409"),
        pytest.param(reply(425, b""), id="425"),
        pytest.param(reply(429, {"detail": "Too many"}, FROM_FAL), id="429"),
        pytest.param(reply(429, NGINX), id="429 of the ingress"),
        pytest.param(reply(503, NGINX), id="503 of the ingress"),
        pytest.param(reply(503, {"detail": "Unavailable"}, FROM_FAL), id="503 of fal"),
        pytest.param(reply(403, NGINX), id="403 of a proxy"),
        pytest.param(reply(404, NGINX), id="404 of a proxy"),
    ],
)
async def test_a_refusal_for_now_may_be_repeated_by_the_caller(
    fal: RawFal, gateway: FalGateway, script: Script
) -> None:
    fal.script = script

    error = await submit_error(gateway)

    assert type(error) is NotAcceptedError
    assert (error.reason, error.retryable) == (ErrorReason.PROVIDER_UNAVAILABLE, True)
    assert (len(fal.lines("POST")), fal.connections) == (1, 1)


async def test_the_wait_that_fal_asks_for_is_passed_on(fal: RawFal, gateway: FalGateway) -> None:
    fal.script = reply(429, {"detail": "Too many"}, {"Retry-After": "7"})

    assert (await submit_error(gateway)).retry_after == timedelta(seconds=7)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        pytest.param(reply(400, {"detail": "Bad"}), ErrorReason.INVALID_INPUT, id="400"),
        pytest.param(reply(401, {"detail": "Authentication"}), ErrorReason.PROVIDER_ERROR, id="401"),
        pytest.param(reply(402, {"detail": "Pay"}), ErrorReason.PROVIDER_BALANCE, id="402"),
        pytest.param(reply(403, LOCKED), ErrorReason.PROVIDER_BALANCE, id="403 locked"),
        pytest.param(reply(403, {"detail": "Forbidden"}), ErrorReason.PROVIDER_ERROR, id="403"),
        pytest.param(reply(404, {"detail": "Application not found"}), ErrorReason.INVALID_INPUT, id="404"),
        pytest.param(reply(413, NGINX), ErrorReason.INVALID_INPUT, id="413 of the ingress"),
        pytest.param(reply(422, REFUSED_CONTENT), ErrorReason.CONTENT_REFUSED, id="content"),
    ],
)
async def test_a_refusal_for_good_names_its_reason(
    fal: RawFal, gateway: FalGateway, script: Script, reason: ErrorReason
) -> None:
    fal.script = script

    error = await submit_error(gateway)

    assert type(error) is RefusedError
    assert (error.reason, error.retryable) == (reason, False)
    assert (len(fal.lines("POST")), fal.connections) == (1, 1)


async def test_errors_hold_fals_words_but_neither_the_key_nor_the_input(fal: RawFal, gateway: FalGateway) -> None:
    fault = {"loc": ["body", "prompt"], "msg": f"Too long for {KEY}", "type": "too_long", "input": "a secret wish"}
    fal.script = reply(422, {"detail": [fault]}, FROM_FAL)

    error = await submit_error(gateway)

    assert error.message == "prompt: Too long for [key]"
    assert error.metadata == {"http_status": "422", "type": "too_long", "provider_request_id": "gateway-1"}


async def test_without_a_server_nothing_was_sent(fal: RawFal) -> None:
    unreachable = FalGateway(key=KEY, base_url="http://127.0.0.1:1")

    assert type(await submit_error(unreachable)) is NotAcceptedError
    await unreachable.aclose()


@pytest.mark.parametrize(
    ("endpoint", "arguments"),
    [
        ("flux", {}),
        ("workflows/me", {}),
        ("fal-ai/../evil", {}),
        ("fal-ai/flux?fal_webhook=x", {}),
        ("fal-ai/flux/requests/r/cancel", {}),
        ("fal-ai/flux", {"cfg": float("nan")}),
        ("fal-ai/flux", {"prompt": "\ud800"}),
        ("fal-ai/flux", {"prompt": b"bytes"}),
    ],
)
async def test_what_cannot_be_sent_is_refused_before_the_post(
    fal: RawFal, gateway: FalGateway, endpoint: str, arguments: dict[str, object]
) -> None:
    with pytest.raises(RefusedError) as caught:
        await gateway.submit(endpoint, arguments)

    assert caught.value.reason is ErrorReason.INVALID_INPUT
    assert fal.connections == 0


async def test_the_unmodified_client_posts_again_and_again(fal: RawFal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Why all of this is needed: after the same reset fal_client would pay ten times."""
    fal.script = write_and_reset(b"")
    monkeypatch.setattr(fal_impl, "_get_retry_delay", lambda *_: 0.0)
    monkeypatch.setattr(fal_impl, "QUEUE_URL_FORMAT", f"{fal.url}/")

    client = fal_impl.AsyncClient(key=KEY)
    with pytest.raises(httpx.TransportError):
        await client.submit(ENDPOINT, {"prompt": "a"})
    await (await client._client).aclose()

    assert len(fal.lines("POST")) == 10
