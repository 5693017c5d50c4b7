"""How values are written for Redis and its scripts, and read from there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import msgpack

if TYPE_CHECKING:
    from collections.abc import Sequence

#: A hash as Redis answers it.
Record = dict[bytes, bytes]


def pack(value: object) -> bytes:
    """Return *value* as msgpack in the old form that Lua's cmsgpack reads, without a type for bytes."""
    return cast("bytes", msgpack.packb(value, use_bin_type=False))


def unpack(value: bytes) -> Any:
    """Return what was packed, every string as bytes."""
    return msgpack.unpackb(value, raw=True, strict_map_key=False)


def unpack_first(value: bytes) -> tuple[Any, bytes]:
    """Return the first thing that was packed, as `unpack` does, and what stands behind it."""
    unpacker = msgpack.Unpacker(raw=True, strict_map_key=False)
    unpacker.feed(value)
    first = unpacker.unpack()
    return first, value[unpacker.tell() :]


def unpack_text(value: bytes) -> Any:
    """Return what was packed, every string as text."""
    return msgpack.unpackb(value, raw=False, strict_map_key=False)


def milliseconds(duration: timedelta) -> int:
    """Return a duration in whole milliseconds."""
    return round(duration.total_seconds() * 1000)


def epoch(when: datetime) -> int:
    """Return a time as fields hold it: milliseconds since the epoch."""
    return round(when.timestamp() * 1000)


def instant(value: bytes | int) -> datetime:
    """Return the time that a field holds as milliseconds since the epoch."""
    return datetime.fromtimestamp(int(value) / 1000, UTC)


def pairs(flat: Sequence[bytes]) -> Record:
    """Return the hash that a script returned as a flat list of fields and values."""
    return dict(zip(flat[::2], flat[1::2], strict=True))
