"""Sets a picture in gentle motion, as films do with photographs: closer, farther, or along it.

ffmpeg's zoompan cuts a window out of the picture and shows it on the frame. It places the window by whole pixels, which
shows as trembling where the motion is slow. So the picture is first enlarged, to a square whatever its shape, and the
window is a square whose edges move by a whole number of those pixels with every frame: then nothing is rounded, in
neither direction. Colours keep their full resolution until then, since zoompan rounds to theirs.
"""

from __future__ import annotations

import enum
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from workers.media.canvas import Canvas
from workers.media.encoding import MP4, PICTURE
from workers.media.graphs import COLOURS, burned

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

    from workers.media.ffmpeg import Ffmpeg, Report
    from workers.media.frame import Frame

#: The side of the enlarged picture in pixels: at least this, for a motion that is fine on small frames as well ...
_LEAST_SIDE: Final = 2880
#: ... and so many times the frame's longer side, since what is shown of it shall not be blurred.
_ENLARGED: Final = Fraction(3, 2)

#: By how many of those pixels an edge of the window moves with every frame: a zoom, which moves all of them, and a pan.
#: Either way that is a tenth of the picture in five seconds.
_ZOOM_STEP: Final = 1
_PAN_STEP: Final = 2
#: The share of the picture that moves out of sight at most, however long it is shown.
_FARTHEST: Final = Fraction(1, 6)


class Motion(enum.Enum):
    """How the window moves. The order is that in which the pictures of a video take them."""

    CLOSER = "closer"
    RIGHT = "right"
    FARTHER = "farther"
    LEFT = "left"
    UP = "up"
    DOWN = "down"


async def animate(
    ffmpeg: Ffmpeg,
    image: Path,
    into: Path,
    *,
    frame: Frame,
    length: timedelta,
    motion: int,
    subtitles: Path | None = None,
    fonts: Path | None = None,
    report: Report | None = None,
) -> None:
    """Make a silent MP4 in which *image* is seen in gentle motion.

    The picture fills the frame: what stands out is cut off.

    Args:
        ffmpeg: what does it.
        image: of any size and shape.
        into: the MP4 that is made.
        frame: of the video.
        length: how long it plays, to the nearest frame.
        motion: which one, by number; the same number is the same motion. Numbers in a row differ.
        subtitles: an .ass file that is burned in: here it costs no second encoding.
        fonts: a directory of fonts for it.
        report: told how much is done.

    Raises:
        InputMediaError: the file is no picture.
        MediaError: ffmpeg failed.
    """
    canvas = Canvas(frame.width, frame.height, Fraction(frame.rate))
    frames = canvas.frames(length)
    graph = motion_graph(canvas, frames=frames, motion=list(Motion)[motion % len(Motion)])
    graph += (f",{burned(subtitles, fonts)}" if subtitles else "") + "[picture]"
    outputs = ["-map", "[picture]", "-frames:v", str(frames), *PICTURE, *MP4]
    length = canvas.length(frames)
    await ffmpeg.run("-i", image, "-filter_complex", graph, *outputs, into, length=length, report=report)


def motion_graph(canvas: Canvas, *, frames: int, motion: Motion) -> str:
    """Return the filters that show a picture for so many *frames*, without the name of their output."""
    side = max(_LEAST_SIDE, int(max(canvas.width, canvas.height) * _ENLARGED) // 2 * 2)
    shape = f"{canvas.width}/{canvas.height}"
    return ",".join(
        (
            f"[0:V:0]trim=end_frame=1,crop=w='min(iw,ih*{shape})':h='min(ih,iw/({shape}))'",
            f"scale={side}:{side}:flags=bicubic:out_color_matrix=bt709:out_range=tv,format=yuv444p",
            f"zoompan={_window(motion, side, frames)}:d={frames}:s={canvas.width}x{canvas.height}:fps={canvas.rate}",
            f"setsar=1,format=yuv420p,{COLOURS}",
        )
    )


def _window(motion: Motion, side: int, frames: int) -> str:
    """Return the options of zoompan that say which window of the picture, *side* pixels wide and high, is shown.

    They are expressions over `on`, the number of the frame. zoompan rounds the window down; a hundredth of a pixel
    keeps it from losing a whole one.
    """
    last = max(frames - 1, 1)
    if motion in {Motion.CLOSER, Motion.FARTHER}:
        moved = _moved(_ZOOM_STEP, side * _FARTHEST / 2, last, backwards=motion is Motion.FARTHER)
        return f"z='iw/(iw-2*{moved}+0.01)':x='{moved}':y='{moved}'"
    way = min(_PAN_STEP * last, int(side * _FARTHEST)) // 2 * 2
    moved = _moved(_PAN_STEP, way, last, backwards=motion in {Motion.LEFT, Motion.UP})
    x, y = (moved, way // 2) if motion in {Motion.LEFT, Motion.RIGHT} else (way // 2, moved)
    return f"z='iw/(iw-{way}+0.01)':x='{x}':y='{y}'"


def _moved(step: int, most: Fraction | int, last: int, *, backwards: bool) -> str:
    """Return how many pixels an edge has moved: *step* with every frame, or less if that leads farther than *most*."""
    number = f"({last}-on)" if backwards else "on"
    each = Fraction(most) / last
    return f"{step}*{number}" if step <= each else f"round({float(each):.6f}*{number})"
