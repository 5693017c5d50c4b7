"""The renderers as models see them: from a plan and validated values to a finished file."""

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from emulator.downloads import Downloads
from emulator.models.fields import integer, validated
from emulator.models.plans import MusicPlan, SpeechPlan, VideoPlan, ratio_of, seconds_of, timing_of
from emulator.outcomes import ModelError, detail
from emulator.records import JsonObject, Submission
from emulator.render import pictures, sound, tongues, video
from emulator.render.ffmpeg import Ffmpeg
from emulator.render.studio import Studio
from emulator.settings import LiveBehaviour
from emulator.storage import FileStore, content_type_of

_TINY: Final = (64, 36)
#: The sides of a drawn picture, in pixels; fal allows 14142, which would not fit into this machine.
_SIDES: Final = (integer("width", 512, ge=14, le=4096), integer("height", 512, ge=14, le=4096))


@dataclass(frozen=True)
class Media:
    """Hands files to the caller of one submission."""

    files: FileStore
    submission: Submission

    async def file(self, path: Path) -> JsonObject:
        """Publish the file and describe it as fal's `File`."""
        content_type = content_type_of(path.name, None)
        key = self.files.publish(path, content_type=content_type, file_seconds=self.submission.file_seconds)
        size = await asyncio.to_thread(path.stat)
        return {
            "url": f"{self.submission.media_base}/files/{key}",
            "content_type": content_type,
            "file_name": path.name,
            "file_size": size.st_size,
        }

    async def inline(self, path: Path) -> JsonObject:
        """Describe the file as a `File` whose URL carries the bytes."""
        content_type = content_type_of(path.name, None)
        data = base64.b64encode(await asyncio.to_thread(path.read_bytes)).decode()
        return {"url": f"data:{content_type};base64,{data}", "content_type": content_type}


@dataclass(frozen=True)
class Artists:
    """Everything that makes media, each file once."""

    files: FileStore
    downloads: Downloads
    studio: Studio
    ffmpeg: Ffmpeg
    behaviour: LiveBehaviour

    @property
    def _tiny(self) -> bool:
        return self.behaviour.current.render == "tiny"

    async def video(self, plan: VideoPlan, values: JsonObject, *, lines: int | None) -> tuple[Path, video.Shot]:
        """Render the video of *plan*, and return it with what it shows.

        Args:
            lines: the pixels of its shorter side; None: nobody asked, so it is as small as the settings say.
        """
        fields = [field for field in (plan.start, plan.end) if field and values.get(field)]
        given = await asyncio.gather(*(self._picture(values[field], field) for field in fields))
        if self._tiny or not given:
            given = [await self.studio.produce("plain", "plain.png", _in_thread(pictures.plain))]
        size = await asyncio.to_thread(self._frame_size, plan, values, given[0], lines)
        frames, rate = timing_of(plan, values)
        shot = video.Shot(size=size, frames=frames, rate=rate, audio=bool(plan.audio and values.get(plan.audio)))
        path = await self.studio.produce(
            ["video", [str(picture) for picture in given], size, frames, rate, shot.audio],
            "output.mp4",
            lambda path: video.film(self.ffmpeg, shot, given, path),
        )
        return path, shot

    async def image(self, values: JsonObject, seed: int) -> tuple[Path, pictures.Size]:
        """Draw the prompt, and return the picture with its size."""
        size = _TINY if self._tiny else _image_size(values["image_size"])
        prompt = "" if self._tiny else values["prompt"]
        seed = 0 if self._tiny else seed
        name = "output.png" if values["output_format"] == "png" else "output.jpg"
        draw = partial(pictures.draw_prompt, prompt, size, seed)
        return await self.studio.produce(["image", prompt, size, seed], name, _in_thread(draw)), size

    async def speech(self, plan: SpeechPlan, values: JsonObject) -> tuple[Path, float]:
        """Speak the text, and return the sound with its duration in seconds."""
        setting = values.get("voice_setting") or {}
        speed = float(values.get("speed") or setting.get("speed") or 1.0)
        seconds = round(sound.spoken_seconds(str(values[plan.text]), speed), 2)
        words = "tiny" if self._tiny else str(values[plan.text])
        asked = str(values.get("language_code") or values.get("language_boost") or "")
        language = None if self._tiny else tongues.language_of(words, asked)
        container = plan.format
        if plan.format_field is not None:
            container = _container(values[plan.format_field], plan.format)
        name = f"speech.{container}"
        path = await self.studio.produce(
            ["speech", words, seconds, language],
            name,
            lambda path: sound.speak(self.ffmpeg, words, seconds, path, language=language),
        )
        return path, seconds

    async def music(self, plan: MusicPlan, values: JsonObject) -> tuple[Path, float]:
        """Play something for the prompt, and return the sound with its duration in seconds."""
        given = values.get(plan.seconds) if plan.seconds else None
        seconds = seconds_of(given, plan.fixed_seconds * plan.per_second) / plan.per_second
        seconds = max(0.1, seconds)
        prompt = "tiny" if self._tiny else str(values.get("prompt"))
        path = await self.studio.produce(
            ["music", prompt, seconds],
            f"music.{plan.format}",
            lambda path: sound.play(self.ffmpeg, prompt, seconds, path),
        )
        return path, seconds

    def _frame_size(self, plan: VideoPlan, values: JsonObject, first: Path, lines: int | None) -> pictures.Size:
        ratio = ratio_of(values[plan.aspect]) if plan.aspect else None
        if self._tiny:
            return pictures.frame_size(first, longer=max(_TINY), ratio=ratio)
        if lines is not None:
            return pictures.frame_size(first, shorter=lines, ratio=ratio)
        return pictures.frame_size(first, longer=self.behaviour.current.video_width, ratio=ratio)

    async def _picture(self, url: str, field: str) -> Path:
        """Fetch a picture and return it as a PNG; the same bytes always give the same path."""
        data = await self.downloads.fetch(url, field=field)
        digest = hashlib.sha256(data).hexdigest()
        normalize = _in_thread(partial(pictures.normalize, data))
        try:
            return await self.studio.produce(["picture", digest], "picture.png", normalize)
        except pictures.UnreadablePictureError as error:
            message = "Failed to load the image. Please ensure the image file is not corrupted."
            raise ModelError(detail([field], message, "image_load_error")) from error


def _in_thread(write: Callable[[Path], None]) -> Callable[[Path], Awaitable[None]]:
    return lambda path: asyncio.to_thread(write, path)


def _image_size(wanted: Any) -> pictures.Size:
    """Return the size in pixels of a named size or of `{"width", "height"}`."""
    if isinstance(wanted, str):
        return pictures.NAMED_SIZES[wanted]
    sides = validated(_SIDES, wanted, below="image_size")
    return int(sides["width"]), int(sides["height"])


def _container(wanted: Any, default: str) -> str:
    """Choose the file extension for an output format such as `mp3_44100_128` or `ogg_opus`."""
    for container in ("mp3", "wav", "flac", "ogg"):
        if str(wanted).startswith(container):
            return container
    return default
