"""Reads the URLs of files that jobs name."""

from __future__ import annotations

import base64
import binascii
from typing import Final
from urllib.parse import unquote_to_bytes

import httpx

from workers.media.errors import InputMediaError

_DATA: Final = "data:"
#: Characters of a file's name that a message repeats.
_NAME_SHOWN: Final = 60


def parsed(url: str, *, base: httpx.URL | None = None) -> httpx.URL:
    """Return *url*, which may be relative to *base*.

    Raises:
        InputMediaError: it is no http or https URL, or it carries a password.
    """
    try:
        found = httpx.URL(url) if base is None else base.join(url)
        host = found.host
    except (httpx.InvalidURL, ValueError) as error:
        raise InputMediaError("The URL of a file is malformed.") from error
    if found.scheme not in {"http", "https"} or not host:
        raise InputMediaError("Files are fetched from http, https and data URLs only.")
    if found.userinfo:
        raise InputMediaError("URLs of files must carry no user name or password.")
    return found


def shown(url: str) -> str:
    """Return what a message may call the file at *url*: without the query, which often is a key."""
    if is_data_url(url):
        return "The data URL"
    try:
        found = httpx.URL(url)
        name = found.raw_path.decode("ascii").partition("?")[0].rpartition("/")[2][:_NAME_SHOWN]
    except (httpx.InvalidURL, ValueError):
        return "The file"
    return f"The file {name} of {found.host}" if name else f"The file of {found.host}"


def is_data_url(url: str) -> bool:
    """Whether *url* is the file itself (RFC 2397)."""
    return url[: len(_DATA)].lower() == _DATA


def bytes_of_data_url(url: str, *, most: int) -> bytes:
    """Return the file that a data URL is.

    Raises:
        InputMediaError: it is malformed, or longer than *most* bytes.
    """
    head, comma, data = url[len(_DATA) :].partition(",")
    # Each byte takes one character at least, three percent signs and digits at most.
    if len(data) > 3 * most:
        raise InputMediaError(f"{shown(url)} is larger than {most} bytes.")
    if not comma:
        raise InputMediaError(f"{shown(url)} is malformed: it has no comma.")
    raw = unquote_to_bytes(data)
    if not head.lower().endswith(";base64"):
        return raw
    try:
        return base64.b64decode(raw, validate=True)
    except binascii.Error as error:
        raise InputMediaError(f"{shown(url)} is malformed: it is no base64.") from error
