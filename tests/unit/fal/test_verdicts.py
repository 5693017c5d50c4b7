"""How fal's words are read: what failed, whether a repetition helps, and what must not be repeated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from core.job import ErrorReason
from workers.fal import verdicts
from workers.fal.answers import MAX_MESSAGE, Answer
from workers.fal.statuses import Completed, LogLine, Queued, Running, status_of

KEY = "key-id-0123456789:key-secret-0123456789"


def answer(status: int, body: object, **headers: str) -> Answer:
    request = httpx.Request("GET", "https://queue.fal.run/a/b", headers={"Authorization": f"Key {KEY}"})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer.of(httpx.Response(status, json=body, headers=named), request)


def infra(error_type: str) -> dict[str, str]:
    return {"detail": "Words", "error_type": error_type}


def fault(kind: str) -> dict[str, Any]:
    return {"detail": [{"loc": ["body", "prompt"], "msg": "Words", "type": kind, "input": "secret"}]}


@pytest.mark.parametrize(
    ("status", "body", "reason", "retryable"),
    [
        (422, fault("content_policy_violation"), ErrorReason.CONTENT_REFUSED, False),
        (422, fault("image_too_small"), ErrorReason.INVALID_INPUT, False),
        (422, fault("never_heard_of"), ErrorReason.INVALID_INPUT, False),
        (422, {"detail": "Plain words"}, ErrorReason.INVALID_INPUT, False),
        (400, infra("bad_request"), ErrorReason.INVALID_INPUT, False),
        (400, fault("downstream_service_error"), ErrorReason.PROVIDER_ERROR, True),
        (403, fault("forbidden"), ErrorReason.PROVIDER_ERROR, False),
        (500, fault("internal_server_error"), ErrorReason.PROVIDER_ERROR, True),
        (500, fault("downstream_service_unavailable"), ErrorReason.PROVIDER_UNAVAILABLE, True),
        (504, fault("generation_timeout"), ErrorReason.PROVIDER_ERROR, True),
        (500, infra("runner_server_error"), ErrorReason.PROVIDER_ERROR, True),
        (503, infra("runner_disconnected"), ErrorReason.PROVIDER_UNAVAILABLE, True),
        (503, infra("runner_scheduling_failure"), ErrorReason.PROVIDER_UNAVAILABLE, True),
        (502, infra("runner_incomplete_response"), ErrorReason.PROVIDER_UNAVAILABLE, True),
        (504, infra("startup_timeout"), ErrorReason.PROVIDER_UNAVAILABLE, True),
        (499, infra("client_disconnected"), ErrorReason.PROVIDER_ERROR, True),
        (503, {"detail": "Words"}, ErrorReason.PROVIDER_UNAVAILABLE, True),
        (500, {"detail": "Words"}, ErrorReason.PROVIDER_ERROR, True),
    ],
)
def test_a_failed_generation_is_classified(
    status: int, body: dict[str, Any], reason: ErrorReason, retryable: bool
) -> None:
    failure = verdicts.failed(answer(status, body))

    assert (failure.reason, failure.retryable, failure.cancelled) == (reason, retryable, False)


@pytest.mark.parametrize("header", ["X_Fal_Retryable", "X_Fal_Needs_Retry"])
@pytest.mark.parametrize(("word", "retryable"), [("true", True), ("1", True), ("false", False), ("0", False)])
def test_fals_advice_on_retrying_is_followed(header: str, word: str, retryable: bool) -> None:
    failure = verdicts.failed(answer(500, fault("internal_server_error"), **{header: word}))

    assert failure.retryable is retryable


def test_advice_to_retry_does_not_reopen_a_refusal() -> None:
    assert not verdicts.failed(answer(422, fault("one_of"), X_Fal_Retryable="true")).retryable


@pytest.mark.parametrize("body", [infra("client_cancelled"), {"detail": "Gone"}])
def test_a_cancelled_generation_is_known_as_one(body: dict[str, str]) -> None:
    failure = verdicts.on_result(answer(499, body), None)

    assert getattr(failure, "cancelled", False)
    assert not failure.retryable


@pytest.mark.parametrize(
    ("error_type", "reason", "retryable"),
    [
        ("runner_disconnected", ErrorReason.PROVIDER_UNAVAILABLE, True),
        ("runner_server_error", ErrorReason.PROVIDER_ERROR, True),
        ("content_policy_violation", ErrorReason.CONTENT_REFUSED, False),
        ("bad_request", ErrorReason.INVALID_INPUT, False),
        (None, ErrorReason.PROVIDER_ERROR, False),
    ],
)
def test_the_status_alone_is_enough_to_classify(error_type: str | None, reason: ErrorReason, retryable: bool) -> None:
    failure = verdicts.failed_by_status(Completed(error="Words", error_type=error_type))

    assert (failure.reason, failure.retryable, failure.message) == (reason, retryable, "Words")


def test_the_status_tells_an_invalid_input() -> None:
    failure = verdicts.failed_by_status(Completed(error="Invalid status code: 422", error_type="one_of"))

    assert (failure.reason, failure.retryable) == (ErrorReason.INVALID_INPUT, False)


def test_the_status_tells_a_cancellation() -> None:
    assert verdicts.failed_by_status(Completed(error="Words", error_type="client_cancelled")).cancelled


def test_a_message_lists_places_and_words_but_no_input() -> None:
    both = {"detail": [*fault("one_of")["detail"], {"loc": ["body", "tail", 0], "msg": "More", "type": "missing"}]}

    assert answer(422, both).message == "prompt: Words; tail.0: More"


def test_a_message_is_one_bounded_line_without_the_key() -> None:
    key_id, _, secret = KEY.partition(":")
    words = f"{KEY}\n{key_id} {secret} " + "x" * 2_000

    message = answer(500, {"detail": words}).message

    assert message.startswith("[key] [key] [key] xxx")
    assert len(message) == MAX_MESSAGE


def test_html_is_not_repeated() -> None:
    request = httpx.Request("GET", "https://queue.fal.run/a/b")
    page = Answer.of(httpx.Response(502, text="<html>nginx</html>"), request)

    assert (page.message, page.is_fals_own) == ("fal answered with HTTP status 502.", False)


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("30", timedelta(seconds=30)),
        ("", None),
        ("soon", None),
        ("-1", None),
        (format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True), timedelta()),
    ],
)
def test_retry_after_is_read_with_care(value: str, wait: timedelta | None) -> None:
    assert answer(429, {"detail": "No"}, Retry_After=value).retry_after == wait


def test_statuses_are_read_even_if_keys_are_missing() -> None:
    assert status_of(answer(202, {"status": "IN_QUEUE"})) == Queued(None)
    assert status_of(answer(202, {"status": "IN_PROGRESS"})) == Running()
    assert status_of(answer(200, {"status": "COMPLETED"})) == Completed()
    assert status_of(answer(200, {"status": "FAILED"})) is None
    assert status_of(answer(200, ["COMPLETED"])) is None


def test_a_completed_status_keeps_what_fal_said() -> None:
    lines = [{"message": "one", "timestamp": "2026-01-02T03:04:05Z"}, {"message": "two", "timestamp": "noon"}, "odd"]
    body = {"status": "COMPLETED", "logs": lines, "metrics": {"inference_time": 3.5}, "error_type": "internal_error"}

    assert status_of(answer(200, body)) == Completed(
        logs=(LogLine("one", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)), LogLine("two")),
        error="internal_error",
        error_type="internal_error",
        inference_time=3.5,
    )
