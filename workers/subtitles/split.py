"""A spoken text cut into cues that can be read.

A cue holds at most two lines. Of all ways to cut, the one with the least cost is taken: cuts after sentences are free,
those after clauses cheap, those inside clauses dear, and cues of a word or two are avoided. Time is divided as the
parts take to be spoken.

Lengths of lines: 42 letters of Latin and its like, 16 full-width characters of Chinese, Japanese and Korean, as
broadcasters and streaming services have them (BBC Subtitle Guidelines; Netflix Timed Text Style Guide).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Final

from workers.subtitles.breaks import clusters_of, may_part, pieces_of
from workers.subtitles.cues import UNSEEN, Cue, normalised
from workers.subtitles.speech import weight_of
from workers.subtitles.typefaces import language_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta

#: Letters in a line, full-width characters in those languages that are written with them.
LETTERS_PER_LINE: Final = 42
IDEOGRAPHS_PER_LINE: Final = 16
_IDEOGRAPHIC_LANGUAGES: Final = frozenset({"zh", "yue", "ja", "ko"})
_LINES: Final = 2

_CLOSERS: Final = r"[\"'”’»)\]」』）】]*\s*$"
_SENTENCE_END: Final = re.compile(r"[.!?…。！？｡؟۔।॥።։]" + _CLOSERS)
_CLAUSE_END: Final = re.compile(r"[,;:、，；：،؛–—]" + _CLOSERS)
#: A full stop that ends no sentence: an initial, or a title before a name.
_ABBREVIATION: Final = re.compile(
    r"(?:^|\W)(?:\w|Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|vs|No|Nr|Hr|Fr|Mme|Mlle|Sra|e\.g|i\.e|z\.B)\.\s*$"
)

#: What each cue costs, so that there are not more than need be.
_CUE: Final = 25.0
#: What a cut costs after a clause, after a word, after a little word ("of", "the") and inside a word.
_AFTER_CLAUSE: Final = 20.0
_AFTER_WORD: Final = 60.0
_AFTER_LITTLE_WORD: Final = 80.0
_INSIDE_WORD: Final = 200.0
#: What it costs that a sentence begins inside a cue.
_SENTENCE_WITHIN: Final = 45.0
#: What a cue costs that is shorter than that share of a full one, at most.
_SHORT: Final = 0.4
_TOO_SHORT: Final = 60.0


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of the text that stays in one cue."""

    text: str
    columns: int
    """With the spaces at its end."""
    inked: int
    """Without them."""
    cut: float
    """What a cut after it costs."""


def split(
    text: str, start: timedelta, end: timedelta, *, language: str = "", characters_per_line: int | None = None
) -> list[Cue]:
    """Return the text, spoken from *start* to *end*, as cues that follow one another without a gap.

    Args:
        text: what is spoken. Its lines are taken as paragraphs: no cue reaches beyond one.
        start: when it begins, in the time that the cues are to have.
        end: when it ends.
        language: a BCP 47 tag; empty: told by the characters.
        characters_per_line: full-width ones in Chinese, Japanese and Korean; None: what is usual in the language.
            Narrow pictures take fewer than usual ones.
    """
    text = normalised(text)
    if not text or end <= start:
        return []
    columns = _columns(language_of(text, language), characters_per_line)
    parts = [part for paragraph in text.split("\n") for part in _parts(paragraph, columns)]
    reached = list(accumulate((max(1.0, weight_of(part)) for part in parts), initial=0.0))
    times = [start + (end - start) * (share / reached[-1]) for share in reached]
    return [Cue(begins, ends, part.strip()) for part, (begins, ends) in zip(parts, pairwise(times), strict=True)]


def _columns(language: str, characters_per_line: int | None) -> int:
    """Return how wide a line is, in letters."""
    if language in _IDEOGRAPHIC_LANGUAGES:
        return 2 * (characters_per_line or IDEOGRAPHS_PER_LINE)
    return characters_per_line or LETTERS_PER_LINE


def _parts(paragraph: str, columns: int) -> list[str]:
    """Return the paragraph in the parts that cost least, by dynamic programming over the places of cuts."""
    pieces = _pieces(paragraph, columns)
    best = [0.0] + [float("inf")] * len(pieces)
    begins = [0] * (len(pieces) + 1)
    for first in range(len(pieces)):
        for last, cost in _costs(pieces, first, columns):
            after = last + 1
            cut = pieces[last].cut if after < len(pieces) else 0.0
            if best[first] + cost + cut < best[after]:
                best[after], begins[after] = best[first] + cost + cut, first
    cuts = [len(pieces)]
    while cuts[-1]:
        cuts.append(begins[cuts[-1]])
    return ["".join(piece.text for piece in pieces[a:b]) for a, b in pairwise(reversed(cuts))]


def _costs(pieces: Sequence[_Piece], first: int, columns: int) -> Iterator[tuple[int, float]]:
    """Yield each piece with which a cue that begins with *first* may end, and what that cue costs."""
    line, lines, inked, sentences = 0, 1, 0, 0
    for last in range(first, len(pieces)):
        piece = pieces[last]
        if line and line + piece.inked > columns:
            line, lines = 0, lines + 1
        if lines > _LINES:
            return
        line += piece.columns
        inked += piece.inked
        lack = max(0.0, 1 - inked / (_SHORT * _LINES * columns))
        yield last, _CUE + _SENTENCE_WITHIN * sentences + _TOO_SHORT * lack**2
        sentences += piece.cut == 0


def _pieces(paragraph: str, columns: int) -> list[_Piece]:
    groups = [part for group in pieces_of(clusters_of(paragraph)) for part in _parted(group, columns)]
    texts = ["".join(group) for group in groups]
    following = [*texts[1:], ""]
    return [
        _Piece(text, _wide(text), _wide(text.rstrip(UNSEEN)), _cost_of_cut(text, after))
        for text, after in zip(texts, following, strict=True)
    ]


def _parted(clusters: Sequence[str], columns: int) -> list[list[str]]:
    """Return the clusters as one group, or in groups of a line where they are longer than that."""
    groups: list[list[str]] = [[]]
    used = 0
    for index, cluster in enumerate(clusters):
        used += _wide(cluster)
        full = used > columns and cluster != " " and (used > 2 * columns or may_part(clusters[index - 1], cluster))
        if full and groups[-1]:
            groups.append([])
            used = _wide(cluster)
        groups[-1].append(cluster)
    return groups


def _wide(text: str) -> int:
    """Return how many columns the text takes, as a typewriter for all scripts would have it."""
    return sum(
        (unicodedata.east_asian_width(character) in "WF") + 1
        for character in text
        if unicodedata.category(character) not in {"Mn", "Me", "Cf"}
    )


def _cost_of_cut(text: str, following: str) -> float:
    """Return what it costs to end a cue after *text* and begin the next with *following*."""
    goes_on = following[:1].islower() or _ABBREVIATION.search(text) is not None
    if _SENTENCE_END.search(text) and not goes_on:
        return 0.0
    if _CLAUSE_END.search(text):
        return _AFTER_CLAUSE
    if not text.endswith((" ", "\u200b")) and text[-1:].isalpha() and not _is_wide(text[-1:]):
        return _INSIDE_WORD
    return _AFTER_LITTLE_WORD if len(text.strip()) <= 3 and not _is_wide(text[:1]) else _AFTER_WORD


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"
