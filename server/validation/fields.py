"""Checks of single fields. Each notes what is wrong under the path it was given, and is cheap when nothing is."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from server.limits import (
    DATA_CHARACTERS,
    ENDPOINT_CHARACTERS,
    ID_CHARACTERS,
    LABEL_VALUE_CHARACTERS,
    LABELS,
    URL_CHARACTERS,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import timedelta

    from google.protobuf.duration_pb2 import Duration
    from google.protobuf.timestamp_pb2 import Timestamp

    from server.validation.findings import Findings

_REQUEST_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")
_LABEL: Final = re.compile(r"[a-z0-9._/-]{1,63}")
#: What nearly every URL looks like; only the others are taken apart.
_PLAIN_URL: Final = re.compile(r"https?://[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*([/?#][\x21-\x7e]*)?")
_BLANK: Final = re.compile(r"[\x00-\x20\x7f]")
_DATA: Final = {
    "image": re.compile(r"data:image/[a-z0-9.+-]+(;[^,;]{0,100}){0,4},.", re.IGNORECASE),
    "audio": re.compile(r"data:audio/[a-z0-9.+-]+(;[^,;]{0,100}){0,4},.", re.IGNORECASE),
    "video": re.compile(r"data:video/[a-z0-9.+-]+(;[^,;]{0,100}){0,4},.", re.IGNORECASE),
}
#: owner/app, or owner/app/path.
_ENDPOINT: Final = re.compile(r"[a-z0-9][a-z0-9_-]*(/[A-Za-z0-9][A-Za-z0-9._-]*){1,8}")
#: A host that is meant as an address: hexadecimal and short forms of one are read by some and not by others.
_NUMERIC: Final = re.compile(r"https?://(\[|[0-9.]+([:/?#]|$)|0x)", re.IGNORECASE)
#: Where one cloud keeps its secrets under IPv6; under IPv4 it is an address of the link, as with the others.
AWS_SECRETS: Final = "fd00:ec2::254"
#: The years that a timestamp may lie in, as seconds since the epoch: 1 to 9999 (RFC 3339).
_TIMES: Final = (-62_135_596_800, 253_402_300_799)


def check_id(found: Findings, path: str, value: str) -> None:
    """Require an id of ours. Whether it exists is not known here."""
    if not value:
        found.add(path, "is required")
    elif len(value) > ID_CHARACTERS:
        found.add(path, f"must be at most {ID_CHARACTERS} characters long; has {len(value)}")


def check_request_id(found: Findings, path: str, value: str) -> None:
    """Require visible ASCII characters, if any."""
    if value and not _REQUEST_ID.fullmatch(value):
        found.add(path, "must be 1 to 128 visible ASCII characters")


def check_length(found: Findings, path: str, value: str, most: int) -> None:
    """Limit a text."""
    if len(value) > most:
        found.add(path, f"must be at most {most} characters long; has {len(value)}")


def check_range(found: Findings, path: str, value: int, lowest: int, highest: int) -> None:
    """Limit a number."""
    if not lowest <= value <= highest:
        found.add(path, f"must be {lowest} to {highest}; is {value}")


def check_known(found: Findings, path: str, value: int, known: Collection[int]) -> None:
    """Require a value of an enum that this server knows."""
    if value not in known:
        found.add(path, f"is not a known value: {value}")


def check_duration(found: Findings, path: str, value: Duration, shortest: timedelta, longest: timedelta) -> None:
    """Limit a length of time."""
    least, most, seconds = shortest.total_seconds(), longest.total_seconds(), seconds_of(value)
    if not -1_000_000_000 < value.nanos < 1_000_000_000:
        found.add(path, "is not a duration: nanos must be below one second")
    elif not least <= seconds <= most:
        found.add(path, f"must be {least:.10g} s to {most:.10g} s; is {seconds:.10g} s")


def check_timestamp(found: Findings, path: str, value: Timestamp, *, ahead: timedelta | None = None) -> None:
    """Require an instant, and limit how far *ahead* of now it may lie."""
    if not (_TIMES[0] <= value.seconds <= _TIMES[1] and 0 <= value.nanos < 1_000_000_000):
        found.add(path, "is not a timestamp: must lie in the years 1 to 9999")
    elif ahead is not None and value.ToDatetime(UTC) > datetime.now(UTC) + ahead:
        found.add(path, f"must be at most {ahead.days} days ahead; is {value.ToJsonString()}")


def check_labels(found: Findings, path: str, labels: Mapping[str, str]) -> None:
    """Limit the number and the form of labels."""
    if len(labels) > LABELS:
        found.add(path, f"must be at most {LABELS} labels; are {len(labels)}")
        return
    for name in labels:
        value = labels[name]
        if not _LABEL.fullmatch(name):
            found.add(f"{path}[{name[:63]!r}]", "must have a key of 1 to 63 characters [a-z0-9._/-]")
        if len(value) > LABEL_VALUE_CHARACTERS:
            found.add(f"{path}[{name[:63]!r}]", f"must be at most {LABEL_VALUE_CHARACTERS} characters long")


def check_endpoint(found: Findings, path: str, value: str) -> None:
    """Require the form of an endpoint of the provider. Whether it exists is not known here."""
    if not value:
        found.add(path, "is required")
    elif len(value) > ENDPOINT_CHARACTERS or not _ENDPOINT.fullmatch(value):
        found.add(
            path,
            f"must be owner/app or owner/app/path, for example fal-ai/flux/schnell; at most {ENDPOINT_CHARACTERS} "
            "characters",
        )


def check_url(
    found: Findings, path: str, value: str, media: Literal["image", "audio", "video"], *, required: bool = False
) -> None:
    """Require an http(s) URL of a host, or a data: URI of *media*.

    Who is behind the host is not asked here: that is looked up when it is fetched, and again for every redirect.
    """
    if not value:
        if required:
            found.add(path, "is required")
        return
    if value[:5].lower() == "data:":
        if len(value) > DATA_CHARACTERS:
            found.add(path, f"must be at most {DATA_CHARACTERS} characters long as a data: URI; has {len(value)}")
        elif not _DATA[media].match(value):
            found.add(path, f"must be a data: URI of type {media}/* with content")
    elif fault := _fault_of_url(value):
        found.add(path, fault)


def seconds_of(value: Duration) -> float:
    """Return a length of time in seconds."""
    return value.seconds + value.nanos / 1e9


def _fault_of_url(value: str) -> str | None:
    if len(value) > URL_CHARACTERS:
        return f"must be at most {URL_CHARACTERS} characters long; has {len(value)}"
    if _PLAIN_URL.fullmatch(value) and not _NUMERIC.match(value):
        return None
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "is not a URL"
    faults = (
        (_BLANK.search(value), "must not contain blanks or control characters"),
        (parts.scheme not in {"http", "https"}, "must be an https, http or data: URL"),
        (not host or port == 0, "must have a host"),
        (parts.username is not None, "must not contain a user name or password"),
        (
            _NUMERIC.match(value) and _is_nobody(host),
            "must name a host, or a whole IP address that is not link-local",
        ),
    )
    return next((fault for holds, fault in faults if holds), None)


def _is_nobody(host: str | None) -> bool:
    """Whether a host of digits is no address, or one of the link itself (where clouds keep secrets), of all or of none.

    Private addresses pass: whether they may be fetched from is a setting of the workers.
    """
    try:
        address = ip_address(host or "")
    except ValueError:
        return True
    embedded = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    checked = embedded or address
    return checked.is_link_local or checked.is_multicast or checked.is_unspecified or str(checked) == AWS_SECRETS
