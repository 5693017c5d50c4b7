"""The platform that a spec names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from core.catalog.platforms import Platform
from segue.v1 import spec_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLATFORMS: Final[Mapping[int, Platform]] = {
    spec_pb2.PLATFORM_YOUTUBE: Platform.YOUTUBE,
    spec_pb2.PLATFORM_TIKTOK: Platform.TIKTOK,
    spec_pb2.PLATFORM_INSTAGRAM: Platform.INSTAGRAM,
}


def platform_of(named: spec_pb2.Platform.ValueType) -> Platform | None:
    """Return the platform that a spec names; None: it names none."""
    return _PLATFORMS.get(named)
