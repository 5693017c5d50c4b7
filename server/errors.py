"""Errors that only this face of Segue raises."""

from __future__ import annotations

from core.errors import SegueError


class MalformedRequestError(SegueError):
    """The request is not the protobuf message that this method takes."""

    reason = "MALFORMED_REQUEST"


class CannotListenError(Exception):
    """An address cannot be listened on; the process does not start."""
