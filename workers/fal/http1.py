"""Reads one HTTP/1.1 answer to a GET from bytes as they arrive (RFC 9112): for polls, of which there are thousands.

Strict: what could be read in two ways is an error, so no bytes of one answer can be taken for another's.
"""

from __future__ import annotations

import re
import zlib
from typing import Final, NamedTuple

from workers.fal.lanes import AnswerTooLargeError

#: Bytes of a head, and of the lines around the chunks of a body: far above what fal and proxies write.
MAX_HEAD: Final = 64 * 1024

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)(?: [^\r\n]*)?")
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CHUNK_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?")
#: zlib's word for gzip.
_GZIP: Final = 31


class BrokenAnswerError(ConnectionError):
    """What came was no HTTP, or cut off."""


class RawAnswer(NamedTuple):
    """A whole answer."""

    status: int
    headers: dict[str, str]
    """By their names in lower case; of those that come twice, joined by commas."""
    body: bytes
    """Decoded."""
    is_last: bool
    """Whether the connection ends with it."""


class AnswerReader:
    """Reads one answer."""

    def __init__(self, *, max_bytes: int) -> None:
        """Read an answer whose body, decoded, has at most so many bytes."""
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._body = bytearray()
        self._status = 0
        self._headers: dict[str, str] = {}
        self._persists = False
        self._length: int | None = None
        """What is left of the body; None: not known beforehand."""
        self._is_chunked = False

    def feed(self, data: bytes) -> RawAnswer | None:
        """Take more bytes, and return the answer if it is complete.

        Raises:
            BrokenAnswerError: this is no answer, or more than one.
            AnswerTooLargeError: the body is too long.
        """
        self._buffer += data
        if not self._status and not self._read_head():
            return None
        if self._is_chunked:
            return self._answer() if self._read_chunks() else None
        self._take(len(self._buffer) if self._length is None else min(self._length, len(self._buffer)))
        return self._answer() if self._length == 0 else None

    def end(self) -> RawAnswer:
        """Return the answer that ends with its connection.

        Raises:
            BrokenAnswerError: it was cut off.
        """
        if not self._status or self._is_chunked or self._length is not None:
            raise BrokenAnswerError("The connection broke before the answer was complete.")
        return self._answer()

    def _read_head(self) -> bool:
        while (end := self._buffer.find(b"\r\n\r\n", 0, MAX_HEAD)) >= 0:
            first, *lines = bytes(self._buffer[:end]).split(b"\r\n")
            del self._buffer[: end + 4]
            found = _STATUS_LINE.fullmatch(first)
            if found is None:
                raise BrokenAnswerError("The status line is broken.")
            status = int(found[2])
            if status < 200:
                continue  # a hint; the answer follows
            self._status, self._headers = status, _headers(lines)
            self._persists = found[1] == b"1" and "close" not in self._headers.get("connection", "").lower()
            self._frame()
            return True
        if len(self._buffer) >= MAX_HEAD:
            raise BrokenAnswerError("The head does not end.")
        return False

    def _frame(self) -> None:
        """Find out how the body ends."""
        coding, length = self._headers.get("transfer-encoding"), self._headers.get("content-length")
        if self._status in {204, 304}:
            self._length = 0
        elif coding is not None:
            if coding.strip().lower() != "chunked" or length is not None:
                raise BrokenAnswerError("The body can be read in two ways.")
            self._is_chunked = True
        elif length is not None:
            if not re.fullmatch(r"\d{1,15}", length, re.ASCII):
                raise BrokenAnswerError("The length is no number.")
            self._length = int(length)
            if self._length > self._max_bytes:
                raise AnswerTooLargeError
        else:
            self._persists = False

    def _take(self, count: int) -> None:
        """Move so many bytes to the body."""
        self._body += self._buffer[:count]
        del self._buffer[:count]
        if self._length is not None:
            self._length -= count
        if len(self._body) > self._max_bytes:
            raise AnswerTooLargeError

    def _read_chunks(self) -> bool:
        """Take the chunks that have arrived, and return whether that was all."""
        while True:
            line_end = self._buffer.find(b"\r\n", 0, MAX_HEAD)
            if line_end < 0:
                return self._not_yet()
            found = _CHUNK_SIZE.fullmatch(self._buffer, 0, line_end)
            if found is None:
                raise BrokenAnswerError("A chunk is broken.")
            size, start = int(found[1], 16), line_end + 2
            if size == 0:
                return self._read_trailers(start)
            if size > self._max_bytes:
                raise AnswerTooLargeError
            if len(self._buffer) < start + size + 2:
                return False
            if self._buffer[start + size : start + size + 2] != b"\r\n":
                raise BrokenAnswerError("A chunk is longer than it says.")
            del self._buffer[:start]
            self._take(size)
            del self._buffer[:2]

    def _read_trailers(self, start: int) -> bool:
        """Drop what follows the last chunk, up to an empty line."""
        if self._buffer.startswith(b"\r\n", start):
            del self._buffer[: start + 2]
            return True
        end = self._buffer.find(b"\r\n\r\n", start, start + MAX_HEAD)
        if end < 0:
            return self._not_yet()
        del self._buffer[: end + 4]
        return True

    def _not_yet(self) -> bool:
        if len(self._buffer) >= 2 * MAX_HEAD:
            raise BrokenAnswerError("A line does not end.")
        return False

    def _answer(self) -> RawAnswer:
        body = bytes(self._body)
        if self._headers.get("content-encoding", "").strip().lower() == "gzip":  # the only one that is asked for
            body = _unzipped(body, self._max_bytes)
        # Nothing more was asked for: whatever follows must not be met by the next request.
        return RawAnswer(self._status, self._headers, body, is_last=not self._persists or bool(self._buffer))


def _headers(lines: list[bytes]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _NAME.fullmatch(name):
            raise BrokenAnswerError("A header is broken.")
        key, text = name.decode("ascii").lower(), value.strip(b" \t").decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _unzipped(body: bytes, max_bytes: int) -> bytes:
    decoder = zlib.decompressobj(_GZIP)
    try:
        decoded = decoder.decompress(body, max_bytes)
    except zlib.error as error:
        raise BrokenAnswerError("The body cannot be unzipped.") from error
    if decoder.unconsumed_tail:
        raise AnswerTooLargeError
    if not decoder.eof:
        raise BrokenAnswerError("The body is cut off.")
    return decoded
