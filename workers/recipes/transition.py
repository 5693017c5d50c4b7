"""A video that begins with one image and ends with another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from core.models import DEFAULT_TRANSITION_MODEL, TRANSITION_MODELS
from segue.v1.spec_pb2 import TransitionSpec, TransitionType
from workers.recipes.artifacts import result_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segue.v1.job_pb2 import JobResult
    from workers.run import Run

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


async def transition(run: Run, spec: TransitionSpec) -> JobResult:
    """Let the model make the video."""
    model = TRANSITION_MODELS[spec.model or DEFAULT_TRANSITION_MODEL.endpoint]
    output = await run.generate("video", model.endpoint, arguments_of(spec))
    return result_of(output)


def arguments_of(spec: TransitionSpec) -> dict[str, Any]:
    """Return the arguments as the spec's model names them; what the spec leaves open is left to the model."""
    model = TRANSITION_MODELS[spec.model or DEFAULT_TRANSITION_MODEL.endpoint]
    arguments: dict[str, Any] = {"prompt": prompt_of(spec), model.front_field: spec.front_image_url}
    if model.tail_field:
        arguments[model.tail_field] = spec.tail_image_url
    if spec.HasField("video_length"):
        arguments["duration"] = model.lengths[spec.video_length.ToTimedelta()]
    if spec.negative_prompt:
        arguments["negative_prompt"] = spec.negative_prompt
    if spec.aspect_ratio:
        arguments["aspect_ratio"] = spec.aspect_ratio
    if spec.HasField("cfg_scale"):
        arguments["cfg_scale"] = spec.cfg_scale
    return arguments


def prompt_of(spec: TransitionSpec) -> str:
    """Return the caller's prompt and what the transition type adds to it."""
    return " ".join(part for part in (spec.prompt or PLAIN_PROMPT, STYLES[spec.transition_type]) if part)
