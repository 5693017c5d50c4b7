"""Names that become parts of fal's URLs: endpoints and request ids."""

from __future__ import annotations

import re
from typing import Final

from workers.fal.errors import RefusedError

#: First segments that are no owner; fal_client has the same list (a contract test compares them).
NAMESPACES: Final = ("workflows", "comfy")

_SEGMENT: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
_ENDPOINT: Final = re.compile(rf"{_SEGMENT}(/{_SEGMENT}){{1,9}}")
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


def check_endpoint(endpoint: str) -> str:
    """Return *endpoint* if it is an id like `fal-ai/flux/dev`.

    Raises:
        RefusedError: it is not; nothing was sent.
    """
    segments = endpoint.split("/")
    needed = 3 if segments[0] in NAMESPACES else 2
    if not _ENDPOINT.fullmatch(endpoint) or len(segments) < needed or "requests" in segments:
        raise RefusedError("The endpoint is not of the form owner/model or owner/model/path.")
    return endpoint


def is_request_id(value: object) -> bool:
    """Whether *value* may stand in a URL as a request id."""
    return isinstance(value, str) and _REQUEST_ID.fullmatch(value) is not None
