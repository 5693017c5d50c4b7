"""Script videos: what people see of their making, and what they see and hear in the end."""

from __future__ import annotations

import asyncio
import math
import re
import time
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import pytest
import pytest_asyncio

import segue
from tests.e2e.films import (
    SUBTITLES,
    THUMBNAIL,
    VIDEO,
    changed_thirds,
    data_url,
    filmed,
    is_black,
    seen,
)
from tests.e2e.scripts import script, sentences
from tests.integration.media.footage import our_ffmpeg, samples, tone
from tests.quickest import quickest
from workers.media.loudness import TARGET, measure
from workers.media.probe import probe

if TYPE_CHECKING:
    from array import array

    from tests.e2e.films import Film, Stage

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

SCENES: Final = 2
#: Longer than the script by itself, so that there are pauses in which the music is heard.
LENGTH: Final = timedelta(seconds=7)
#: Of the music, in Hz: between the bands of a voice.
PITCH: Final = 5000
RATE: Final = 48_000
#: What the gentle motion of two pictures changes of a colour value at most, and what letters change at least.
STILL: Final = 80
LETTERS: Final = 110
#: The stages that users know, and where each begins and ends.
STAGES: Final = {
    "analysing script": (0.1, 0.1),
    "generating audio": (0.3, 0.6),
    "generating images": (0.6, 0.9),
    "compositing": (0.9, 1.0),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def film(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Film:
    """A script of two scenes for TikTok, with subtitles and music, longer than it takes to speak."""
    folder = tmp_path_factory.mktemp("script")
    spec = segue.script_video(
        script(SCENES),
        platform="tiktok",
        video_length=LENGTH,
        subtitles=True,
        background_music_url=data_url(tone(folder / "tone.mp3", hertz=PITCH, seconds=4), "audio/mpeg"),
    )
    return await filmed(stage, await stage.client.submit(spec, hold=True), folder)


@pytest.fixture(scope="module")
def spoken(film: Film) -> list[tuple[float, float, str]]:
    """When which words are said, by the subtitles that came with the film."""
    vtt = film.files[film.roles.index(SUBTITLES) + 1].read_text(encoding="utf-8")
    found = re.findall(r"00:00:(\d\d\.\d+) --> 00:00:(\d\d\.\d+)\n((?:.+\n)+)", vtt)
    return [(float(start), float(end), " ".join(words.split())) for start, end, words in found]


async def test_a_script_becomes_a_video_of_the_platforms_shape_and_the_length_asked_for(film: Film) -> None:
    video, still = film.job.result.artifacts[:2]
    info = await probe(film.video)

    assert film.roles == [VIDEO, THUMBNAIL, SUBTITLES, SUBTITLES]
    assert (video.width, video.height, video.video_codec, video.audio_codec) == (1080, 1920, "h264", "aac")
    assert (still.width, still.height) == (1080, 1920)
    assert video.duration.ToTimedelta() == pytest.approx(LENGTH, rel=0.1)
    assert info.audio_duration == pytest.approx(info.video_duration, abs=timedelta(seconds=0.04))


async def test_people_see_the_stages_and_fractions_that_they_know(film: Film) -> None:
    stages = list(dict.fromkeys(name for _, name, _ in film.told))
    first = {name: next(each for each in film.told if each[1] == name) for name in stages}

    assert stages == list(STAGES)
    assert first["analysing script"] == (0.1, "analysing script", "Analysing script")
    assert first["generating audio"] == (0.3, "generating audio", f"Generating audio (scene 1/{SCENES})")
    assert first["compositing"][0] == 0.9
    for fraction, name, _ in film.told:
        low, high = STAGES[name]
        assert low <= fraction <= high
    fractions = [fraction for fraction, _, _ in film.told]
    assert fractions == sorted(fractions)
    assert film.job.progress.fraction == 1


async def test_its_subtitles_are_the_words_of_the_script(spoken: list[tuple[float, float, str]]) -> None:
    assert " ".join(words for _, _, words in spoken) == " ".join(sentences(SCENES))


async def test_its_subtitles_are_seen_while_the_words_are_said(
    film: Film, spoken: list[tuple[float, float, str]]
) -> None:
    changes = [second for start, end, _ in spoken for second in (start, end)]

    before = seen(film.video, *(second - 0.006 for second in changes))
    after = seen(film.video, *(second + 0.04 for second in changes))

    for top, _, bottom in map(changed_thirds, before, after):
        assert bottom > LETTERS
        assert top < STILL


async def test_its_music_steps_back_while_somebody_speaks(film: Film, spoken: list[tuple[float, float, str]]) -> None:
    heard = samples(film.video)

    for (start, end, _), (following, _, _) in pairwise(spoken):
        under = _level(heard, (start + end) / 2, PITCH)
        alone = _level(heard, (end + following) / 2 + 0.1, PITCH)
        assert alone - under > 8


async def test_it_is_as_loud_as_platforms_play_it_and_begins_with_a_picture(film: Film) -> None:
    assert (await measure(our_ffmpeg(), film.video)).integrated == pytest.approx(TARGET, abs=1)
    assert not is_black(*seen(film.video, 0))


async def test_each_voice_and_each_image_is_paid_once(film: Film, stage: Stage) -> None:
    steps = {f"{what}-{number}": 1 for what in ("speech", "image") for number in range(1, SCENES + 1)}

    assert await stage.submits_for(film.job) == steps


async def test_after_the_first_run_it_is_known_how_long_one_takes(film: Film, stage: Stage) -> None:
    took = film.job.end_time.ToDatetime() - film.job.start_time.ToDatetime()

    another = await stage.client.submit(segue.script_video(script(2)), hold=True)
    async with asyncio.timeout(60):  # what a server knows of it may be a little old
        while not another.HasField("estimated_duration"):
            await asyncio.sleep(0.5)
            another = await stage.client.get(another.id)
    await stage.client.cancel(another.id)

    assert another.estimated_duration.ToTimedelta() == pytest.approx(took, rel=0.5)


@pytest.mark.parametrize(
    ("content", "length", "field", "why"),
    [
        ("# Only a heading\n\n[a stage direction]", None, "script_content", "Nothing in the script is spoken"),
        ("More words than ten minutes hold. " * 2000, None, "script_content", "more than the longest video"),
        ("Here is a very short script.", 60, "video_length", "is too long for it"),
    ],
    ids=["nothing spoken", "too long", "too short for its target"],
)
async def test_a_script_of_which_no_video_can_be_made_is_refused_at_once(
    stage: Stage, content: str, length: int | None, field: str, why: str
) -> None:
    with pytest.raises(segue.errors.InvalidRequest) as refused:
        await stage.client.submit(segue.script_video(content, video_length=length))

    (violation,) = refused.value.violations
    assert violation.path == f"spec.script_video.{field}"
    assert why in violation.message


async def test_a_script_of_a_megabyte_is_refused_within_a_second_and_the_server_lives_on(stage: Stage) -> None:
    async def refused() -> float:
        began = time.monotonic()
        with pytest.raises(segue.errors.InvalidRequest, match="more than the longest video"):
            await stage.client.submit(segue.script_video("So many words! " * 65_000))
        return time.monotonic() - began

    assert await quickest(refused, enough=1) < 1
    assert (await stage.client.capabilities()).kinds


async def test_an_empty_script_or_a_larger_one_is_refused_at_once(stage: Stage) -> None:
    for content in ("  \n", "x" * 1_100_000):
        with pytest.raises(segue.errors.InvalidRequest) as refused:
            await stage.client.submit(segue.script_video(content))
        assert [violation.path for violation in refused.value.violations] == ["spec.script_video.script_content"]


def _level(heard: array[float], second: float, hertz: int) -> float:
    """Return how loud a pitch is in a fifth of a second around a time, in dB (Goertzel)."""
    first, count = round((second - 0.1) * RATE), round(0.2 * RATE)
    turn = 2 * math.cos(2 * math.pi * hertz / RATE)
    one = two = 0.0
    for sample in heard[first : first + count]:
        one, two = sample + turn * one - two, one
    return 10 * math.log10(max(one * one + two * two - turn * one * two, 1e-12))
