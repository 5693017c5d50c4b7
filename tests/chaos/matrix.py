"""The table: what became of the jobs in each cell of the matrix."""

from __future__ import annotations

import platform
import shlex
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_HEADINGS: Final = ("cell", "what happens", "outcome", "recovery s", "submits", "billed", "attempts", "promise")


@dataclass(slots=True, kw_only=True)
class Row:
    """One cell."""

    cell: str
    """Its number; those from 1 to 13 are points in the course of an attempt."""
    title: str
    """What happens, and where."""
    outcome: str = "no outcome"
    """The final state with the reason of a failure; of many jobs, how many ended how."""
    recovery: float | None = None
    """Seconds from the signal to the start of the next attempt, or to the job's end if there is none."""
    submits: int | None = None
    """How many submits fal accepted."""
    billed: int | None = None
    """How many generations fal billed."""
    attempts: int | None = None
    """How many attempts were spent; of many jobs, the most of one."""
    promise: str = ""
    """Whether the test of the cell passed."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The row as it is printed."""
        recovery = "" if self.recovery is None else f"{self.recovery:.1f}"
        numbers = ("" if number is None else str(number) for number in (self.submits, self.billed, self.attempts))
        return (self.cell, self.title, self.outcome, recovery, *numbers, self.promise)


@dataclass(slots=True)
class Matrix:
    """The rows of this run, by the id of the test that made them."""

    rows: dict[str, Row] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    """What a reader needs to repeat the run, such as a seed."""

    def table(self) -> str:
        """Return the rows as a Markdown table, in the order of their numbers."""
        rows = sorted(self.rows.values(), key=lambda row: _order(row.cell))
        lines = [_HEADINGS, *(row.fields for row in rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        heading, *body = (_line(line, widths) for line in lines)
        return "\n".join([heading, _line(["-" * width for width in widths], widths), *body])

    def write(self, path: Path, *, command: Sequence[str]) -> None:
        """Write the table with what it was made by."""
        made = f"{datetime.now(UTC):%Y-%m-%d}, `{shlex.join(command)}`, {psutil.cpu_count()} cores, {platform.system()}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n\n".join([made, *self.remarks, self.table()]) + "\n")


def cell(number: str, title: str) -> pytest.MarkDecorator:
    """Say which cell of the matrix a test is."""
    return pytest.mark.parametrize("cell", [pytest.param((number, title), id=number)])


#: Where a session keeps its matrix.
MATRIX: Final = pytest.StashKey[Matrix]()


def _order(cell: str) -> tuple[bool, int, str]:
    """Points first, by their numbers; then the others, by their letters."""
    digits = "".join(character for character in cell if character.isdigit())
    return (not cell[0].isdigit(), int(digits or "0") if cell[0].isdigit() else 0, cell)


def _line(fields: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(text.ljust(width) for text, width in zip(fields, widths, strict=True)) + " |"
