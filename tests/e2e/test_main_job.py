"""The main job, as a user meets it."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import TYPE_CHECKING

import httpx
from PIL import Image

import segue
from devstack import photos
from segue.v1.job_pb2 import CancelOutcome
from tests.e2e.evidence import FOR_EVER, assert_gap_free, difference, frame, until_followed
from tests.quickest import quickest

if TYPE_CHECKING:
    from pathlib import Path

    from devstack.stack import Stack
    from segue import aio

#: Mean difference of a colour value below which a frame shows the photograph; another photograph is 60 away.
SAME = 12.0


async def test_a_transition_begins_with_the_first_photograph_and_ends_with_the_second(
    client: aio.Client, pictures: tuple[str, str], tmp_path: Path
) -> None:
    job = await client.submit(segue.transition(*pictures, prompt="The cup becomes a rocket.", video_length=5))

    finished = await client.result(job.id)

    (video,) = finished.result.artifacts
    assert video.content_type == "video/mp4"
    path = tmp_path / "video.mp4"
    async with httpx.AsyncClient(timeout=60) as http:
        path.write_bytes((await http.get(video.url)).raise_for_status().content)
    first, last = Image.open(photos.COFFEE), Image.open(photos.ROCKET)
    first_frame = await frame(path, tmp_path / "first.png")
    last_frame = await frame(path, tmp_path / "last.png", last=True)
    assert difference(first_frame, first) < SAME
    assert difference(last_frame, last) < SAME
    assert difference(first_frame, last) > 2 * SAME


async def test_a_job_is_paid_once_and_says_what_it_cost_at_the_provider(
    client: aio.Client, stack: Stack, pictures: tuple[str, str]
) -> None:
    job = await client.submit(segue.transition(*pictures))

    finished = await client.result(job.id)

    ledger = await stack.emulator.ledger()
    (generation,) = finished.generations
    assert (ledger.submits, ledger.billed) == (1, 1)
    assert generation.provider_request_id == ledger.requests[0]["request_id"]
    assert generation.submits == 1


async def test_watches_opened_before_during_and_after_a_job_tell_the_same(client: aio.Client, stack: Stack) -> None:
    await stack.emulator.settings(run_seconds=FOR_EVER)
    job = await client.submit(segue.model("segue/echo", number=7), hold=True)

    async def watched(begun: asyncio.Event) -> list[segue.WatchJobResponse]:
        told = []
        async for event in client.watch(job.id):
            told.append(event)
            begun.set()
        return told

    async def opened() -> asyncio.Task[list[segue.WatchJobResponse]]:
        begun = asyncio.Event()
        watch = asyncio.create_task(watched(begun))
        await begun.wait()
        return watch

    before = [await opened() for _ in range(2)]
    await client.release(job.id)
    await _until_processing(client, job.id)
    during = await opened()
    await stack.emulator.settings(run_seconds=0.2)
    one, two, three = await asyncio.gather(*before, during)
    four = await watched(asyncio.Event())

    for events in (one, two, three, four):
        assert_gap_free(events)
    assert [event.sequence for event in one][1:] == [event.sequence for event in two][1:]
    assert one[1:] == two[1:]
    assert three[1:] == one[-len(three) + 1 :]
    assert [event.sequence for event in four] == [one[-1].sequence]
    assert four[0].snapshot.job.state == segue.JobState.JOB_STATE_SUCCEEDED
    assert one[-1].state_change.to_state == segue.JobState.JOB_STATE_SUCCEEDED


async def test_a_watch_resumed_after_any_event_brings_exactly_the_rest(client: aio.Client) -> None:
    job = await client.submit(segue.model("segue/echo", number=7))
    events = [event async for event in client.watch(job.id, after_sequence=0)]

    for index, event in enumerate(events[:-1]):
        rest = [later async for later in client.watch(job.id, after_sequence=event.sequence)]
        assert rest == events[index + 1 :]


async def test_ten_jobs_take_little_longer_than_one(client: aio.Client, stack: Stack) -> None:
    await stack.start_worker()
    await stack.emulator.settings(run_seconds=5, concurrency=20, render="tiny")

    async def ratio() -> float:
        began = time.monotonic()
        await client.result((await client.submit(segue.model("segue/echo", number=0))).id)
        one = time.monotonic() - began
        began = time.monotonic()
        batch = await client.submit_batch([segue.model("segue/echo", number=number) for number in range(10)])
        finished = await asyncio.gather(*(client.result(job.id) for job in batch.jobs))
        ten = time.monotonic() - began
        assert [job.result.output["number"] for job in finished] == list(range(10))
        return ten / one

    assert await quickest(ratio, enough=1.3) <= 1.3


async def test_cancelling_a_running_job_reaches_fal_within_a_second(client: aio.Client, stack: Stack) -> None:
    await stack.emulator.settings(run_seconds=FOR_EVER)

    async def reached_after() -> float:
        job = await client.submit(segue.model("segue/echo", number=1))
        await until_followed(stack, client, job.id)
        asked = time.time()
        await client.cancel(job.id)
        events = [event async for event in client.watch(job.id)]

        finished = await client.get(job.id)
        *_, request = (await stack.emulator.ledger()).requests
        assert finished.state == segue.JobState.JOB_STATE_CANCELLED
        assert events[-1].sequence == finished.sequence
        assert finished.generations[0].cancel_outcome == CancelOutcome.CANCEL_OUTCOME_SIGNALLED
        assert request["request_id"] == finished.generations[0].provider_request_id
        assert request["cancel_time"] is not None
        return _seconds(request["cancel_time"]) - asked

    assert await quickest(reached_after, enough=1.0) < 1.0


async def _until_processing(client: aio.Client, job_id: str) -> None:
    async for event in client.watch(job_id):
        job = event.snapshot.job if event.HasField("snapshot") else event.state_change.job
        if job.state == segue.JobState.JOB_STATE_PROCESSING:
            return


def _seconds(when: str) -> float:
    return datetime.fromisoformat(when).timestamp()
