"""The provider's models that make a video between two images, and what each calls its inputs.

Plain data for two readers: the server refuses what a model cannot do before anything is paid, and the worker's recipe
names the arguments as the model wants them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionModel:
    """What one endpoint takes."""

    endpoint: str
    """The provider's name of it, and the key in TRANSITION_MODELS."""
    front_field: str
    """The argument for the first frame."""
    tail_field: str | None
    """The argument for the last frame; None: the model cannot end with a given image, so it makes no transitions."""
    lengths: Mapping[timedelta, str]
    """The lengths it makes, each with the form of its ``duration`` argument."""
    aspect_ratios: tuple[str, ...] = ()
    """What its ``aspect_ratio`` argument takes; none: it has no such argument and follows the first image."""
    takes_cfg_scale: bool = True
    """Whether it has a ``cfg_scale`` argument (0 to 1)."""
    takes_negative_prompt: bool = True
    """Whether it has a ``negative_prompt`` argument."""


_FIVE_OR_TEN: Final = MappingProxyType({timedelta(seconds=5): "5", timedelta(seconds=10): "10"})

_MODELS: Final = (
    TransitionModel(
        endpoint="fal-ai/kling-video/v2.1/pro/image-to-video",
        front_field="image_url",
        tail_field="tail_image_url",
        lengths=_FIVE_OR_TEN,
    ),
    TransitionModel(
        endpoint="fal-ai/kling-video/v2.1/standard/image-to-video",
        front_field="image_url",
        tail_field=None,
        lengths=_FIVE_OR_TEN,
    ),
    TransitionModel(
        endpoint="fal-ai/kling-video/v2.5-turbo/pro/image-to-video",
        front_field="image_url",
        tail_field="tail_image_url",
        lengths=_FIVE_OR_TEN,
    ),
    TransitionModel(
        endpoint="fal-ai/kling-video/v2.6/pro/image-to-video",
        front_field="start_image_url",
        tail_field="end_image_url",
        lengths=_FIVE_OR_TEN,
        takes_cfg_scale=False,
    ),
    TransitionModel(
        endpoint="fal-ai/kling-video/v1.6/pro/image-to-video",
        front_field="image_url",
        tail_field="tail_image_url",
        lengths=_FIVE_OR_TEN,
        aspect_ratios=("16:9", "9:16", "1:1"),
    ),
)

#: The models by their endpoints. The standard one is here so that refusing it can say why.
TRANSITION_MODELS: Final[Mapping[str, TransitionModel]] = MappingProxyType({model.endpoint: model for model in _MODELS})
#: Taken where a transition names no model.
DEFAULT_TRANSITION_MODEL: Final = _MODELS[0]
