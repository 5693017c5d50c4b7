"""Cues as an ASS script, the form in which libass draws them into a video.

The script names fonts, sizes and lines for each cue, so that libass is left nothing to decide: the same script looks
the same on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from core.catalog.subtitles import DEFAULT_SUBTITLE_STYLE, Style
from segue.v1 import spec_pb2
from workers.subtitles.cues import Cue, normalised
from workers.subtitles.layout import Room, laid_out
from workers.subtitles.lettering import highlighted, lettered
from workers.subtitles.margins import Margins, margins_of
from workers.subtitles.typefaces import language_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from workers.media.frame import Frame

#: A line's height in ems: what the fonts were given (fonts/make.py). libass takes it as the size of a font.
LINE_HEIGHT: Final = 1.3
#: The share of the picture's height that the texts of one moment may take.
_MOST: Final = 0.5
#: Where a text is anchored, as on the keys of a number pad.
_ALIGNMENTS: Final[Mapping[int, int]] = {
    spec_pb2.SUBTITLE_POSITION_UNSPECIFIED: 2,
    spec_pb2.SUBTITLE_POSITION_BOTTOM: 2,
    spec_pb2.SUBTITLE_POSITION_CENTER: 5,
    spec_pb2.SUBTITLE_POSITION_TOP: 8,
}
_CENTISECOND: Final = timedelta(milliseconds=10)
#: Half seen black.
_SHADOW: Final = "&H80000000"

_HEAD: Final = """\
[Script Info]
ScriptType: v4.00+
PlayResX: {width}
PlayResY: {height}
LayoutResX: {width}
LayoutResY: {height}
WrapStyle: 1
ScaledBorderAndShadow: yes
YCbCr Matrix: None

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Cue,Segue Sans,{size:.2f},{colour},{waiting},{edge},{back},{bold},0,0,0,100,100,0,0,{border},0,0,\
{alignment},{side},{side},{vertical},-1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


@dataclass(frozen=True, slots=True)
class _Page:
    """What all cues of a script have in common."""

    style: Style
    em: float
    """In pixels, at full size."""
    room: Room
    language: str


def ass_of(
    cues: Iterable[Cue],
    *,
    style: Style = DEFAULT_SUBTITLE_STYLE,
    position: int = spec_pb2.SUBTITLE_POSITION_BOTTOM,
    frame: Frame,
    language: str = "",
) -> str:
    """Return the script that draws the cues into a video of that frame. To be used with the fonts in FONTS.

    Args:
        cues: their texts are taken literally, whatever they hold.
        style: how they look.
        position: a SubtitlePosition.
        frame: of the video; the script is in its pixels.
        language: a BCP 47 tag; empty: told by the characters. It chooses between Chinese and Japanese forms.
    """
    margins = margins_of(frame)
    em = style.size * min(frame.width, frame.height)
    shown = [cue for cue in cues if normalised(cue.text)]
    room = Room((frame.width - 2 * margins.side) / em, _MOST * frame.height / (em * LINE_HEIGHT))
    known = language_of("".join(cue.text for cue in shown), language)
    page = _Page(style, em, room, known)
    crowds = _crowds(shown)
    head = _head(style, em, frame, margins, _ALIGNMENTS[position])
    return head + "".join(_event(cue, page, crowd) for cue, crowd in zip(shown, crowds, strict=True))


def _head(style: Style, em: float, frame: Frame, margins: Margins, alignment: int) -> str:
    return _HEAD.format(
        width=frame.width,
        height=frame.height,
        size=em * LINE_HEIGHT,
        colour=_colour(style.colour),
        waiting=_colour(style.waiting_colour or style.colour),
        edge=_colour(style.outline_colour),
        back=_colour(style.box, style.box_transparency) if style.box else _SHADOW,
        bold=-1 if style.bold else 0,
        border=4 if style.box else 1,
        alignment=alignment,
        side=round(margins.side),
        vertical=round(margins.top if alignment == 8 else margins.bottom),
    )


def _event(cue: Cue, page: _Page, crowd: int) -> str:
    room = Room(page.room.width, page.room.lines / crowd)
    layout = laid_out(normalised(cue.text), room, language=page.language)
    if page.style.waiting_colour:
        text = highlighted(layout.lines, cue.end - cue.start, language=page.language)
    else:
        text = lettered(layout.lines, language=page.language)
    return f"Dialogue: 0,{_time(cue.start)},{_time(cue.end)},Cue,,0,0,0,,{_measures(page, layout.scale)}{text}\n"


def _measures(page: _Page, scale: float) -> str:
    """Return the size of the letters and of what stands around them."""
    em, style = page.em * scale, page.style
    if style.box:
        # libass takes the shadow as the box's padding. Lines are high enough; boxes that reached beyond them would
        # cover the next cue's.
        around = f"\\bord0\\xshad{em * style.outline:.2f}\\yshad0"
    else:
        around = f"\\bord{em * style.outline:.2f}\\shad{em * style.shadow:.2f}"
    return f"{{\\fs{em * LINE_HEIGHT:.2f}{around}}}"


def _crowds(cues: Sequence[Cue]) -> list[int]:
    """Return for each cue how many share the picture with it at most while it is shown, itself included."""
    moments = sorted({moment for cue in cues for moment in (cue.start, cue.end)})
    rank = {moment: index for index, moment in enumerate(moments)}
    changes = [0] * (len(moments) + 1)
    for cue in cues:
        changes[rank[cue.start]] += 1
        changes[rank[cue.end]] -= 1
    counts = list(accumulate(changes))
    return [max(counts[rank[cue.start] : rank[cue.end]], default=1) for cue in cues]


def _colour(rgb: str, transparency: float = 0.0) -> str:
    """Return a colour as ASS has it: transparency, blue, green, red."""
    return f"&H{round(255 * transparency):02X}{rgb[4:6]}{rgb[2:4]}{rgb[0:2]}"


def _time(since_start: timedelta) -> str:
    """Return hours, minutes, seconds and hundredths, the finest that ASS can say."""
    seconds, hundredths = divmod(round(since_start / _CENTISECOND), 100)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}.{hundredths:02}"
