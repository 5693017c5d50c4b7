"""Where sentences and clauses end, by the rules of the language.

Better no cut than a wrong one: where a dot is doubtful, the sentence goes on. Segments keep the spaces behind them,
so that joining all of them gives the text again.

Of the libraries for this, sentencex (Wikimedia, MIT) is the best kept one. It cuts "M. Dupont" in French, "die 2.
Auflage" in German, "5 p. m. y" in Spanish and 「…。」と in Japanese, over all of which a narrator would stumble; hence
these rules, which are shorter than a guard around another's would be.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from core.script.abbreviations import BEFORE_NUMBERS, MAY_END
from core.script.language import is_speakable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.script.language import Language

#: Marks that end a sentence only before a space.
_NARROW: Final = ".!?…"
#: Marks that end a sentence wherever they stand: CJK, Arabic, Urdu, Devanagari, Armenian, Ethiopic, Burmese, Khmer.
_PLAIN: Final = "。！？｡．؟۔।॥։።፧။។៕"
#: What may still belong to a sentence after its last mark.
_CLOSERS: Final = "\"'”’“‘»›)\\]）」』】〕》〉"
_END: Final = re.compile(rf"[{_NARROW}{_PLAIN}]+(?:[{_CLOSERS}]|[ \u00a0\u202f][»›])*")
#: In Greek, ";" is the question mark.
_GREEK_END: Final = re.compile(_END.pattern.replace("[.", "[;\u037e.", 1))
#: A space between two letters of a script that has no full stop.
_SPACE_END: Final = re.compile(r"(?<=[\u0e00-\u0eff])\s+(?=[\u0e00-\u0eff])")
#: Where a long sentence may be cut, best first: at its punctuation, then between words.
_CLAUSE_ENDS: Final = (
    re.compile(rf"(?:[,;:،؛](?=[{_CLOSERS}]*\s)|[、，；：·—–])[{_CLOSERS}]*\s*"),
    re.compile(r"\s+"),
)
#: Japanese goes on after a quotation with a particle: 「…。」と言った.
_AFTER_QUOTATION: Final = re.compile(r"[とっての、，はがをに]")
#: What may stand before the first letter of a sentence.
_OPENERS: Final = re.compile(r"[\s\"'“‘«‹„‚¿¡(\[{—–-]*")
#: The longest word that is looked up before a dot.
_WORD: Final = 20
#: The largest number that a dot makes an ordinal; years end sentences.
_LARGEST_ORDINAL: Final = 99


def sentences(text: str, language: Language) -> list[str]:
    """Cut one paragraph into sentences, each with the spaces behind it."""
    found: list[str] = []
    start = 0
    for end in _ends(text, language):
        if is_speakable(text[start:end]):
            found.append(text[start:end])
            start = end
    rest = text[start:]
    if found and not is_speakable(rest):
        found[-1] += rest
    elif rest:
        found.append(rest)
    return found


def clauses(text: str, *, words: bool) -> list[str]:
    """Cut a sentence at its inner punctuation or, with *words*, between any two words."""
    found: list[str] = []
    start = 0
    for match in _CLAUSE_ENDS[words].finditer(text):
        if is_speakable(text[start : match.end()]) and is_speakable(text[match.end() :]):
            found.append(text[start : match.end()])
            start = match.end()
    found.append(text[start:])
    return found


def _ends(text: str, language: Language) -> Iterator[int]:
    """Yield where a sentence ends and another begins."""
    if language.space_ends:
        yield from (match.end() for match in _SPACE_END.finditer(text))
        return
    start = 0
    for match in (_GREEK_END if language.code == "el" else _END).finditer(text):
        end = match.end()
        if end < len(text) and _is_end(text, match, start, language):
            while end < len(text) and text[end].isspace():
                end += 1
            start = end
            yield end


def _is_end(text: str, match: re.Match[str], start: int, language: Language) -> bool:
    marks, following = match[0].rstrip(_CLOSERS + " \u00a0\u202f"), text[match.end()]
    if marks[-1:] in _PLAIN:
        quoted = len(marks) < len(match[0])
        return not (language.code == "ja" and quoted and _AFTER_QUOTATION.match(following))
    if not following.isspace():
        return _is_wide(following) and not marks.endswith(".")
    opening = _OPENERS.match(text, match.end())
    first = text[opening.end() : opening.end() + 1] if opening else ""
    if first.islower():
        return False
    return marks != "." or not _dot_goes_on(text[max(start, match.start() - _WORD) : match.start()], first, language)


def _dot_goes_on(before: str, first: str, language: Language) -> bool:
    """Whether the dot after *before* belongs to a number or an abbreviation; *first* is the next letter or digit."""
    word = re.split(r"[\s\"'“‘«„(\[¿¡/-]", before.lower())[-1]
    if word.isdecimal():
        return not is_letters(before) or (language.dotted_ordinals and int(word) <= _LARGEST_ORDINAL)
    if first.isdecimal() and word in BEFORE_NUMBERS:
        return True
    if word in MAY_END:
        return False
    return word in language.abbreviations or all(len(part) == 1 for part in word.split("."))


def is_letters(text: str) -> bool:
    """Whether there is a letter in *text*; "1." alone numbers the sentence behind it."""
    return any(character.isalpha() for character in text)


def _is_wide(character: str) -> bool:
    """Whether the character is Han, kana or Hangul: writers of these often leave out the space behind "!"."""
    return "\u3040" <= character <= "\u30ff" or "\u3400" <= character <= "\u9fff" or "\uac00" <= character <= "\ud7a3"
