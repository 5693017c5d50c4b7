"""What a transition's spec asks of its model, in the model's own words. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from core.catalog.transition_model import PROMPT_CHARACTERS, Wish, transition_arguments
from core.catalog.transitions import DEFAULT_TRANSITION_MODEL, TRANSITION_MODELS
from segue.v1.spec_pb2 import TransitionType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.catalog.transition_model import TransitionModel
    from segue.v1.spec_pb2 import TransitionSpec

#: What a transition type adds to the prompt.
STYLES: Final[Mapping[int, str]] = {
    TransitionType.TRANSITION_TYPE_UNSPECIFIED: "",
    TransitionType.TRANSITION_TYPE_ENERGETIC: "Energetic, fast-paced transition with dynamic camera movement.",
    TransitionType.TRANSITION_TYPE_CALM: "Calm, slow transition with gentle camera movement.",
    TransitionType.TRANSITION_TYPE_SMOOTH: "Smooth, flowing transition without abrupt changes.",
    TransitionType.TRANSITION_TYPE_DRAMATIC: "Dramatic transition with strong contrasts of light and shadow.",
    TransitionType.TRANSITION_TYPE_DREAMY: "Dreamy, soft transition with a hazy glow.",
    TransitionType.TRANSITION_TYPE_CINEMATIC: "Cinematic transition, slow camera, shallow depth of field.",
}
#: The prompt of a transition that says nothing itself: the models insist on one.
PLAIN_PROMPT: Final = "A seamless transition from the first image to the last."


def model_of(spec: TransitionSpec) -> TransitionModel:
    """Return the model that the spec names, or the default one."""
    return TRANSITION_MODELS[spec.model] if spec.model else DEFAULT_TRANSITION_MODEL


def arguments_of(spec: TransitionSpec) -> dict[str, Any]:
    """Return the arguments as the spec's model names them; what the spec leaves open is left to the model."""
    model = model_of(spec)
    wish = Wish(
        prompt=prompt_of(spec, model.prompt_characters),
        front_image_url=spec.front_image_url,
        tail_image_url=spec.tail_image_url,
        negative_prompt=spec.negative_prompt,
        length=spec.video_length.ToTimedelta() if spec.HasField("video_length") else None,
        aspect_ratio=spec.aspect_ratio,
        resolution=spec.resolution,
        cfg_scale=spec.cfg_scale if spec.HasField("cfg_scale") else None,
        seed=spec.seed if spec.HasField("seed") else None,
        generate_audio=spec.generate_audio if spec.HasField("generate_audio") else None,
    )
    return transition_arguments(model, wish)


def prompt_of(spec: TransitionSpec, most: int = PROMPT_CHARACTERS) -> str:
    """Return the caller's prompt and what the transition type adds to it, where both fit into *most* characters."""
    own = spec.prompt or PLAIN_PROMPT
    whole = " ".join(part for part in (own, STYLES[spec.transition_type]) if part)
    return whole if len(whole) <= most else own
