"""Draws cues with the ffmpeg that draws them for users, and looks at the pixels."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import imageio_ffmpeg

from workers.media.frame import Frame
from workers.subtitles.ass import ass_of
from workers.subtitles.cues import Cue
from workers.subtitles.fonts import FONTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LANDSCAPE = Frame(320, 180, 10)
PORTRAIT = Frame(180, 320, 10)
#: How much a pixel differs from the ground where something is drawn, of 255; coding loses less.
_SEEN = 24
_GROUND = 0x60


@dataclass(frozen=True)
class Picture:
    """One grey picture."""

    width: int
    height: int
    pixels: bytes

    @property
    def rows(self) -> list[int]:
        """The rows in which something is drawn."""
        lines = (self.pixels[row * self.width :][: self.width] for row in range(self.height))
        return [row for row, line in enumerate(lines) if any(abs(pixel - _GROUND) > _SEEN for pixel in line)]

    @property
    def columns(self) -> list[int]:
        """The columns in which something is drawn."""
        lines = (self.pixels[column :: self.width] for column in range(self.width))
        return [column for column, line in enumerate(lines) if any(abs(pixel - _GROUND) > _SEEN for pixel in line)]

    def columns_of(self, row: int) -> list[int]:
        """Return the columns in which something is drawn in that row."""
        line = self.pixels[row * self.width :][: self.width]
        return [column for column, pixel in enumerate(line) if abs(pixel - _GROUND) > _SEEN]

    @property
    def extent(self) -> range:
        """From the first to the last column in which something is drawn."""
        return range(min(self.columns), max(self.columns) + 1)

    @property
    def ink(self) -> int:
        """How many pixels something is drawn on."""
        return sum(abs(pixel - _GROUND) > _SEEN for pixel in self.pixels)


class Screen:
    """Shows scripts and cues."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def frames(
        self,
        script: str,
        *,
        frame: Frame = LANDSCAPE,
        length: float = 1.0,
        environment: Mapping[str, str] | None = None,
    ) -> list[Picture]:
        """Return all pictures of a video with the script burned in."""
        path = self._folder / "cues.ass"
        path.write_text(script, encoding="utf-8")
        ground = f"color=c=0x{_GROUND:02x}{_GROUND:02x}{_GROUND:02x}:s={frame}:r={frame.rate}:d={length},format=rgb24"
        run = subprocess.run(
            [
                *(imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-f", "lavfi", "-i", ground),
                *("-vf", f"ass=filename={path}:fontsdir={FONTS},format=gray", "-f", "rawvideo", "-"),
            ],
            capture_output=True,
            check=True,
            env=environment,
        )
        size = frame.width * frame.height
        pictures = [run.stdout[at : at + size] for at in range(0, len(run.stdout), size)]
        return [Picture(frame.width, frame.height, pixels) for pixels in pictures]

    def text(self, text: str, *, frame: Frame = LANDSCAPE, **options: Any) -> Picture:
        """Return the picture of a video that shows the text."""
        return self.texts([text], frame=frame, **options)[0]

    def texts(self, texts: Sequence[str], *, frame: Frame = LANDSCAPE, **options: Any) -> list[Picture]:
        """Return a picture of each text, drawn one after another in one video."""
        shown = Frame(frame.width, frame.height, 1)
        seconds = [timedelta(seconds=second) for second in range(len(texts) + 1)]
        cues = [Cue(seconds[number], seconds[number + 1], text) for number, text in enumerate(texts)]
        return self.frames(ass_of(cues, frame=shown, **options), frame=shown, length=len(texts))
