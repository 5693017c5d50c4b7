from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest

import segue
from segue import errors
from segue.v1 import job_pb2, job_service_pb2, spec_pb2
from segue.v1.job_service_pb2 import WatchJobResponse
from tests.integration.client.scripted_server import (
    HANG,
    JOB_ID,
    ScriptedServer,
    change,
    draining,
    heartbeat,
    job,
    progress,
    refusal,
    snapshot,
    success,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.client.conftest import Face
    from tests.integration.client.scripted_server import ScriptedJobs

UNAVAILABLE = refusal(grpc.StatusCode.UNAVAILABLE, reason="STORE_UNAVAILABLE")
PROCESSING = job_pb2.JOB_STATE_PROCESSING


def sequences(events: list[WatchJobResponse]) -> list[int]:
    return [event.sequence for event in events]


async def seen_by(client: Face, count: int) -> None:
    """Return when a client's watches have had so many events."""
    async with asyncio.timeout(30):
        while len(client.seen) < count:
            await asyncio.sleep(0.01)


async def test_a_watch_yields_every_event_and_ends_after_the_final_one(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_play(snapshot(1), change(2, PROCESSING), progress(3), success(4))

    events = await client.watch(JOB_ID)

    assert sequences(events) == [1, 2, 3, 4]
    assert events[-1].state_change.to_state == job_pb2.JOB_STATE_SUCCEEDED
    assert jobs.resumed_after == [0]


async def test_a_watch_of_a_finished_job_is_its_snapshot(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_play(snapshot(7, job(job_pb2.JOB_STATE_FAILED)))

    assert sequences(await client.watch(JOB_ID)) == [7]


async def test_a_watch_goes_on_after_the_last_sequence_when_the_server_is_unavailable(
    client: Face, jobs: ScriptedJobs
) -> None:
    jobs.will_play(snapshot(3), progress(4), UNAVAILABLE)
    jobs.will_play(UNAVAILABLE)
    jobs.will_play(progress(5), success(6))

    assert sequences(await client.watch(JOB_ID)) == [3, 4, 5, 6]
    assert jobs.resumed_after == [0, 4, 4]


async def test_a_watch_may_begin_after_a_known_sequence(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_play(progress(6), success(7))

    assert sequences(await client.watch(JOB_ID, after_sequence=5)) == [6, 7]
    assert jobs.resumed_after == [5]


async def test_a_cancelled_that_nobody_asked_for_interrupts_only_the_stream(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_play(snapshot(1), refusal(grpc.StatusCode.CANCELLED, "shed"))
    jobs.will_play(success(2))

    assert sequences(await client.watch(JOB_ID)) == [1, 2]


async def test_a_stream_cut_by_a_proxy_is_opened_anew(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_play(snapshot(1), refusal(grpc.StatusCode.INTERNAL, "RST_STREAM"))
    jobs.will_play(success(2))

    assert sequences(await client.watch(JOB_ID)) == [1, 2]


async def test_a_fault_that_the_service_signed_raises_at_once(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_play(refusal(grpc.StatusCode.INTERNAL, reason="INTERNAL", metadata={"incident": "42"}))

    with pytest.raises(errors.InternalError) as raised:
        await client.watch(JOB_ID)

    assert raised.value.metadata == {"incident": "42"}


async def test_an_unknown_job_raises_at_once(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_play(refusal(grpc.StatusCode.NOT_FOUND, reason="JOB_NOT_FOUND"))

    with pytest.raises(errors.JobNotFound):
        await client.watch(JOB_ID)

    assert len(jobs.resumed_after) == 1


async def test_a_watch_survives_a_server_that_vanishes_and_comes_back(client: Face, server: ScriptedServer) -> None:
    server.jobs.will_play(snapshot(1), progress(2), HANG)
    server.jobs.will_play(progress(3), success(4))
    watching = asyncio.create_task(client.watch(JOB_ID))

    await server.jobs.watching.wait()
    await seen_by(client, 2)
    await server.vanish()
    await server.start()

    assert sequences(await watching) == [1, 2, 3, 4]
    assert server.jobs.resumed_after == [0, 2]


async def test_a_watch_moves_to_another_server(connect: Callable[..., Face], server: ScriptedServer) -> None:
    other = ScriptedServer()
    await other.start()
    server.jobs.will_play(snapshot(1), HANG)
    other.jobs.will_play(success(2))
    client = connect(f"{server.address},{other.address}")
    watching = asyncio.create_task(client.watch(JOB_ID))

    await server.jobs.watching.wait()
    await seen_by(client, 1)
    await server.vanish()

    assert sequences(await watching) == [1, 2]
    assert other.jobs.resumed_after == [1]
    await other.vanish()


async def test_a_draining_server_is_left_for_as_long_as_it_asks(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_play(snapshot(1), draining(1, 0.3), HANG)
    jobs.will_play(success(2))
    began = time.monotonic()

    events = await client.watch(JOB_ID)

    assert sequences(events) == [1, 2]
    # Not by the watchdog, which would come after 30 s.
    assert 0.3 <= time.monotonic() - began < 20
    assert jobs.resumed_after == [0, 1]


async def test_retry_info_is_honoured(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_play(snapshot(1), refusal(grpc.StatusCode.UNAVAILABLE, reason="DRAINING", retry_after=0.3))
    jobs.will_play(success(2))
    began = time.monotonic()

    await client.watch(JOB_ID)

    assert time.monotonic() - began >= 0.3


async def test_events_that_come_again_are_dropped(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_play(snapshot(2), progress(3), progress(3), UNAVAILABLE)
    jobs.will_play(progress(2), progress(3), progress(4), success(5))

    assert sequences(await client.watch(JOB_ID)) == [2, 3, 4, 5]


async def test_a_missing_event_is_fetched_by_opening_the_stream_anew(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_play(snapshot(1), progress(3), HANG)
    jobs.will_play(progress(2), progress(3), success(4))

    assert sequences(await client.watch(JOB_ID)) == [1, 2, 3, 4]
    assert jobs.resumed_after == [0, 1]


async def test_a_heartbeat_ahead_of_the_events_shows_that_one_is_missing(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_play(snapshot(1), heartbeat(2), HANG)
    jobs.will_play(success(2))

    assert sequences(await client.watch(JOB_ID)) == [1, 2]


async def test_an_event_that_never_comes_breaks_the_watch(client: Face, jobs: ScriptedJobs) -> None:
    for _ in range(5):
        jobs.will_play(snapshot(1), progress(3), HANG)

    with pytest.raises(errors.BrokenWatch, match="events 2 to 3"):
        await client.watch(JOB_ID)


async def test_a_truncated_history_is_replaced_by_a_snapshot(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_play(snapshot(1), UNAVAILABLE)
    jobs.will_play(snapshot(90, truncated=True), success(91))

    assert sequences(await client.watch(JOB_ID)) == [1, 90, 91]


async def test_a_kind_of_event_that_the_client_does_not_know_is_skipped(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_play(snapshot(1), WatchJobResponse(job_id=JOB_ID, sequence=2), success(3))

    assert sequences(await client.watch(JOB_ID)) == [1, 3]


async def test_heartbeats_keep_a_quiet_stream_open(watchful: Face, jobs: ScriptedJobs) -> None:
    beats = [step for _ in range(20) for step in (0.1, heartbeat(1))]
    # Only a stream that lives longer than the client is patient comes to its end.
    for after_sequence in (0, 1):
        jobs.always_play(after_sequence, snapshot(1), *beats, success(2))

    assert sequences(await watchful.watch(JOB_ID, timeout=60)) == [1, 2]


async def test_three_missed_heartbeats_mean_that_the_stream_is_dead(watchful: Face, jobs: ScriptedJobs) -> None:
    jobs.always_play(0, snapshot(1), HANG)
    jobs.always_play(1, success(2))
    began = time.monotonic()

    assert sequences(await watchful.watch(JOB_ID)) == [1, 2]
    assert time.monotonic() - began >= 1.5
    async with asyncio.timeout(30):
        await jobs.left.wait()


async def test_a_stream_that_ends_with_ok_too_early_is_opened_anew(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_play(snapshot(1))
    jobs.will_play(progress(2))
    jobs.will_play(success(3))

    assert sequences(await client.watch(JOB_ID)) == [1, 2, 3]
    assert jobs.resumed_after == [0, 1, 2]


async def test_a_watch_that_begins_after_the_final_event_ends(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_play()
    jobs.will_play(snapshot(9, job(job_pb2.JOB_STATE_SUCCEEDED)))

    assert await client.watch(JOB_ID, after_sequence=9) == []
    assert jobs.resumed_after == [9, 0]


async def test_an_error_after_the_final_event_does_not_matter(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_play(snapshot(1), success(2), UNAVAILABLE)

    assert sequences(await client.watch(JOB_ID)) == [1, 2]


async def test_a_retried_job_is_watched_past_its_first_end(client: Face, jobs: ScriptedJobs) -> None:
    failed, pending = job_pb2.JOB_STATE_FAILED, job_pb2.JOB_STATE_PENDING
    jobs.will_play(change(4, failed), change(5, pending), success(6))

    assert sequences(await client.watch(JOB_ID, after_sequence=3)) == [4, 5, 6]


async def test_a_watch_keeps_to_its_timeout(client: Face, jobs: ScriptedJobs) -> None:
    jobs.always_play(0, snapshot(1), *[step for _ in range(20) for step in (0.1, heartbeat(1))], HANG)
    jobs.always_play(1, HANG)

    with pytest.raises(TimeoutError) as raised:
        await client.watch(JOB_ID, timeout=0.4)

    assert isinstance(raised.value, errors.DeadlineExceeded)


async def test_the_result_is_the_final_job_with_its_spec(client: Face, jobs: ScriptedJobs) -> None:
    spec = segue.transition("https://a.example/1.png", "https://a.example/2.png")
    jobs.will_play(
        snapshot(1, job(spec=spec)),
        success(2, result=job_pb2.JobResult(artifacts=[job_pb2.Artifact(url="https://a.example/v.mp4")])),
    )

    done = await client.call("result", JOB_ID)

    assert done.state == job_pb2.JOB_STATE_SUCCEEDED
    assert done.result.artifacts[0].url == "https://a.example/v.mp4"
    assert done.spec == spec
    assert isinstance(done.spec, spec_pb2.JobSpec)


async def test_a_failed_job_is_raised_by_result_with_its_error(client: Face, jobs: ScriptedJobs) -> None:
    error = job_pb2.JobError(reason="CONTENT_REFUSED", message="no")
    jobs.will_play(snapshot(1), change(2, job_pb2.JOB_STATE_FAILED, error=error))

    with pytest.raises(segue.JobFailed, match="CONTENT_REFUSED") as raised:
        await client.call("result", JOB_ID)

    assert raised.value.job.error == error


async def test_a_cancelled_job_is_raised_by_result(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_play(snapshot(1), change(2, job_pb2.JOB_STATE_CANCELLED))

    with pytest.raises(segue.JobCancelled):
        await client.call("result", JOB_ID)


async def test_closing_the_client_ends_its_watches(client: Face, jobs: ScriptedJobs) -> None:
    jobs.will_play(snapshot(1), HANG)
    watching = asyncio.create_task(client.watch(JOB_ID))
    await jobs.watching.wait()

    await client.close()

    with pytest.raises(errors.ClientClosed):
        await watching


async def test_the_callers_own_cancellation_closes_the_stream_at_once(
    aio_client: segue.aio.Client, jobs: ScriptedJobs
) -> None:
    jobs.will_play(snapshot(1), HANG)
    watching = asyncio.create_task(aio_client.result(JOB_ID))
    await jobs.watching.wait()

    watching.cancel()

    with pytest.raises(asyncio.CancelledError):
        await watching
    async with asyncio.timeout(30):
        await jobs.left.wait()
    assert len(jobs.resumed_after) == 1


async def test_leaving_the_loop_closes_the_stream(aio_client: segue.aio.Client, jobs: ScriptedJobs) -> None:
    jobs.will_play(snapshot(1), HANG)

    async for event in aio_client.watch(JOB_ID):
        assert event.sequence == 1
        await jobs.watching.wait()
        break

    async with asyncio.timeout(30):
        await jobs.left.wait()


async def test_leaving_the_loop_closes_a_synchronous_stream(server: ScriptedServer, jobs: ScriptedJobs) -> None:
    jobs.will_play(snapshot(1), HANG)
    with segue.Client(server.address) as client:
        events = client.watch(JOB_ID)
        assert (await asyncio.to_thread(next, events)).sequence == 1
        await jobs.watching.wait()

        await asyncio.to_thread(events.close)

        async with asyncio.timeout(30):
            await jobs.left.wait()


async def test_a_server_that_does_not_end_the_stream_after_the_final_event_is_left(
    client: Face, jobs: ScriptedJobs
) -> None:
    jobs.will_play(snapshot(1), success(2), HANG)
    began = time.monotonic()

    assert sequences(await client.watch(JOB_ID)) == [1, 2]
    # Not by the watchdog, which would come after 30 s.
    assert time.monotonic() - began < 20
    assert jobs.resumed_after == [0]


async def test_the_example_of_the_readme_runs(
    server: ScriptedServer, jobs: ScriptedJobs, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = Path(__file__).parents[3] / "clients/python/README.md"
    example = readme.read_text().split("```python\n")[1].split("```")[0]
    video = job_pb2.Artifact(role=job_pb2.ARTIFACT_ROLE_VIDEO, url="https://a.example/v.mp4")
    jobs.will_answer("SubmitJob", job_service_pb2.SubmitJobResponse(job=job()))
    jobs.will_play(
        snapshot(1), change(2, PROCESSING), progress(3), success(4, result=job_pb2.JobResult(artifacts=[video]))
    )
    code = compile(example.replace("127.0.0.1:50051", server.address), str(readme), "exec")

    await asyncio.to_thread(exec, code, {"__name__": "__main__"})

    assert capsys.readouterr().out.splitlines() == [
        "pending",
        "processing",
        "generating 50%",
        "succeeded",
        "https://a.example/v.mp4",
    ]
