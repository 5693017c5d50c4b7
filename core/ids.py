"""Ids that sort by time of creation."""

from __future__ import annotations

import os
import time
import uuid
from typing import Final

#: Ids made at once keep their order by a counter of 12 bits.
MOST_AT_ONCE: Final = 1 << 12
#: Two random bits behind the bits of the variant, by any hexadecimal digit.
_VARIANT: Final = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))


def time_ordered_ids(count: int = 1) -> list[str]:
    """Return *count* new UUIDs version 7 in ascending order.

    RFC 9562 §5.7 and §6.2 method 1: 48 bits of milliseconds, 12 bits of counter, 62 random bits.
    """
    if not 1 <= count <= MOST_AT_ONCE:
        raise ValueError(f"1 to {MOST_AT_ONCE} ids at once, not {count}")
    milliseconds = f"{time.time_ns() // 1_000_000:012x}"
    # One look at the system's source of chance for all of them.
    chance = os.urandom(4 + 8 * count)
    start = int.from_bytes(chance[:4], "big") % (MOST_AT_ONCE - count + 1)
    beginning, noise = f"{milliseconds[:8]}-{milliseconds[8:]}-7", chance[4:].hex()
    # Written out: uuid.UUID takes ten times as long, and a batch needs a thousand.
    return [
        f"{beginning}{start + i:03x}-{_VARIANT[noise[at]]}{noise[at + 1 : at + 4]}-{noise[at + 4 : at + 16]}"
        for i, at in enumerate(range(0, 16 * count, 16))
    ]


def lowest_id_at(milliseconds: int) -> str:
    """Return the lowest id that could be made at a time (ms since the epoch): a bound for ranges of ids."""
    return str(uuid.UUID(int=max(0, milliseconds) << 80))
