"""How long a text takes to be spoken, beside other texts: what time is divided by."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

#: In letters of the Latin script, at usual rates of speech: about 15 letters, 4.5 Han characters, 7 kana or 5 Hangul
#: syllables a second. A figure is a word.
_HAN: Final = 3.3
_KANA: Final = 2.1
_HANGUL: Final = 3.0
_ABJAD: Final = 1.4
_FIGURE: Final = 3.0
#: Pauses: between words, within and after sentences.
_SPACE: Final = 0.4
_CLAUSE: Final = 3.0
_SENTENCE: Final = 5.0

_WEIGHTS: Final = (
    (re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"), _HAN),
    (re.compile("[\u3040-\u30ff\uff66-\uff9f]"), _KANA),
    (re.compile("[\uac00-\ud7a3]"), _HANGUL),
    (re.compile("[\u0590-\u08ff]"), _ABJAD),
    (re.compile(r"\d"), _FIGURE),
    (re.compile(r"[.!?。！？…।؟。｡]"), _SENTENCE),
    (re.compile("[,;:、，；：،؛–—]"), _CLAUSE),
    (re.compile(r"\s"), _SPACE),
)


def weight_of(text: str) -> float:
    """Return the length of the text as speech, in letters of the Latin script."""
    return sum(_weight(character) for character in text)


def _weight(character: str) -> float:
    if "a" <= character <= "z":
        return 1.0
    for pattern, weight in _WEIGHTS:
        if pattern.match(character) and (weight != _ABJAD or unicodedata.category(character)[0] == "L"):
            return weight
    return 1.0 if unicodedata.category(character)[0] == "L" else 0.0
