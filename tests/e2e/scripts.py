"""Scripts whose scenes are known: a heading before each sentence makes it a scene of its own, of about two seconds."""

from __future__ import annotations

from itertools import islice
from typing import Final

_PLACES: Final = (
    *("river", "mountain", "harbour", "forest", "desert", "island"),
    *("village", "castle", "garden", "bridge", "market", "valley"),
)


def sentences(scenes: int) -> list[str]:
    """Return what is said in each scene."""
    return [f"Here is the old {place} at dawn." for place in islice(_PLACES, scenes)]


def script(scenes: int) -> str:
    """Return a script of so many scenes, twelve at most."""
    return "\n\n".join(f"# Scene\n\n{sentence}" for sentence in sentences(scenes))
