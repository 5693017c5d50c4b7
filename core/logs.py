"""Sets up the logs of a process: one line per event on stderr, ours and the libraries' alike."""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING, Any, Final

import structlog

if TYPE_CHECKING:
    from structlog.typing import Processor

    from core.settings import ProcessSettings

#: Tracebacks without the values of variables: those hold specs, URLs and keys.
_TRACEBACKS: Final = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)

#: Made once: json.dumps makes one for each line that has anything but its defaults.
_JSON: Final = json.JSONEncoder(default=repr)


def configure(settings: ProcessSettings) -> None:
    """Send all logs of this process to stderr, in the format that the settings name."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    ending: list[Processor] = (
        [structlog.processors.ExceptionRenderer(_TRACEBACKS), structlog.processors.JSONRenderer(_as_json)]
        if settings.log_format == "json"
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    structlog.configure(
        processors=[*shared, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.processors.format_exc_info],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending[-1:]],
        )
    )
    logging.basicConfig(level=max(level, logging.INFO), handlers=[handler], force=True)


def _as_json(fields: Any, **_: Any) -> str:
    return _JSON.encode(fields)
