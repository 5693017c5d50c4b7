"""Inputs that many models share, and the form of a row."""

from typing import Final

from emulator.models.fields import Input, flag, integer, text
from emulator.models.plans import Model, Plan

PROMPT: Final = text("prompt", required=True)
SEED: Final = integer("seed")
GENERATE_AUDIO: Final = flag("generate_audio", default=True)


def model(endpoint: str, plan: Plan, *inputs: Input) -> Model:
    """Make a row of a table."""
    return Model(endpoint=endpoint, inputs=inputs, plan=plan)
