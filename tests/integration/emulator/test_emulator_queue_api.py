from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from emulator import hosts
from emulator.app import start
from emulator.settings import Settings
from emulator.testing import EmulatorClient, eventually

if TYPE_CHECKING:
    from emulator.app import Emulator

KLING = "fal-ai/kling-video/v2.1/pro/image-to-video"


async def test_a_submit_answers_like_the_queue_of_fal(fal: EmulatorClient) -> None:
    await fal.change(queue_seconds=60)

    response = await fal.submit(KLING, {"prompt": "x"})

    assert response.status_code == 200
    body = response.json()
    assert UUID(body["request_id"]).version == 4
    assert response.headers["x-fal-request-id"] == body["request_id"]
    url = f"https://queue.fal.run/fal-ai/kling-video/requests/{body['request_id']}"
    assert (body["response_url"], body["status_url"], body["cancel_url"]) == (
        url,
        f"{url}/status",
        f"{url}/cancel",
    )
    assert (body["status"], body["queue_position"]) == ("IN_QUEUE", 0)


async def test_a_status_carries_every_key_the_client_reads_and_202_until_the_end(fal: EmulatorClient) -> None:
    await fal.change(queue_seconds=60, run_seconds=60)
    path = await fal.accepted("segue/echo")

    waiting = await fal.status(path)
    assert waiting.status_code == 202
    assert waiting.json()["status"] == "IN_QUEUE"
    assert waiting.json()["queue_position"] == 0

    await fal.change(queue_seconds=0)
    running = await fal.status(path, logs=True)
    assert running.status_code == 202
    assert running.json()["status"] == "IN_PROGRESS"
    assert running.json()["logs"][0]["message"] == "Loading the model"

    await fal.change(run_seconds=0)
    await fal.until(path, "COMPLETED")
    ended = await fal.status(path)
    assert ended.status_code == 200
    assert ended.json()["logs"] is None
    assert ended.json()["metrics"]["inference_time"] >= 0
    assert "error" not in ended.json()


async def test_logs_grow_while_the_model_runs(fal: EmulatorClient) -> None:
    await fal.change(run_seconds=0.3)
    path = await fal.accepted("segue/echo")

    await fal.until(path, "COMPLETED")

    messages = [line["message"] for line in (await fal.status(path, logs=True)).json()["logs"]]
    assert messages[0] == "Loading the model"
    assert "Generating: 50% (5/10)" in messages
    assert messages[-1] == "Finished"


async def test_the_result_is_the_models_own_answer(fal: EmulatorClient) -> None:
    path = await fal.accepted("segue/echo", {"some": ["thing", 1]})

    result = await fal.finished(path)

    assert result.status_code == 200
    assert result.json() == {"some": ["thing", 1]}
    assert result.headers["X-Fal-Billable-Units"] == "1"
    assert result.headers["x-fal-request-id"] == path.rpartition("/")[2]


async def test_an_early_result_is_refused(fal: EmulatorClient) -> None:
    await fal.change(run_seconds=60)
    path = await fal.accepted("segue/echo")

    result = await fal.result(path)

    assert (result.status_code, result.json()) == (400, {"detail": "Request is still in progress"})


@pytest.mark.parametrize("form", ["/{app}/{sub}/requests/{id}", "/{app}/requests/{id}/response"])
async def test_older_forms_of_the_result_url_are_understood(fal: EmulatorClient, form: str) -> None:
    path = await fal.accepted("segue/echo/deep/down", {"x": 1})
    await fal.until(path, "COMPLETED")

    older = form.format(app="segue/echo", sub="deep/down", id=path.rpartition("/")[2])

    assert (await fal.result(older)).json() == {"x": 1}


async def test_an_unknown_request_is_not_found(fal: EmulatorClient) -> None:
    path = await fal.accepted("segue/echo")
    elsewhere = path.replace("segue/echo", "segue/other")

    for unknown in ("/segue/echo/requests/00000000-0000-0000-0000-000000000000", elsewhere):
        for response in (await fal.status(unknown), await fal.result(unknown), await fal.cancel(unknown)):
            assert (response.status_code, response.json()) == (404, {"status": "NOT_FOUND"})


async def test_an_unknown_endpoint_is_refused_at_the_submit(fal: EmulatorClient) -> None:
    response = await fal.submit("fal-ai/no-such-model")

    assert response.status_code == 404
    assert "no-such-model" in response.json()["detail"]
    assert (await fal.ledger())["submits"] == 0


async def test_without_a_key_nothing_is_given_and_the_post_is_counted(emulator: Emulator) -> None:
    async with EmulatorClient(emulator.url, key="") as nobody:
        response = await nobody.submit("fal-ai/flux/dev")

        assert response.status_code == 401
        assert response.json()["detail"].startswith('Cannot access application "fal-ai/flux".')
        ledger = await nobody.ledger()
        assert (ledger["posts"], ledger["submits"]) == (1, 0)


