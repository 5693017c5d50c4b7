"""Small videos, sounds and pictures whose content is known, and ways to see and hear what was made of them."""

from __future__ import annotations

import subprocess
from array import array
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import av
import imageio_ffmpeg
from av.audio.resampler import AudioResampler

from workers.media.ffmpeg import Ffmpeg
from workers.media.limits import MediaLimits

if TYPE_CHECKING:
    from pathlib import Path

    from av.audio.frame import AudioFrame
    from av.video.frame import VideoFrame

RED: Final = (255, 0, 0)
GREEN: Final = (0, 128, 0)
BLUE: Final = (0, 0, 255)
WHITE: Final = (255, 255, 255)
BLACK: Final = (0, 0, 0)

#: A flash and a beep that begin together, and how long they last, in seconds.
FLASH_AT: Final = 0.4
FLASH_LASTS: Final = 0.2

_SAMPLE_RATE: Final = 48_000


def our_ffmpeg() -> Ffmpeg:
    """Return an ffmpeg under the usual limits."""
    return Ffmpeg(imageio_ffmpeg.get_ffmpeg_exe(), cores=2, limits=MediaLimits())


def produce(*arguments: str | Path) -> None:
    """Run ffmpeg as it is."""
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)], check=True)


def colour_clip(
    path: Path,
    colour: str,
    *,
    size: str = "320x180",
    rate: str = "30",
    seconds: float = 1.0,
    sound: str | None = "48000:stereo",
    encoding: tuple[str, ...] = (),
) -> Path:
    """Make a video of one colour that flashes white while it beeps.

    Args:
        path: what is made.
        colour: as ffmpeg names it.
        size: of the pictures.
        rate: of the pictures.
        seconds: how long it plays.
        sound: sample rate and layout; None: no sound track.
        encoding: further arguments for the output.
    """
    flashing = f"between(t,{FLASH_AT},{FLASH_AT + FLASH_LASTS - 0.001})"
    picture = f"color={colour}:s={size}:r={rate}:d={seconds},drawbox=c=white:t=fill:enable='{flashing}'"
    arguments = ["-f", "lavfi", "-i", picture]
    if sound:
        sample_rate, layout = sound.split(":")
        beep = f"aevalsrc='0.5*sin(2*PI*1000*t)*between(t,{FLASH_AT},{FLASH_AT + FLASH_LASTS})'"
        arguments += ["-f", "lavfi", "-i", f"{beep}:s={sample_rate}:d={seconds},aformat=channel_layouts={layout}"]
    usual = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-bf", "2")
    produce(*arguments, *usual, *encoding, path)
    return path


def tone(path: Path, *, hertz: int = 440, seconds: float = 3.0, volume: float = 0.1, expression: str = "1") -> Path:
    """Make a sound file of a tone; *expression* over t shapes its loudness."""
    wave = f"aevalsrc='{volume}*sin(2*PI*{hertz}*t)*({expression})':s={_SAMPLE_RATE}:d={seconds}"
    produce("-f", "lavfi", "-i", wave, "-ac", "2", path)
    return path


@dataclass(frozen=True)
class Picture:
    """One decoded frame."""

    time: float
    image: VideoFrame

    def colour(self, x: float, y: float) -> tuple[int, int, int]:
        """Return red, green and blue at a place; *x* and *y* from 0 to 1."""
        width, height = self.image.width, self.image.height
        column, row = min(int(x * width), width - 1), min(int(y * height), height - 1)
        pixels, line_size = self._pixels
        red, green, blue = pixels[row * line_size + column * 3 :][:3]
        return red, green, blue

    @cached_property
    def _pixels(self) -> tuple[memoryview, int]:
        plane = self.image.reformat(format="rgb24").planes[0]
        return memoryview(bytes(plane)), plane.line_size


def pictures(path: Path) -> list[Picture]:
    """Return all frames of a video."""
    with av.open(str(path)) as container:
        return [Picture(float(frame.time or 0), frame) for frame in container.decode(video=0)]


def samples(path: Path) -> array[float]:
    """Return the sound of a file: mono, 48,000 samples per second from its very beginning, with gaps as silence."""
    heard = array("f")
    resampler = AudioResampler("flt", "mono", _SAMPLE_RATE)
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            for piece in resampler.resample(frame):
                _append(heard, piece)
    for piece in resampler.resample(None):
        _append(heard, piece)
    return heard


def _append(heard: array[float], frame: AudioFrame) -> None:
    start = round(float(frame.time or 0) * _SAMPLE_RATE)
    heard.extend([0.0] * (start - len(heard)))
    heard.frombytes(bytes(frame.planes[0])[: frame.samples * 4])


def flashes(path: Path) -> list[float]:
    """Return when a video turns white, in seconds."""
    seen = [(picture.time, min(picture.colour(0.5, 0.5)) > 200) for picture in pictures(path)]
    return [time for (_, before), (time, now) in zip([(0.0, False), *seen], seen, strict=False) if now and not before]


def beeps(path: Path, *, quiet: float = 0.08) -> list[float]:
    """Return when a sound begins after at least *quiet* seconds of silence, in seconds."""
    found, last = [], -quiet
    for number, sample in enumerate(samples(path)):
        if abs(sample) > 0.1:
            now = number / _SAMPLE_RATE
            if now - last >= quiet:
                found.append(now)
            last = now
    return found


def is_near(found: tuple[int, int, int], wanted: tuple[int, int, int], *, by: int = 40) -> bool:
    """Whether two colours look alike."""
    return all(abs(one - other) <= by for one, other in zip(found, wanted, strict=True))
