"""What a job shall make: builders of ``JobSpec`` that take plain Python values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from google.protobuf.struct_pb2 import Struct

from segue.v1 import spec_pb2
from segue.values import duration, enum_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta

    from segue.v1.job_pb2 import Job

#: JSON numbers travel as doubles; a larger integer (a seed, an id) would silently change on the way.
_LARGEST_INTEGER: Final = 2**53


def transition(
    front_image_url: str,
    tail_image_url: str,
    *,
    prompt: str = "",
    negative_prompt: str = "",
    transition_type: str | spec_pb2.TransitionType.ValueType = "",
    video_length: timedelta | float | None = None,
    aspect_ratio: str = "",
    cfg_scale: float | None = None,
    model: str = "",
    name: str = "",
    audio_url: str = "",
    subtitles: spec_pb2.Subtitles | Iterable[tuple[float, float, str]] | bool | None = None,
    music: spec_pb2.Music | str | bool | None = None,
    voiceover: spec_pb2.Voiceover | str | Literal[False] | None = None,
    resolution: str = "",
    seed: int | None = None,
    generate_audio: bool | None = None,
    thumbnail: bool | None = None,
    probe: bool | None = None,
) -> spec_pb2.JobSpec:
    """Describe a video that begins with one image and ends with another.

    What is not given is as the template says, if the job is submitted with one; False turns off what that turns on.

    Args:
        front_image_url: the first frame, as an http(s) URL or a data: URI.
        tail_image_url: the last frame, likewise.
        prompt: what shall be seen on the way.
        negative_prompt: what shall not be seen.
        transition_type: how the movement feels: "energetic", "calm", "smooth", "dramatic", "dreamy", "cinematic".
        video_length: a timedelta or seconds; what the model makes, 5 or 10 for the default one.
        aspect_ratio: for example "16:9" or "9:16", for models that take it.
        cfg_scale: how closely the model follows the prompt, 0 to 1.
        model: the fal endpoint, if not the server's default.
        name: a name for people.
        audio_url: a sound track.
        subtitles: cues ``(start, end, text)`` in seconds, or the full message.
        music: the kind of music, for example "ambient", or the full message.
        voiceover: what is said, or the full message.
        resolution: for example "720p", for models that take it.
        seed: for models that take it.
        generate_audio: whether the model makes sound of its own, for models that can.
        thumbnail: add a still picture to the result.
        probe: look into the file also when nothing else asks for it.
    """
    spec = spec_pb2.TransitionSpec(
        name=name,
        front_image_url=front_image_url,
        tail_image_url=tail_image_url,
        transition_type=enum_value(spec_pb2.TransitionType, transition_type),
        prompt=prompt,
        negative_prompt=negative_prompt,
        video_length=duration(video_length),
        aspect_ratio=aspect_ratio,
        cfg_scale=cfg_scale,
        model=model,
        subtitles=_subtitles(wanted=subtitles),
        audio_url=audio_url,
        music=_music(wanted=music),
        voiceover=_voiceover(voiceover),
        resolution=resolution,
        seed=seed,
        generate_audio=generate_audio,
        thumbnail=thumbnail,
        probe=probe,
    )
    return spec_pb2.JobSpec(transition=spec)


def composition(
    clips: Iterable[str | Job],
    *,
    name: str = "",
    audio_url: str = "",
    crossfade: timedelta | float | None = None,
    subtitles: spec_pb2.Subtitles | Iterable[tuple[float, float, str]] | bool | None = None,
    platform: str | spec_pb2.Platform.ValueType = "",
) -> spec_pb2.JobSpec:
    """Describe a video that is joined from others.

    Args:
        clips: the parts in order: jobs (also such as still run), their ids, or http(s) URLs of videos.
        name: a name for people.
        audio_url: a sound track, as an http(s) URL or a data: URI.
        crossfade: how long one clip fades into the next, as a timedelta or in seconds; none: a hard cut.
        subtitles: cues ``(start, end, text)`` in seconds, or the full message.
        platform: "youtube", "tiktok" or "instagram" decides shape and size; none: those of the first clip.
    """
    spec = spec_pb2.CompositionSpec(
        name=name,
        clips=[_clip(clip) for clip in clips],
        audio_url=audio_url,
        crossfade=duration(crossfade),
        subtitles=_subtitles(wanted=subtitles),
        platform=enum_value(spec_pb2.Platform, platform),
    )
    return spec_pb2.JobSpec(composition=spec)


def script_video(
    script: str,
    *,
    title: str = "",
    script_id: str = "",
    language: str = "",
    platform: str | spec_pb2.Platform.ValueType = "",
    aspect_ratio: str = "",
    video_length: timedelta | float | None = None,
    voice_provider: str = "",
    voice_name: str = "",
    background_music_url: str = "",
    music: spec_pb2.Music | str | bool | None = None,
    subtitles: spec_pb2.Subtitles | bool | None = None,
    image_model: str = "",
    image_style: str = "",
    script_model: str = "",
) -> spec_pb2.JobSpec:
    """Describe a narrated video that is made from a script.

    Args:
        script: what is said.
        title: of the video.
        script_id: the caller's own id of the script.
        language: of the script, as a BCP 47 tag such as "pt-BR"; none: "en".
        platform: "youtube" (16:9), "tiktok" (9:16) or "instagram" (4:5); none: "youtube".
        aspect_ratio: another shape than the platform's usual one.
        video_length: a timedelta or seconds; none: as long as the speech.
        voice_provider: "elevenlabs", "google", "minimax" or "kokoro".
        voice_name: the name of the voice at that provider.
        background_music_url: music under the speech, as an http(s) URL or a data: URI.
        music: the kind of music to be generated instead, for example "ambient", or the full message.
        subtitles: True, or the full message; without cues they are made from the script.
        image_model: the fal endpoint for the images, if not the server's default.
        image_style: how the images look, for example "watercolour".
        script_model: a fal endpoint of a language model that writes the prompts of the images.
    """
    spec = spec_pb2.ScriptVideoSpec(
        script_id=script_id,
        title=title,
        script_content=script,
        language=language,
        platform=enum_value(spec_pb2.Platform, platform),
        aspect_ratio=aspect_ratio,
        video_length=duration(video_length),
        voice_provider=voice_provider,
        voice_name=voice_name,
        background_music_url=background_music_url,
        music=_music(wanted=music),
        subtitles=_subtitles(wanted=subtitles),
        image_model=image_model,
        image_style=image_style,
        script_model=script_model,
    )
    return spec_pb2.JobSpec(script_video=spec)


def model(endpoint: str, /, arguments: Mapping[str, Any] | None = None, **more_arguments: Any) -> spec_pb2.JobSpec:
    """Describe one call of any fal endpoint, for example ``model("fal-ai/flux/schnell", prompt="a fox")``.

    Args:
        endpoint: the fal endpoint.
        arguments: its JSON arguments; needed only for names that are no Python names.
        more_arguments: its JSON arguments by name; they win over *arguments*.

    Raises:
        ValueError: a value is no JSON, or an integer beyond 2**53, which JSON numbers cannot carry.
    """
    values = {**(arguments or {}), **more_arguments}
    _check_integers(values, "arguments")
    struct = Struct()
    struct.update(values)
    return spec_pb2.JobSpec(model=spec_pb2.ModelSpec(endpoint=endpoint, arguments=struct))


def _subtitles(
    *, wanted: spec_pb2.Subtitles | Iterable[tuple[float, float, str]] | bool | None
) -> spec_pb2.Subtitles | None:
    if wanted is None or isinstance(wanted, spec_pb2.Subtitles):
        return wanted
    if isinstance(wanted, bool):
        return spec_pb2.Subtitles(enabled=wanted)
    cues = [spec_pb2.SubtitleCue(start=duration(start), end=duration(end), text=text) for start, end, text in wanted]
    return spec_pb2.Subtitles(enabled=True, cues=cues)


def _music(*, wanted: spec_pb2.Music | str | bool | None) -> spec_pb2.Music | None:
    if isinstance(wanted, bool):
        return spec_pb2.Music(enabled=wanted)
    return spec_pb2.Music(enabled=True, type=wanted) if isinstance(wanted, str) else wanted


def _voiceover(voiceover: spec_pb2.Voiceover | str | Literal[False] | None) -> spec_pb2.Voiceover | None:
    if voiceover is False:
        return spec_pb2.Voiceover(enabled=False)
    return spec_pb2.Voiceover(enabled=True, text=voiceover) if isinstance(voiceover, str) else voiceover


def _clip(clip: str | Job) -> spec_pb2.Clip:
    if not isinstance(clip, str):
        return spec_pb2.Clip(job_id=clip.id)
    return spec_pb2.Clip(video_url=clip) if "://" in clip else spec_pb2.Clip(job_id=clip)


def _check_integers(value: object, path: str) -> None:
    match value:
        case int() if abs(value) > _LARGEST_INTEGER:
            raise ValueError(f"{path}: {value} is beyond 2**53 and would be rounded; send it as a string")
        case dict():
            for key, item in value.items():
                _check_integers(item, f"{path}.{key}")
        case list():
            for index, item in enumerate(value):
                _check_integers(item, f"{path}[{index}]")
