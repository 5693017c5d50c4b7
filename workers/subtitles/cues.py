"""Cues: texts and the times at which they are shown.

The texts are people's own and hold anything. What leaves this module is plain: composed characters, newlines, and no
character that steers instead of being shown, save those that some scripts are written with.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from segue.v1 import spec_pb2

_ZERO: Final = timedelta()
_NEWLINES: Final = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
_SPACES: Final = re.compile(" +")
#: Characters without ink: a line needs more than these.
UNSEEN: Final = (
    " \u00a0\u3164\u115f\u1160\u200b\u200c\u200d\u200e\u200f\u061c\u2060\u2066\u2067\u2068\u2069\ufe0e\ufe0f"
)
#: Kept although they are not seen: joiners (Persian, Hindi, emoji) and the marks and isolates of direction. Embeddings
#: and overrides go: they can make a text read as another one, and reach beyond it.
#: The signs of Arabic that stand around numbers are seen, although Unicode counts them in.
_FORMATS_KEPT: Final = frozenset(
    "\u200b\u200c\u200d\u200e\u200f\u061c\u2060\u2066\u2067\u2068\u2069\u0600\u0601\u0602\u0603\u0604\u0605\u06dd"
)
#: Tag characters have a meaning only in flags such as that of Scotland.
_TAGS: Final = re.compile("(\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f)|[\U000e0000-\U000e007f]")
#: More marks on one letter than any language writes: they would climb out of the picture.
_MARKS: Final = re.compile(
    r"([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{4})"
    r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)


@dataclass(frozen=True, slots=True)
class Cue:
    """A text that is shown from *start* until just before *end*, both from the beginning of the video."""

    start: timedelta
    end: timedelta
    text: str


def cues_of(spec: spec_pb2.Subtitles, *, length: timedelta) -> list[Cue]:
    """Return what a video of that length shows of the cues, by their starts.

    Cues are cut to the video. Those wholly outside it, those that end before they start and those without a text are
    left out. Cues may overlap.
    """
    cues = (clipped(Cue(cue.start.ToTimedelta(), cue.end.ToTimedelta(), cue.text), length) for cue in spec.cues)
    return sorted((cue for cue in cues if cue is not None), key=lambda cue: cue.start)


def clipped(cue: Cue, length: timedelta) -> Cue | None:
    """Return the part of the cue that a video of that length shows; None: nothing."""
    start, end, text = max(cue.start, _ZERO), min(cue.end, length), normalised(cue.text)
    return Cue(start, end, text) if start < end and text else None


def normalised(text: str) -> str:
    """Return the text composed (NFC), in trimmed lines of which none is empty, without characters that only steer."""
    text = _NEWLINES.sub("\n", text)
    text = _TAGS.sub(lambda flag: flag[1] or "", text)
    text = "".join(_shown(character) for character in text)
    text = _MARKS.sub(r"\1", unicodedata.normalize("NFC", text))
    lines = (_SPACES.sub(" ", line).strip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line.strip(UNSEEN))


def _shown(character: str) -> str:
    if character == "\n" or character in _FORMATS_KEPT or "\U000e0020" <= character <= "\U000e007f":
        return character
    match unicodedata.category(character):
        case "Cc":
            return " " if character == "\t" else ""
        case "Cf" | "Cs" | "Co":
            return ""
        case "Zs" if character != "\u00a0":
            return " "
        case _:
            return character
