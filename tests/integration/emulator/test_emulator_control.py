from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from emulator.faults import Fault
from emulator.settings import Behaviour

if TYPE_CHECKING:
    from emulator.testing import EmulatorClient


async def test_the_ledger_tells_what_was_asked_and_what_is_paid(fal: EmulatorClient) -> None:
    paid = await fal.accepted("segue/echo", {"n": 1})
    await fal.finished(paid)
    await fal.change(queue_seconds=60)
    await fal.accepted("segue/other", {"n": 2}, headers={"X-Fal-Queue-Priority": "low"})

    ledger = await fal.ledger()

    assert {name: ledger[name] for name in ("posts", "submits", "billed", "in_queue")} == {
        "posts": 2,
        "submits": 2,
        "billed": 1,
        "in_queue": 1,
    }
    first, second = ledger["requests"]
    assert first["request_id"] == paid.rpartition("/")[2]
    assert (first["endpoint"], first["arguments"], first["status"]) == ("segue/echo", {"n": 1}, "COMPLETED")
    assert (first["billed"], first["units"], first["result_reads"]) == (True, 1.0, 1)
    assert first["create_time"] <= first["start_time"] <= first["end_time"]
    assert (second["status"], second["billed"], second["priority"]) == ("IN_QUEUE", False, "low")


async def test_the_ledger_can_be_narrowed_and_emptied(fal: EmulatorClient) -> None:
    await fal.accepted("segue/echo")
    await fal.accepted("segue/other")

    narrowed = (await fal.http.get("/emulator/ledger", params={"endpoint": "segue/echo"})).json()
    counts = (await fal.http.get("/emulator/ledger", params={"requests": "0"})).json()
    assert [request["endpoint"] for request in narrowed["requests"]] == ["segue/echo"]
    assert "requests" not in counts

    assert (await fal.http.delete("/emulator/ledger")).status_code == 204
    assert (await fal.ledger())["submits"] == 0


async def test_settings_are_changed_one_by_one(fal: EmulatorClient) -> None:
    changed = await fal.http.put("/emulator/settings", json={"concurrency": 3, "queue_seconds": 1.5})

    assert changed.status_code == 200
    settings = (await fal.http.get("/emulator/settings")).json()
    assert settings == changed.json()
    assert (settings["concurrency"], settings["queue_seconds"], settings["run_seconds"]) == (3, 1.5, 0)


@pytest.mark.parametrize(
    ("values", "named"),
    [({"no_such": 1}, "no_such"), ({"concurrency": -1}, "concurrency"), ({"render": "huge"}, "render")],
)
async def test_a_wrong_setting_is_named_and_nothing_changes(
    fal: EmulatorClient, values: dict[str, Any], named: str
) -> None:
    before = (await fal.http.get("/emulator/settings")).json()

    refused = await fal.http.put("/emulator/settings", json={**values, "run_seconds": 9})

    assert refused.status_code == 400
    assert named in refused.json()["error"]
    assert set(refused.json()["allowed"]) == set(Behaviour.model_fields)
    assert (await fal.http.get("/emulator/settings")).json() == before


@pytest.mark.parametrize(
    ("order", "named"),
    [
        ({"fault": "explode"}, "fault"),
        ({}, "fault"),
        ({"fault": "run_500", "times": 0}, "times"),
        ({"fault": "run_500", "when": "now"}, "when"),
        ([], "JSON object"),
    ],
)
async def test_a_wrong_order_is_named(fal: EmulatorClient, order: Any, named: str) -> None:
    refused = await fal.http.post("/emulator/faults", json=order)

    assert refused.status_code == 400
    assert named in refused.json()["error"]
    assert refused.json()["allowed"]


async def test_orders_are_listed_with_what_is_left_and_withdrawn(fal: EmulatorClient) -> None:
    await fal.order("submit_500", times=3, endpoint="segue/echo")
    await fal.submit("segue/echo")

    listed = (await fal.http.get("/emulator/faults")).json()
    assert listed["faults"] == [{"fault": "submit_500", "times": 2, "endpoint": "segue/echo"}]
    assert set(listed["known"]) == set(Fault)

    assert (await fal.http.delete("/emulator/faults")).status_code == 204
    assert (await fal.submit("segue/echo")).status_code == 200


async def test_the_emulator_is_healthy(fal: EmulatorClient) -> None:
    assert (await fal.http.get("/emulator/health")).json() == {"status": "ok"}


async def test_a_mistyped_control_call_is_no_submit(fal: EmulatorClient) -> None:
    response = await fal.http.post("/emulator/fault", json={}, headers={"Authorization": "Key x"})

    assert response.status_code == 404
    assert "POST /emulator/faults" in response.json()["allowed"]
    assert (await fal.ledger())["posts"] == 0
