"""What a job probably costs, and what else of its spec the engine goes by. The spec has been checked."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from google.protobuf.json_format import MessageToDict

from core.catalog.images import image
from core.catalog.music import music, music_prompt
from core.catalog.platforms import frame_size
from core.catalog.prices import PRICES, estimated_cost
from core.catalog.transition_model import Wish, transition_arguments
from core.catalog.transitions import DEFAULT_TRANSITION_MODEL, TRANSITION_MODELS
from core.catalog.voices import speech
from core.job import JobId
from core.script.scenes import speech_expected
from segue.v1 import job_pb2
from server.translate.enums import PLATFORM_FROM_PROTO

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.catalog.calls import Call
    from segue.v1 import spec_pb2

#: How long music is where nobody knows how long the video will be; the models charge by the piece.
_SOME_LENGTH: Final = timedelta(seconds=5)


def money_to_proto(micros: int) -> job_pb2.Money:
    """Return an amount of USD."""
    money = job_pb2.Money()
    fill_money(money, micros)
    return money


def fill_money(money: job_pb2.Money, micros: int) -> None:
    """Set an amount of USD in place."""
    money.currency_code = "USD"
    money.micros = micros


def estimated_cost_of(spec: spec_pb2.JobSpec) -> int | None:
    """Return what the generations of a job probably cost together, in micros of USD; None: unknown."""
    match spec.WhichOneof("kind"):
        case "transition":
            return _cost_of_transition(spec.transition)
        case "script_video":
            return _cost_of_script_video(spec.script_video)
        case "model" if spec.model.endpoint in PRICES:
            return estimated_cost(spec.model.endpoint, MessageToDict(spec.model.arguments))
        case "composition":
            return 0  # nothing is generated
        case _:
            return None


def model_of(spec: spec_pb2.JobSpec) -> str:
    """Return the model that does the work, as far as it says how long that takes."""
    match spec.WhichOneof("kind"):
        case "transition":
            return spec.transition.model or DEFAULT_TRANSITION_MODEL.endpoint
        case "model":
            return spec.model.endpoint
        case _:
            return ""


def awaited_jobs(spec: spec_pb2.JobSpec) -> tuple[JobId, ...]:
    """Return the jobs that a composition is made of, each once."""
    if spec.WhichOneof("kind") != "composition":
        return ()
    clips = spec.composition.clips
    return tuple(dict.fromkeys(JobId(clip.job_id) for clip in clips if clip.WhichOneof("source") == "job_id"))


def _cost_of_transition(spec: spec_pb2.TransitionSpec) -> int | None:
    """Return what the calls that a transition is made of cost, as far as their prices go by them."""
    model = TRANSITION_MODELS[spec.model] if spec.model else DEFAULT_TRANSITION_MODEL
    length = _length_of(spec)
    sound = spec.generate_audio if spec.HasField("generate_audio") else None
    costs = [_cost_of_video(model.endpoint, length, spec.resolution, generate_audio=sound)]
    if spec.HasField("music") and spec.music.enabled:
        costs.append(_cost_of_music(spec.music, length or model.default_length or _SOME_LENGTH))
    if spec.HasField("voiceover") and spec.voiceover.enabled:
        voice = spec.voiceover
        costs.append(_cost_of(speech(voice.provider, voice.language, voice.voice, voice.text)))
    return _together(costs)


def _cost_of_script_video(spec: spec_pb2.ScriptVideoSpec) -> int | None:
    """Return what a voice and an image for each scene cost together."""
    scenes = len(speech_expected(spec.script_content, spec.language))
    frame = frame_size(PLATFORM_FROM_PROTO[spec.platform], spec.aspect_ratio)
    costs = [
        _cost_of(speech(spec.voice_provider, spec.language, spec.voice_name, spec.script_content)),
        _times(scenes, _cost_of(image(spec.image_model, "", frame))),
    ]
    if spec.script_model:
        costs.append(estimated_cost(spec.script_model, {}))
    if spec.music.enabled:
        costs.append(_cost_of_music(spec.music, _SOME_LENGTH))
    return _together(costs)


def _cost_of_music(wanted: spec_pb2.Music, length: timedelta) -> int | None:
    return _cost_of(music(wanted.model, music_prompt(wanted.type, wanted.prompt), length))


def _times(count: int, cost: int | None) -> int | None:
    return None if cost is None else count * cost


def _together(costs: Sequence[int | None]) -> int | None:
    """Return the sum; None: one is unknown."""
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def _length_of(spec: spec_pb2.TransitionSpec) -> timedelta | None:
    if not spec.HasField("video_length"):
        return None
    return timedelta(seconds=spec.video_length.seconds, microseconds=spec.video_length.nanos // 1000)


@lru_cache(maxsize=1000)
def _cost_of_video(
    endpoint: str, length: timedelta | None, resolution: str, *, generate_audio: bool | None
) -> int | None:
    """Return what the video itself costs. Kept: all of it is from the catalog, and every submission asks."""
    model = TRANSITION_MODELS[endpoint]
    wish = Wish(
        prompt="",
        front_image_url="",
        tail_image_url="",
        length=length,
        resolution=resolution,
        generate_audio=generate_audio,
    )
    return estimated_cost(endpoint, transition_arguments(model, wish))


def _cost_of(call: Call) -> int | None:
    return estimated_cost(call.endpoint, call.arguments)
