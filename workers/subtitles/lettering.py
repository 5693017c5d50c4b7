r"""The text of a cue as ASS writes it: letters taken literally, each run in the font that has it.

Texts are people's own, and ASS has no way to quote: ``{...}`` steers, ``\N`` breaks a line. libass knows ``\{`` and
``\}`` as letters; a backslash is one wherever the next character gives it no meaning, so a word joiner, unseen, follows
each (libass: ass_parse.c, ass_get_next_char). Commas need nothing in the last field of a line, and newlines never reach
it.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Final

from workers.subtitles.breaks import is_ideographic
from workers.subtitles.direction import has_right_to_left, mark_for, runs_right_to_left
from workers.subtitles.speech import weight_of
from workers.subtitles.typefaces import runs_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    #: The clusters of each line.
    Lines = Sequence[Sequence[str]]

_LITERALLY: Final = str.maketrans({"\\": "\\\u2060", "{": "\\{", "}": "\\}", "\n": " "})
#: The Mongolian vowel separator: of a script, but unseen, without width or direction; libass asks no font for it.
_SCRIPT: Final = "\u180e"
_NEW_LINE: Final = r"\N"
_CENTISECOND: Final = timedelta(milliseconds=10)


def lettered(lines: Lines, *, language: str) -> str:
    """Return the lines as the text of an ASS event."""
    text = "".join(cluster for line in lines for cluster in line)
    right_to_left = runs_right_to_left(text)
    drawn = (_line(line, right_to_left=right_to_left, language=language) for line in lines)
    return _script_mark(text) + _NEW_LINE.join(drawn)


def highlighted(lines: Lines, length: timedelta, *, language: str) -> str:
    """Return the lines as the text of an ASS event whose words light up one by one over that length.

    The length is divided as the words take to be spoken. Texts that run from right to left are lit from the beginning:
    libass would cut their joined letters apart, and light them from the wrong end.
    """
    text = "".join(cluster for line in lines for cluster in line)
    if has_right_to_left(text):
        return lettered(lines, language=language)
    words = [_words(line) for line in lines]
    times = iter(_times([word for line in words for word in line], length))
    drawn = (
        "".join(f"{{\\k{next(times)}}}{_line(word, right_to_left=False, language=language)}" for word in line)
        for line in words
    )
    return _script_mark(text) + _NEW_LINE.join(drawn)


def _script_mark(text: str) -> str:
    """Return what must stand before a text that is written in no script, such as one of nothing but emoji.

    libass shapes each stretch of one script on its own, and takes a joiner's script from the letters around. Where
    there are none it would part joined emoji.
    """
    return "" if any(character.isalpha() for character in text) else _SCRIPT


def _line(clusters: Sequence[str], *, right_to_left: bool, language: str) -> str:
    mark = mark_for("".join(clusters), right_to_left=right_to_left)
    runs = runs_of([*mark, *clusters], language)
    return "".join(f"{{\\fn{run.family}}}{run.text.translate(_LITERALLY)}" for run in runs)


def _words(line: Sequence[str]) -> list[list[str]]:
    """Return the line in words, each with the spaces after it; ideographs are words of their own."""
    words: list[list[str]] = []
    for cluster in line:
        begins = not words or words[-1][-1] == " " or is_ideographic(cluster) or is_ideographic(words[-1][0])
        if begins and cluster != " ":
            words.append([cluster])
        elif words:
            words[-1].append(cluster)
        else:
            words.append([cluster])
    return words


def _times(words: Sequence[Sequence[str]], length: timedelta) -> list[int]:
    """Return how long each word is the latest one, in hundredths of a second; together the length."""
    reached = list(accumulate((weight_of("".join(word)) for word in words), initial=0.0))
    whole = reached[-1] or 1.0
    ends = [round(length / _CENTISECOND * share / whole) for share in reached]
    return [end - start for start, end in pairwise(ends)]
