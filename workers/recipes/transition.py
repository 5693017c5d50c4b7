"""A video that begins with one image and ends with another, and what is asked for around it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from segue.v1.job_pb2 import ArtifactRole, JobResult
from workers.media.errors import MediaError
from workers.media.frame import Frame
from workers.media.sniff import MediaKind
from workers.recipes.arguments import arguments_of, model_of
from workers.recipes.artifacts import result_of
from workers.recipes.bench import workbench
from workers.recipes.publishing import published_subtitles, published_thumbnail, published_video
from workers.recipes.sound import Sound, generated_sound
from workers.recipes.texts import check_readable, finished
from workers.subtitles.cues import cues_of

if TYPE_CHECKING:
    from pathlib import Path

    from segue.v1.job_pb2 import Artifact
    from segue.v1.spec_pb2 import TransitionSpec
    from workers.recipes.bench import Bench
    from workers.run import Run


async def transition(run: Run, spec: TransitionSpec) -> JobResult:
    """Let the model make the video; add sound, subtitles and a still picture where asked.

    With nothing asked, the model's own file is the video: nothing is fetched, and nothing encoded again.
    """
    changed = spec.subtitles.enabled or spec.audio_url or spec.music.enabled or spec.voiceover.enabled
    if not (changed or spec.thumbnail or spec.probe):
        return result_of(await run.generate("video", model_of(spec).endpoint, arguments_of(spec)))
    if spec.subtitles.enabled:
        await check_readable([cue.text for cue in spec.subtitles.cues], field="spec.transition.subtitles")
    async with workbench(run) as bench:
        # What the caller has given comes before anything is paid.
        music = await _sound_track(bench, spec.audio_url) if spec.audio_url else None
        output = await run.generate("video", model_of(spec).endpoint, arguments_of(spec), span=(0.0, 0.7))
        result = result_of(output)
        bench.deposit(result.artifacts, result.output)
        raw = await bench.generated(_video_in(result).url, name="raw", wanted=MediaKind.VIDEO)
        if changed:
            return await _finished(run, bench, spec, raw, result, Sound(music=music))
        return await _looked_at(bench, spec, raw, result)


async def _sound_track(bench: Bench, url: str) -> Path:
    return await bench.given(url, field="spec.transition.audio_url", name="music", wanted=MediaKind.AUDIO)


async def _looked_at(bench: Bench, spec: TransitionSpec, raw: Path, result: JobResult) -> JobResult:
    """Return the model's own file with what a look into it tells, and a still picture where asked."""
    video = _video_in(result)
    artifacts = [await bench.described(video, raw) if each == video else each for each in result.artifacts]
    if spec.thumbnail:
        artifacts.append(await published_thumbnail(bench, raw))
    return JobResult(artifacts=artifacts, output=result.output)


def _video_in(result: JobResult) -> Artifact:
    for artifact in result.artifacts:
        if artifact.role == ArtifactRole.ARTIFACT_ROLE_VIDEO:
            return artifact
    raise MediaError("The model's answer holds no video.")


async def _finished(
    run: Run, bench: Bench, spec: TransitionSpec, raw: Path, result: JobResult, sound: Sound
) -> JobResult:
    """Return the video with what was asked for around it."""
    info = await bench.probe(raw)
    length = info.video_duration or timedelta()
    if spec.music.enabled or spec.voiceover.enabled:
        stage = await run.stage("generating sound", span=(0.7, 0.8), parts=spec.music.enabled + spec.voiceover.enabled)
        made = await generated_sound(run, bench, length=length, wanted=spec.music, spoken=spec.voiceover, stage=stage)
        sound = Sound(made.voices, made.music or sound.music)
    mixed = None
    if sound:
        own = raw if info.has_audio else None
        mixed = await sound.mixed(bench, length=length, own=own, report=bench.report("mixing sound", 0.8, 0.85))
    cues = cues_of(spec.subtitles, length=length) if spec.subtitles.enabled else []
    video = await finished(
        bench,
        raw,
        sound=mixed,
        cues=cues,
        look=spec.subtitles,
        frame=Frame(*info.display_size),
        report=bench.report("finishing", 0.85, 0.95),
    )
    await run.progress("publishing", "Publishing", fraction=0.95)
    artifacts: list[Artifact] = [await published_video(bench, video, info=await bench.probe(video))]
    if spec.thumbnail:
        artifacts.append(await published_thumbnail(bench, video))
    if cues:
        artifacts += await published_subtitles(bench, cues)
    return JobResult(artifacts=artifacts, output=result.output)
