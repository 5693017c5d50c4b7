"""Values that are made by the thousand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def value(cls: type[T]) -> type[T]:
    """Make a dataclass that nobody may change: the type checker sees to that, and nothing at runtime.

    A dataclass that is frozen at runtime too sets each field by a call of its own: with the fields of a job it takes
    two and a half times as long to make, and lists and batches make a thousand.
    """
    return dataclass(slots=True, kw_only=True)(cls)
