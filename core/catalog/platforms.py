"""The shapes and sizes of videos by where they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class Platform(StrEnum):
    """Where a video will be shown."""

    YOUTUBE = "youtube"
    TIKTOK = "tiktok"
    INSTAGRAM = "instagram"


@dataclass(frozen=True, slots=True)
class FrameSize:
    """The size of a picture in pixels; both sides are even, as H.264 wants them."""

    width: int
    height: int


#: The size of a video by its aspect ratio.
FRAME_SIZES: Final[Mapping[str, FrameSize]] = MappingProxyType(
    {
        "16:9": FrameSize(1920, 1080),
        "9:16": FrameSize(1080, 1920),
        "4:5": FrameSize(1080, 1350),
        "1:1": FrameSize(1080, 1080),
    }
)
#: The aspect ratios that a platform takes; the first is its usual one.
PLATFORM_RATIOS: Final[Mapping[Platform, tuple[str, ...]]] = MappingProxyType(
    {
        Platform.YOUTUBE: ("16:9", "9:16", "4:5", "1:1"),
        Platform.TIKTOK: ("9:16", "16:9", "4:5", "1:1"),
        Platform.INSTAGRAM: ("4:5", "9:16", "1:1"),  # it crops or shrinks what is wider than high
    }
)
#: Taken where a script video names none.
DEFAULT_PLATFORM: Final = Platform.YOUTUBE


def frame_size(platform: Platform = DEFAULT_PLATFORM, aspect_ratio: str = "") -> FrameSize:
    """Return the size of a video for a platform, in its usual shape unless another one is asked for.

    Raises:
        ValueError: the platform does not take that shape.
    """
    ratios = PLATFORM_RATIOS[platform]
    if aspect_ratio and aspect_ratio not in ratios:
        message = f"{platform.name} takes {', '.join(ratios)}; not {aspect_ratio}"
        raise ValueError(message)
    return FRAME_SIZES[aspect_ratio or ratios[0]]
