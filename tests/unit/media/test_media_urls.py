"""URLs of files: what is taken, what is refused, and what messages say of them."""

from __future__ import annotations

import base64

import pytest

from workers.media.errors import STDERR_TAIL, InputMediaError, MediaError
from workers.media.urls import bytes_of_data_url, is_data_url, parsed, shown


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.com/a.mp4",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "/etc/passwd",
        "",
        "http://",
        "http:///etc/passwd",
        "https://user:word@example.com/a.mp4",
        "https://example.com:port/a.mp4",
        "http://[::1/a.mp4",
        "https://exa\nmple.com/a.mp4",
    ],
)
def test_a_url_that_is_not_of_the_web_is_refused(url: str) -> None:
    with pytest.raises(InputMediaError):
        parsed(url)


def test_a_redirect_may_be_relative_but_leads_nowhere_else() -> None:
    base = parsed("https://example.com/a/b.mp4")

    assert str(parsed("../c.mp4", base=base)) == "https://example.com/c.mp4"
    with pytest.raises(InputMediaError):
        parsed("file:///etc/passwd", base=base)


def test_a_message_names_a_file_without_its_key() -> None:
    assert shown("https://cdn.example.com/x/clip.mp4?token=secret") == "The file clip.mp4 of cdn.example.com"
    assert shown("https://cdn.example.com/") == "The file of cdn.example.com"
    assert shown("https://example.com:port/") == "The file"
    assert "secret" not in shown("data:text/plain,secret")


def test_a_message_has_no_control_characters() -> None:
    assert shown("https://example.com/a%0d%0ab").isprintable()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("data:image/png;base64," + base64.b64encode(b"\x89PNG").decode(), b"\x89PNG"),
        ("DATA:;BASE64,QUI=", b"AB"),
        ("data:;base64,QUI%3D", b"AB"),
        ("data:text/plain,a%20b", b"a b"),
        ("data:,", b""),
    ],
)
def test_a_data_url_is_its_file(url: str, expected: bytes) -> None:
    assert is_data_url(url)
    assert bytes_of_data_url(url, most=100) == expected


@pytest.mark.parametrize("url", ["data:image/png;base64", "data:;base64,Q", "data:;base64,Q*I=", "data:," + "a" * 31])
def test_a_data_url_that_is_broken_or_long_is_refused(url: str) -> None:
    with pytest.raises(InputMediaError):
        bytes_of_data_url(url, most=10)


def test_an_error_keeps_the_end_of_what_a_program_said_without_our_folders() -> None:
    error = MediaError(
        stderr="x" * 5000 + "\nError opening /tmp/segue-0/worker-1/job-2/clip.mp4: no, file:/srv/a/b.ass"
    )

    assert len(error.stderr.encode()) <= STDERR_TAIL
    assert error.stderr.endswith("Error opening clip.mp4: no, b.ass")
    assert str(error) == "Work on media failed."


def test_an_error_is_cut_between_characters() -> None:
    assert MediaError(stderr="é" * 5001 + "a").stderr.strip("é") == "a"
