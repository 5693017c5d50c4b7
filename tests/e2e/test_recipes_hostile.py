"""Hostile input through the whole stack: clear errors or harmless output, and the worker lives on."""

from __future__ import annotations

import asyncio
import io
import zipfile
from typing import TYPE_CHECKING, Final

import pytest
import pytest_asyncio

import segue
from tests.e2e.films import Stage
from tests.integration.media.footage import colour_clip
from tests.integration.media.strangers import MP4_HEAD, Stranger, page, redirect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.integration.media.strangers import Behaviour

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

#: What a file of this machine begins with, which must never be read.
SECRET: Final = "root:"
PLAYLIST: Final = b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n" + bytes(600)
CONCAT: Final = b"ffconcat version 1.0\nfile 'file:///etc/passwd'\n" + bytes(600)
#: Texts that steer libass, ffmpeg's filters, or the files that subtitles come in, where they are not escaped.
ESCAPES: Final = (
    r"{\an8\fs200\p1}m 0 0 l 999 999{\p0}",
    r"\N\n\h{\fn/etc/passwd}",
    "',drawtext=textfile=/etc/passwd,[x]; movie=/etc/passwd %{metadata} ${HOME} %s %n",
    "1\n00:00:00,000 --> 99:00:00,000\n\n<script>alert('x')</script>",
    "\u202etxet\u202c \x00\x07\x1b[31m " + "e\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308" * 30,
)


def zipped() -> bytes:
    """Return a ZIP file that holds a file named like a video."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("video.mp4", MP4_HEAD)
    return file.getvalue()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stranger() -> AsyncIterator[Stranger]:
    """A server whose files are trusted as fal's are, and may lead anywhere."""
    async with Stranger.listening() as listening:
        yield listening


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guarded(stranger: Stranger, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """A stack whose worker refuses private addresses, and takes the stranger's files for fal's."""
    folder = tmp_path_factory.mktemp("guarded")
    environment = {
        "SEGUE_ALLOW_PRIVATE_URLS": "false",
        "SEGUE_ARTIFACTS": "folder",
        "SEGUE_ARTIFACT_FOLDER": str(folder / "artifacts"),
        "SEGUE_ARTIFACT_URL": "http://127.0.0.1:9/files",
    }
    async with Stage.opened(folder, workers=0, environment=environment) as stage:
        await stage.stack.start_worker(environment={"SEGUE_FAL_BASE_URL": stranger.url("")})
        yield stage
        assert stage.stack.workers[0].is_running


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(page(zipped()), id="a zip"),
        pytest.param(page(PLAYLIST), id="a playlist"),
        pytest.param(page(CONCAT), id="a list of files"),
        pytest.param(page(MP4_HEAD), id="a video that is cut off"),
        pytest.param(page(b"", length=10 * 2**30), id="10 GB"),
        pytest.param(page(b"", status="404 Not Found"), id="nothing"),
    ],
)
async def test_a_clip_that_is_no_video_is_the_callers_fault(
    guarded: Stage, stranger: Stranger, answer: Behaviour
) -> None:
    url = stranger.put("/files/clip.mp4", answer)

    failed = await _failed(guarded, segue.composition([url]))

    assert (failed.error.reason, failed.error.retryable) == ("INVALID_INPUT", False)
    assert failed.error.metadata["field"] == "spec.composition.clips[0].video_url"
    assert SECRET not in str(failed)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
async def test_what_leads_to_a_private_address_is_refused_before_anything_is_asked_there(
    guarded: Stage, stranger: Stranger, host: str
) -> None:
    async with Stranger.listening() as inside:
        inside.put("/", page(MP4_HEAD))
        url = stranger.put("/files/music.mp3", redirect(inside.url("/", host=host)))

        failed = await _failed(guarded, segue.transition(guarded.first, guarded.last, audio_url=url))

        assert inside.connections == 0
    assert (failed.error.reason, failed.error.metadata["field"]) == ("INVALID_INPUT", "spec.transition.audio_url")
    assert not failed.generations  # it comes before anything is paid


async def test_texts_that_steer_programs_are_only_texts(guarded: Stage, stranger: Stranger, tmp_path: Path) -> None:
    clip = await asyncio.to_thread(colour_clip, tmp_path / "clip.mp4", "green", seconds=1, sound=None)
    url = stranger.put("/files/clip.mp4", page(await asyncio.to_thread(clip.read_bytes)))
    cues = [(0.1 * number, 0.1 * number + 0.5, text) for number, text in enumerate(ESCAPES)]

    job = await guarded.client.submit(segue.composition([url], subtitles=cues))
    finished = await guarded.client.result(job.id, timeout=120)

    video, _, srt, vtt = finished.result.artifacts
    assert (video.width, video.height) == (320, 180)
    for artifact in (srt, vtt):
        kept = next((guarded.folder / "artifacts").rglob(artifact.url.rpartition("/")[2]))
        text = kept.read_text(encoding="utf-8")
        assert text.count(" --> ") == len(cues)
        assert SECRET not in text


async def test_the_most_and_longest_cues_take_a_while_and_do_no_harm(
    guarded: Stage, stranger: Stranger, tmp_path: Path
) -> None:
    clip = await asyncio.to_thread(colour_clip, tmp_path / "clip.mp4", "green", seconds=0.6, sound=None)
    url = stranger.put("/files/clip.mp4", page(await asyncio.to_thread(clip.read_bytes)))
    cues = [(0.001 * number, 0.6, "漢字 and words " * 35) for number in range(500)]

    job = await guarded.client.submit(segue.composition([url], subtitles=cues))
    other = await guarded.client.submit(segue.composition([url]))

    assert (await guarded.client.result(other.id, timeout=120)).result.artifacts
    assert (await guarded.client.result(job.id, timeout=120)).result.artifacts


async def _failed(stage: Stage, spec: segue.JobSpec) -> segue.Job:
    job = await stage.client.submit(spec)
    with pytest.raises(segue.errors.JobFailed):
        await stage.client.result(job.id, timeout=120)
    return await stage.client.get(job.id)
