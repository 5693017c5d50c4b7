"""Compositions: of jobs that still run, of strangers' files, and of what cannot be used."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import pytest

import segue
from segue.v1.job_pb2 import JobError, JobState
from tests.e2e.evidence import FOR_EVER
from tests.e2e.films import THUMBNAIL, VIDEO, changed_thirds, filmed, is_black, seen
from tests.integration.media.footage import beeps, colour_clip, flashes, our_ffmpeg, tone
from tests.integration.media.strangers import Stranger, page
from workers.media.loudness import TARGET, measure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.e2e.films import Stage

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

#: Seconds by which sound and pictures may part, and by which a length may differ.
DRIFT: Final = 0.04
LENGTH: Final = timedelta(seconds=0.1)
#: The quickest model of the emulator that makes a video.
VIDEO_MODEL: Final = "fal-ai/kling-video/v2.1/pro/image-to-video"


@asynccontextmanager
async def served(*files: Path) -> AsyncIterator[list[str]]:
    """Serve files on loopback, and give their URLs."""
    async with Stranger.listening() as stranger:
        yield [stranger.put(f"/{file.name}", page(await asyncio.to_thread(file.read_bytes))) for file in files]


async def clips_of(stage: Stage, *lengths: int) -> list[segue.Job]:
    """Submit a transition of each length."""
    batch = await stage.client.submit_batch(
        [segue.transition(stage.first, stage.last, video_length=length) for length in lengths]
    )
    return list(batch.jobs)


@asynccontextmanager
async def clips_that_run(stage: Stage, *lengths: int) -> AsyncIterator[list[segue.Job]]:
    """Submit a transition of each length; none ends before the block does."""
    await stage.stack.emulator.settings(run_seconds=FOR_EVER)
    try:
        yield await clips_of(stage, *lengths)
    finally:
        await stage.stack.emulator.settings(run_seconds=0.5)


async def failure(stage: Stage, job: segue.Job) -> JobError:
    """Return why a job has failed."""
    with pytest.raises(segue.errors.JobFailed):
        await stage.client.result(job.id, timeout=120)
    return (await stage.client.get(job.id)).error


async def test_a_composition_of_running_jobs_waits_for_them_and_then_joins_them(stage: Stage, tmp_path: Path) -> None:
    async with clips_that_run(stage, 5, 5) as clips:
        job = await stage.client.submit(segue.composition(clips))
    assert (job.state, job.awaited_job_count) == (JobState.JOB_STATE_HELD, 2)

    film = await filmed(stage, job, tmp_path)

    states = [event.state_change.to_state for event in film.events if event.HasField("state_change")]
    assert states[-3:] == [JobState.JOB_STATE_PENDING, JobState.JOB_STATE_STARTED, JobState.JOB_STATE_SUCCEEDED]
    assert film.job.awaited_job_count == 0
    ends = [(await stage.client.get(clip.id)).end_time.ToDatetime() for clip in clips]
    assert film.job.start_time.ToDatetime() >= max(ends)
    assert film.roles == [VIDEO, THUMBNAIL]
    assert (film.video_artifact.width, film.video_artifact.height, film.video_artifact.frame_rate) == (640, 360, 24)
    assert film.video_artifact.duration.ToTimedelta() == pytest.approx(timedelta(seconds=10), abs=LENGTH)
    assert not film.job.generations  # nothing is paid for


async def test_clips_of_other_shapes_and_rates_become_one_video_for_a_platform(stage: Stage, tmp_path: Path) -> None:
    (job,) = await clips_of(stage, 5)
    green = await asyncio.to_thread(
        colour_clip, tmp_path / "green.mp4", "green", size="320x180", rate="25", seconds=2, sound="22050:mono"
    )
    music = await asyncio.to_thread(tone, tmp_path / "music.mp3", seconds=3)
    async with served(green, music) as (green_url, music_url):
        composed = await stage.client.submit(
            segue.composition(
                [job, green_url],
                crossfade=1,
                audio_url=music_url,
                platform="instagram",
            )
        )
        film = await filmed(stage, composed, tmp_path)

    video = film.video_artifact
    assert (video.width, video.height, video.video_codec, video.audio_codec) == (1080, 1350, "h264", "aac")
    assert video.duration.ToTimedelta() == pytest.approx(timedelta(seconds=6), abs=LENGTH)
    assert (await measure(our_ffmpeg(), film.video)).integrated == pytest.approx(TARGET, abs=1)
    (first,) = seen(film.video, 0)
    assert not is_black(first)
    assert is_black(first.crop((0, 0, first.width, first.height // 10)))  # shown whole, with black above


async def test_pictures_and_sounds_of_joined_files_stay_together(stage: Stage, tmp_path: Path) -> None:
    files = [
        await asyncio.to_thread(colour_clip, tmp_path / "red.mp4", "red", rate="30000/1001", seconds=1.5),
        await asyncio.to_thread(colour_clip, tmp_path / "blue.mp4", "blue", size="180x320", rate="25", seconds=1.5),
    ]
    async with served(*files) as urls:
        subtitles = [(1.0, 1.2, "In the first"), (2.0, 99.0, "beyond the end"), (99.0, 100.0, "never")]
        job = await stage.client.submit(segue.composition(urls, subtitles=subtitles))
        film = await filmed(stage, job, tmp_path)

    shown, heard = flashes(film.video), beeps(film.video, quiet=0.3)
    assert len(shown) == len(heard) == 2
    assert heard == pytest.approx(shown, abs=DRIFT)
    before, after = seen(film.video, 0.95, 1.1)
    assert changed_thirds(before, after)[2] > 80
    assert film.files[2].read_text(encoding="utf-8").count("-->") == 2


async def test_a_composition_of_a_failed_job_fails_and_names_the_clip_and_the_reason(stage: Stage) -> None:
    await stage.stack.emulator.fault("content_refused", endpoint=VIDEO_MODEL)
    (bad,) = await clips_of(stage, 5)
    refused = await failure(stage, bad)
    (good,) = await clips_of(stage, 5)

    error = await failure(stage, await stage.client.submit(segue.composition([good, bad])))

    assert refused.reason == "CONTENT_REFUSED"
    assert error.reason == "INVALID_INPUT"
    assert error.metadata["field"] == "spec.composition.clips[1].job_id"
    assert {"clips[1]", bad.id, "CONTENT_REFUSED"} <= set(error.message.replace(":", " ").replace(".", " ").split())
    assert not error.retryable


async def test_a_composition_of_an_unknown_job_is_refused_at_once(stage: Stage) -> None:
    (known,) = await clips_of(stage, 5)

    with pytest.raises(segue.errors.InvalidRequest) as refused:
        await stage.client.submit(segue.composition([known, str(uuid4())]))

    assert [violation.path for violation in refused.value.violations] == ["spec.composition.clips[1].job_id"]


async def test_a_composition_that_waits_can_be_cancelled_and_its_clips_go_on(stage: Stage) -> None:
    async with clips_that_run(stage, 5) as (clip,):
        job = await stage.client.submit(segue.composition([clip]))

        cancelled = await stage.client.cancel(job.id)

    assert cancelled.state == JobState.JOB_STATE_CANCELLED
    assert (await stage.client.result(clip.id, timeout=120)).state == JobState.JOB_STATE_SUCCEEDED


async def test_a_clip_too_short_for_its_crossfade_is_the_callers_fault(stage: Stage, tmp_path: Path) -> None:
    files = [colour_clip(tmp_path / f"{colour}.mp4", colour, seconds=1) for colour in ("red", "green", "blue")]
    async with served(*files) as urls:
        error = await failure(stage, await stage.client.submit(segue.composition(urls, crossfade=0.8)))

    assert (error.reason, error.metadata["field"]) == ("INVALID_INPUT", "spec.composition.clips")
    assert "too short for cross-fades" in error.message
