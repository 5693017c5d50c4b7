"""The shape of a video."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Frame:
    """How large the pictures of a video are, and how many there are in a second."""

    width: int
    height: int
    """In pixels; even, as H.264 wants them."""
    rate: int = 30

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"
