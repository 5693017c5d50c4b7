"""Prices are estimates: right where the arguments let them be known, and never an error."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.catalog.prices import PRICES, estimated_cost
from core.catalog.rates import seconds_in

KLING = "fal-ai/kling-video/v2.1/pro/image-to-video"
VEO = "fal-ai/veo3.1/first-last-frame-to-video"
WAN = "fal-ai/wan-flf2v"
FLUX = "fal-ai/flux/schnell"


@pytest.mark.parametrize(
    ("endpoint", "arguments", "micros"),
    [
        (KLING, {}, 490_000),
        (KLING, {"duration": "10"}, 980_000),
        (KLING, {"duration": "auto"}, None),
        ("fal-ai/kling-video/v3/pro/image-to-video", {"duration": "3"}, 504_000),
        ("fal-ai/kling-video/v3/pro/image-to-video", {"duration": "3", "generate_audio": False}, 336_000),
        (VEO, {}, 3_200_000),
        (VEO, {"duration": "4s", "resolution": "4k", "generate_audio": False}, 1_600_000),
        (VEO, {"resolution": "8k"}, None),
        (WAN, {}, 400_000),
        (WAN, {"num_frames": 100, "resolution": "480p"}, 250_000),
        ("fal-ai/minimax/hailuo-02/pro/image-to-video", {}, 480_000),
        (FLUX, {}, 3_000),
        (FLUX, {"image_size": "square_hd"}, 6_000),
        (FLUX, {"image_size": {"width": 1872, "height": 1056}, "num_images": 3}, 18_000),
        (FLUX, {"image_size": {"width": 1e3, "height": 1e3}}, 3_000),
        (FLUX, {"image_size": {"width": "wide"}}, None),
        ("fal-ai/elevenlabs/tts/multilingual-v2", {"text": "x" * 250}, 25_000),
        ("fal-ai/elevenlabs/tts/multilingual-v2", {}, None),
        ("fal-ai/kokoro/japanese", {"prompt": "x" * 50}, 1_000),
        ("fal-ai/stable-audio-25/text-to-audio", {"seconds_total": 190}, 200_000),
        ("fal-ai/nobody/knows", {}, None),
    ],
)
def test_a_call_costs_what_its_arguments_say(endpoint: str, arguments: dict[str, Any], micros: int | None) -> None:
    assert estimated_cost(endpoint, arguments) == micros


@pytest.mark.parametrize(
    ("spelled", "seconds"),
    [
        ("5", 5),
        (6, 6),
        ("5s", 5),
        (2.5, 2.5),
        ("auto", None),
        (True, None),
        (math.nan, None),
        (-5, None),
        ("1e9", None),
    ],
)
def test_lengths_are_read_in_every_spelling(spelled: object, seconds: float | None) -> None:
    assert seconds_in(spelled) == seconds


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["width", "height"]), inner),
    max_leaves=4,
)
NAMES = ["duration", "image_size", "num_images", "num_frames", "resolution", "generate_audio", "text", "prompt"]


@given(endpoint=st.sampled_from(sorted(PRICES)), arguments=st.dictionaries(st.sampled_from(NAMES), ODD))
def test_odd_arguments_have_no_price_or_a_natural_one(endpoint: str, arguments: dict[str, Any]) -> None:
    cost = estimated_cost(endpoint, arguments)

    assert cost is None or (type(cost) is int and 0 <= cost < 10**12)


def test_every_price_says_where_and_when_it_was_read() -> None:
    assert all(price.source and date(2026, 8, 1) <= price.read <= date(2026, 12, 31) for price in PRICES.values())
