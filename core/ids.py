"""Ids that sort by time of creation."""

from __future__ import annotations

import secrets
import time
import uuid
from typing import Final

#: Ids made at once keep their order by a counter of 12 bits.
MOST_AT_ONCE: Final = 1 << 12


def time_ordered_ids(count: int = 1) -> list[str]:
    """Return *count* new UUIDs version 7 in ascending order.

    RFC 9562 §5.7 and §6.2 method 1: 48 bits of milliseconds, 12 bits of counter, 62 random bits.
    """
    if not 1 <= count <= MOST_AT_ONCE:
        raise ValueError(f"1 to {MOST_AT_ONCE} ids at once, not {count}")
    milliseconds = time.time_ns() // 1_000_000
    start = secrets.randbelow(MOST_AT_ONCE - count + 1)
    return [
        str(uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | (start + i) << 64 | 0b10 << 62 | secrets.randbits(62)))
        for i in range(count)
    ]


def lowest_id_at(milliseconds: int) -> str:
    """Return the lowest id that could be made at a time (ms since the epoch): a bound for ranges of ids."""
    return str(uuid.UUID(int=max(0, milliseconds) << 80))
