"""The bundled fonts as a layout needs them: which characters each has, and how wide these are.

Read from the font files themselves (https://learn.microsoft.com/typography/opentype/spec/: cmap, hhea, hmtx), so what
is measured is what is drawn, and no library is needed for it.
"""

from __future__ import annotations

import struct
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Final

from workers.subtitles.cues import UNSEEN
from workers.subtitles.fonts import FONTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

#: Where Han characters look for their forms, by language; the others follow.
_EAST_ASIAN: Final = {"ja": "Segue Sans JP", "ko": "Segue Sans KR", "zh": "Segue Sans SC"}
_EMOJI: Final = "Segue Sans Emoji"
#: The fonts that are asked first for a character, and those that are asked last; the other scripts' stand between.
_FIRST: Final = ("Segue Sans",)
_LAST: Final = ("Segue Sans SC", "Segue Sans JP", "Segue Sans KR", "Segue Sans Symbols", _EMOJI)
#: Drawn for a character that no font has, so that libass never looks among the machine's own fonts.
REPLACEMENT: Final = "\ufffd"
#: Asks for the emoji form of the character before it.
_EMOJI_FORM: Final = "\ufe0f"


@dataclass(frozen=True, slots=True)
class Typeface:
    """A font, by the name that a script gives it."""

    family: str
    advances: Mapping[int, float]
    """The width of each character that it has, in ems."""


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of text that one font draws."""

    family: str
    text: str


@lru_cache(maxsize=1)
def typefaces() -> Mapping[str, Typeface]:
    """Return the bundled fonts by family, in the order in which they are asked. Reads the files once."""
    found = [_read(path) for path in sorted(FONTS.glob("*-Regular.ttf"))]
    return {face.family: face for face in sorted(found, key=lambda face: _rank(face.family))}


def uncovered(text: str) -> frozenset[str]:
    """Return the characters of the text that no bundled font has; they are drawn as U+FFFD."""
    faces = typefaces().values()
    return frozenset(one for one in set(text) if one != "\n" and not any(ord(one) in face.advances for face in faces))


def language_of(text: str, language: str) -> str:
    """Return the primary subtag of the language; where it is not known, the East Asian one that the text tells of."""
    if language:
        return language.replace("_", "-").split("-")[0].lower()
    names = [unicodedata.name(character, "") for character in set(text)]
    for start, found in (("HANGUL", "ko"), ("HIRAGANA", "ja"), ("KATAKANA", "ja"), ("CJK", "zh")):
        if any(name.startswith(start) for name in names):
            return found
    return ""


def family_of(cluster: str, language: str) -> str | None:
    """Return the font that draws a cluster (a letter and what belongs to it); None: no font has all of it."""
    faces = typefaces()
    order = list(faces)
    if language in _EAST_ASIAN:
        # Quotes, dashes and dots are as wide as the characters around them in East Asian texts, elsewhere narrow.
        wide = unicodedata.east_asian_width(cluster[0]) in "WFA"
        order.insert(0 if wide else 1, _EAST_ASIAN[language])
    if _is_emoji(cluster):
        order.insert(0, _EMOJI)
    return next((family for family in order if all(ord(one) in faces[family].advances for one in cluster)), None)


def width_of(cluster: str, family: str) -> float:
    """Return the width of a cluster in ems. Joined letters and ligatures may be narrower."""
    advances = typefaces()[family].advances
    return sum(advances[ord(character)] for character in cluster)


def runs_of(clusters: Sequence[str], language: str) -> list[Run]:
    """Return the text in pieces that one font each can draw, in the order of reading."""
    drawn: list[tuple[str, str]] = []
    for cluster in clusters:
        known, family = drawable(cluster, language)
        drawn.append((_goes_on(drawn[-1][0], known) or family if drawn else family, known))
    return [Run(family, "".join(text for _, text in run)) for family, run in groupby(drawn, key=lambda pair: pair[0])]


@lru_cache(maxsize=8192)
def drawable(cluster: str, language: str) -> tuple[str, str]:
    """Return the cluster with what no font has replaced, and the font that draws it."""
    if family := family_of(cluster, language):
        return cluster, family
    base = cluster[0]
    if family := family_of(base, language):
        # Its marks are in no font together with it: the letter is what people read.
        return base, family
    family = next(name for name, face in typefaces().items() if ord(REPLACEMENT) in face.advances)
    return REPLACEMENT, family


def _goes_on(family: str, cluster: str) -> str | None:
    """Return the font before the cluster if that draws it as well and nobody sees which one does.

    So spaces and marks of direction do not part a text in vain. Spaces among emoji are as wide as these.
    """
    alike = not cluster.strip(UNSEEN) and family != _EMOJI
    return family if alike and all(ord(one) in typefaces()[family].advances for one in cluster) else None


def _rank(family: str) -> int:
    if family in _FIRST:
        return 0
    return 2 + _LAST.index(family) if family in _LAST else 1


def _is_emoji(cluster: str) -> bool:
    """Tell whether the cluster is drawn as a picture: asked for, or by its nature (pictures beyond the first plane)."""
    return _EMOJI_FORM in cluster or ord(cluster[0]) >= 0x1F000


def _read(path: Path) -> Typeface:
    data = path.read_bytes()
    (count,) = struct.unpack_from(">H", data, 4)
    tables = {
        name: offset
        for name, _, offset, _ in (struct.unpack_from(">4sIII", data, 12 + 16 * index) for index in range(count))
    }
    (em,) = struct.unpack_from(">H", data, tables[b"head"] + 18)
    (measured,) = struct.unpack_from(">H", data, tables[b"hhea"] + 34)
    # Each glyph has an advance and a bearing; glyphs beyond the last measured one are as wide as that.
    advances = struct.unpack_from(">" + "Hh" * measured, data, tables[b"hmtx"])[::2]
    glyphs = _character_map(data, tables[b"cmap"])
    return Typeface(
        family=_family(data, tables[b"name"]),
        advances={character: advances[min(glyph, measured - 1)] / em for character, glyph in glyphs.items()},
    )


def _family(data: bytes, start: int) -> str:
    count, strings = struct.unpack_from(">HH", data, start + 2)
    for index in range(count):
        platform, _, _, number, length, offset = struct.unpack_from(">6H", data, start + 6 + 12 * index)
        if platform == 3 and number == 1:
            return data[start + strings + offset :][:length].decode("utf-16-be")
    raise ValueError("The font has no family name.")


def _character_map(data: bytes, start: int) -> dict[int, int]:
    """Return the glyph of each character, from the fullest of the font's Unicode maps."""
    (count,) = struct.unpack_from(">H", data, start + 2)
    found: dict[int, int] = {}
    for index in range(count):
        _, _, offset = struct.unpack_from(">HHI", data, start + 4 + 8 * index)
        (form,) = struct.unpack_from(">H", data, start + offset)
        match form:
            case 4:
                found.update(_segments(data, start + offset))
            case 12:
                found.update(_groups(data, start + offset))
            case _:
                continue  # variation sequences, and maps of other systems
    return found


