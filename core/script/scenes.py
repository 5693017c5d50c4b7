"""A script as scenes: sentences that are spoken over one image.

A scene has about six seconds of speech. Which sentences share one is found by dynamic programming over all ways to
group them: the best way costs least, where length beside the ideal costs, and so does a border of paragraphs inside.
A long script gets longer scenes rather than more of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from core.script.errors import ScriptError
from core.script.language import is_speakable, language_of, speech_length
from core.script.layout import paragraphs
from core.script.pacing import LONGEST_VIDEO, check_longest, check_target
from core.script.sentences import clauses, sentences

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from core.script.language import Language
    from core.script.layout import Paragraph

#: Images and voices of one video; each is paid for.
MOST_SCENES: Final = 60
#: Characters that are looked into; the longest video holds a tenth of it in any language.
_MOST_CHARACTERS: Final = 100_000
#: Seconds of speech in a scene: what is aimed at, and between what it may lie.
_IDEAL: Final = 6.5
_SHORT: Final = 4.0
_LONG: Final = 9.0
#: Seconds of one sentence above which it is cut.
_LONGEST_SENTENCE: Final = 15.0
#: What a border of paragraphs inside a scene costs, and one with a heading.
_PARAGRAPH_COST: Final = 0.35
_HEADING_COST: Final = 2.0
#: How much longer scenes get at a time, until there are few enough.
_STRETCH: Final = 1.25


@dataclass(frozen=True, slots=True)
class Scene:
    """What is spoken over one image."""

    index: int
    """From 0."""
    text: str
    expected: timedelta
    """How long the speech will take, by estimate."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A sentence, or a part of one that is too long; never cut further."""

    text: str
    seconds: float
    border: float
    """What it costs to have this piece in one scene with the piece before."""


def scenes_of(script: str, *, language: str, target: timedelta | None = None) -> list[Scene]:
    """Cut a script into scenes. No word of what is spoken is dropped, doubled or moved.

    Args:
        language: a BCP 47 tag; empty: English.
        target: how long the video shall be. It changes the pace, not the scenes; a hopeless wish is refused.

    Raises:
        ScriptError: nothing is to be spoken, or too much for the target or for the longest video.
    """
    scenes = _cut(script, language)
    check_target([scene.expected for scene in scenes], target)
    return scenes


@lru_cache(maxsize=1000)
def speech_expected(script: str, language: str) -> tuple[timedelta, ...]:
    """Estimate how long the speech of each scene takes.

    Kept for the last scripts, as many as a batch has: whether a video can be as long as it shall be and what it costs
    are asked one after the other.

    Raises:
        ScriptError: nothing is to be spoken, or too much for the longest video.
    """
    return tuple(scene.expected for scene in _cut(script, language))


def _cut(script: str, language: str) -> list[Scene]:
    rules = language_of(language)
    _check_size(script, rules)
    spoken = paragraphs(script)
    if not spoken:
        raise ScriptError(_nothing_spoken(script))
    check_longest(sum((speech_length(paragraph.text, rules) for paragraph in spoken), timedelta()))
    return _few_enough(list(_pieces(spoken, rules)))


def _check_size(script: str, language: Language) -> None:
    """Refuse what is far too long before it is looked into."""
    spoken = speech_length(script, language)
    if spoken > 4 * LONGEST_VIDEO:
        check_longest(spoken)
    if len(script) > _MOST_CHARACTERS:
        raise ScriptError(f"The script has {len(script):,} characters; at most {_MOST_CHARACTERS:,} are read.")


def _nothing_spoken(script: str) -> str:
    if not script.strip():
        return "The script is empty."
    if is_speakable(script):
        return "Nothing in the script is spoken: it has only headings, stage directions or names of speakers."
    return "There is nothing in the script that a voice could say: it has neither letters nor numbers."


