"""Languages as BCP 47 tags: what a model's list of them says of a tag."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Taken where a spec names none.
DEFAULT_LANGUAGE: Final = "en"
_TAG: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}")


def is_language(tag: str) -> bool:
    """Whether *tag* has the form of a BCP 47 tag, as ``en``, ``pt-BR`` or ``zh-Hant-TW``."""
    return bool(_TAG.fullmatch(tag))


def spoken_as(tag: str, known: Iterable[str]) -> str | None:
    """Return which of the *known* tags speaks *tag*: itself, else the first of the same language; None: none."""
    folded, language = tag.casefold(), tag.partition("-")[0].casefold()
    tags = tuple(known)
    exact = next((each for each in tags if each.casefold() == folded), None)
    return exact or next((each for each in tags if each.partition("-")[0].casefold() == language), None)
