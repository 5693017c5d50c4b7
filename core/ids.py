"""Ids that sort by time of creation."""

from __future__ import annotations

import os
import time
import uuid
from typing import Final

#: More ids than this are not made at once: they would run ahead of the clock by milliseconds.
MOST_AT_ONCE: Final = 1 << 12
#: A clock set back by more than this (4096 a millisecond) is followed: ids bound lists by time.
_MOST_AHEAD: Final = 1000 << 12
#: Two random bits behind the bits of the variant, by any hexadecimal digit.
_VARIANT: Final = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))


class _Clock:
    """Times to count ids by: 48 bits of milliseconds and 12 bits of counter."""

    def __init__(self) -> None:
        self._next = 0

    def take(self, count: int, chance: int) -> range:
        """Return the next *count* times, which begin at a random one of this millisecond if it is still to come."""
        start = time.time_ns() // 1_000_000 << 12 | chance & 0xFFF
        if start < self._next < start + _MOST_AHEAD:
            start = self._next
        self._next = start + count
        return range(start, self._next)


_clock: Final = _Clock()


def time_ordered_ids(count: int = 1) -> list[str]:
    """Return *count* new UUIDs version 7 in ascending order, above all that this process has made before.

    RFC 9562 §5.7 and §6.2 method 1: 48 bits of milliseconds, 12 bits of counter, 62 random bits. As §6.2 has it, a
    counter that runs over carries into the milliseconds, and ids count on while a clock is set back (by up to 1 s).
    """
    if not 1 <= count <= MOST_AT_ONCE:
        raise ValueError(f"1 to {MOST_AT_ONCE} ids at once, not {count}")
    # One look at the system's source of chance for all of them.
    chance = os.urandom(2 + 8 * count)
    times, noise = _clock.take(count, int.from_bytes(chance[:2], "big")), chance[2:].hex()
    # Written out: uuid.UUID takes ten times as long, and a batch needs a thousand.
    made = []
    for at, time_ in zip(range(0, 16 * count, 16), times, strict=True):
        digits = f"{time_:015x}"
        made.append(
            f"{digits[:8]}-{digits[8:12]}-7{digits[12:]}"
            f"-{_VARIANT[noise[at]]}{noise[at + 1 : at + 4]}-{noise[at + 4 : at + 16]}"
        )
    return made


def lowest_id_at(milliseconds: int) -> str:
    """Return the lowest id that could be made at a time (ms since the epoch): a bound for ranges of ids."""
    return str(uuid.UUID(int=max(0, milliseconds) << 80))
