"""Which way a text runs, and how its lines keep to that.

libass orders each line by the Unicode bidirectional algorithm on its own. Once a paragraph is cut into lines, a line
that begins with a word of the other direction would be turned over; a mark of direction before it prevents that.
"""

from __future__ import annotations

import unicodedata
from typing import Final

#: Left-to-right and right-to-left mark: unseen letters of that direction.
_LEFT_TO_RIGHT: Final = "\u200e"
_RIGHT_TO_LEFT: Final = "\u200f"


def runs_right_to_left(text: str) -> bool:
    """Tell whether the first letter that has a direction has that one (rules P2 and P3 of Annex 9)."""
    return _first_direction(text) in {"R", "AL"}


def has_right_to_left(text: str) -> bool:
    """Tell whether any letter runs from right to left."""
    return any(unicodedata.bidirectional(character) in {"R", "AL"} for character in text)


def mark_for(line: str, *, right_to_left: bool) -> str:
    """Return what must stand before the line so that it runs as its paragraph does; mostly nothing."""
    if _first_direction(line) is not None and runs_right_to_left(line) == right_to_left:
        return ""
    if not right_to_left and not has_right_to_left(line):
        return ""
    return _RIGHT_TO_LEFT if right_to_left else _LEFT_TO_RIGHT


def _first_direction(text: str) -> str | None:
    directions = (unicodedata.bidirectional(character) for character in text)
    return next((direction for direction in directions if direction in {"L", "R", "AL"}), None)
