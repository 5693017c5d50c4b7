"""What is paid for is not lost when the work on it fails: the job carries it, and a retry does only the rest."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest
import pytest_asyncio

import segue
from segue.v1.job_pb2 import GenerationState, JobState
from tests.e2e.conftest import MORTAL
from tests.e2e.evidence import FOR_EVER
from tests.e2e.films import SUBTITLES, VIDEO, Stage, fetched, filmed
from tests.e2e.scripts import script

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

#: Seconds of a time limit: enough for a generation, not for an ffmpeg that never ends.
LIMIT: Final = 10
COMPLETED: Final = GenerationState.GENERATION_STATE_COMPLETED
SUBMITTED: Final = GenerationState.GENERATION_STATE_SUBMITTED


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bare(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """A stack without a worker; each test starts its own, and stops it."""
    async with Stage.opened(tmp_path_factory.mktemp("salvage"), workers=0) as stage:
        yield stage


async def failed_with(stage: Stage, ffmpeg: str, spec: segue.JobSpec, time_limit: float | None = None) -> segue.Job:
    """Let a worker with another ffmpeg fail at a job, and stop it."""
    worker = await stage.stack.start_worker(environment={"SEGUE_FFMPEG": ffmpeg})
    job = await stage.client.submit(spec, time_limit=time_limit)
    with pytest.raises(segue.errors.JobFailed):
        await stage.client.result(job.id, timeout=120)
    assert await worker.stop() == 0
    return await stage.client.get(job.id)


async def retried(stage: Stage, job: segue.Job, folder: Path) -> segue.Job:
    """Let a worker that can do it retry a job, and stop it."""
    worker = await stage.stack.start_worker()
    await stage.client.retry(job.id)
    film = await filmed(stage, job, folder)
    assert await worker.stop() == 0
    return film.job


def endless_ffmpeg(folder: Path) -> str:
    """Return a program that runs until it is killed."""
    program = folder / "endless"
    program.write_text(f"#!{sys.executable}\nimport signal\nsignal.pause()\n")
    program.chmod(0o700)
    return str(program)


async def test_a_paid_video_is_kept_when_ffmpeg_fails_and_a_retry_pays_nothing(bare: Stage, tmp_path: Path) -> None:
    spec = segue.transition(bare.first, bare.last, subtitles=[(1, 2, "Salvaged")], music="ambient")

    failed = await failed_with(bare, "/bin/false", spec)

    assert (failed.error.reason, failed.error.retryable) == ("MEDIA_FAILED", False)
    video = failed.result.artifacts[0]
    assert video.role == VIDEO
    assert (await fetched(video.url))[4:8] == b"ftyp"
    paid = await bare.submits_for(failed)
    assert paid == {"video": 1, "music": 1}

    finished = await retried(bare, failed, tmp_path)

    assert finished.state == JobState.JOB_STATE_SUCCEEDED
    assert [artifact.role for artifact in finished.result.artifacts] == [VIDEO, SUBTITLES, SUBTITLES]
    assert finished.result.artifacts[0].url != video.url
    assert await bare.submits_for(finished) == paid
    assert (await bare.stack.emulator.ledger()).submits == 2


async def test_the_time_limit_leaves_what_is_paid_for(bare: Stage, tmp_path: Path) -> None:
    spec = segue.transition(bare.first, bare.last, thumbnail=True)

    failed = await failed_with(bare, endless_ffmpeg(tmp_path), spec, time_limit=LIMIT)

    assert failed.error.reason == "TIME_LIMIT"
    assert [artifact.role for artifact in failed.result.artifacts] == [VIDEO]
    assert (await fetched(failed.result.artifacts[0].url))[4:8] == b"ftyp"


async def test_a_script_whose_worker_dies_between_its_steps_succeeds_and_pays_each_once(
    bare: Stage, tmp_path: Path
) -> None:
    few = {"SEGUE_FAL_CONCURRENCY": "2"}
    await bare.stack.emulator.settings(queue_seconds=0, run_seconds=FOR_EVER)
    doomed = await bare.stack.start_worker(environment={**few, **MORTAL})
    spec = segue.script_video(script(2), platform="instagram", aspect_ratio="1:1")
    job = await bare.client.submit(spec)
    await _until_generations(bare, job, {SUBMITTED: 2})
    # Those that run end; those that take their places stay in the queue.
    await bare.stack.emulator.settings(queue_seconds=FOR_EVER, run_seconds=0)
    await _until_generations(bare, job, {COMPLETED: 2, SUBMITTED: 2})

    await doomed.kill()
    await bare.stack.emulator.settings(queue_seconds=0.1, run_seconds=0.5)
    worker = await bare.stack.start_worker(environment=few)
    film = await filmed(bare, job, tmp_path)

    assert await worker.stop() == 0
    assert (film.job.attempt, film.roles[0]) == (2, VIDEO)
    assert await bare.submits_for(job) == {"speech-1": 1, "speech-2": 1, "image-1": 1, "image-2": 1}
    assert [row.submits for row in film.job.generations] == [1] * 4


async def _until_generations(stage: Stage, job: segue.Job, wanted: dict[int, int]) -> None:
    """Wait until the generations of a job stand so."""
    async with asyncio.timeout(60):
        while True:
            states = Counter(row.state for row in (await stage.client.get(job.id)).generations)
            if states == wanted:
                return
            await asyncio.sleep(0.05)


async def test_the_voices_and_images_of_a_script_are_kept_when_ffmpeg_fails(bare: Stage) -> None:
    failed = await failed_with(bare, "/bin/false", segue.script_video(script(2), music="ambient"))

    kinds = [artifact.content_type.partition("/")[0] for artifact in failed.result.artifacts]
    assert failed.error.reason == "MEDIA_FAILED"
    assert sorted(kinds) == ["audio", "audio", "audio", "image", "image"]
