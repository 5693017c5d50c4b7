"""Several finished transitions or videos, joined into one. Nothing is paid: its jobs have been, and ffmpeg is free."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from core.catalog.platforms import frame_size
from core.job import JobId
from segue.v1.job_pb2 import JobResult
from workers.media.errors import InputMediaError
from workers.media.frame import Frame
from workers.media.join import join
from workers.media.sniff import MediaKind
from workers.recipes.bench import invalid_input, workbench
from workers.recipes.platforms import platform_of
from workers.recipes.publishing import published_subtitles, published_thumbnail, published_video
from workers.recipes.sound import Sound
from workers.recipes.texts import check_readable, finished
from workers.recipes.together import together
from workers.subtitles.cues import cues_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from segue.v1.spec_pb2 import Clip, CompositionSpec
    from workers.recipes.bench import Bench
    from workers.run import Run


async def composition(run: Run, spec: CompositionSpec) -> JobResult:
    """Fetch the clips, join them, and add sound and subtitles where asked."""
    if spec.subtitles.enabled:
        await check_readable([cue.text for cue in spec.subtitles.cues], field="spec.composition.subtitles")
    async with workbench(run) as bench:
        await run.progress("fetching clips", f"Fetching {len(spec.clips)} clips", fraction=0.05)
        clips, music = await _fetched(bench, spec)
        return await _finished(run, bench, spec, await _joined(bench, spec, clips), Sound(music=music))


async def _fetched(bench: Bench, spec: CompositionSpec) -> tuple[list[Path], Path | None]:
    """Return the clips, in order, and the sound track."""
    clips = [_clip(bench, index, clip) for index, clip in enumerate(spec.clips)]
    music = [_sound_track(bench, spec.audio_url)] if spec.audio_url else []
    files = await together([*clips, *music])
    return files[: len(clips)], files[-1] if music else None


async def _clip(bench: Bench, index: int, clip: Clip) -> Path:
    field = f"spec.composition.clips[{index}].{clip.WhichOneof('source')}"
    url = clip.video_url or await bench.video_of(JobId(clip.job_id), field=field)
    return await bench.given(url, field=field, name=f"clip-{index}", wanted=MediaKind.VIDEO)


async def _sound_track(bench: Bench, url: str) -> Path:
    return await bench.given(url, field="spec.composition.audio_url", name="music", wanted=MediaKind.AUDIO)


async def _joined(bench: Bench, spec: CompositionSpec, clips: Sequence[Path]) -> Path:
    into = bench.path("joined.mp4")
    report = bench.report("joining clips", 0.2, 0.6)
    crossfade = spec.crossfade.ToTimedelta()
    try:
        await join(bench.ffmpeg, clips, into, frame=_frame(spec), crossfade=crossfade, report=report)
    except InputMediaError as error:
        field = "spec.composition.clips"
        raise invalid_input(f"{field}: {error}", field=field) from error
    return into


def _frame(spec: CompositionSpec) -> Frame | None:
    """Return the frame that a platform asks for; None: that of the first clip."""
    platform = platform_of(spec.platform)
    if platform is None:
        return None
    size = frame_size(platform)
    return Frame(size.width, size.height)


async def _finished(run: Run, bench: Bench, spec: CompositionSpec, joined: Path, sound: Sound) -> JobResult:
    info = await bench.probe(joined)
    length = info.video_duration or timedelta()
    cues = cues_of(spec.subtitles, length=length) if spec.subtitles.enabled else []
    own = joined if info.has_audio else None
    mixed = (
        await sound.mixed(bench, length=length, own=own, report=bench.report("mixing sound", 0.6, 0.7))
        if sound
        else None
    )
    video = await finished(
        bench,
        joined,
        sound=mixed,
        cues=cues,
        look=spec.subtitles,
        frame=Frame(*info.display_size),
        report=bench.report("finishing", 0.7, 0.9),
    )
    await run.progress("publishing", "Publishing", fraction=0.9)
    artifacts = [
        await published_video(bench, video, info=await bench.probe(video)),
        await published_thumbnail(bench, video),
        *(await published_subtitles(bench, cues) if cues else []),
    ]
    return JobResult(artifacts=artifacts)
