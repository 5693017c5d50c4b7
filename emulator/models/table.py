"""The models the emulator offers, copied from fal's schemas (see `docs.fal.ai`); data, no code.

To offer one more model, add a row here, in `videos.py` or in `sounds.py`. Inputs a model has but that change nothing
here may be left out: unknown names are ignored, by fal as well.
"""

from typing import Final

from emulator.models.fields import Input, choice, flag, integer, number, text
from emulator.models.plans import ImagePlan, Model, TextPlan
from emulator.models.rows import PROMPT, SEED, model
from emulator.models.sounds import MUSIC, SPEECH
from emulator.models.videos import VIDEOS

_IMAGE_SIZES: Final = (
    "square_hd",
    "square",
    "portrait_4_3",
    "portrait_16_9",
    "landscape_4_3",
    "landscape_16_9",
)


def _flux(endpoint: str, *, steps: int, most_steps: int) -> Model:
    return model(
        endpoint,
        ImagePlan(),
        PROMPT,
        Input(name="image_size", kinds=("string", "object"), default="landscape_4_3", one_of=_IMAGE_SIZES),
        integer("num_inference_steps", steps, ge=1, le=most_steps),
        number("guidance_scale", 3.5, ge=1, le=20),
        integer("num_images", 1, ge=1, le=4),
        SEED,
        flag("enable_safety_checker", default=True),
        choice("output_format", ("jpeg", "png"), "jpeg"),
        choice("acceleration", ("none", "regular", "high"), "none"),
        flag("sync_mode", default=False),
    )


_IMAGES: Final = (
    _flux("fal-ai/flux/schnell", steps=4, most_steps=12),
    _flux("fal-ai/flux/dev", steps=28, most_steps=50),
)

_WORDS: Final = (
    # Deprecated at fal for the router, but in use.
    model(
        "fal-ai/any-llm",
        TextPlan(),
        text("prompt", required=True, min_length=1, max_length=5000),
        text("system_prompt", max_length=5000),
        text("model", default="google/gemini-2.5-flash-lite"),
        flag("reasoning", default=False),
        number("temperature", ge=0, le=2),
        integer("max_tokens", ge=1),
    ),
    model(
        "openrouter/router",
        TextPlan(usage=True),
        text("prompt", required=True, min_length=1),
        text("system_prompt"),
        text("model", required=True, min_length=1),
        flag("reasoning", default=False),
        number("temperature", 1.0, ge=0, le=2),
        integer("max_tokens", ge=1),
    ),
)

MODELS: Final = {row.endpoint: row for row in (*VIDEOS, *_IMAGES, *SPEECH, *MUSIC, *_WORDS)}
