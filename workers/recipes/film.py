"""A script video put together: images in motion with their subtitles, the voices over the music, one file."""

from __future__ import annotations

import asyncio
from bisect import bisect
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from segue.v1.job_pb2 import JobResult
from segue.v1.spec_pb2 import Subtitles
from workers.media.join import join
from workers.media.mix import Voice
from workers.media.stills import animate
from workers.recipes.publishing import published_subtitles, published_thumbnail, published_video
from workers.recipes.scenes import COMPOSITING
from workers.recipes.texts import finished, written
from workers.recipes.together import together
from workers.subtitles.cues import Cue, cues_of
from workers.subtitles.fonts import FONTS
from workers.subtitles.split import split
from workers.subtitles.typefaces import language_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from core.script.pacing import Pacing
    from segue.v1.spec_pb2 import ScriptVideoSpec
    from workers.recipes.bench import Bench
    from workers.recipes.scenes import MadeScene, Plan
    from workers.recipes.sound import Sound
    from workers.run import Run


@dataclass(frozen=True, slots=True)
class Film:
    """All that a video is put together from."""

    spec: ScriptVideoSpec
    plan: Plan
    scenes: Sequence[MadeScene]
    pacing: Pacing
    sound: Sound

    @property
    def look(self) -> Subtitles:
        """How the subtitles look, with their language: told by the whole text, where a scene alone could mislead."""
        look = Subtitles()
        look.CopyFrom(self.spec.subtitles)
        text = "".join(scene.text for scene in self.plan.scenes)
        look.language = language_of(text, look.language or self.spec.language)
        return look


async def composed(run: Run, bench: Bench, film: Film) -> JobResult:
    """Set the images in motion under the speech, and publish the video."""
    await run.progress("compositing", "Compositing", fraction=COMPOSITING)
    cues = await asyncio.to_thread(_cues, film)
    parts = by_scene(cues, film.pacing)
    picture = await _picture(bench, film, parts or [[] for _ in film.scenes])
    mixed = await _sound(bench, film)
    video = await finished(
        bench,
        picture,
        sound=mixed,
        cues=cues if parts is None else [],
        look=film.look,
        frame=film.plan.frame,
        report=bench.report("compositing", 0.98, 0.99),
    )
    return JobResult(
        artifacts=[
            await published_video(bench, video, info=await bench.probe(video)),
            await published_thumbnail(bench, video),
            *(await published_subtitles(bench, cues) if cues else []),
        ]
    )


def by_scene(cues: Sequence[Cue], pacing: Pacing) -> list[list[Cue]] | None:
    """Return the cues of each scene, in its own time, to be burned in while its image is set in motion.

    Returns:
        None: one lasts beyond its scene. Then all are burned in at last, at the price of a second encoding.
    """
    starts = [scene.start for scene in pacing.scenes]
    parts: list[list[Cue]] = [[] for _ in starts]
    for cue in cues:
        number = bisect(starts, cue.start) - 1
        scene = pacing.scenes[number]
        if cue.end > scene.start + scene.length:
            return None
        parts[number].append(Cue(cue.start - scene.start, cue.end - scene.start, cue.text))
    return parts


async def _picture(bench: Bench, film: Film, cues: Sequence[Sequence[Cue]]) -> Path:
    """Return the moving images of all scenes, one after the other, each with its cues."""
    report, done = bench.report("compositing", COMPOSITING, 0.96), 0

    async def animated(number: int) -> Path:
        nonlocal done
        clip = await _animated(bench, film, number, cues[number])
        done += 1
        await report(done / len(film.scenes))
        return clip

    clips = await together(animated(number) for number in range(len(film.scenes)))
    picture = bench.path("picture.mp4")
    await join(bench.ffmpeg, clips, picture, frame=None, crossfade=timedelta())
    return picture


async def _animated(bench: Bench, film: Film, number: int, cues: Sequence[Cue]) -> Path:
    into, frame = bench.path(f"clip-{number}.mp4"), film.plan.frame
    script = await written(bench, cues, look=film.look, frame=frame, name=f"subtitles-{number}.ass") if cues else None
    await animate(
        bench.ffmpeg,
        film.scenes[number].image,
        into,
        frame=frame,
        length=film.pacing.scenes[number].length,
        motion=number,
        subtitles=script,
        fonts=FONTS,
    )
    return into


async def _sound(bench: Bench, film: Film) -> Path:
    """Return the voices of all scenes over the music."""
    film.sound.voices += [
        Voice(scene.voice, seen.voice_start, seen.tempo)
        for scene, seen in zip(film.scenes, film.pacing.scenes, strict=True)
    ]
    return await film.sound.mixed(
        bench, length=film.pacing.length, own=None, report=bench.report("compositing", 0.96, 0.98)
    )


def _cues(film: Film) -> list[Cue]:
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
