"""Logs of a process: structured, to standard error, each line with what is bound at the edge (job, attempt, RPC)."""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog


def configure(*, level: str, form: Literal["json", "console"]) -> None:
    """Log from *level* on, as a JSON object per line or as lines for people; libraries from WARNING on."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(
        level=max(threshold, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    last: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if form == "json"
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
