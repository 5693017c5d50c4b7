"""Keeps out of the logs what grpc writes there about every client that leaves."""

from __future__ import annotations

import logging


def quiet_grpc() -> None:
    """Drop what grpc logs, with a traceback, each time a client leaves while something is sent to it."""
    logging.getLogger("grpc._cython.cygrpc").addFilter(_is_worth_a_line)


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not (
        type(error).__name__ in {"ExecuteBatchError", "CancelledError"}
        or "ExecuteBatchError" in record.getMessage()
        or "CancelledError" in record.getMessage()
    )
