"""The fonts that subtitles are drawn with, on every machine the same. README.md tells where they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Final

#: The folder to give to libass: it holds nothing but fonts.
FONTS: Final = Path(__file__).parent / "files"
