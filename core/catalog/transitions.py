"""The provider's models that make a video between two images, and what each calls its inputs.

Plain data for two readers: the server refuses what a model cannot do before anything is paid, and the worker's recipe
names the arguments as the model wants them. Field names, forms of lengths and allowed values are those of fal's
generated types of 2026-08-02.
"""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from core.catalog.transition_model import TransitionModel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.catalog.transition_model import Lengths


def _seconds(*lengths: float, form: str = "{}") -> Lengths:
    """Lengths that a ``duration`` of text asks for."""
    return MappingProxyType({timedelta(seconds=length): {"duration": form.format(length)} for length in lengths})


def _whole_seconds(*lengths: int) -> Lengths:
    """Lengths that a ``duration`` of a number asks for."""
    return MappingProxyType({timedelta(seconds=length): {"duration": length} for length in lengths})


def _only(seconds: int) -> Lengths:
    """The one length of a model that has no argument for it."""
    return MappingProxyType({timedelta(seconds=seconds): {}})


def _kling_2(
    version: str, *, tail_field: str | None = "tail_image_url", ratios: tuple[str, ...] = ()
) -> TransitionModel:
    return TransitionModel(
        endpoint=f"fal-ai/kling-video/{version}/image-to-video",
        front_field="image_url",
        tail_field=tail_field,
        lengths=_seconds(5, 10),
        default_length=timedelta(seconds=5),
        aspect_ratios=ratios,
        takes_cfg_scale=True,
        takes_negative_prompt=True,
    )


def _kling_3(version: str) -> TransitionModel:
    return TransitionModel(
        endpoint=f"fal-ai/kling-video/{version}/image-to-video",
        front_field="start_image_url",
        tail_field="end_image_url",
        lengths=_seconds(*range(3, 16)),
        default_length=timedelta(seconds=5),
        takes_cfg_scale=True,
        takes_negative_prompt=True,
        takes_generate_audio=True,
    )


def _kling_o1(version: str) -> TransitionModel:
    return TransitionModel(
        endpoint=f"fal-ai/kling-video/{version}/image-to-video",
        front_field="start_image_url",
        tail_field="end_image_url",
        lengths=_seconds(*range(3, 11)),
        default_length=timedelta(seconds=5),
    )


def _kling_o3(version: str) -> TransitionModel:
    return TransitionModel(
        endpoint=f"fal-ai/kling-video/{version}/image-to-video",
        front_field="image_url",
        tail_field="end_image_url",
        lengths=_seconds(*range(3, 16)),
        default_length=timedelta(seconds=5),
        takes_generate_audio=True,
    )


def _veo(endpoint: str) -> TransitionModel:
    return TransitionModel(
        endpoint=endpoint,
        front_field="first_frame_url",
        tail_field="last_frame_url",
        lengths=_seconds(4, 6, 8, form="{}s"),
        default_length=timedelta(seconds=8),
        aspect_ratios=("auto", "16:9", "9:16"),
        resolutions=("720p", "1080p", "4k"),
        takes_negative_prompt=True,
        takes_seed=True,
        takes_generate_audio=True,
    )


def _vidu(endpoint: str) -> TransitionModel:
    return TransitionModel(
        endpoint=endpoint,
        front_field="start_image_url",
        tail_field="end_image_url",
        lengths={},
        default_length=None,
        takes_seed=True,
        prompt_characters=1500,
    )


