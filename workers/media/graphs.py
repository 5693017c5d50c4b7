"""Spells the filters of ffmpeg that several steps use. Pure functions; texts of users never come here.

A graph is a text of two languages in one another: the options of a filter, and the graph of filters. What may hold
any character, which is the path of a file, goes through `escaped`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from workers.media.encoding import SAMPLE_RATE

if TYPE_CHECKING:
    from pathlib import Path

    from workers.media.canvas import Canvas

#: What separates the options of a filter, and what separates filters. ffmpeg-utils(1), ffmpeg-filters(1).
_IN_OPTIONS: Final = re.compile(r"([\\':])")
_IN_GRAPHS: Final = re.compile(r"([\\'\[\],;])")

#: From here on a picture that does not say how its colours are coded is taken for BT.709, below for BT.601: so players
#: do.
_HD_HEIGHT: Final = 577

#: Says how colours are coded in all that is made here.
COLOURS: Final = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"

#: Seconds by which sound may be off before silence is put in or samples are left out. By default it is 0.1, which
#: eyes notice on lips.
_SOUND_SLACK: Final = 0.02

#: Any sound as the one kind we work with, at its time: it begins with silence if it begins later than the file.
EVEN_SOUND: Final = f"aresample=osr={SAMPLE_RATE}:ochl=stereo:osf=fltp:async=1:min_hard_comp={_SOUND_SLACK}:first_pts=0"


def escaped(path: Path) -> str:
    """Return *path* as the value of a filter's option."""
    return _IN_GRAPHS.sub(r"\\\1", _IN_OPTIONS.sub(r"\\\1", str(path.absolute())))


def burned(subtitles: Path, fonts: Path | None) -> str:
    """Return the filter that draws an .ass file into a picture, with the fonts of a directory."""
    return f"ass=filename={escaped(subtitles)}" + (f":fontsdir={escaped(fonts)}" if fonts else "")


def even_picture(canvas: Canvas, *, frames: int, matrix: str) -> str:
    """Return filters that make any picture one of *canvas*, exactly *frames* long.

    It is never stretched: what is missing beside it is black. A video that ends too early stands still at its end.

    Args:
        canvas: what the picture shall fit.
        frames: how many.
        matrix: how its colours are coded; see `matrix_of`.
    """
    return ",".join(
        (
            f"fps={canvas.rate}:start_time=0",
            _letterbox(canvas, matrix),
            COLOURS,
            f"tpad=stop=-1:stop_mode=clone,trim=end_frame={frames}",
        )
    )


def _letterbox(canvas: Canvas, matrix: str) -> str:
    width, height = canvas.width, canvas.height
    # `dar` knows of pixels that are not square. Even sizes: colours have half the resolution.
    inner = f"w='min({width},2*round({height}*dar/2))':h='min({height},2*round({width}/dar/2))'"
    return (
        f"scale={inner}:in_color_matrix={matrix}:out_color_matrix=bt709:out_range=tv,"
        f"format=yuv420p,setsar=1,pad={width}:{height}:(ow-iw)/2:(oh-ih)/2"
    )


def matrix_of(*, height: int, is_known: bool) -> str:
    """Return how colours are coded, as the `scale` filter calls it.

    Args:
        height: of the picture.
        is_known: whether the video says it itself.
    """
    if is_known:
        return "auto"
    return "bt709" if height >= _HD_HEIGHT else "bt601"


def fitted_sound(samples: int) -> str:
    """Return filters that make any sound exactly *samples* long, with silence if it ends too early."""
    return f"{EVEN_SOUND},{exact_sound(samples)}"


def exact_sound(samples: int) -> str:
    """Return filters that cut sound off after *samples*, or add silence."""
    return f"apad,atrim=end_sample={samples},asetpts=N/SR/TB"


def silence(samples: int) -> str:
    """Return the source of so much silence."""
    return f"anullsrc=r={SAMPLE_RATE}:cl=stereo,atrim=end_sample={samples},aformat=sample_fmts=fltp"
