"""The scenes of a script video: planned from the script, then generated side by side.

Speech and images are asked for at once, as many as there are provider slots; each is a step of its own, so a retried
job pays for none twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from core.catalog.images import image
from core.catalog.platforms import DEFAULT_PLATFORM, PLATFORM_RATIOS, FrameSize, frame_size
from core.catalog.texts import asked_model
from core.catalog.voices import speech
from core.script.errors import ScriptError
from core.script.scenes import Scene, scenes_of
from workers.media.frame import Frame
from workers.media.sniff import MediaKind
from workers.recipes.artifacts import artifacts_of
from workers.recipes.bench import invalid_input
from workers.recipes.platforms import platform_of
from workers.recipes.prompts import Look, image_prompts
from workers.recipes.shots import shot_prompts, shot_request
from workers.recipes.together import together

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from core.catalog.calls import Call
    from segue.v1.spec_pb2 import ScriptVideoSpec
    from workers.errors import JobFailedError
    from workers.progress import Stage
    from workers.recipes.bench import Bench
    from workers.run import Run

#: Pictures in a second.
FRAME_RATE: Final = 30
#: Where the stages begin that people see; users know them.
ANALYSING: Final = 0.10
AUDIO: Final = 0.30
IMAGES: Final = 0.60
COMPOSITING: Final = 0.90


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be generated: one call for the speech and one for the image of each scene."""

    scenes: Sequence[Scene]
    look: Look
    frame: Frame
    voices: Sequence[Call]


@dataclass(frozen=True, slots=True)
class MadeScene:
    """What was generated for one scene."""

    voice: Path
    spoken: timedelta
    image: Path


def planned(spec: ScriptVideoSpec) -> Plan:
    """Cut the script into scenes, and choose how each is spoken. Takes a while: call it in a thread.

    Raises:
        JobFailedError: no video can be made of it as asked.
    """
    target = target_of(spec)
    try:
        scenes = scenes_of(spec.script_content, language=spec.language, target=target)
    except ScriptError as error:
        raise unfit(error) from error
    platform = platform_of(spec.platform) or DEFAULT_PLATFORM
    size = frame_size(platform, spec.aspect_ratio)
    look = Look(
        title=spec.title,
        style=spec.image_style,
        aspect_ratio=spec.aspect_ratio or PLATFORM_RATIOS[platform][0],
    )
    voices = [speech(spec.voice_provider, spec.language, spec.voice_name, scene.text) for scene in scenes]
    return Plan(scenes, look, Frame(size.width, size.height, FRAME_RATE), voices)


def target_of(spec: ScriptVideoSpec) -> timedelta | None:
    """Return how long the video shall be; None: as long as the speech."""
    return spec.video_length.ToTimedelta() if spec.HasField("video_length") else None


async def image_calls(run: Run, spec: ScriptVideoSpec, plan: Plan) -> list[Call]:
    """Return what draws the image of each scene; a language model writes the prompts where one is asked for."""
    if spec.script_model:
        request = shot_request(plan.scenes, plan.look, model=asked_model(spec.script_model))
        answer = await run.generate("prompts", spec.script_model, request, quiet=True)
        prompts = shot_prompts(answer, plan.scenes, plan.look)
    else:
        prompts = image_prompts(plan.scenes, plan.look)
    size = FrameSize(plan.frame.width, plan.frame.height)
    return [image(spec.image_model, prompt, size) for prompt in prompts]


class Generating:
    """Generates speech and images of all scenes side by side, and tells how far that is."""

    def __init__(self, run: Run, bench: Bench, plan: Plan, images: Sequence[Call]) -> None:
        self._run = run
        self._bench = bench
        self._plan = plan
        self._images = images

    async def scenes(self) -> list[MadeScene]:
        """Return what was made, by scene.

        Raises:
            JobFailedError: a model failed.
            MediaError: what it made cannot be used.
        """
        count = len(self._plan.scenes)
        audio = await self._run.stage("generating audio", span=(AUDIO, IMAGES), part="scene", parts=count)
        drawing = await self._run.stage("generating images", span=(IMAGES, COMPOSITING), part="scene", parts=count)
        # Speech first: it stands first in the line for provider slots, and its stage is told first.
        made = await together(
            [
                *(self._voice(call, number, audio) for number, call in enumerate(self._plan.voices, 1)),
                *(self._image(call, number, drawing) for number, call in enumerate(self._images, 1)),
            ]
        )
        voices, images = made[:count], made[count:]
        lengths = await together(self._length(voice) for voice in voices)
        return [MadeScene(*scene) for scene in zip(voices, lengths, images, strict=True)]

    async def _voice(self, call: Call, number: int, stage: Stage) -> Path:
        return await self._fetched(call, f"speech-{number}", stage, MediaKind.AUDIO)

    async def _image(self, call: Call, number: int, stage: Stage) -> Path:
        return await self._fetched(call, f"image-{number}", stage, MediaKind.IMAGE)

    async def _fetched(self, call: Call, step: str, stage: Stage, wanted: MediaKind) -> Path:
        output = await self._run.generate(step, call.endpoint, call.arguments, stage=stage)
        self._bench.deposit(artifacts_of(output))
        return await self._bench.answered(call, output, name=step, wanted=wanted)

    async def _length(self, voice: Path) -> timedelta:
        info = await self._bench.probe(voice)
        return info.audio_duration or info.duration or timedelta()


def unfit(error: ScriptError) -> JobFailedError:
    """Return the failure of a job whose script makes no video as asked."""
    return invalid_input(str(error), field=f"spec.script_video.{error.field}")