def _pieces(spoken: Sequence[Paragraph], language: Language) -> Iterator[_Piece]:
    for paragraph in spoken:
        border = _HEADING_COST if paragraph.opens else _PARAGRAPH_COST
        found = [
            piece for sentence in sentences(paragraph.text, language) for piece in _short_enough(sentence, language)
        ]
        for index, piece in enumerate(found):
            # A paragraph has no space behind its last word; the next one begins with another.
            text = piece if index + 1 < len(found) else f"{piece} "
            yield _Piece(text, speech_length(piece, language).total_seconds(), 0.0 if index else border)


def _short_enough(sentence: str, language: Language) -> list[str]:
    """Cut a sentence that is too long for a scene: at clauses, else between words, else anywhere."""
    parts = [sentence]
    for cut in (_at_clauses, _between_words, _anywhere):
        parts = [
            shorter
            for part in parts
            for shorter in (cut(part, language) if _seconds(part, language) > _LONGEST_SENTENCE else [part])
        ]
    return parts


def _at_clauses(text: str, language: Language) -> list[str]:
    return _even(clauses(text, words=False), language)


def _between_words(text: str, language: Language) -> list[str]:
    return _even(clauses(text, words=True), language)


def _anywhere(text: str, language: Language) -> list[str]:
    """Cut between characters, but not before a mark that belongs to the one in front of it."""
    return _even(_characters(text), language)


def _characters(text: str) -> list[str]:
    found: list[str] = []
    for character in text:
        if found and (not is_speakable(character) or not is_speakable(found[-1])):
            found[-1] += character
        else:
            found.append(character)
    return found


def _even(parts: Sequence[str], language: Language) -> list[str]:
    """Join neighbours to about equally long groups, none longer than a scene should be where parts allow."""
    lengths = [_seconds(part, language) for part in parts]
    share = sum(lengths) / math.ceil(sum(lengths) / _LONG)
    groups: list[str] = []
    filled = math.inf
    for part, length in zip(parts, lengths, strict=True):
        if filled + length / 2 > share:
            groups.append(part)
            filled = length
        else:
            groups[-1] += part
            filled += length
    return groups


def _seconds(text: str, language: Language) -> float:
    return speech_length(text, language).total_seconds()


def _few_enough(pieces: Sequence[_Piece]) -> list[Scene]:
    total = sum(piece.seconds for piece in pieces)
    stretch = max(1.0, total / (_IDEAL * MOST_SCENES))
    groups = _grouped(pieces, stretch)
    while len(groups) > MOST_SCENES:
        stretch *= _STRETCH
        groups = _grouped(pieces, stretch)
    return [_scene(index, group) for index, group in enumerate(groups)]


def _scene(index: int, group: Sequence[_Piece]) -> Scene:
    text = "".join(piece.text for piece in group).strip()
    return Scene(index, text, timedelta(seconds=sum(piece.seconds for piece in group)))


def _grouped(pieces: Sequence[_Piece], stretch: float) -> list[Sequence[_Piece]]:
    """Return the cheapest way to cut *pieces* into scenes of about `stretch` times the ideal length."""
    costs = [0.0] + [math.inf] * len(pieces)
    begins = [0] * (len(pieces) + 1)
    for end in range(1, len(pieces) + 1):
        length = borders = 0.0
        for begin in range(end - 1, -1, -1):
            length += pieces[begin].seconds
            if begin < end - 1 and length > _LONGEST_SENTENCE * stretch:
                break
            cost = costs[begin] + borders + _cost(length / stretch)
            if cost < costs[end]:
                costs[end], begins[end] = cost, begin
            borders += pieces[begin].border
    groups: list[Sequence[_Piece]] = []
    end = len(pieces)
    while end:
        groups.append(pieces[begins[end] : end])
        end = begins[end]
    return groups[::-1]


def _cost(seconds: float) -> float:
    beyond = max(0.0, _SHORT - seconds, seconds - _LONG)
    return ((seconds - _IDEAL) / _IDEAL) ** 2 + 4 * (beyond / _IDEAL) ** 2 + 0.05
