"""The errors of the client: what the server refused and why, as exceptions that say what to do.

Every error of an RPC is a `SegueError`; its class follows ``google.rpc.ErrorInfo.reason``, or the status code where
the reason is new or missing. A job that fails is not an RPC that fails: only ``result()`` turns the end of a job into
`JobFailed` or `JobCancelled`.
"""
# ruff: noqa: N818 - the names are read at `except segue.NotFound:`, as in google.api_core.exceptions

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import grpc
from google.protobuf.message import DecodeError
from google.rpc import (
    code_pb2,
    error_details_pb2,
    status_pb2,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta

    from segue.v1.job_pb2 import Job

#: The trailing metadata that carries a google.rpc.Status.
_DETAILS_KEY: Final = "grpc-status-details-bin"


class Violation(NamedTuple):
    """One fault of a request and where it is."""

    path: str
    """The field as the contract names it, for example ``jobs[3].spec.transition.tail_image_url``."""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorFacts:
    """What the server said about an error, apart from its class."""

    code: grpc.StatusCode
    message: str
    reason: str = ""
    metadata: Mapping[str, str] | None = None
    violations: tuple[Violation, ...] = ()
    retry_after: timedelta | None = None


class SegueError(Exception):
    """A call failed."""

    code: grpc.StatusCode = grpc.StatusCode.UNKNOWN
    """The status of the RPC."""
    reason: str = ""
    """``ErrorInfo.reason``: stable, part of the API. Empty: the error did not come from the service itself."""
    metadata: Mapping[str, str]
    """``ErrorInfo.metadata``, for example the id of an incident."""
    violations: tuple[Violation, ...] = ()
    """The faults of the request, at most the twenty that fit into an answer."""
    retry_after: timedelta | None = None
    """How long the server asks to wait before the next try; None: it did not say."""

    def __init__(self, message: str | None = None, facts: ErrorFacts | None = None) -> None:
        self.message = message or (facts and facts.message) or (type(self).__doc__ or "").partition("\n")[0]
        super().__init__(self.message)
        self.metadata = {}
        if facts is not None:
            self.code = facts.code
            self.reason = facts.reason
            self.metadata = dict(facts.metadata or {})
            self.violations = facts.violations
            self.retry_after = facts.retry_after

    def __str__(self) -> str:
        head = f"{self.message} [{self.reason or self.code.name}]"
        return "\n".join([head, *(f"  {path}: {message}" for path, message in self.violations)])


class InvalidRequest(SegueError):
    """The request is invalid: mend what `violations` names."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class AwaitedJobNotFound(InvalidRequest):
    """A composition names a job that does not exist, or no longer; the violations tell which."""


class NotFound(SegueError):
    """There is no such thing, or no longer."""

    code = grpc.StatusCode.NOT_FOUND


class JobNotFound(NotFound):
    """There is no such job, or it has expired."""


class BatchNotFound(NotFound):
    """There is no such batch, or it has expired."""


class TemplateNotFound(NotFound):
    """There is no such template."""


class TemplateExists(SegueError):
    """There is another template of that id."""


class TemplateChanged(SegueError):
    """Somebody has changed the template since that revision; read it again."""


class FailedPrecondition(SegueError):
    """The job is not in a state that allows it."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class RequestIdReused(FailedPrecondition):
    """The request_id was used with another payload: take a new one."""


class JobFinished(FailedPrecondition):
    """The job has already ended."""


class JobNotRetryable(FailedPrecondition):
    """The job has neither failed nor been cancelled."""


class JobNotHeld(FailedPrecondition):
    """The job has already ended."""


class JobNotFinished(FailedPrecondition):
    """The job has not ended yet: cancel it first."""


class PermissionDenied(SegueError):
    """The caller may not do that."""

    code = grpc.StatusCode.PERMISSION_DENIED


class Unauthenticated(SegueError):
    """The call carries no valid credentials."""

    code = grpc.StatusCode.UNAUTHENTICATED


class ResourceExhausted(SegueError):
    """A limit or quota is reached: try again after `retry_after`, or later."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED


class TooManyDependents(ResourceExhausted):
    """Too many compositions wait for the same job."""


class Unavailable(SegueError):
    """The service cannot be reached now: try again."""

    code = grpc.StatusCode.UNAVAILABLE


class Unimplemented(SegueError):
    """This server does not offer that yet."""

    code = grpc.StatusCode.UNIMPLEMENTED


class DeadlineExceeded(SegueError, TimeoutError):
    """The time given for the call has passed; the job goes on."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED


class InternalError(SegueError):
    """A fault of the service: report the incident in `metadata`."""

    code = grpc.StatusCode.INTERNAL


class BrokenWatch(SegueError):
    """The server breaks the contract of a watch again and again: events are missing."""

    code = grpc.StatusCode.DATA_LOSS


class ClientClosed(SegueError):
    """The client has been closed."""

    code = grpc.StatusCode.CANCELLED


class JobEnded(Exception):
    """The job ended without a result."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.job: Job = job
        """The job as it ended; ``job.error`` says why."""

    def __str__(self) -> str:
        error = self.job.error
        return f"job {self.job.id}: {error.message} [{error.reason}]" if error.reason else f"job {self.job.id}"


class JobFailed(JobEnded):
    """The job failed; ``job.error`` says why, and whether it may succeed when tried again."""


class JobCancelled(JobEnded):
    """The job was cancelled."""


_BY_REASON: Final[Mapping[str, type[SegueError]]] = {
    "JOB_NOT_FOUND": JobNotFound,
    "BATCH_NOT_FOUND": BatchNotFound,
    "AWAITED_JOB_NOT_FOUND": AwaitedJobNotFound,
    "TOO_MANY_DEPENDENTS": TooManyDependents,
    "TEMPLATE_NOT_FOUND": TemplateNotFound,
    "TEMPLATE_EXISTS": TemplateExists,
    "TEMPLATE_CHANGED": TemplateChanged,
    "JOB_FINISHED": JobFinished,
    "JOB_NOT_RETRYABLE": JobNotRetryable,
    "JOB_NOT_HELD": JobNotHeld,
    "JOB_NOT_FINISHED": JobNotFinished,
    "REQUEST_ID_REUSED": RequestIdReused,
}

_BY_CODE: Final[Mapping[grpc.StatusCode, type[SegueError]]] = {
    kind.code: kind
    for kind in (
        InvalidRequest,
        NotFound,
        FailedPrecondition,
        PermissionDenied,
        Unauthenticated,
        ResourceExhausted,
        Unavailable,
        Unimplemented,
        DeadlineExceeded,
        InternalError,
    )
}

_CODES: Final[Mapping[int, grpc.StatusCode]] = {code.value[0]: code for code in grpc.StatusCode}


def from_call(error: grpc.RpcError) -> SegueError:
    """Turn the error of an RPC, of grpc or of grpc.aio, into the client's own."""
    # both are pairs at run time, only their types differ
    trailers = cast("Iterable[tuple[str, str | bytes]]", error.trailing_metadata() or ())
    status = status_pb2.Status()
    for key, value in trailers:
        if key == _DETAILS_KEY and isinstance(value, bytes):
            status = _parsed(value)
    return _error(error.code(), error.details() or status.message, status)


def from_status(status: status_pb2.Status) -> SegueError:
    """Turn a status that stands in an answer (a refused item of a batch) into an error."""
    return _error(_CODES.get(status.code, grpc.StatusCode.UNKNOWN), status.message, status)


def _parsed(details: bytes) -> status_pb2.Status:
    try:
        return status_pb2.Status.FromString(details)
    except DecodeError:  # a proxy's: the status code still tells the class
        return status_pb2.Status(code=code_pb2.UNKNOWN)


def _error(code: grpc.StatusCode, message: str, status: status_pb2.Status) -> SegueError:
    info = error_details_pb2.ErrorInfo()
    faults = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    retry_after: timedelta | None = None
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(faults)
        if detail.Unpack(retry):
            retry_after = retry.retry_delay.ToTimedelta()
    facts = ErrorFacts(
        code=code,
        message=message,
        reason=info.reason,
        metadata=info.metadata,
        violations=tuple(Violation(fault.field, fault.description) for fault in faults.field_violations),
        retry_after=retry_after,
    )
    return _BY_REASON.get(info.reason, _BY_CODE.get(code, SegueError))(facts=facts)
