"""As much of HTTP/2 as light gRPC clients need: frames, request headers, and a connection that answers for itself.

A grpc.aio client costs as much as the server that it measures; one on top of this costs a small part of it.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Final, cast

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM: Final = 1
END_HEADERS: Final = 4
ACK: Final = 1
FRAME_HEADER: Final = 9
#: The largest window there is, in bytes: it outlasts any run, so none is ever renewed.
WINDOW: Final = (1 << 31) - 1
#: What a connection may send before its server says more (RFC 9113, 6.9.2), in bytes.
FIRST_WINDOW: Final = 65_535


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Return a frame."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def header_block(authority: str, path: str) -> bytes:
    """Return the headers of a gRPC request in HPACK, none of them put into the table."""

    def text(value: str) -> bytes:
        encoded = value.encode()
        if len(encoded) > 126:
            raise ValueError(f"longer than a one-byte length can tell: {value}")
        return bytes([len(encoded)]) + encoded

    return b"".join(
        [
            *(b"\x83", b"\x86"),  # :method POST, :scheme http
            *(b"\x04", text(path), b"\x01", text(authority)),
            *(b"\x0f\x10", text("application/grpc"), b"\x00", text("te"), text("trailers")),
        ]
    )


class Wire(asyncio.Protocol):
    """A connection to an HTTP/2 server that keeps itself alive; what comes on its streams is for a subclass."""

    def __init__(self) -> None:
        self.lost = asyncio.get_running_loop().create_future()
        """Done when the connection has ended."""
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._window = FIRST_WINDOW

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say what we are; the server may use no header table, and send as much as it likes."""
        self._transport = cast("asyncio.Transport", transport)
        settings = struct.pack(">HIHIHI", 1, 0, 2, 0, 4, WINDOW)
        widen = struct.pack(">I", WINDOW - FIRST_WINDOW)
        self._send(PREFACE + frame(SETTINGS, 0, 0, settings) + frame(WINDOW_UPDATE, 0, 0, widen))

    def connection_lost(self, error: Exception | None) -> None:
        """Note the end."""
        if not self.lost.done():
            self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Take the frames apart."""
        data = self._received + data
        at = 0
        while len(data) - at >= FRAME_HEADER:
            after = at + FRAME_HEADER + int.from_bytes(data[at : at + 3], "big")
            if after > len(data):
                break
            kind, flags = data[at + 3], data[at + 4]
            payload = data[at + FRAME_HEADER : after]
            if kind in {DATA, HEADERS, RST_STREAM}:
                self._take(kind, flags, int.from_bytes(data[at + 5 : at + FRAME_HEADER], "big"), payload)
            else:
                self._control(kind, flags, int.from_bytes(data[at + 5 : at + FRAME_HEADER], "big"), payload)
            at = after
        self._received = data[at:]
        self._read()

    def close(self) -> None:
        """End the connection, and with it all that is in flight."""
        if self._transport is not None:
            self._transport.abort()

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        """Take a frame of a stream."""

    def _read(self) -> None:
        """Take note that all that had come was taken."""

    def _control(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == WINDOW_UPDATE and stream == 0:
            self._window += int.from_bytes(payload, "big")
        elif kind in {PING, SETTINGS} and not flags & ACK:
            self._send(frame(kind, ACK, 0, payload if kind == PING else b""))
        elif kind == GOAWAY:
            self.close()

    def _send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)
