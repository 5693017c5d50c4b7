"""A script turned into a narrated video: speech and an image for each scene, put together.

What people see of it are the stages and fractions that they know: analysing the script (0.10), generating audio (0.30),
generating images (0.60), compositing (0.90).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from segue.v1.job_pb2 import JobResult
from workers.media.join import join
from workers.media.mix import Voice
from workers.media.sniff import MediaKind
from workers.media.stills import animate
from workers.recipes.bench import workbench
from workers.recipes.publishing import published_subtitles, published_thumbnail, published_video
from workers.recipes.scenes import (
    ANALYSING,
    COMPOSITING,
    FRAME_RATE,
    Generating,
    image_calls,
    planned,
    target_of,
    unfit,
)
from workers.recipes.sound import Sound, generated_sound
from workers.recipes.texts import check_readable, finished
from workers.recipes.together import both, together
from workers.script.errors import ScriptError
from workers.script.pacing import expected_length, pace
from workers.subtitles.cues import Cue, cues_of
from workers.subtitles.split import split

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from segue.v1.spec_pb2 import ScriptVideoSpec
    from workers.media.frame import Frame
    from workers.recipes.bench import Bench
    from workers.recipes.scenes import MadeScene, Plan
    from workers.run import Run
    from workers.script.pacing import Pacing


@dataclass(frozen=True, slots=True)
class _Film:
    """All that a video is put together from."""

    spec: ScriptVideoSpec
    plan: Plan
    scenes: Sequence[MadeScene]
    pacing: Pacing
    sound: Sound


async def script_video(run: Run, spec: ScriptVideoSpec) -> JobResult:
    """Analyse the script, generate speech and images, and put them together."""
    await run.progress("analysing script", "Analysing script", fraction=ANALYSING)
    plan = await asyncio.to_thread(planned, spec)
    if spec.subtitles.enabled:
        texts = [cue.text for cue in spec.subtitles.cues] or [scene.text for scene in plan.scenes]
        check_readable(texts, field="spec.script_video.subtitles")
    async with workbench(run) as bench:
        # What the caller has given comes before anything is paid.
        given = await _given_music(bench, spec.background_music_url) if spec.background_music_url else None
        generating = Generating(run, bench, plan, await image_calls(run, spec, plan))
        # Music of about the length that the video will have: it is cut or repeated to fit.
        length = target_of(spec) or expected_length(plan.scenes)
        scenes, sound = await both(generating.scenes(), generated_sound(run, bench, length=length, wanted=spec.music))
        sound.music = sound.music or given
        return await _composed(run, bench, _Film(spec, plan, scenes, _paced(spec, scenes), sound))


async def _given_music(bench: Bench, url: str) -> Path:
    field = "spec.script_video.background_music_url"
    return await bench.given(url, field=field, name="music", wanted=MediaKind.AUDIO)


def _paced(spec: ScriptVideoSpec, scenes: Sequence[MadeScene]) -> Pacing:
    try:
        return pace([scene.spoken for scene in scenes], target=target_of(spec), frame_rate=FRAME_RATE)
    except ScriptError as error:
        raise unfit(error) from error


async def _composed(run: Run, bench: Bench, film: _Film) -> JobResult:
    """Set the images in motion under the speech, and publish the video."""
    await run.progress("compositing", "Compositing", fraction=COMPOSITING)
    picture = await _picture(bench, film)
    mixed = await _sound(bench, film)
    cues = await asyncio.to_thread(_cues, film)
    video = await finished(
        bench,
        picture,
        sound=mixed,
        cues=cues,
        look=film.spec.subtitles,
        frame=film.plan.frame,
        report=bench.report("compositing", 0.95, 0.99),
    )
    return JobResult(
        artifacts=[
            await published_video(bench, video, info=await bench.probe(video)),
            await published_thumbnail(bench, video),
            *(await published_subtitles(bench, cues) if cues else []),
        ]
    )


async def _picture(bench: Bench, film: _Film) -> Path:
    """Return the moving images of all scenes, one after the other."""
    clips = await together(
        _animated(bench, film.plan.frame, scene.image, seen.length, number)
        for number, (scene, seen) in enumerate(zip(film.scenes, film.pacing.scenes, strict=True))
    )
    picture = bench.path("picture.mp4")
    await join(bench.ffmpeg, clips, picture, frame=None, crossfade=timedelta())
    return picture


async def _animated(bench: Bench, frame: Frame, still: Path, length: timedelta, number: int) -> Path:
    into = bench.path(f"clip-{number}.mp4")
    await animate(bench.ffmpeg, still, into, frame=frame, length=length, motion=number)
    return into


async def _sound(bench: Bench, film: _Film) -> Path:
    """Return the voices of all scenes over the music."""
    film.sound.voices += [
        Voice(scene.voice, seen.voice_start, seen.tempo)
        for scene, seen in zip(film.scenes, film.pacing.scenes, strict=True)
    ]
    return await film.sound.mixed(
        bench, length=film.pacing.length, own=None, report=bench.report("compositing", 0.94, 0.95)
    )


def _cues(film: _Film) -> list[Cue]:
    """Return the subtitles: those of the spec, or the script's own words while they are spoken."""
    spec, pacing = film.spec, film.pacing
    if not spec.subtitles.enabled:
        return []
    if spec.subtitles.cues:
        return cues_of(spec.subtitles, length=pacing.length)
    language = spec.subtitles.language or spec.language
    return [
        cue
        for scene, seen in zip(film.plan.scenes, pacing.scenes, strict=True)
        for cue in split(scene.text, seen.voice_start, seen.voice_start + seen.voice_length, language=language)
    ]
