"""What a call of a model probably costs. An estimate for people and budgets, never a bill: the provider bills.

Each row names where its price was read and when. A model that is not here has an unknown price, and unknown is what
is said of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from core.catalog.rates import (
    by_value,
    flat,
    per_megapixel,
    per_second,
    per_second_with_sound,
    per_thousand_characters,
)
from core.catalog.voice_lists import KOKORO_SPEAKERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.catalog.rates import Rule

#: The provider's own description of the model.
_MODEL_PAGE: Final = "https://fal.ai/models/{endpoint}/llms.txt"
#: Price lists of others, which agree with each other.
_OTHERS: Final = "third parties"
_READ: Final = date(2026, 8, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """How one endpoint is charged."""

    endpoint: str
    rule: Rule
    source: str
    """Where the price was read."""
    read: date
    """When it was read."""


def _price(endpoint: str, rule: Rule, source: str = _MODEL_PAGE, read: date = _READ) -> Price:
    return Price(endpoint=endpoint, rule=rule, source=source.format(endpoint=endpoint), read=read)


def _wan_flf2v(arguments: Mapping[str, Any]) -> int | None:
    """A price for the resolution, and a quarter more for more than the usual 81 frames."""
    micros = {"480p": 200_000, "720p": 400_000}.get(str(arguments.get("resolution", "720p")))
    frames = arguments.get("num_frames", 81)
    if micros is None or not isinstance(frames, int | float):
        return None
    return micros * 5 // 4 if frames > 81 else micros


def _veo(silent: int, sounding: int, *, silent_4k: int, sounding_4k: int) -> Rule:
    usual = per_second_with_sound(silent, sounding, default=8)
    return by_value(
        "resolution",
        {"720p": usual, "1080p": usual, "4k": per_second_with_sound(silent_4k, sounding_4k, default=8)},
        default="720p",
    )


_ROWS: Final = (
    _price("fal-ai/kling-video/v2.1/pro/image-to-video", per_second(98_000, default=5)),
    _price("fal-ai/kling-video/v2.1/standard/image-to-video", per_second(56_000, default=5)),
    _price("fal-ai/kling-video/v2.1/master/image-to-video", per_second(280_000, default=5)),
    _price("fal-ai/kling-video/v2.5-turbo/pro/image-to-video", per_second(70_000, default=5)),
    _price("fal-ai/kling-video/v1.6/pro/image-to-video", per_second(95_000, default=5), _OTHERS),
    _price("fal-ai/kling-video/v3/pro/image-to-video", per_second_with_sound(112_000, 168_000, default=5)),
    _price("fal-ai/kling-video/o3/standard/image-to-video", per_second_with_sound(84_000, 112_000, default=5), _OTHERS),
    _price("fal-ai/wan-flf2v", _wan_flf2v),
    _price("fal-ai/minimax/hailuo-02/pro/image-to-video", flat(480_000), _OTHERS),  # 6 s at 0.08
    _price(
        "fal-ai/veo3.1/first-last-frame-to-video",
        _veo(200_000, 400_000, silent_4k=400_000, sounding_4k=600_000),
    ),
    _price(
        "fal-ai/veo3.1/fast/first-last-frame-to-video",
        _veo(100_000, 150_000, silent_4k=300_000, sounding_4k=350_000),
    ),
    _price("fal-ai/flux/schnell", per_megapixel(3_000), _OTHERS),
    _price("fal-ai/flux/dev", per_megapixel(25_000), _OTHERS),
    _price("fal-ai/stable-audio-25/text-to-audio", flat(200_000)),
    _price(
        "fal-ai/elevenlabs/tts/multilingual-v2",
        per_thousand_characters(100_000, field="text"),
        read=date(2026, 10, 1),
    ),
    _price("fal-ai/kokoro/american-english", per_thousand_characters(20_000, field="prompt"), read=date(2026, 11, 20)),
    *(
        _price(f"fal-ai/kokoro/{accent}", per_thousand_characters(20_000, field="prompt"), _OTHERS, date(2026, 11, 20))
        for accent, _ in KOKORO_SPEAKERS.values()
        if accent != "american-english"
    ),
)

#: The prices by their endpoints.
PRICES: Final[Mapping[str, Price]] = MappingProxyType({price.endpoint: price for price in _ROWS})


def estimated_cost(endpoint: str, arguments: Mapping[str, Any]) -> int | None:
    """Return what a call of *endpoint* with *arguments* probably costs, in micros of USD; None: unknown."""
    price = PRICES.get(endpoint)
    return None if price is None else price.rule(arguments)
