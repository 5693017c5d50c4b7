"""Where a page of a list begins, in a form that clients do not read: the id before it and a digest of the filters."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
import uuid
from typing import Final

from core.errors import InvalidRequestError, Violation
from core.job import JobId
from segue.v1 import job_service_pb2 as pb

#: The first bytes of the filters' digest, and the id.
_TOKEN: Final = struct.Struct("8s16s")


def page_token_to_proto(request: pb.ListJobsRequest, before: JobId | None) -> str:
    """Return the token of the page that begins before an id; empty: there is none."""
    if before is None:
        return ""
    return base64.urlsafe_b64encode(_TOKEN.pack(_digest(request), uuid.UUID(before).bytes)).decode()


def page_token_from_proto(request: pb.ListJobsRequest) -> JobId | None:
    """Return the id before which the wanted page begins; None: it is the first one.

    Raises:
        InvalidRequestError: no page of a list with these filters has given out this token.
    """
    token = request.page_token
    if not token:
        return None
    try:
        digest, id_ = _TOKEN.unpack(base64.b64decode(token, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, struct.error) as error:
        raise _refused("is not a page token") from error
    if digest != _digest(request):
        raise _refused("is the token of a list with other filters")
    return JobId(str(uuid.UUID(bytes=id_)))


def _digest(request: pb.ListJobsRequest) -> bytes:
    """Return what tells the filters of a request: all that may not change from page to page."""
    filters = pb.ListJobsRequest()
    filters.CopyFrom(request)
    for name in ("page_token", "page_size", "include_spec"):
        filters.ClearField(name)
    return hashlib.sha256(filters.SerializeToString(deterministic=True)).digest()[:8]


def _refused(message: str) -> InvalidRequestError:
    return InvalidRequestError([Violation("page_token", message)])