_KLING: Final = (
    _kling_2("v2.1/pro"),
    _kling_2("v2.1/standard", tail_field=None),
    _kling_2("v2.1/master", tail_field=None),
    _kling_2("v2.5-turbo/pro"),
    TransitionModel(
        endpoint="fal-ai/kling-video/v2.6/pro/image-to-video",
        front_field="start_image_url",
        tail_field="end_image_url",
        lengths=_seconds(5, 10),
        default_length=timedelta(seconds=5),
        takes_negative_prompt=True,
        takes_generate_audio=True,
    ),
    _kling_2("v1.6/pro", ratios=("16:9", "9:16", "1:1")),
    _kling_3("v3/pro"),
    _kling_3("v3/standard"),
    _kling_o1("o1"),
    _kling_o1("o1/standard"),
    _kling_o3("o3/pro"),
    _kling_o3("o3/standard"),
)
_OTHERS: Final = (
    _veo("fal-ai/veo3.1/first-last-frame-to-video"),
    _veo("fal-ai/veo3.1/fast/first-last-frame-to-video"),
    TransitionModel(
        endpoint="fal-ai/pixverse/v5/transition",
        front_field="first_image_url",
        tail_field="end_image_url",
        lengths=_seconds(5, 8),
        default_length=timedelta(seconds=5),
        aspect_ratios=("16:9", "4:3", "1:1", "3:4", "9:16"),
        resolutions=("360p", "540p", "720p", "1080p"),
        longest_at=MappingProxyType({"1080p": timedelta(seconds=5)}),
        takes_negative_prompt=True,
        takes_seed=True,
    ),
    TransitionModel(
        endpoint="fal-ai/minimax/hailuo-02/standard/image-to-video",
        front_field="image_url",
        tail_field="end_image_url",
        lengths=_seconds(6, 10),
        default_length=timedelta(seconds=6),
        resolutions=("512P", "768P"),
    ),
    TransitionModel(
        endpoint="fal-ai/minimax/hailuo-02/pro/image-to-video",
        front_field="image_url",
        tail_field="end_image_url",
        lengths=_only(6),
        default_length=timedelta(seconds=6),
    ),
    TransitionModel(
        endpoint="fal-ai/wan-flf2v",
        front_field="start_image_url",
        tail_field="end_image_url",
        # At its 16 frames per second; it makes no fewer than 81, which is 5.06 s.
        lengths=MappingProxyType({timedelta(seconds=5): {"num_frames": 81}, timedelta(seconds=6): {"num_frames": 96}}),
        default_length=timedelta(seconds=5),
        aspect_ratios=("auto", "16:9", "9:16", "1:1"),
        resolutions=("480p", "720p"),
        takes_negative_prompt=True,
        takes_seed=True,
    ),
    TransitionModel(
        endpoint="fal-ai/luma-dream-machine/ray-2/image-to-video",
        front_field="image_url",
        tail_field="end_image_url",
        lengths=_seconds(5, 9, form="{}s"),
        default_length=timedelta(seconds=5),
        aspect_ratios=("16:9", "9:16", "4:3", "3:4", "21:9", "9:21"),
        resolutions=("540p", "720p", "1080p"),
    ),
    _vidu("fal-ai/vidu/start-end-to-video"),
    _vidu("fal-ai/vidu/q1/start-end-to-video"),
    TransitionModel(
        endpoint="fal-ai/bytedance/seedance/v1/pro/image-to-video",
        front_field="image_url",
        tail_field="end_image_url",
        lengths=_seconds(*range(2, 13)),
        default_length=timedelta(seconds=5),
        aspect_ratios=("auto", "21:9", "16:9", "4:3", "1:1", "3:4", "9:16"),
        resolutions=("480p", "720p", "1080p"),
        takes_seed=True,
    ),
    TransitionModel(
        endpoint="fal-ai/ltx-2.3/image-to-video",
        front_field="image_url",
        tail_field="end_image_url",
        lengths=_whole_seconds(6, 8, 10),
        default_length=timedelta(seconds=6),
    ),
)

#: The models by their endpoints. Those without a tail_field are here so that refusing them can say why.
TRANSITION_MODELS: Final[Mapping[str, TransitionModel]] = MappingProxyType(
    {model.endpoint: model for model in (*_KLING, *_OTHERS)}
)
#: Taken where a transition names no model.
DEFAULT_TRANSITION_MODEL: Final = _KLING[0]
#: The models that can end with a given image, and so make transitions.
USABLE_MODELS: Final = tuple(model for model in TRANSITION_MODELS.values() if model.tail_field is not None)