def _groups(data: bytes, start: int) -> dict[int, int]:
    """Read format 12: ranges of characters with ranges of glyphs."""
    (count,) = struct.unpack_from(">I", data, start + 12)
    ranges = (struct.unpack_from(">III", data, start + 16 + 12 * index) for index in range(count))
    return {first + step: glyph + step for first, last, glyph in ranges for step in range(last - first + 1)}


def _segments(data: bytes, start: int) -> dict[int, int]:
    """Read format 4: segments of the first plane, by a difference or by a list of glyphs."""
    (double,) = struct.unpack_from(">H", data, start + 6)
    count = double // 2
    column = f">{count}H"
    lasts = struct.unpack_from(column, data, start + 14)
    firsts = struct.unpack_from(column, data, start + 16 + double)
    deltas = struct.unpack_from(column, data, start + 16 + 2 * double)
    offsets_at = start + 16 + 3 * double
    offsets = struct.unpack_from(column, data, offsets_at)
    found: dict[int, int] = {}
    for index, (first, last, delta, offset) in enumerate(zip(firsts, lasts, deltas, offsets, strict=True)):
        for character in range(first, min(last, 0xFFFE) + 1):
            glyph = character
            if offset:
                (glyph,) = struct.unpack_from(">H", data, offsets_at + 2 * index + offset + 2 * (character - first))
            if not offset or glyph:
                found[character] = (glyph + delta) & 0xFFFF
    return {character: glyph for character, glyph in found.items() if glyph}