async def test_a_configured_key_is_the_only_one() -> None:
    emulator = await start(Settings.model_validate({"port": 0, "key": "id:secret"}))
    async with EmulatorClient(emulator.url, key="wrong") as wrong:
        assert (await wrong.submit("segue/echo")).status_code == 401
    async with EmulatorClient(emulator.url, key="id:secret") as right:
        assert (await right.submit("segue/echo")).status_code == 200
    await emulator.close()


async def test_cancelling_follows_the_state(fal: EmulatorClient) -> None:
    await fal.change(concurrency=1, run_seconds=60)
    running, waiting = await fal.accepted("segue/echo"), await fal.accepted("segue/echo")

    removed = await fal.cancel(waiting)
    assert (removed.status_code, removed.json()) == (200, {"status": "OK"})
    requested = await fal.cancel(running)
    assert (requested.status_code, requested.json()) == (202, {"status": "CANCELLATION_REQUESTED"})
    again = await fal.cancel(running)
    assert (again.status_code, again.json()) == (400, {"status": "ALREADY_COMPLETED"})

    status = await fal.until(running, "COMPLETED")
    assert status["error_type"] == "client_cancelled"
    result = await fal.result(running)
    assert (result.status_code, result.json()["error_type"]) == (499, "client_cancelled")
    assert (await fal.ledger())["billed"] == 0


async def test_the_status_is_streamed_until_the_end(fal: EmulatorClient) -> None:
    await fal.change(run_seconds=600)
    path = await fal.accepted("segue/echo")
    told = []

    headers = {"Host": hosts.QUEUE, "Authorization": "Key test-key"}
    async with fal.http.stream("GET", f"{path}/status/stream", headers=headers) as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        async for line in stream.aiter_lines():
            if line:
                told.append(json.loads(line.removeprefix("data: "))["status"])
                await fal.change(run_seconds=0)

    assert told == ["IN_PROGRESS", "COMPLETED"]


async def test_a_start_timeout_ends_as_fal_ends_it(fal: EmulatorClient) -> None:
    await fal.change(concurrency=0)

    path = await fal.accepted("segue/echo", headers={"X-Fal-Request-Timeout": "0.2"})
    result = await fal.finished(path)

    assert result.status_code == 504
    assert result.headers["X-Fal-Request-Timeout-Type"] == "user"
    assert result.json()["error_type"] == "request_timeout"


async def test_a_queue_longer_than_the_caller_accepts_refuses(fal: EmulatorClient) -> None:
    await fal.change(concurrency=0)
    await fal.accepted("segue/echo")

    refused = await fal.submit("segue/echo", params={"fal_max_queue_length": "0"})

    assert refused.status_code == 429


async def test_the_prefix_stands_in_for_the_host(emulator: Emulator) -> None:
    async with EmulatorClient(emulator.url) as fal:
        headers = {"Authorization": "Key test"}
        for submit_path in ("/queue/segue/echo", "/segue/echo"):
            submitted = await fal.http.post(submit_path, json={"x": 1}, headers=headers)
            url = submitted.json()["response_url"]
            assert url.startswith(f"{emulator.url}/queue/segue/echo/requests/")
            await fal.until(url.removeprefix(f"{emulator.url}/queue"), "COMPLETED")
            assert (await fal.http.get(url, headers=headers)).json() == {"x": 1}
        assert (await fal.http.post("/run/segue/echo", json={"y": 2}, headers=headers)).json() == {"y": 2}


async def test_a_direct_call_answers_the_output_and_respects_the_limit(fal: EmulatorClient) -> None:
    answer = await fal.call("POST", hosts.RUN, "/segue/echo", json={"x": 1})
    assert (answer.status_code, answer.json()) == (200, {"x": 1})

    await fal.change(concurrency=0)
    refused = await fal.call("POST", hosts.RUN, "/segue/echo", json={})
    assert (refused.status_code, refused.json()["error_type"]) == (429, "concurrent_requests_limit")


async def test_hanging_up_on_a_direct_call_cancels_it(fal: EmulatorClient) -> None:
    await fal.change(run_seconds=60)
    call = asyncio.create_task(fal.call("POST", hosts.RUN, "/segue/echo", json={}))

    async def counts(status: str) -> bool:
        return [request["status"] for request in (await fal.ledger())["requests"]] == [status]

    await eventually(lambda: counts("IN_PROGRESS"))
    call.cancel()

    await eventually(lambda: counts("COMPLETED"))
    assert (await fal.ledger())["requests"][0]["error_type"] == "client_cancelled"
