"""Which language a text is in, so that it is read by a voice that knows it: by its letters, then by its small words.

Real models find the language by themselves; so must the emulator, where the caller does not say it.
"""

import re
import unicodedata
from collections import Counter
from typing import Final

#: The languages that are told apart by their letters, by how Unicode names these. Han alone is Chinese.
_SCRIPTS: Final = {
    "HIRAGANA": "ja", "KATAKANA": "ja", "HANGUL": "ko", "CJK": "cmn", "CYRILLIC": "ru", "ARABIC": "ar", "HEBREW": "he",
    "GREEK": "el", "DEVANAGARI": "hi", "BENGALI": "bn", "TAMIL": "ta", "TELUGU": "te", "THAI": "th", "GEORGIAN": "ka",
    "ARMENIAN": "hy",
}  # fmt: skip
#: Other languages in the same letters: these are spoken only when asked for.
_SHARED: Final = {
    "ru": ("uk", "bg", "sr", "mk", "kk", "be"), "ar": ("fa", "ur"), "hi": ("mr", "ne"), "cmn": ("yue", "ja"),
}  # fmt: skip
#: Small words that hardly any other language has, of the languages in Latin letters.
_SMALL_WORDS: Final = {
    "en": "the and of to is in that it was for with this you are",
    "de": "der die das und ist nicht ein eine zu den mit sich auf",
    "fr": "le les des est et une dans que pour qui sur il avec du",
    "es": "el los las y es una en que por con para del se como",
    "it": "il gli è e una di che per con della sono nel non si",
    "pt-br": "o os as é e uma em que por com para não do da",
    "nl": "de het een en is van niet met voor dat op zijn ook",
    "pl": "w i jest nie na się z to że do jak po",
    "sv": "och är det en att som på inte av för med den",
    "tr": "ve bir bu da için ile çok ama gibi daha",
}
#: Languages by the names some models want, and codes by which the voices go under others.
_CODES: Final = {
    "english": "en", "chinese": "cmn", "chinese,yue": "yue", "german": "de", "french": "fr", "spanish": "es",
    "portuguese": "pt-br", "italian": "it", "japanese": "ja", "korean": "ko", "russian": "ru", "arabic": "ar",
    "turkish": "tr", "dutch": "nl", "ukrainian": "uk", "vietnamese": "vi", "indonesian": "id", "thai": "th",
    "polish": "pl", "romanian": "ro", "greek": "el", "czech": "cs", "finnish": "fi", "hindi": "hi", "swedish": "sv",
    "zh": "cmn", "no": "nb", "pt": "pt-br", "en": "en-us",
}  # fmt: skip
#: Characters that are looked at.
_ENOUGH: Final = 2000


def language_of(text: str, asked: str = "") -> str:
    """Return the code of the language to read *text* in.

    Args:
        asked: what the caller said it is, as a code or as a name; it counts unless the letters say otherwise.
    """
    wanted = asked.strip().lower().replace("_", "-")
    wanted = _CODES.get(wanted, wanted)
    written = _by_letters(text[:_ENOUGH])
    if written is None:
        return wanted if re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]+)*", wanted) else _by_words(text[:_ENOUGH])
    return wanted if wanted.partition("-")[0] in _SHARED.get(written, ()) else written


def voices_of(language: str) -> list[str]:
    """Return the names of voices for a language, best first; English, when nobody knows it."""
    primary = language.partition("-")[0]
    return [language, _CODES.get(primary, primary), primary, "en"]


def _by_letters(text: str) -> str | None:
    """Return the language that most letters belong to; None for Latin ones."""
    scripts = Counter(unicodedata.name(letter, "").partition(" ")[0] for letter in text if letter.isalpha())
    if scripts["HIRAGANA"] + scripts["KATAKANA"]:
        return "ja"
    return next((_SCRIPTS.get(script.partition("-")[0]) for script, _ in scripts.most_common(1)), None)


def _by_words(text: str) -> str:
    words = Counter(re.findall(r"[^\W\d_]+", text.lower()))
    found = {code: sum(words[small] for small in small_words.split()) for code, small_words in _SMALL_WORDS.items()}
    best = max(found, key=lambda code: found[code])
    return _CODES.get(best, best) if found[best] else "en-us"
