"""The Python client of Segue: submit generations, watch them live, get what they made.

`segue.aio.Client` is for asyncio, `segue.Client` for everything else; both have the same methods. The names below are
imported when they are first used: a process that only needs the messages (``segue.v1``) loads nothing else.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segue import aio, errors
    from segue.client import Client
    from segue.errors import (
        FailedPrecondition,
        InvalidRequest,
        JobCancelled,
        JobFailed,
        NotFound,
        SegueError,
        Unavailable,
    )
    from segue.options import Retry
    from segue.requests import SubmittedBatch, submission
    from segue.specs import composition, model, script_video, transition
    from segue.v1.job_pb2 import Batch, Job, JobState
    from segue.v1.job_service_pb2 import WatchJobResponse
    from segue.v1.spec_pb2 import JobKind, JobSpec
    from segue.values import is_final, state_name

__all__ = [
    "Batch",
    "Client",
    "FailedPrecondition",
    "InvalidRequest",
    "Job",
    "JobCancelled",
    "JobFailed",
    "JobKind",
    "JobSpec",
    "JobState",
    "NotFound",
    "Retry",
    "SegueError",
    "SubmittedBatch",
    "Unavailable",
    "WatchJobResponse",
    "aio",
    "composition",
    "errors",
    "is_final",
    "model",
    "script_video",
    "state_name",
    "submission",
    "transition",
]

_HOMES: Final[Mapping[str, tuple[str, ...]]] = {
    "segue.client": ("Client",),
    "segue.errors": (
        "FailedPrecondition",
        "InvalidRequest",
        "JobCancelled",
        "JobFailed",
        "NotFound",
        "SegueError",
        "Unavailable",
    ),
    "segue.options": ("Retry",),
    "segue.requests": ("SubmittedBatch", "submission"),
    "segue.specs": ("composition", "model", "script_video", "transition"),
    "segue.v1.job_pb2": ("Batch", "Job", "JobState"),
    "segue.v1.job_service_pb2": ("WatchJobResponse",),
    "segue.v1.spec_pb2": ("JobKind", "JobSpec"),
    "segue.values": ("is_final", "state_name"),
}


if not TYPE_CHECKING:  # for a type checker this would make every misspelt name an object

    def __getattr__(name: str) -> object:
        if name in {"aio", "errors"}:
            return importlib.import_module(f"segue.{name}")
        for home, names in _HOMES.items():
            if name in names:
                return getattr(importlib.import_module(home), name)
        raise AttributeError(f"module 'segue' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
