"""What a model that makes a video between two images takes, and how a wish is put into its words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    Lengths = Mapping[timedelta, Mapping[str, Any]]

#: Characters of a prompt that a model takes where it does not say less.
PROMPT_CHARACTERS: Final = 2500


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionModel:
    """What one endpoint takes."""

    endpoint: str
    """The provider's name of it, and the key in TRANSITION_MODELS."""
    front_field: str
    """The argument for the first frame."""
    tail_field: str | None
    """The argument for the last frame; None: the model cannot end with a given image, so it makes no transitions."""
    lengths: Lengths
    """The lengths it makes, each with the arguments that ask for it: none where it makes no other. Empty: it makes one
    length, and its documentation does not say which."""
    default_length: timedelta | None
    """What it makes where nothing is asked for; None: unknown."""
    aspect_ratios: tuple[str, ...] = ()
    """What its ``aspect_ratio`` argument takes; none: it has no such argument and follows the first image."""
    resolutions: tuple[str, ...] = ()
    """What its ``resolution`` argument takes; none: it has no such argument."""
    longest_at: Mapping[str, timedelta] = field(default_factory=dict)
    """The resolutions at which it makes no longer videos than this."""
    takes_cfg_scale: bool = False
    """Whether it has a ``cfg_scale`` argument (0 to 1)."""
    takes_negative_prompt: bool = False
    """Whether it has a ``negative_prompt`` argument."""
    takes_seed: bool = False
    """Whether it has a ``seed`` argument."""
    takes_generate_audio: bool = False
    """Whether it can make sound of its own, and is told by ``generate_audio``."""
    prompt_characters: int = PROMPT_CHARACTERS
    """How long its prompt may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a transition asks of its model. None or empty: the model's own default."""

    prompt: str
    front_image_url: str
    tail_image_url: str
    negative_prompt: str = ""
    length: timedelta | None = None
    aspect_ratio: str = ""
    resolution: str = ""
    cfg_scale: float | None = None
    seed: int | None = None
    generate_audio: bool | None = None


def transition_arguments(model: TransitionModel, wish: Wish) -> dict[str, Any]:
    """Return the arguments as *model* names them; what the wish leaves open is left to the model.

    The wish has been checked: it asks for nothing that the model does not take.
    """
    asked = {
        "negative_prompt": wish.negative_prompt or None,
        "aspect_ratio": wish.aspect_ratio or None,
        "resolution": wish.resolution or None,
        "cfg_scale": wish.cfg_scale,
        "seed": wish.seed,
        # "No sound" is what a model without sound does anyway, in silence.
        "generate_audio": wish.generate_audio if model.takes_generate_audio else None,
    }
    return {
        "prompt": wish.prompt,
        model.front_field: wish.front_image_url,
        **({model.tail_field: wish.tail_image_url} if model.tail_field else {}),
        **(model.lengths[wish.length] if wish.length is not None else {}),
        **{name: value for name, value in asked.items() if value is not None},
    }
