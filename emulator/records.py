"""A request at the emulated fal: what was asked, where it stands, and how it ended."""

import asyncio
import enum
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

JsonObject = dict[str, Any]
Priority = Literal["normal", "low"]


class Status(enum.StrEnum):
    """The only three states fal's queue knows; failed and cancelled requests are COMPLETED too."""

    IN_QUEUE = "IN_QUEUE"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What one accepted POST asked for."""

    endpoint: str
    """The full path, for example `fal-ai/kling-video/v2.1/pro/image-to-video`."""
    arguments: JsonObject
    media_base: str
    """The URL under which the files of the answer are reachable for this caller, without a slash."""
    priority: Priority = "normal"
    start_timeout: float | None = None
    """Seconds until it must have started, or it fails."""
    file_seconds: float | None = None
    """How long files it produces live; None means for ever."""
    webhook_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a request ended: the very answer its result URL replays."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    error: str | None = None
    """The human sentence of a failed request."""
    error_type: str | None = None
    units: float = 0.0
    """Billable units; above zero only when the account pays."""

    @property
    def billed(self) -> bool:
        """Whether the account pays for the request."""
        return self.units > 0


@dataclass(kw_only=True, eq=False)
class FalRequest:
    """One accepted request and all that happened to it. Times ending in `_at` are the loop's clock."""

    id: str
    order: int
    """Its place in the order of acceptance."""
    submission: Submission
    create_time: datetime
    queued_at: float
    gateway_id: str
    """The id of the present attempt; a requeue gives it a new one."""
    status: Status = Status.IN_QUEUE
    start_time: datetime | None = None
    started_at: float | None = None
    end_time: datetime | None = None
    ended_at: float | None = None
    cancel_time: datetime | None = None
    cancel_answer: str | None = None
    outcome: Outcome | None = None
    expired: bool = False
    """The result was declared gone before its time."""
    polls: int = 0
    result_reads: int = 0
    requeues: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def endpoint(self) -> str:
        """The endpoint it was submitted to."""
        return self.submission.endpoint

    @property
    def application(self) -> str:
        """Owner and name of the application: the part of the endpoint that status URLs carry."""
        return application_of(self.endpoint)


def application_of(endpoint: str) -> str:
    """Cut the sub-path off *endpoint*: `fal-ai/flux/schnell` is the application `fal-ai/flux`."""
    parts = endpoint.split("/")
    length = 3 if parts[0] in ("workflows", "comfy") else 2
    return "/".join(parts[:length])
