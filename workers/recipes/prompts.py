"""What the image of each scene shall show, written from the script alone.

All prompts of a video share their beginning and their end, so that its images look like one another. Models read the
beginning best; so the scene's own words come first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.script.scenes import Scene

#: Characters of a prompt's own part: about what the text encoders of image models read (256 tokens for flux).
LONGEST_SUBJECT: Final = 600
_LONGEST_TITLE: Final = 120
_LONGEST_STYLE: Final = 500
#: How images look when nobody says it.
DEFAULT_STYLE: Final = "cinematic photograph, natural light, realistic colours, fine detail"
#: Image models write words into images when a prompt sounds like a caption.
_NO_TEXT: Final = "No text, letters, captions, logos or watermarks anywhere in the image"
_COMPOSITIONS: Final = {
    "16:9": "wide horizontal 16:9 composition",
    "9:16": "tall vertical 9:16 composition, the subject in the middle third",
    "4:5": "vertical 4:5 composition",
    "1:1": "square composition, the subject in the centre",
}
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]+")
_QUOTES: Final = re.compile('["“”„«»「」『』]')


@dataclass(frozen=True, slots=True)
class Look:
    """What all images of one video have in common."""

    title: str = ""
    style: str = ""
    """How the images look, for example "watercolour"; empty: like photographs."""
    aspect_ratio: str = "16:9"

    @property
    def frame(self) -> str:
        """The end of every prompt: composition, style and what no image shall have."""
        composition = _COMPOSITIONS.get(self.aspect_ratio, f"{plain(self.aspect_ratio, 12)} composition")
        style = plain(self.style, _LONGEST_STYLE) or DEFAULT_STYLE
        return f"Style of all images: {style}. {composition[0].upper()}{composition[1:]}. {_NO_TEXT}."


def image_prompts(scenes: Sequence[Scene], look: Look) -> list[str]:
    """Write one prompt for the image of each scene."""
    about = plain(look.title, _LONGEST_TITLE)
    context = f" From a film about: {_sentence(about)}" if about else ""
    return [
        f"A scene that shows: {_sentence(plain(scene.text, LONGEST_SUBJECT))}{context} {look.frame}" for scene in scenes
    ]


def framed(subject: str, look: Look) -> str:
    """Complete what somebody else wrote about one image."""
    return f"{_sentence(plain(subject, LONGEST_SUBJECT))} {look.frame}"


def plain(text: str, limit: int) -> str:
    """Return *text* on one line, without control characters and quotation marks, cut after a word if too long."""
    line = " ".join(_QUOTES.sub("", _CONTROLS.sub(" ", text[: 4 * limit])).split())
    if len(line) <= limit:
        return line
    cut = line[: limit - 1]
    return f"{cut[: cut.rfind(' ')] if cut.rfind(' ') > limit // 2 else cut}…"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…", "。", "！", "？", "।", "؟")) else f"{text}."
