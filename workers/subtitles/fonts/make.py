"""Make the bundled fonts from the packages they come from (see README.md). Run by hand, in a throw-away environment.

    python make.py FOLDER_OF_UNPACKED_PACKAGES

It needs fontTools, which the project itself does not.
"""
# /// script
# dependencies = ["fonttools==4.68.0"]
# ///

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fontTools import subset  # type: ignore[import-not-found, unused-ignore]  # only where the fonts are made
from fontTools.ttLib.scaleUpem import scale_upem  # type: ignore[import-not-found, unused-ignore]  # as above

if TYPE_CHECKING:
    from collections.abc import Callable

HERE: Final = Path(__file__).parent
#: Units of an em, the same in every font.
EM: Final = 1000
#: The height of a line above and below its foot, in units. libass makes (ascent + descent) of a font as high as the
#: script's font size, so that letters of one size need the same sum in every font.
ASCENT: Final = 1000
DESCENT: Final = 300
#: Marks that are never seen but stand in texts. A font that lacks them would send libass looking for another font.
UNSEEN: Final = (0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x061C, 0x2060, 0x2066, 0x2067, 0x2068, 0x2069, 0xFE0E, 0xFE0F)


@dataclass(frozen=True, slots=True)
class Source:
    """One font file of a package, and what is taken of it."""

    package: str
    file: str
    family: str
    """The name it is given here; its own names would meet those of fonts that the machine has."""
    bold: bool = False
    wanted: Callable[[int], bool] = lambda _: True
    """Which characters are taken."""


def _table(codec: str, leads: range, trails: range) -> frozenset[int]:
    """Return the characters that the two-byte codes of *codec* name."""
    texts = (bytes((lead, trail)).decode(codec, errors="ignore") for lead in leads for trail in trails)
    return frozenset(ord(text) for text in texts if len(text) == 1)


_HIGH: Final = range(0xA1, 0xFF)
#: The everyday characters of mainland China and, from the first level of Big5, of Taiwan and Hong Kong.
_CHINESE: Final = _table("gb2312", _HIGH, _HIGH) | _table("big5", range(0xA4, 0xC7), range(0x40, 0xFF))
#: JIS X 0208: both levels of kanji, and kana.
_JAPANESE: Final = _table("euc_jp", _HIGH, _HIGH)
#: The Hangul of KS X 1001; its Hanja stand in the fonts above.
_KOREAN: Final = _table("euc_kr", _HIGH, _HIGH)


def _chinese(character: int) -> bool:
    return character in _CHINESE or 0x3000 <= character <= 0x303F or 0xFF00 <= character <= 0xFFEF


def _japanese(character: int) -> bool:
    return (
        character in _JAPANESE
        or 0x2669 <= character <= 0x266F
        or 0x3000 <= character <= 0x30FF
        or 0xFF00 <= character <= 0xFFEF
    )


def _korean(character: int) -> bool:
    return 0xAC00 <= character <= 0xD7A3 or 0x3131 <= character <= 0x318E or 0x3000 <= character <= 0x303F


def _symbol(character: int) -> bool:
    return 0x2190 <= character <= 0x2BFF


SOURCES: Final = (
    Source("noto-sans", "NotoSans_500Medium", "Segue Sans"),
    Source("noto-sans", "NotoSans_700Bold", "Segue Sans", bold=True),
    Source("noto-sans-arabic", "NotoSansArabic_500Medium", "Segue Sans Arabic"),
    Source("noto-sans-hebrew", "NotoSansHebrew_500Medium", "Segue Sans Hebrew"),
    Source("noto-sans-bengali", "NotoSansBengali_500Medium", "Segue Sans Bengali"),
    Source("noto-sans-tamil", "NotoSansTamil_500Medium", "Segue Sans Tamil"),
    Source("noto-sans-telugu", "NotoSansTelugu_500Medium", "Segue Sans Telugu"),
    Source("noto-sans-thai", "NotoSansThai_500Medium", "Segue Sans Thai"),
    Source("noto-sans-sc", "NotoSansSC_500Medium", "Segue Sans SC", wanted=_chinese),
    Source("noto-sans-jp", "NotoSansJP_500Medium", "Segue Sans JP", wanted=_japanese),
    Source("noto-sans-kr", "NotoSansKR_500Medium", "Segue Sans KR", wanted=_korean),
    Source("noto-sans-symbols-2", "NotoSansSymbols2_400Regular", "Segue Sans Symbols", wanted=_symbol),
    Source("noto-emoji", "NotoEmoji_500Medium", "Segue Sans Emoji"),
)


