from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from emulator.testing import eventually

if TYPE_CHECKING:
    from emulator.testing import EmulatorClient

ECHO = "segue/echo"


def was_reset(error: BaseException | None) -> bool:
    """Whether a TCP reset is at the bottom of *error*, not an orderly end."""
    while error is not None:
        if isinstance(error, ConnectionResetError) or "reset" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


async def test_reset_before_accept_accepts_nothing(fal: EmulatorClient) -> None:
    await fal.order("reset_before_accept")

    with pytest.raises(httpx.ReadError) as broken:
        await fal.submit(ECHO)

    assert was_reset(broken.value)
    ledger = await fal.ledger()
    assert (ledger["posts"], ledger["submits"]) == (1, 0)


async def test_reset_after_accept_runs_and_bills_all_the_same(fal: EmulatorClient) -> None:
    await fal.order("reset_after_accept")

    with pytest.raises(httpx.ReadError) as broken:
        await fal.submit(ECHO, {"x": 1})

    assert was_reset(broken.value)
    ledger = await fal.ledger()
    assert (ledger["posts"], ledger["submits"], ledger["billed"]) == (1, 1, 1)
    assert ledger["requests"][0]["arguments"] == {"x": 1}


async def test_slow_submit_accepts_first_and_answers_late(fal: EmulatorClient) -> None:
    await fal.order("slow_submit", seconds=30)
    submit = asyncio.create_task(fal.submit(ECHO))

    async def accepted() -> bool:
        return bool((await fal.ledger())["submits"])

    await eventually(accepted)

    assert not submit.done()
    submit.cancel()


async def test_a_slow_submit_does_answer(fal: EmulatorClient) -> None:
    await fal.order("slow_submit", seconds=0.1)
    began = time.monotonic()

    response = await fal.submit(ECHO)

    assert response.status_code == 200
    assert time.monotonic() - began >= 0.1


@pytest.mark.parametrize("code", [403, 409, 429, 500, 502])
async def test_refused_submits_accept_nothing(fal: EmulatorClient, code: int) -> None:
    await fal.order(f"submit_{code}", times=2)

    refusals = [await fal.submit(ECHO) for _ in range(2)]

    assert [refusal.status_code for refusal in refusals] == [code, code]
    assert (await fal.ledger())["submits"] == 0
    assert (await fal.submit(ECHO)).status_code == 200
    assert (await fal.ledger())["posts"] == 3


async def test_a_429_says_when_to_come_back(fal: EmulatorClient) -> None:
    await fal.order("submit_429", seconds=7)

    assert (await fal.submit(ECHO)).headers["Retry-After"] == "7"


@pytest.mark.parametrize(("fault", "submits"), [("submit_502", 0), ("submit_502_after_accept", 1)])
async def test_an_ingress_error_does_not_come_from_fal(fal: EmulatorClient, fault: str, submits: int) -> None:
    await fal.order(fault)

    response = await fal.submit(ECHO)

    assert response.status_code == 502
    assert "nginx" in response.text
    assert "x-fal-request-id" not in response.headers
    assert (await fal.ledger())["submits"] == submits


async def test_a_truncated_answer_breaks_off_in_the_body_and_is_billed(fal: EmulatorClient) -> None:
    await fal.order("truncated_submit")

    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        await fal.submit(ECHO)

    ledger = await fal.ledger()
    assert (ledger["submits"], ledger["billed"]) == (1, 1)


async def test_missing_keys_leave_the_caller_without_an_id(fal: EmulatorClient) -> None:
    await fal.order("missing_keys")

    assert "request_id" not in (await fal.submit(ECHO)).json()
    assert (await fal.ledger())["submits"] == 1


@pytest.mark.parametrize(("fault", "code"), [("poll_403", 403), ("poll_404", 404), ("poll_500", 500)])
async def test_a_refused_poll_says_nothing_about_the_request(fal: EmulatorClient, fault: str, code: int) -> None:
    path = await fal.accepted(ECHO, {"x": 1})
    await fal.order(fault)

    refused = await fal.status(path)

    assert refused.status_code == code
    assert ("User is locked" in refused.text) is (code == 403)
    assert (await fal.finished(path)).json() == {"x": 1}


async def test_a_hanging_poll_answers_in_the_end(fal: EmulatorClient) -> None:
    path = await fal.accepted(ECHO)
    await fal.order("poll_hang", seconds=0.1)
    began = time.monotonic()

    assert (await fal.status(path)).status_code == 200
    assert time.monotonic() - began >= 0.1


async def test_a_result_can_fail_once_and_then_be_there(fal: EmulatorClient) -> None:
    path = await fal.accepted(ECHO, {"x": 1})
    await fal.until(path, "COMPLETED")
    await fal.order("result_504")

    assert (await fal.result(path)).status_code == 504
    assert (await fal.result(path)).json() == {"x": 1}


async def test_an_expired_result_never_comes_back_though_it_was_billed(fal: EmulatorClient) -> None:
    path = await fal.accepted(ECHO)
    await fal.until(path, "COMPLETED")
    await fal.order("result_expired")

    assert [(await fal.result(path)).status_code for _ in range(2)] == [404, 404]
    assert (await fal.ledger())["billed"] == 1


@pytest.mark.parametrize(
    ("fault", "code", "error_type"),
    [
        ("run_500", 500, "runner_server_error"),
        ("run_422", 422, "value_error"),
        ("content_refused", 422, "content_policy_violation"),
    ],
)
async def test_a_failed_run_is_completed_with_an_error_and_unbilled(
    fal: EmulatorClient, fault: str, code: int, error_type: str
) -> None:
    await fal.order(fault, endpoint="segue")
    path = await fal.accepted(ECHO)

    status = await fal.until(path, "COMPLETED")

    assert status["error"]
    assert status["error_type"] == error_type
    assert (await fal.result(path)).status_code == code
    ledger = await fal.ledger()
    assert (ledger["billed"], ledger["requests"][0]["error_type"]) == (0, error_type)


async def test_a_run_that_never_finishes_can_only_be_cancelled(fal: EmulatorClient) -> None:
    await fal.order("never_finishes")
    path = await fal.accepted(ECHO)

    assert (await fal.status(path)).json()["status"] == "IN_PROGRESS"
    assert (await fal.cancel(path)).status_code == 202
    assert (await fal.until(path, "COMPLETED"))["error_type"] == "client_cancelled"


async def test_a_requeued_run_is_seen_to_go_back(fal: EmulatorClient) -> None:
    await fal.change(concurrency=0, run_seconds=0.1)
    await fal.order("requeue", seconds=0)
    await fal.order("never_finishes")
    path = await fal.accepted(ECHO, {"x": 1})
    other = await fal.accepted(ECHO, headers={"X-Fal-Queue-Priority": "low"})

    await fal.change(concurrency=1)  # for the first; when it goes back, the other takes its place
    await fal.until(other, "IN_PROGRESS")
    await fal.until(path, "IN_QUEUE")
    await fal.cancel(other)

    assert (await fal.finished(path)).json() == {"x": 1}
    assert (await fal.ledger())["requests"][0]["requeues"] == 1
