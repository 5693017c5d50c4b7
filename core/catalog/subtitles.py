"""How subtitles can look: the styles that a spec names.

Plain data for two readers: the server refuses a name that is not here, and the worker's subtitles room draws by it. All
measures are relative, so that a style looks the same in every size and shape of picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """The look of subtitles. Colours are ``RRGGBB``, shares of transparency are 0 (solid) to 1 (unseen)."""

    name: str
    """What a spec calls it, and the key in SUBTITLE_STYLES."""
    summary: str
    """What it looks like, in a few words."""
    size: float
    """The height of the letters' em square as a share of the picture's shorter side."""
    colour: str = "FFFFFF"
    """Of the letters."""
    bold: bool = False
    """Whether the letters are heavy."""
    outline: float = 0.06
    """The width of the line around the letters, in ems. With a box: how far that goes beyond their lines sideways."""
    outline_colour: str = "000000"
    """Of the line around the letters."""
    shadow: float = 0.0
    """How far the shadow stands off the letters, in ems."""
    box: str | None = None
    """The colour of a box behind the letters, which then have no line around them; None: no box."""
    box_transparency: float = 0.0
    """Of the box."""
    waiting_colour: str | None = None
    """Of the words not spoken yet: words take their own colour one by one in the time of the cue; None: all at once."""


_STYLES: Final = (
    Style(name="clean", summary="white with a dark edge and a soft shadow", size=0.052, shadow=0.03),
    Style(name="bold", summary="large, heavy and white with a thick dark edge", size=0.066, bold=True, outline=0.1),
    Style(
        name="boxed",
        summary="white in a dark, half transparent box",
        size=0.048,
        box="000000",
        box_transparency=0.35,
        outline=0.3,
    ),
    Style(name="minimal", summary="small and white with a fine edge", size=0.042, outline=0.035),
    Style(name="yellow", summary="yellow with a dark edge, as in the cinema", size=0.052, colour="FFE14D", shadow=0.03),
    Style(name="inverse", summary="black in a white box", size=0.048, colour="111111", box="FFFFFF", outline=0.3),
    Style(
        name="highlight",
        summary="heavy; words light up as they are spoken",
        size=0.06,
        bold=True,
        outline=0.09,
        colour="FFE14D",
        waiting_colour="FFFFFF",
    ),
)

#: The styles by their names; the first is the default.
SUBTITLE_STYLES: Final[Mapping[str, Style]] = MappingProxyType({style.name: style for style in _STYLES})
#: Taken where subtitles name no style.
DEFAULT_SUBTITLE_STYLE: Final = _STYLES[0]