def main(packages: Path) -> None:
    """Make every font, and lay its licence beside it."""
    for source in SOURCES:
        package = packages / source.package / "package"
        [path] = package.glob(f"*/{source.file}.ttf")
        font = _taken(path, source.wanted)
        scale_upem(font, EM)
        _hold_unseen(font)
        _measure_alike(font)
        _name(font, source)
        target = HERE / "files" / f"{source.family.replace(' ', '')}-{'Bold' if source.bold else 'Regular'}.ttf"
        font.save(target)
        shutil.copyfile(package / "LICENSE_FONT", HERE / "licences" / f"{source.package}.txt")
        print(f"{target.stat().st_size:>9} {len(font.getBestCmap()):>6} {target.name}")  # noqa: T201 - a tool for people


def _taken(path: Path, wanted: Callable[[int], bool]) -> Any:
    """Return the font with only the characters that are wanted, and all shapes that these can take in a line."""
    options = subset.Options(
        hinting=False, notdef_outline=True, glyph_names=False, drop_tables=["meta", "vhea", "vmtx", "VORG"]
    )
    # Those of the large fonts are for upright lines and for other forms of letters that nobody asks for here.
    options.layout_features = ["ccmp", "kern", "liga"] if path.stat().st_size > 3_000_000 else ["*"]
    font = subset.load_font(str(path), options)
    chooser = subset.Subsetter(options)
    chooser.populate(unicodes=[character for character in font.getBestCmap() if wanted(character)])
    chooser.subset(font)
    return font


def _hold_unseen(font: Any) -> None:
    """Give the font an empty glyph without width for the marks that are never seen."""
    missing = [character for character in UNSEEN if character not in font.getBestCmap()]
    glyph = "unseen"
    font.setGlyphOrder([*font.getGlyphOrder(), glyph])
    font["glyf"].glyphs[glyph] = type(font["glyf"][".notdef"])()
    font["hmtx"].metrics[glyph] = (0, 0)
    font["maxp"].numGlyphs += 1
    for table in font["cmap"].tables:
        if table.isUnicode() and table.format != 14:
            table.cmap.update(dict.fromkeys(missing, glyph))


def _measure_alike(font: Any) -> None:
    font["OS/2"].usWinAscent = font["hhea"].ascent = font["OS/2"].sTypoAscender = ASCENT
    font["OS/2"].usWinDescent = DESCENT
    font["hhea"].descent = font["OS/2"].sTypoDescender = -DESCENT
    font["hhea"].lineGap = font["OS/2"].sTypoLineGap = 0


def _name(font: Any, source: Source) -> None:
    """Name the font as its family's regular or bold one, whatever weight it came with."""
    weight = "Bold" if source.bold else "Regular"
    names = font["name"]
    kept = {record.nameID: record.toUnicode() for record in names.names if record.nameID in {0, 5, 13, 14}}
    names.names = []
    full = f"{source.family} {weight}"
    for number, text in {**kept, 1: source.family, 2: weight, 3: full, 4: full, 6: full.replace(" ", "")}.items():
        names.setName(text, number, 3, 1, 0x409)
    font["OS/2"].usWeightClass = 700 if source.bold else 400
    font["OS/2"].fsSelection = 0x20 if source.bold else 0x40
    font["head"].macStyle = int(source.bold)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
