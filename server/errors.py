"""Errors that only this face of Segue raises."""

from __future__ import annotations

from datetime import timedelta

from core.errors import SegueError


class MalformedRequestError(SegueError):
    """The request is not the protobuf message that this method takes."""

    reason = "MALFORMED_REQUEST"


class WatcherStuckError(SegueError):
    """Nothing was taken from this stream for too long; open it again after the last sequence received."""

    reason = "WATCHER_STUCK"
    retry_after = timedelta(seconds=1)


class CannotListenError(Exception):
    """An address cannot be listened on; the process does not start."""
