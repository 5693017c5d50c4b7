"""How a text is laid into the room it has: which lines, and how small the letters must be.

Lines are balanced: of all ways to use as few lines as possible, the one whose longest line is shortest. Widths come
from the fonts' own measures; joined letters may turn out narrower, never wider.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from workers.subtitles.breaks import clusters_of, may_part, pieces_of
from workers.subtitles.cues import UNSEEN
from workers.subtitles.typefaces import drawable, width_of

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The lines that a reader takes in at a glance. Letters shrink before there are more.
GOOD_LINES: Final = 3
#: Down to this share of the style's size letters are made smaller to keep to GOOD_LINES; then lines are added.
SMALL: Final = 0.7
#: By how much letters shrink from one try to the next.
_STEP: Final = 0.92
#: How far a line may reach beyond its width rather than begin with closing punctuation, as a factor.
_OVERHANG: Final = 1.05
#: How exactly lines are balanced, in ems.
_EXACT: Final = 0.25


@dataclass(frozen=True, slots=True)
class Room:
    """What there is for one text."""

    width: float
    """Of a line, in ems of the style's own size."""
    lines: float
    """How many lines of that size stand above one another."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A text in lines."""

    lines: tuple[tuple[str, ...], ...]
    """Each line's clusters, without the spaces at its ends."""
    scale: float
    """The letters' size as a share of the style's own."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Clusters that stay on one line."""

    clusters: tuple[str, ...]
    widths: tuple[float, ...]
    """Of each cluster."""
    width: float
    """With the spaces at its end."""
    inked: float
    """Without them: what it takes as the last piece of a line."""


def laid_out(text: str, room: Room, *, language: str) -> Layout:
    """Return the text in lines that fit the room: few of them, balanced, and no smaller than need be.

    The text's own lines are kept, unless there are so many that they make it small.
    """
    if (text.count("\n") + 1) * SMALL > room.lines:
        text = text.replace("\n", " ")
    paragraphs = [_pieces(line, language) for line in text.split("\n")]
    whole = sum(piece.inked for pieces in paragraphs for piece in pieces)
    # A single letter may be wider than a line: "﷽" takes ten ems.
    widest = max((own for pieces in paragraphs for piece in pieces for own in piece.widths), default=0.0)
    scale = 1.0
    while True:
        width, there_are = room.width / scale, room.lines / scale
        allowed = min(max(GOOD_LINES, len(paragraphs)) if scale > SMALL else there_are, there_are)
        # Before lines are tried, the text's whole length tells of most sizes that they cannot do.
        fits = whole <= allowed * width and widest <= width
        if fits and sum(len(_wrapped(pieces, width)) for pieces in paragraphs) <= allowed:
            break
        scale *= _STEP
    lines = (line for pieces in paragraphs for line in _balanced(pieces, width))
    return Layout(tuple(_trimmed(line) for line in lines), scale)


def _pieces(line: str, language: str) -> list[_Piece]:
    pieces = pieces_of(clusters_of(line))
    return [_piece(piece, [width_of(*drawable(cluster, language)) for cluster in piece]) for piece in pieces]


def _piece(clusters: Sequence[str], widths: Sequence[float]) -> _Piece:
    width = sum(widths)
    spaces = 0.0
    for cluster, own in zip(reversed(clusters), reversed(widths), strict=True):
        if cluster.strip(UNSEEN):
            break
        spaces += own
    return _Piece(tuple(clusters), tuple(widths), width, width - spaces)


def _balanced(pieces: Sequence[_Piece], width: float) -> list[list[_Piece]]:
    """Return as few lines as that width allows, as even as they can be; a page of many lines is left as it is."""
    lines = _wrapped(pieces, width)
    count = len(lines)
    if not 1 < count <= GOOD_LINES:
        return lines
    low, high = sum(piece.width for piece in pieces) / count / 2, width
    while high - low > _EXACT:
        middle = (low + high) / 2
        tried = _wrapped(pieces, middle)
        if len(tried) > count or any(_width(line) > middle for line in tried):
            low = middle
        else:
            high, lines = middle, tried
    return lines


def _wrapped(pieces: Sequence[_Piece], width: float) -> list[list[_Piece]]:
    """Return lines filled one after another; a piece wider than a line is parted between letters."""
    lines: list[list[_Piece]] = []
    used = 0.0
    for whole in pieces:
        for piece in [whole] if whole.inked <= width else _parted(whole, width):
            if lines and used + piece.inked <= width:
                lines[-1].append(piece)
                used += piece.width
            else:
                lines.append([piece])
                used = piece.width
    return lines


def _parted(piece: _Piece, width: float) -> list[_Piece]:
    """Return the piece in parts of about that width, or of one cluster."""
    cuts = [0]
    used = 0.0
    for index, (cluster, own) in enumerate(zip(piece.clusters, piece.widths, strict=True)):
        held = used + own <= width * _OVERHANG and not may_part(piece.clusters[index - 1], cluster)
        if used + own > width and not held and index > cuts[-1]:
            cuts.append(index)
            used = 0.0
        used += own
    return [_piece(piece.clusters[a:b], piece.widths[a:b]) for a, b in pairwise([*cuts, len(piece.clusters)])]


def _width(line: Sequence[_Piece]) -> float:
    return sum(piece.width for piece in line[:-1]) + line[-1].inked


def _trimmed(line: Sequence[_Piece]) -> tuple[str, ...]:
    clusters = [cluster for piece in line for cluster in piece.clusters]
    while clusters and clusters[-1] == " ":
        clusters.pop()
    while clusters and clusters[0] == " ":
        clusters.pop(0)
    return tuple(clusters)
