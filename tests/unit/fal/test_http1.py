"""How an answer is read from bytes: however they are cut, and never in two ways."""

from __future__ import annotations

import gzip

import pytest

from workers.fal.http1 import MAX_HEAD, AnswerReader, BrokenAnswerError, RawAnswer
from workers.fal.lanes import AnswerTooLargeError

HEAD = b"HTTP/1.1 202 Accepted\r\nX-Fal-Request-Id: r-1\r\n"
CHUNKS = b"3;name=value\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Trailer: t\r\n\r\n"
ZIPPED = gzip.compress(b"abc")


def read(data: bytes, *, max_bytes: int = 1000) -> RawAnswer | None:
    return AnswerReader(max_bytes=max_bytes).feed(data)


@pytest.mark.parametrize(
    ("data", "body"),
    [
        pytest.param(HEAD + b"Content-Length: 3\r\n\r\nabc", b"abc", id="with a length"),
        pytest.param(HEAD + b"Content-Length: 0\r\n\r\n", b"", id="empty"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS, b"abc0123456789", id="in chunks"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"Content-Length: 3\r\n\r\nabc", b"abc", id="hint"),
        pytest.param(
            HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(ZIPPED) + ZIPPED, b"abc", id="zipped"
        ),
    ],
)
def test_an_answer_is_the_same_however_its_bytes_are_cut(data: bytes, body: bytes) -> None:
    for cut in range(len(data) + 1):
        reader = AnswerReader(max_bytes=1000)
        first = reader.feed(data[:cut])
        answer = first or reader.feed(data[cut:])

        assert (first is None) == (cut < len(data))
        assert answer is not None
        assert (answer.status, answer.body, answer.is_last) == (202, body, False)
        assert answer.headers["x-fal-request-id"] == "r-1"


def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    reader = AnswerReader(max_bytes=1000)

    assert reader.feed(HEAD + b"\r\nab") is None
    assert reader.feed(b"c") is None
    answer = reader.end()

    assert (answer.body, answer.is_last) == (b"abc", True)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(HEAD, id="half a head"),
        pytest.param(HEAD + b"Content-Length: 3\r\n\r\nab", id="half a body"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", id="no last chunk"),
    ],
)
def test_an_answer_that_was_cut_off_is_none(data: bytes) -> None:
    reader = AnswerReader(max_bytes=1000)

    assert reader.feed(data) is None
    with pytest.raises(BrokenAnswerError):
        reader.end()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(HEAD + b"Content-Length: 3\r\nConnection: close\r\n\r\nabc", id="as it says"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", id="HTTP/1.0"),
        pytest.param(HEAD + b"Content-Length: 3\r\n\r\nabcHTTP/1.1 200", id="more than was asked for"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS + b"x", id="more after chunks"),
    ],
)
def test_the_connection_ends_with_such_an_answer(data: bytes) -> None:
    answer = read(data)

    assert answer is not None
    assert answer.is_last


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"HTTP/2 200\r\n\r\n", id="another version"),
        pytest.param(b"HTTP/1.1 20 OK\r\n\r\n", id="no status"),
        pytest.param(HEAD + b"No colon\r\n\r\n", id="no colon"),
        pytest.param(HEAD + b"Folded: a\r\n b\r\n\r\n", id="a folded header"),
        pytest.param(HEAD + b"Content-Length : 3\r\n\r\nabc", id="a space before the colon"),
        pytest.param(HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", id="two lengths"),
        pytest.param(HEAD + b"Content-Length: -3\r\n\r\n", id="a negative length"),
        pytest.param(HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", id="a length and chunks"),
        pytest.param(HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n", id="a coding that was not asked for"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n", id="a chunk of no size"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", id="a chunk that is too long"),
        pytest.param(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", id="no gzip"),
        pytest.param(b"x" * MAX_HEAD, id="a head that does not end"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1" * 2 * MAX_HEAD, id="a line that does not end"),
    ],
)
def test_what_is_no_answer_or_could_be_read_in_two_ways_is_refused(data: bytes) -> None:
    with pytest.raises(BrokenAnswerError):
        read(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(HEAD + b"Content-Length: 11\r\n\r\n", id="by its length"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\nb\r\n", id="by a chunk"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n6\r\n012345\r\n5\r\n01234\r\n", id="by its chunks"),
        pytest.param(HEAD + b"\r\n01234567890", id="by what came"),
    ],
)
def test_a_body_that_is_too_long_is_dropped_as_soon_as_that_shows(data: bytes) -> None:
    with pytest.raises(AnswerTooLargeError):
        read(data, max_bytes=10)


def test_a_body_that_is_too_long_once_unzipped_is_dropped() -> None:
    bomb = gzip.compress(b"0" * 100)

    with pytest.raises(AnswerTooLargeError):
        read(HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb, max_bytes=50)
