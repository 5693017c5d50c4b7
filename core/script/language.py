"""What of a language matters to a narrator: how fast it is spoken and how its sentences are written.

The speeds follow the only measurement that gives the same texts, read aloud, in many languages: Trauzettel-Klosinski
and Dietz, "Standardized Assessment of Reading Performance: The New International Reading Speed Texts IReST", IOVS 53
(2012), 5452-5461, table 2, letters per minute. Readers there were asked to hurry (English: 228 words a minute); a
narrator takes about 160, hence `_NARRATION`. Chinese and Japanese have customary speeds of their own: news are read at
about 250 characters a minute in Mandarin, and at 300 in Japanese (the rule of NHK); Korean announcers speak about as
many syllables, each one a character.

An estimate serves to form scenes and to refuse a hopeless wish before anything is paid. What is shown in the end
follows the speech itself (`core.script.pacing`).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Final, Literal

from core.script.abbreviations import ABBREVIATIONS
from core.script.errors import ScriptError

#: The language of a script that names none, as the contract says.
DEFAULT_LANGUAGE: Final = "en"
#: How much slower a narrator speaks than the readers of IReST: 160 words a minute of 228.
_NARRATION: Final = 0.7
#: Letters per minute, read aloud (IReST, table 2). Marks of a script above or below the letters are not counted.
_READ_ALOUD: Final = {
    "ar": 612, "de": 920, "en": 987, "es": 1025, "fi": 1078, "fr": 998, "he": 833, "it": 950, "nl": 978, "pl": 916,
    "pt": 913, "ru": 986, "sl": 885, "sv": 917, "tr": 1054,
    # Not in IReST: syllables a second (Coupé et al., Science Advances 5, 2019) times the letters of a syllable.
    "hi": 770, "th": 735, "vi": 900,
}  # fmt: skip
#: Letters per minute of an alphabet that was not measured: the mean of those that were.
_READ_ALOUD_ELSEWHERE: Final = 930
#: Han characters, kana and syllables of Hangul per second, at a narrator's speed.
_WIDE: Final = {"zh": 4.2, "ja": 5.0, "ko": 5.0}
_WIDE_ELSEWHERE: Final = 4.5
#: Seconds to say one digit as a part of a number: "1984" takes four syllables or more.
_DIGIT: Final = 0.25
#: Seconds to say a sign that is read as a word: "%", "€".
_SIGN: Final = 0.35
_SIGNS: Final = frozenset("%‰&+=@°§№")

#: Languages known by more than one code, or written like another.
_ALIASES: Final = {"cmn": "zh", "yue": "zh", "wuu": "zh", "iw": "he", "in": "id", "nb": "no", "nn": "no", "fil": "tl"}
#: Languages whose words are not set apart by spaces.
_UNSPACED: Final = frozenset({"zh", "ja", "th", "lo", "km", "my", "bo"})
#: Languages without a full stop, where a space stands between sentences and clauses.
_SPACE_ENDS: Final = frozenset({"th", "lo"})
#: Languages that write an ordinal number with a dot: "am 3. Oktober".
_DOTTED_ORDINALS: Final = frozenset(
    {
        "bs", "cs", "da", "de", "et", "eu", "fi", "fo", "hr", "hu", "is", "lb", "lt", "lv", "no", "pl", "sk", "sl",
        "sr", "tr",
    }
)  # fmt: skip
#: BCP 47, as far as it matters here: a primary subtag and any others; "_" is taken for "-".
_TAG: Final = re.compile(r"(?P<primary>[a-z]{2,3}|[a-z]{5,8})(?P<others>(?:-[a-z0-9]{1,8}){0,8})", re.IGNORECASE)
_REGION: Final = re.compile(r"-([a-z]{2}|[0-9]{3})(?=-|$)", re.IGNORECASE)

_Kind = Literal["letter", "wide", "digit", "sign", "silent"]


@dataclass(frozen=True, slots=True)
class Language:
    """How one language is spoken and written."""

    code: str
    """The primary subtag of BCP 47, in lower case: `pt` of `pt-BR`."""
    region: str | None
    """`BR` of `pt-BR`."""
    known: bool
    """Whether there are rules of its own; else those common to most languages hold."""
    letters: float
    """Letters of an alphabet spoken in a second."""
    wide: float
    """Han characters, kana or Hangul syllables spoken in a second."""
    abbreviations: frozenset[str]
    """Words after which a dot ends no sentence; in lower case, without the dot."""
    spaced: bool
    """Whether words are set apart by spaces."""
    space_ends: bool
    """Whether a space may stand where others have a full stop."""
    dotted_ordinals: bool
    """Whether a dot after a small number makes it an ordinal."""


def language_of(tag: str) -> Language:
    """Return the rules of a BCP 47 tag; those of English for none, and the common rules for an unknown language.

    Raises:
        ScriptError: the tag is none.
    """
    found = _TAG.fullmatch(tag.strip().replace("_", "-") or DEFAULT_LANGUAGE)
    if found is None:
        raise ScriptError(f"{tag[:40]!r} is not a language tag; write one like 'en' or 'pt-BR'.", field="language")
    primary = found["primary"].lower()
    code = _ALIASES.get(primary, primary)
    region = _REGION.search(found["others"])
    return Language(
        code=code,
        region=region[1].upper() if region else None,
        known=code in _READ_ALOUD or code in _WIDE or code in ABBREVIATIONS,
        letters=_READ_ALOUD.get(code, _READ_ALOUD_ELSEWHERE) * _NARRATION / 60,
        wide=_WIDE.get(code, _WIDE_ELSEWHERE),
        abbreviations=ABBREVIATIONS.get(code, frozenset()) | ABBREVIATIONS["*"],
        spaced=code not in _UNSPACED,
        space_ends=code in _SPACE_ENDS,
        dotted_ordinals=code in _DOTTED_ORDINALS,
    )


def speech_length(text: str, language: Language) -> timedelta:
    """Estimate how long a narrator takes to say *text*; zero when there is nothing to say."""
    seconds = 0.0
    for character, times in Counter(text).items():
        match _kind(character):
            case "letter":
                seconds += times / language.letters
            case "wide":
                seconds += times / language.wide
            case "digit":
                seconds += times * _DIGIT
            case "sign":
                seconds += times * _SIGN
            case "silent":
                pass
    return timedelta(seconds=seconds)


def is_speakable(text: str) -> bool:
    """Whether there is anything in *text* that a voice can say."""
    return any(_kind(character) in {"letter", "wide", "digit"} for character in text)


@lru_cache(maxsize=4096)
def _kind(character: str) -> _Kind:
    """Return how a character is spoken. Vowel signs that stand in the line count as letters, those above it do not."""
    category = unicodedata.category(character)
    if category[0] == "L" or category == "Mc":
        return "wide" if unicodedata.east_asian_width(character) in {"W", "F", "H"} else "letter"
    if category == "Nd":
        return "digit"
    return "sign" if category == "Sc" or character in _SIGNS else "silent"
