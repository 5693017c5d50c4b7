"""The errors that Segue raises on purpose: one tree, each with a stable reason that clients switch on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta


class SegueError(Exception):
    """Something that the caller should know went wrong."""

    reason: ClassVar[str] = "UNKNOWN"
    """ErrorInfo.reason: stable, part of the API."""

    def __init__(self, message: str | None = None, *, metadata: Mapping[str, str] | None = None) -> None:
        super().__init__(message or type(self).__doc__)
        self.metadata: Mapping[str, str] = metadata or {}


@dataclass(frozen=True, slots=True)
class Violation:
    """One fault of a request and where it is."""

    path: str
    """The field as the contract names it, for example ``jobs[3].spec.transition.tail_image_url``."""
    message: str


class InvalidRequestError(SegueError):
    """The request is invalid."""

    reason = "INVALID_REQUEST"

    def __init__(self, violations: Sequence[Violation]) -> None:
        first = violations[0]
        more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
        super().__init__(f"{first.path}: {first.message}{more}")
        self.violations = tuple(violations)


class JobNotFoundError(SegueError):
    """There is no such job."""

    reason = "JOB_NOT_FOUND"


class BatchNotFoundError(SegueError):
    """There is no such batch."""

    reason = "BATCH_NOT_FOUND"


class JobFinishedError(SegueError):
    """The job has already ended."""

    reason = "JOB_FINISHED"


class JobNotRetryableError(SegueError):
    """The job has neither failed nor been cancelled."""

    reason = "JOB_NOT_RETRYABLE"


class JobNotHeldError(SegueError):
    """The job has already ended."""

    reason = "JOB_NOT_HELD"


class AwaitedJobNotFoundError(SegueError):
    """There is no such job to wait for."""

    reason = "AWAITED_JOB_NOT_FOUND"

    def __init__(self, message: str | None = None, *, job_id: str, index: int = 0) -> None:
        super().__init__(message, metadata={"job_id": job_id})
        self.job_id = job_id
        """The awaited job."""
        self.index = index
        """Which job of the batch awaits it, from 0; 0 where there is no batch."""


class TooManyDependentsError(SegueError):
    """As many jobs as may wait for one job wait for it already."""

    reason = "TOO_MANY_DEPENDENTS"

    def __init__(self, message: str | None = None, *, job_id: str, index: int = 0) -> None:
        super().__init__(message, metadata={"job_id": job_id})
        self.job_id = job_id
        """The awaited job."""
        self.index = index
        """Which job of the batch awaits it, from 0; 0 where there is no batch."""


class JobNotFinishedError(SegueError):
    """The job has not ended yet."""

    reason = "JOB_NOT_FINISHED"


class RequestIdReusedError(SegueError):
    """The request_id was used before, with another payload."""

    reason = "REQUEST_ID_REUSED"


class TemplateNotFoundError(SegueError):
    """There is no such template."""

    reason = "TEMPLATE_NOT_FOUND"


class TemplateExistsError(SegueError):
    """There is another template of that id."""

    reason = "TEMPLATE_EXISTS"


class TemplateChangedError(SegueError):
    """Somebody has changed the template since that revision; read it again."""

    reason = "TEMPLATE_CHANGED"


class TooManyTemplatesError(SegueError):
    """There are as many templates as there may be; delete some."""

    reason = "TOO_MANY_TEMPLATES"


class NotImplementedYetError(SegueError):
    """This server does not offer that yet."""

    reason = "NOT_IMPLEMENTED"


class StoreUnavailableError(SegueError):
    """The job store cannot be reached; try again."""

    reason = "STORE_UNAVAILABLE"

    def __init__(self, message: str | None = None, *, retry_after: timedelta) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DrainingError(SegueError):
    """This server is about to stop; reconnect elsewhere."""

    reason = "DRAINING"

    def __init__(self, message: str | None = None, *, retry_after: timedelta) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class FencedError(SegueError):
    """The attempt no longer holds the job."""

    reason = "FENCED"
