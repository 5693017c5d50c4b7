"""Watches as a user meets them: real work behind, several servers before, and a deploy in the middle."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import segue
from segue import aio
from tests.e2e.evidence import FOR_EVER, assert_gap_free

if TYPE_CHECKING:
    from devstack.stack import Stack
    from segue import WatchJobResponse


async def test_a_watch_can_change_the_server_after_every_event(stack: Stack) -> None:
    one, other = await asyncio.gather(stack.start_server(), stack.start_server())
    async with aio.Client(one.address) as first, aio.Client(other.address) as second:
        job = await first.submit(segue.model("segue/echo", number=1))
        hopping = [await _next_event(first, job.id, after=0)]
        whole = asyncio.create_task(_watched(first, job.id, after=hopping[0].sequence))
        await stack.start_worker()

        while not _is_end(hopping[-1]):
            client = (first, second)[len(hopping) % 2]
            hopping.append(await _next_event(client, job.id, after=hopping[-1].sequence))
        events = await whole

    assert_gap_free(hopping)
    assert hopping[1:] == events


async def test_a_deploy_of_all_servers_goes_unseen_by_those_who_watch(stack: Stack) -> None:
    await stack.emulator.settings(run_seconds=FOR_EVER)
    old = await asyncio.gather(stack.start_server(), stack.start_server())
    await stack.start_worker()
    async with aio.Client([server.address for server in old]) as client:
        batch = await client.submit_batch([segue.model("segue/echo", number=number) for number in range(10)])
        begun = [asyncio.Event() for _ in batch.jobs]
        watches = [
            asyncio.create_task(_watched(client, job.id, begun=each))
            for job, each in zip(batch.jobs, begun, strict=True)
        ]
        await asyncio.gather(*(each.wait() for each in begun))

        for server in old:
            assert await server.stop() == 0
            await stack.start_server(listen=server.address)
        await stack.emulator.settings(run_seconds=0.2)
        told = await asyncio.gather(*watches)

    for events in told:
        assert_gap_free(events)
        assert events[-1].state_change.to_state == segue.JobState.JOB_STATE_SUCCEEDED
    assert (await stack.emulator.ledger()).submits == len(batch.jobs)


async def _watched(
    client: aio.Client, job_id: str, *, after: int = 0, begun: asyncio.Event | None = None
) -> list[WatchJobResponse]:
    told = []
    async for event in client.watch(job_id, after_sequence=after):
        told.append(event)
        if begun is not None:
            begun.set()
    return told


async def _next_event(client: aio.Client, job_id: str, *, after: int) -> WatchJobResponse:
    watch = client.watch(job_id, after_sequence=after)
    try:
        return await anext(watch)
    finally:
        await watch.aclose()


def _is_end(event: WatchJobResponse) -> bool:
    return event.state_change.to_state == segue.JobState.JOB_STATE_SUCCEEDED
