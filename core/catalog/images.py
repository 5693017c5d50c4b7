"""The models that draw the images of script videos, and what each calls its inputs (fal's generated types)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from core.catalog.calls import Call
from core.catalog.platforms import FrameSize

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageModel:
    """What one endpoint takes."""

    endpoint: str
    """The provider's name of it, and the key in IMAGE_MODELS."""
    multiple: int = 16
    """Both sides are multiples of this, in pixels: the model works in blocks of them."""
    most_pixels: int = 2_000_000
    """How many it draws well; it is also charged by begun megapixels."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What it is told besides."""


_ONE_JPEG: Final = MappingProxyType({"num_images": 1, "output_format": "jpeg"})
_MODELS: Final = (
    ImageModel(endpoint="fal-ai/flux/schnell", extra=_ONE_JPEG),
    ImageModel(endpoint="fal-ai/flux/dev", extra=_ONE_JPEG),
)

#: The models by their endpoints.
IMAGE_MODELS: Final[Mapping[str, ImageModel]] = MappingProxyType({model.endpoint: model for model in _MODELS})
#: Taken where a spec names none: the fastest, and an eighth of the other's price.
DEFAULT_IMAGE_MODEL: Final = _MODELS[0]


def image(model: str, prompt: str, frame: FrameSize) -> Call:
    """Return the call that draws *prompt* in the shape of *frame*.

    Raises:
        KeyError: there is no such model. Empty is the default one.
    """
    chosen = IMAGE_MODELS[model] if model else DEFAULT_IMAGE_MODEL
    size = drawn_size(chosen, frame)
    arguments = {"prompt": prompt, "image_size": {"width": size.width, "height": size.height}, **chosen.extra}
    return Call(endpoint=chosen.endpoint, arguments=arguments, answer="images")


def drawn_size(model: ImageModel, frame: FrameSize) -> FrameSize:
    """Return the size to draw for *frame*: about its shape, no larger than it or than the model draws well."""
    scale = min(1.0, math.sqrt(model.most_pixels / (frame.width * frame.height)))
    width, height = (
        max(model.multiple, int(side * scale) // model.multiple * model.multiple)
        for side in (frame.width, frame.height)
    )
    return FrameSize(width, height)
