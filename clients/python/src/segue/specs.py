"""What a job shall make: builders of ``JobSpec`` that take plain Python values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf.struct_pb2 import Struct

from segue.v1 import spec_pb2
from segue.values import duration, enum_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta

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
    subtitles: spec_pb2.Subtitles | Iterable[tuple[float, float, str]] | None = None,
    music: spec_pb2.Music | str | None = None,
    voiceover: spec_pb2.Voiceover | str | None = None,
) -> spec_pb2.JobSpec:
    """Describe a video that begins with one image and ends with another.

    Args:
        front_image_url: the first frame, as an http(s) URL or a data: URI.
        tail_image_url: the last frame, likewise.
        prompt: what shall be seen on the way.
        negative_prompt: what shall not be seen.
        transition_type: how the movement feels: "energetic", "calm", "smooth", "dramatic", "dreamy", "cinematic".
        video_length: a timedelta or seconds; 5 or 10.
        aspect_ratio: "16:9", "9:16" or "1:1", for models that take it.
        cfg_scale: how closely the model follows the prompt, 0 to 1.
        model: the fal endpoint, if not the server's default.
        name: a name for people.
        audio_url: a sound track.
        subtitles: cues ``(start, end, text)`` in seconds, or the full message.
        music: the kind of music, for example "ambient", or the full message.
        voiceover: what is said, or the full message.
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
        subtitles=_subtitles(subtitles),
        audio_url=audio_url,
        music=spec_pb2.Music(enabled=True, type=music) if isinstance(music, str) else music,
        voiceover=spec_pb2.Voiceover(enabled=True, text=voiceover) if isinstance(voiceover, str) else voiceover,
    )
    return spec_pb2.JobSpec(transition=spec)


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
    subtitles: spec_pb2.Subtitles | Iterable[tuple[float, float, str]] | None,
) -> spec_pb2.Subtitles | None:
    if subtitles is None or isinstance(subtitles, spec_pb2.Subtitles):
        return subtitles
    cues = [spec_pb2.SubtitleCue(start=duration(start), end=duration(end), text=text) for start, end, text in subtitles]
    return spec_pb2.Subtitles(enabled=True, cues=cues)


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
