"""What a user sees of crashes: nothing but a job that takes a little longer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import segue
from segue import aio
from tests.e2e.conftest import MORTAL
from tests.e2e.evidence import FOR_EVER, until_followed

if TYPE_CHECKING:
    from devstack.stack import Stack

ECHO = segue.model("segue/echo", number=1)


async def test_a_killed_worker_costs_neither_the_job_nor_a_second_payment(stack: Stack) -> None:
    await stack.start_server()
    doomed = await stack.start_worker(environment=MORTAL)
    await stack.emulator.settings(run_seconds=FOR_EVER)
    async with aio.Client(stack.address) as client:
        job = await client.submit(ECHO)
        await until_followed(stack, client, job.id)
        await doomed.kill()
        await stack.emulator.settings(run_seconds=0.2)
        await stack.start_worker()

        finished = await client.result(job.id, timeout=60)

    ledger = await stack.emulator.ledger()
    assert (ledger.submits, ledger.billed) == (1, 1)
    assert finished.attempt == 2


async def test_a_stopped_worker_hands_its_job_over_without_costing_an_attempt(stack: Stack) -> None:
    await stack.start_server()
    leaving = await stack.start_worker()
    await stack.emulator.settings(run_seconds=FOR_EVER)
    async with aio.Client(stack.address) as client:
        job = await client.submit(ECHO, max_attempts=1)
        await until_followed(stack, client, job.id)
        await stack.start_worker()

        assert await leaving.stop() == 0
        await stack.emulator.settings(run_seconds=0.2)
        finished = await client.result(job.id, timeout=60)

    ledger = await stack.emulator.ledger()
    assert (ledger.submits, ledger.billed) == (1, 1)
    assert finished.attempt == 1


async def test_a_broken_connection_after_the_submit_is_an_unknown_outcome_and_no_second_submit(stack: Stack) -> None:
    await stack.start_server()
    await stack.start_worker()
    async with aio.Client(stack.address) as client:
        await stack.emulator.fault("reset_after_accept")
        job = await client.submit(ECHO)

        failed = await _ended(client, job.id)

    assert failed.state == segue.JobState.JOB_STATE_FAILED
    assert failed.error.reason == "SUBMISSION_UNKNOWN"
    assert (await stack.emulator.ledger()).submits == 1


async def test_a_job_that_was_submitted_so_is_submitted_anew_after_an_unknown_outcome(stack: Stack) -> None:
    await stack.start_server()
    await stack.start_worker()
    async with aio.Client(stack.address) as client:
        await stack.emulator.fault("reset_after_accept")
        job = await client.submit(ECHO, on_unknown_submission="resubmit")

        finished = await client.result(job.id, timeout=60)

    assert (await stack.emulator.ledger()).submits == 2
    assert finished.generations[0].submits == 2


async def test_a_watch_goes_on_at_another_server_when_its_own_stops_or_is_killed(stack: Stack) -> None:
    servers = [await stack.start_server() for _ in range(3)]
    await stack.start_worker()
    await stack.emulator.settings(run_seconds=FOR_EVER)
    async with aio.Client([server.address for server in servers]) as client:
        job = await client.submit(ECHO)

        async def watched(begun: asyncio.Event) -> list[segue.WatchJobResponse]:
            told = []
            async for event in client.watch(job.id):
                told.append(event)
                begun.set()
            return told

        begun = [asyncio.Event() for _ in range(6)]
        watches = [asyncio.create_task(watched(each)) for each in begun]
        await asyncio.gather(until_followed(stack, client, job.id), *(each.wait() for each in begun))
        assert await servers[0].stop() == 0
        await servers[1].kill()
        await stack.emulator.settings(run_seconds=0.2)
        told = await asyncio.gather(*watches)

    for events in told:
        first, *others = events
        assert [event.sequence for event in others] == list(range(first.sequence + 1, first.sequence + 1 + len(others)))
        assert others[-1].state_change.to_state == segue.JobState.JOB_STATE_SUCCEEDED


async def test_jobs_survive_a_restart_of_redis(stack: Stack) -> None:
    assert stack.redis is not None
    await stack.start_server()
    await stack.start_worker()
    await stack.emulator.settings(run_seconds=FOR_EVER)
    async with aio.Client(stack.address) as client:
        job = await client.submit(ECHO)
        await until_followed(stack, client, job.id)
        await stack.redis.restart()
        await stack.emulator.settings(run_seconds=0.2)

        finished = await client.result(job.id, timeout=60)

    assert finished.state == segue.JobState.JOB_STATE_SUCCEEDED
    assert (await stack.emulator.ledger()).submits == 1


async def _ended(client: aio.Client, job_id: str) -> segue.Job:
    async for _ in client.watch(job_id):
        pass
    return await client.get(job_id)
