"""Text in columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def aligned(heading: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """Return the rows under their heading, every column as wide as it needs.

    Args:
        left: how many columns, from the first, are aligned to the left; the others hold numbers.
    """
    lines = [heading, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heading))]

    def line_of(cells: Sequence[str]) -> str:
        padded = (
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join(padded).rstrip()

    return "\n".join([line_of(heading), "  ".join("-" * width for width in widths), *map(line_of, rows)])
