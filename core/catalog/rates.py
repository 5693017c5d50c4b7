"""How the provider charges: functions that make a rule from a rate. All amounts are micros of USD.

A rule looks at the arguments of one call and tells what it probably costs; None where they do not let it be known,
because they are odd or because the model itself chooses ("auto"). It never raises: arguments are a caller's.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Rule = Callable[[Mapping[str, Any]], int | None]

#: More seconds, or pixels of a side, are nothing that a model makes.
_MOST_SECONDS: Final = 3600
_MOST_PIXELS: Final = 16_384
#: Width and height of the named sizes of fal's image models, in pixels.
IMAGE_SIZES: Final[Mapping[str, tuple[int, int]]] = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}


def seconds_in(value: object) -> float | None:
    """Return a length as fal's models spell it, in seconds: ``5``, ``"5"`` or ``"5s"``; None: it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value.removesuffix("s")) if isinstance(value, str) else float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if 0 < seconds <= _MOST_SECONDS else None


def flat(micros: int) -> Rule:
    """So much for each call."""
    return lambda _arguments: micros


def per_second(micros: int, *, default: float, field: str = "duration") -> Rule:
    """So much for each second of the length in *field*; *default*: the seconds the model makes where it is silent."""

    def rule(arguments: Mapping[str, Any]) -> int | None:
        seconds = seconds_in(arguments.get(field, default))
        return None if seconds is None else round(seconds * micros)

    return rule


def per_second_with_sound(silent: int, sounding: int, *, default: float) -> Rule:
    """So much for each second, and more with sound; these models make sound unless they are told not to."""

    def rule(arguments: Mapping[str, Any]) -> int | None:
        rate = silent if arguments.get("generate_audio", True) is False else sounding
        return per_second(rate, default=default)(arguments)

    return rule


def by_value(field: str, rules: Mapping[str, Rule], *, default: str) -> Rule:
    """Another rule for each value of *field*."""

    def rule(arguments: Mapping[str, Any]) -> int | None:
        chosen = rules.get(str(arguments.get(field, default)))
        return None if chosen is None else chosen(arguments)

    return rule


def per_thousand_characters(micros: int, *, field: str) -> Rule:
    """So much for a thousand characters of the text in *field*, in proportion."""

    def rule(arguments: Mapping[str, Any]) -> int | None:
        text = arguments.get(field)
        return math.ceil(len(text) * micros / 1000) if isinstance(text, str) else None

    return rule


def per_megapixel(micros: int) -> Rule:
    """So much for each begun megapixel of each image."""

    def rule(arguments: Mapping[str, Any]) -> int | None:
        size = _image_size(arguments.get("image_size", "landscape_4_3"))
        count = _whole(arguments.get("num_images", 1), most=100)
        return None if size is None or count is None else math.ceil(size[0] * size[1] / 1_000_000) * count * micros

    return rule


def _image_size(wanted: object) -> tuple[int, int] | None:
    if isinstance(wanted, str):
        return IMAGE_SIZES.get(wanted)
    if not isinstance(wanted, dict):
        return None
    width, height = (_whole(wanted.get(side, 512), most=_MOST_PIXELS) for side in ("width", "height"))
    return None if width is None or height is None else (width, height)


def _whole(value: object, *, most: int) -> int | None:
    """Return a number without a fraction, however it is spelled: JSON knows no other kind than 4.0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= most:
        return None
    return int(value) if value == int(value) else None
