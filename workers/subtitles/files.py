"""Cues as files of their own: SubRip (.srt) and WebVTT (.vtt).

In both, a blank line ends a cue, and so would any line that looks like times. Texts are normalised here once more, so
whoever calls cannot break the format. SubRip has no escapes at all; ``-->`` becomes an arrow there, and a text that
looks like a tag is kept apart from one by a joiner that is not seen. WebVTT escapes ``&``, ``<`` and ``>``
(https://www.w3.org/TR/webvtt1/, 4.2.2).
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from workers.subtitles.cues import normalised

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workers.subtitles.cues import Cue

_WEBVTT: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
#: Word joiner: not seen, without width, no place to break a line.
_JOINER: Final = "\u2060"
#: What players take for the beginning of a tag or an escape: HTML's, MicroDVD's and those of ASS.
_SUBRIP_TAG: Final = re.compile(r"<(?=[A-Za-z/!])|\{(?=\\|[A-Za-z]:)|\\(?=[Nnh{}])")


def srt_of(cues: Iterable[Cue]) -> str:
    """Return the cues as a SubRip file (to be written as UTF-8)."""
    return "".join(
        f"{number}\n{_time(cue.start, ',')} --> {_time(cue.end, ',')}\n{_subrip(normalised(cue.text))}\n\n"
        for number, cue in enumerate(_written(cues), start=1)
    )


def vtt_of(cues: Iterable[Cue]) -> str:
    """Return the cues as a WebVTT file (to be written as UTF-8)."""
    return "WEBVTT\n\n" + "".join(
        f"{_time(cue.start, '.')} --> {_time(cue.end, '.')}\n{normalised(cue.text).translate(_WEBVTT)}\n\n"
        for cue in _written(cues)
    )


def _written(cues: Iterable[Cue]) -> Iterable[Cue]:
    """Leave out the cues that a file cannot hold: without a text, or over within the millisecond they begin in."""
    return (cue for cue in cues if normalised(cue.text) and _milliseconds(cue.start) < _milliseconds(cue.end))


def _subrip(text: str) -> str:
    return _SUBRIP_TAG.sub(rf"\g<0>{_JOINER}", text.replace("-->", "→"))


def _milliseconds(since_start: timedelta) -> int:
    return max(0, round(since_start / timedelta(milliseconds=1)))


def _time(since_start: timedelta, point: str) -> str:
    """Return hours, minutes, seconds and milliseconds, the latter after the format's own decimal point."""
    seconds, milliseconds = divmod(_milliseconds(since_start), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{milliseconds:03}"
