"""A script turned into a narrated video: speech and an image for each scene, put together.

What people see of it are the stages and fractions that they know: analysing the script (0.10), generating audio (0.30),
generating images (0.60), compositing (0.90).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from core.script.errors import ScriptError
from core.script.pacing import expected_length, pace
from workers.media.sniff import MediaKind
from workers.recipes.bench import workbench
from workers.recipes.film import Film, composed
from workers.recipes.scenes import (
    ANALYSING,
    FRAME_RATE,
    Generating,
    image_calls,
    planned,
    target_of,
    unfit,
)
from workers.recipes.sound import generated_sound
from workers.recipes.texts import check_readable
from workers.recipes.together import both

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from core.script.pacing import Pacing
    from segue.v1.job_pb2 import JobResult
    from segue.v1.spec_pb2 import ScriptVideoSpec
    from workers.recipes.bench import Bench
    from workers.recipes.scenes import MadeScene
    from workers.run import Run


async def script_video(run: Run, spec: ScriptVideoSpec) -> JobResult:
    """Analyse the script, generate speech and images, and put them together."""
    await run.progress("analysing script", "Analysing script", fraction=ANALYSING)
    plan = await asyncio.to_thread(planned, spec)
    if spec.subtitles.enabled:
        texts = [cue.text for cue in spec.subtitles.cues] or [scene.text for scene in plan.scenes]
        await check_readable(texts, field="spec.script_video.subtitles")
    async with workbench(run) as bench:
        # What the caller has given comes before anything is paid.
        given = await _given_music(bench, spec.background_music_url) if spec.background_music_url else None
        generating = Generating(run, bench, plan, await image_calls(run, spec, plan))
        # Music of about the length that the video will have: it is cut or repeated to fit.
        length = target_of(spec) or expected_length([scene.expected for scene in plan.scenes])
        scenes, sound = await both(generating.scenes(), generated_sound(run, bench, length=length, wanted=spec.music))
        sound.music = sound.music or given
        return await composed(run, bench, Film(spec, plan, scenes, _paced(spec, scenes), sound))


async def _given_music(bench: Bench, url: str) -> Path:
    field = "spec.script_video.background_music_url"
    return await bench.given(url, field=field, name="music", wanted=MediaKind.AUDIO)


def _paced(spec: ScriptVideoSpec, scenes: Sequence[MadeScene]) -> Pacing:
    try:
        return pace([scene.spoken for scene in scenes], target=target_of(spec), frame_rate=FRAME_RATE)
    except ScriptError as error:
        raise unfit(error) from error
