"""Files that callers give: of earlier jobs, out of the store where they are kept, or from elsewhere."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

import segue
from tests.e2e.films import Stage, data_url
from tests.integration.media.footage import colour_clip, produce, tone
from tests.integration.media.strangers import Stranger, page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from segue.v1.job_pb2 import JobError

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

#: Nobody listens there: what is kept under it can only be taken out of the store.
NOWHERE = "http://127.0.0.1:9/files"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shelved(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """A stack that keeps artifacts in a folder."""
    folder = tmp_path_factory.mktemp("given")
    environment = {
        "SEGUE_ARTIFACTS": "folder",
        "SEGUE_ARTIFACT_FOLDER": str(folder / "artifacts"),
        "SEGUE_ARTIFACT_URL": NOWHERE,
    }
    async with Stage.opened(folder, environment=environment) as stage:
        yield stage


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def composed(shelved: Stage) -> segue.Job:
    """A small composition whose video is in the store."""
    clip = await asyncio.to_thread(colour_clip, shelved.folder / "clip.mp4", "green")
    async with Stranger.listening() as stranger:
        url = stranger.put("/clip.mp4", page(await asyncio.to_thread(clip.read_bytes)))
        job = await shelved.client.submit(segue.composition([url]))
        return await shelved.client.result(job.id, timeout=120)


async def test_what_an_earlier_job_made_is_taken_out_of_the_store(shelved: Stage, composed: segue.Job) -> None:
    assert composed.result.artifacts[0].url.startswith(NOWHERE)

    job = await shelved.client.submit(segue.composition([composed, composed.result.artifacts[0].url]))
    finished = await shelved.client.result(job.id, timeout=120)

    assert finished.result.artifacts[0].duration.ToTimedelta().total_seconds() == pytest.approx(2, abs=0.05)


async def test_a_file_that_the_store_no_longer_keeps_is_the_callers_fault(
    shelved: Stage, composed: segue.Job, tmp_path: Path
) -> None:
    kept = shelved.folder / "artifacts" / composed.result.artifacts[0].url.removeprefix(f"{NOWHERE}/")
    away = kept.rename(tmp_path / kept.name)

    error = await _failed(shelved, segue.composition([composed]))
    away.rename(kept)

    assert (error.reason, error.metadata["field"]) == ("INVALID_INPUT", "spec.composition.clips[0].job_id")
    assert "no longer kept" in error.message


async def test_a_sound_is_no_clip_and_a_silent_video_no_music(shelved: Stage, tmp_path: Path) -> None:
    sound, silent = tmp_path / "sound.mp4", tmp_path / "silent.mp4"
    await asyncio.to_thread(produce, "-i", tone(tmp_path / "tone.wav", seconds=1), "-c:a", "aac", sound)
    await asyncio.to_thread(colour_clip, silent, "red", sound=None)

    async with Stranger.listening() as stranger:
        url = stranger.put("/sound.mp4", page(await asyncio.to_thread(sound.read_bytes)))
        no_clip = await _failed(shelved, segue.composition([url]))
    no_music = await _failed(
        shelved, segue.transition(shelved.first, shelved.last, audio_url=data_url(silent, "audio/mp4"))
    )

    assert (no_clip.reason, no_clip.metadata["field"]) == ("INVALID_INPUT", "spec.composition.clips[0].video_url")
    assert (no_music.reason, no_music.metadata["field"]) == ("INVALID_INPUT", "spec.transition.audio_url")
    assert (await shelved.stack.emulator.ledger()).submits == 0


async def _failed(stage: Stage, spec: segue.JobSpec) -> JobError:
    job = await stage.client.submit(spec)
    with pytest.raises(segue.errors.JobFailed):
        await stage.client.result(job.id, timeout=120)
    return (await stage.client.get(job.id)).error
