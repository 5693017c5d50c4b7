"""Where a line of text may be broken: the part of Unicode's rules that subtitles need.

A cluster is what a reader takes for one character: a letter with its marks, a joined emoji, a flag. Lines are broken
between clusters only, and by choice only where the text's script allows it: after spaces and hyphens, between Chinese
and Japanese characters (not before closing punctuation or small kana, not after opening punctuation: kinsoku), and in
words too long for any line wherever letters meet. Thai, Lao, Khmer and Burmese write no spaces between words; without
a dictionary they are broken between syllables at best.

Sources: Unicode Standard Annexes 14 (line breaking) and 29 (clusters); JIS X 4051 (kinsoku).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_JOINER: Final = "\u200d"
#: Longer than any real cluster (a flag of tags has 7 characters); what goes on longer is cut, so that lines can be.
_LONGEST: Final = 24
#: May not begin a line.
_CLOSING: Final = frozenset(
    "!%),.:;?]}¢°·ˇˉ―‖’”…‰′″›℃∶、。〃〉》」』】〕〗〙〛〞〟︶︺︾﹀﹄﹚﹜﹞！＂％＇），．：；？］｀｜｝～￠"
    "ーぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ々〻ゝゞヽヾ‐゠–〜｡｣､･ｰ"
    "»،؛؟۔।॥ะาำๅๆฯ๚๛ະາຳໆຯ។៕"
)
#: May not end a line.
_OPENING: Final = frozenset("$([{£¥‘“‹«〈《「『【〔〖〘〝﹙﹛﹝＄（．［｛￡￥｢¡¿เแโใไເແໂໃໄ")
#: After these a line may end, when a letter follows.
_HYPHENS: Final = frozenset("-‐–—/")
_SPACES: Final = frozenset(" \u200b")
#: Between these no line ends.
_GLUE: Final = frozenset("\u00a0\u2060\u202f")
_NEVER_LAST: Final = _OPENING | _GLUE
_NEVER_FIRST: Final = _CLOSING | _GLUE
#: Written without spaces, every character a possible end of a line.
_IDEOGRAPHIC: Final = re.compile(
    "[\u2e80-\u30ff\u31c0-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff9f\U00020000-\U0003ffff]"
)
_FLAG: Final = re.compile("[\U0001f1e6-\U0001f1ff]")


def clusters_of(text: str) -> list[str]:
    """Return the text cut between what readers take for characters."""
    clusters: list[str] = []
    for character in text:
        if clusters and _extends(clusters[-1], character):
            clusters[-1] += character
        else:
            clusters.append(character)
    return clusters


def pieces_of(clusters: list[str]) -> list[list[str]]:
    """Return the clusters grouped into pieces between which a line may end; spaces stand at the ends of pieces."""
    pieces: list[list[str]] = []
    for index, cluster in enumerate(clusters):
        if index and not _may_end(clusters, index):
            pieces[-1].append(cluster)
        else:
            pieces.append([cluster])
    return pieces


def is_ideographic(cluster: str) -> bool:
    """Tell whether the cluster is of a script that is written without spaces and read character by character."""
    return _IDEOGRAPHIC.match(cluster) is not None


def may_part(before: str, after: str) -> bool:
    """Tell whether two clusters may stand on two lines where a word must be broken for lack of room."""
    return before[-1] not in _NEVER_LAST and after[0] not in _NEVER_FIRST


def _may_end(clusters: list[str], index: int) -> bool:
    """Tell whether a line may end before the cluster at *index*."""
    before, after = clusters[index - 1], clusters[index]
    if after[0] in _SPACES or not may_part(before, after):
        return False
    if before[-1] in _SPACES or is_ideographic(before) or is_ideographic(after):
        return True
    # A hyphen ends a line inside a word only: "well-known", not "-5" and not "rock -n- roll".
    inside = index > 1 and clusters[index - 2][0].isalpha() and after[0].isalpha()
    return before in _HYPHENS and inside


def _extends(cluster: str, character: str) -> bool:
    """Tell whether a character goes on with the cluster before it."""
    if "\n" in {cluster, character} or len(cluster) >= _LONGEST:
        return False
    if unicodedata.category(character) in {"Mn", "Mc", "Me"} or character in {_JOINER, "\u200c"}:
        return True
    if "\U0001f3fb" <= character <= "\U0001f3ff" or "\U000e0020" <= character <= "\U000e007f":
        return True
    if _FLAG.match(character):
        return len(cluster) == 1 and _FLAG.match(cluster) is not None
    last = cluster[-1]
    # A virama (combining class 9) asks for the next consonant; the joiner for the next emoji.
    return (last == _JOINER and ord(character) > 0x2000) or (unicodedata.combining(last) == 9 and character.isalpha())
