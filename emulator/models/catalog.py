"""Runs a model: validate the arguments, fetch the inputs, render, and answer in the model's shape."""

import zlib
from dataclasses import dataclass
from typing import Any, Final

from emulator import outcomes
from emulator.models.artists import Artists, Media
from emulator.models.fields import validated
from emulator.models.plans import ImagePlan, Model, MusicPlan, SpeechPlan, TextPlan, VideoPlan, lines_of
from emulator.models.table import MODELS
from emulator.models.words import answer_to
from emulator.records import JsonObject, Submission

#: Owners whose every endpoint exists and answers with its arguments.
ECHO_OWNERS: Final = ("emulator", "segue")
#: A prompt with these words is refused as fal's content checker would.
REFUSED_WORDS: Final = "please refuse this"


def is_known(endpoint: str) -> bool:
    """Whether there is such an endpoint."""
    return endpoint.partition("/")[0] in ECHO_OWNERS or endpoint.lower() in MODELS


@dataclass(frozen=True)
class Catalog:
    """All models, and the artists that make their media."""

    artists: Artists

    async def run(self, submission: Submission) -> tuple[JsonObject, float]:
        """Return what the model of the endpoint answers, and its billable units.

        Raises:
            ModelError: the arguments are wrong or refused.
        """
        model = MODELS.get(submission.endpoint.lower())
        if model is None:
            return submission.arguments, 1.0
        values = validated(model.inputs, submission.arguments)
        if any(REFUSED_WORDS in str(values.get(name, "")).lower() for name in ("prompt", "text")):
            raise outcomes.content_refused()
        return await self._answer(model, values, Media(self.artists.files, submission))

    async def _answer(self, model: Model, values: JsonObject, media: Media) -> tuple[JsonObject, float]:
        match model.plan:
            case VideoPlan() as plan:
                return await self._video(plan, values, media)
            case ImagePlan():
                return await self._images(values, media)
            case SpeechPlan() as plan:
                path, seconds = await self.artists.speech(plan, values)
                extra = {"duration_ms": round(seconds * 1000)} if plan.milliseconds else {}
                return {"audio": await media.file(path), **extra}, max(1, len(str(values[plan.text]))) / 1000
            case MusicPlan() as plan:
                path, _ = await self.artists.music(plan, values)
                return _with_seed({plan.answer: await media.file(path)}, values, wanted=plan.seed), 1.0
            case TextPlan() as plan:
                return _worded(plan, values), 1.0

    async def _video(self, plan: VideoPlan, values: JsonObject, media: Media) -> tuple[JsonObject, float]:
        # The default resolution of a model would only make the emulator slow.
        asked = media.submission.arguments.get(plan.resolution) if plan.resolution else None
        path, shot = await self.artists.video(plan, values, lines=lines_of(asked))
        file = await media.file(path)
        if plan.detailed:
            (width, height), frames = shot.size, shot.frames
            file |= {"width": width, "height": height, "fps": shot.rate, "num_frames": frames, "duration": shot.seconds}
        return _with_seed({"video": file}, values, wanted=plan.seed), shot.seconds

    async def _images(self, values: JsonObject, media: Media) -> tuple[JsonObject, float]:
        seed = _seed(values)
        images = []
        for number in range(values["num_images"]):
            path, (width, height) = await self.artists.image(values, seed + number)
            image = await media.inline(path) if values["sync_mode"] else await media.file(path)
            images.append({**image, "width": width, "height": height})
        output = {
            "images": images,
            "timings": {"inference": 0.1},
            "seed": seed,
            "has_nsfw_concepts": [False] * len(images),
            "prompt": values["prompt"],
        }
        megapixels = sum(max(1, -(-image["width"] * image["height"] // 1_000_000)) for image in images)
        return output, float(megapixels)


def _seed(values: JsonObject) -> int:
    given = values.get("seed")
    return zlib.crc32(str(values.get("prompt")).encode()) if given is None else int(given)


def _worded(plan: TextPlan, values: JsonObject) -> JsonObject:
    output = answer_to(str(values["prompt"]), str(values.get("system_prompt") or ""))
    said: JsonObject = {"output": output, "reasoning": None, "partial": False, "error": None}
    if plan.usage:
        asked, answered = len(str(values["prompt"])) // 4, len(output) // 4
        said["usage"] = {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}
    return said


def _with_seed(output: JsonObject, values: JsonObject, *, wanted: bool) -> dict[str, Any]:
    return {**output, "seed": _seed(values)} if wanted else output
