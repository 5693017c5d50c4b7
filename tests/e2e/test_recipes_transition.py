"""Transitions with all around them: what is delivered, what is seen and heard, and what is paid."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest
import pytest_asyncio

import segue
from devstack import photos
from segue.v1.job_pb2 import GenerationState
from tests.e2e.films import (
    SUBTITLES,
    THUMBNAIL,
    VIDEO,
    changed_thirds,
    data_url,
    fetched,
    filmed,
    is_black,
    seen,
    shows,
)
from tests.integration.media.footage import our_ffmpeg, tone
from workers.media.loudness import TARGET, measure
from workers.media.probe import probe

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.films import Film, Stage

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

CUES: Final = [(1.0, 2.5, "A cup of coffee … コーヒー"), (3.5, 4.5, "… and a rocket")]
#: Seconds by which sound and pictures may part.
DRIFT: Final = 0.04
#: What encoding alone changes of a colour value at most, and what letters change at least.
SAME: Final = 24
LETTERS: Final = 80


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def film(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Film:
    """A transition with subtitles, music, a voice and a still picture."""
    spec = segue.transition(
        stage.first,
        stage.last,
        video_length=5,
        subtitles=CUES,
        music="ambient",
        voiceover="From a cup of coffee to a rocket.",
        thumbnail=True,
    )
    return await filmed(stage, await stage.client.submit(spec), tmp_path_factory.mktemp("film"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def raw(film: Film, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the model itself has made."""
    path = tmp_path_factory.mktemp("raw") / "raw.mp4"
    path.write_bytes(await fetched(film.model_url))
    return path


async def test_a_transition_with_all_around_it_delivers_its_files_with_all_that_they_are(film: Film) -> None:
    artifacts = film.job.result.artifacts
    assert film.roles == [VIDEO, THUMBNAIL, SUBTITLES, SUBTITLES]
    for artifact, file in zip(artifacts, film.files, strict=True):
        assert artifact.size_bytes == file.stat().st_size
        assert artifact.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    video, still, *_ = artifacts
    assert (video.width, video.height) == (still.width, still.height) == (640, 360)
    assert (video.video_codec, video.audio_codec, video.content_type) == ("h264", "aac", "video/mp4")
    assert video.duration.ToTimedelta() == pytest.approx(timedelta(seconds=5), abs=timedelta(seconds=0.05))
    assert video.url != film.model_url
    assert still.content_type == "image/jpeg"


async def test_its_subtitles_come_as_files_that_say_when_what_is_said(film: Film) -> None:
    srt, vtt = (file.read_text(encoding="utf-8") for file in film.files[2:])
    assert [artifact.content_type for artifact in film.job.result.artifacts[2:]] == ["application/x-subrip", "text/vtt"]
    assert vtt.startswith("WEBVTT\n")
    for text, point in ((srt, ","), (vtt, ".")):
        found = re.findall(rf"00:00:(\d\d){point}(\d+) --> 00:00:(\d\d){point}(\d+)\n(.+)\n", text)
        told = [(float(f"{start}.{begun}"), float(f"{end}.{over}"), words) for start, begun, end, over, words in found]
        assert told == CUES


async def test_its_subtitles_are_seen_at_the_bottom_while_they_last(film: Film, raw: Path) -> None:
    with_text = [second for start, end, _ in CUES for second in (start + 0.1, end - 0.1)]
    without = [0.5, 0.9, 2.6, 3.4, 4.6]

    changed = list(map(changed_thirds, seen(film.video, *with_text, *without), seen(raw, *with_text, *without)))

    for top, middle, bottom in changed[: len(with_text)]:
        assert bottom > LETTERS
        assert max(top, middle) < SAME
    for thirds in changed[len(with_text) :]:
        assert max(thirds) < SAME


async def test_it_begins_with_the_first_photograph_and_ends_with_the_second(film: Film) -> None:
    first, last = seen(film.video, 0, 99)

    assert not is_black(first)
    assert shows(first, photos.COFFEE)
    assert shows(last, photos.ROCKET)


async def test_it_is_as_loud_as_platforms_play_it_and_its_sound_lasts_as_long_as_its_pictures(film: Film) -> None:
    found, info = await measure(our_ffmpeg(), film.video), await probe(film.video)

    assert found.integrated == pytest.approx(TARGET, abs=1)
    assert info.audio_duration == pytest.approx(info.video_duration, abs=timedelta(seconds=DRIFT))


async def test_each_of_its_models_is_paid_once(film: Film, stage: Stage) -> None:
    rows = film.job.generations

    assert {row.step for row in rows} == {"video", "music", "voiceover"}
    assert {(row.state, row.submits) for row in rows} == {(GenerationState.GENERATION_STATE_COMPLETED, 1)}
    assert await stage.submits_for(film.job) == {"video": 1, "music": 1, "voiceover": 1}


async def test_what_its_watchers_are_told_only_grows_and_names_what_is_done(film: Film) -> None:
    fractions = [fraction for fraction, _, _ in film.told]
    stages = list(dict.fromkeys(name for _, name, _ in film.told))

    assert fractions == sorted(fractions)
    assert stages[-4:] == ["generating sound", "mixing sound", "finishing", "publishing"]


async def test_with_nothing_asked_the_video_is_the_models_own_file(stage: Stage, tmp_path: Path) -> None:
    job = await stage.client.submit(segue.transition(stage.first, stage.last, transition_type="calm"))

    film = await filmed(stage, job, tmp_path)

    (video,) = film.job.result.artifacts
    assert video.url == film.model_url
    assert await stage.submits_for(film.job) == {"video": 1}


async def test_a_look_and_a_still_leave_the_models_own_file_as_it_is(stage: Stage, tmp_path: Path) -> None:
    job = await stage.client.submit(segue.transition(stage.first, stage.last, thumbnail=True, probe=True))

    film = await filmed(stage, job, tmp_path)

    video, still = film.job.result.artifacts
    assert video.url == film.model_url
    assert video.sha256 == hashlib.sha256(film.video.read_bytes()).hexdigest()
    assert (video.width, video.height, video.video_codec, video.frame_rate) == (640, 360, "h264", 24)
    assert (still.role, still.width, still.height) == (THUMBNAIL, 640, 360)


async def test_a_sound_track_takes_the_place_of_generated_music(stage: Stage, tmp_path: Path) -> None:
    music = data_url(tone(tmp_path / "music.mp3", seconds=2), "audio/mpeg")
    job = await stage.client.submit(segue.transition(stage.first, stage.last, audio_url=music))

    film = await filmed(stage, job, tmp_path)

    assert film.video_artifact.audio_codec == "aac"
    assert (await measure(our_ffmpeg(), film.video)).integrated == pytest.approx(TARGET, abs=1)
    assert await stage.submits_for(film.job) == {"video": 1}
