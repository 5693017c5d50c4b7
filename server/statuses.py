"""How errors look to clients: a gRPC code each, and google.rpc details that fit into trailers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, ResourceInfo, RetryInfo
from google.rpc.status_pb2 import Status

from core.errors import (
    AwaitedJobNotFoundError,
    BatchNotFoundError,
    DrainingError,
    FencedError,
    InvalidRequestError,
    JobFinishedError,
    JobNotFinishedError,
    JobNotFoundError,
    JobNotHeldError,
    JobNotRetryableError,
    NotImplementedYetError,
    RequestIdReusedError,
    SegueError,
    StoreUnavailableError,
    TemplateChangedError,
    TemplateExistsError,
    TemplateNotFoundError,
    TooManyDependentsError,
    TooManyTemplatesError,
)
from server.errors import MalformedRequestError, WatcherStuckError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from google.protobuf.message import Message

    from core.errors import Violation

#: ErrorInfo.domain of every error.
DOMAIN: Final = "segue"
#: Violations named in one status; the rest is only counted.
MOST_VIOLATIONS: Final = 20
#: Bytes of a status in the trailers. They grow by a third on the wire (base64), beside the message, and C-core drops
#: trailers of more than 8 KB at random.
TRAILER_BYTES: Final = 4000
#: Characters of the message, of a path and of a fact; percent-encoding may make twelve bytes of each in the trailers.
TEXT_CHARACTERS: Final = 200
#: UTF-8 bytes that tell what is wrong with a field: enough to name all models.
DESCRIPTION_BYTES: Final = 1600

STATUS: Final[Mapping[type[SegueError], grpc.StatusCode]] = {
    InvalidRequestError: grpc.StatusCode.INVALID_ARGUMENT,
    MalformedRequestError: grpc.StatusCode.INVALID_ARGUMENT,
    JobNotFoundError: grpc.StatusCode.NOT_FOUND,
    BatchNotFoundError: grpc.StatusCode.NOT_FOUND,
    AwaitedJobNotFoundError: grpc.StatusCode.INVALID_ARGUMENT,
    TooManyDependentsError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    JobFinishedError: grpc.StatusCode.FAILED_PRECONDITION,
    JobNotRetryableError: grpc.StatusCode.FAILED_PRECONDITION,
    JobNotHeldError: grpc.StatusCode.FAILED_PRECONDITION,
    JobNotFinishedError: grpc.StatusCode.FAILED_PRECONDITION,
    RequestIdReusedError: grpc.StatusCode.FAILED_PRECONDITION,
    TemplateNotFoundError: grpc.StatusCode.NOT_FOUND,
    TemplateExistsError: grpc.StatusCode.ALREADY_EXISTS,
    TemplateChangedError: grpc.StatusCode.ABORTED,
    TooManyTemplatesError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    NotImplementedYetError: grpc.StatusCode.UNIMPLEMENTED,
    StoreUnavailableError: grpc.StatusCode.UNAVAILABLE,
    DrainingError: grpc.StatusCode.UNAVAILABLE,
    FencedError: grpc.StatusCode.ABORTED,
    WatcherStuckError: grpc.StatusCode.RESOURCE_EXHAUSTED,
}

#: What was not found, by the metadata that names it.
_RESOURCES: Final[Mapping[type[SegueError], tuple[str, str]]] = {
    JobNotFoundError: ("segue.v1.Job", "job_id"),
    BatchNotFoundError: ("segue.v1.Batch", "batch_id"),
    TemplateNotFoundError: ("segue.v1.Template", "template_id"),
}


def code_of(error: SegueError) -> grpc.StatusCode:
    """Return the code that an error is answered with."""
    return STATUS[type(error)]


def status_of(error: SegueError, *, size: int = TRAILER_BYTES) -> Status:
    """Return an error as clients get it, in about *size* bytes at most."""
    info = ErrorInfo(reason=error.reason, domain=DOMAIN)
    for name, value in error.metadata.items():
        info.metadata[name] = shortened(value)
    status = Status(code=code_of(error).value[0], message=shortened(str(error)))
    if isinstance(error, InvalidRequestError):
        refusal = _bad_request(error.violations, size - status.ByteSize() - info.ByteSize() - 200)
        if omitted := len(error.violations) - len(refusal.field_violations):
            info.metadata["omitted_violations"] = str(omitted)
        status.details.extend(_packed(info, refusal))
    else:
        status.details.extend(_packed(info, *_hints(error)))
    return status


def internal_status(incident: str) -> Status:
    """Return what a client gets of an error that nobody expected: how to find it in the log, and nothing else."""
    status = Status(code=grpc.StatusCode.INTERNAL.value[0], message="Internal error.")
    status.details.extend(_packed(ErrorInfo(reason="INTERNAL", domain=DOMAIN, metadata={"incident_id": incident})))
    return status


def shortened(text: str, most: int = TEXT_CHARACTERS) -> str:
    """Return a text that a caller may have made as long as a request, cut to *most* characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _fitting(text: str) -> str:
    """Return what is wrong with a field, cut to DESCRIPTION_BYTES."""
    encoded = text.encode()
    cut = encoded[: DESCRIPTION_BYTES - len("…".encode())].decode(errors="ignore")
    return text if len(encoded) <= DESCRIPTION_BYTES else f"{cut}…"


def _hints(error: SegueError) -> Iterator[Message]:
    """Yield what tells a client what to do about an error."""
    if isinstance(error, (StoreUnavailableError, DrainingError, WatcherStuckError)):
        delay = Duration()
        delay.FromTimedelta(error.retry_after)
        yield RetryInfo(retry_delay=delay)
    if type(error) in _RESOURCES:
        kind, name = _RESOURCES[type(error)]
        yield ResourceInfo(
            resource_type=kind, resource_name=shortened(error.metadata.get(name, "")), description=str(error)
        )


def _bad_request(violations: Sequence[Violation], size: int) -> BadRequest:
    """Return as many violations as fit into *size* bytes, but at least one."""
    refusal = BadRequest()
    for violation in violations[:MOST_VIOLATIONS]:
        field = refusal.field_violations.add(field=shortened(violation.path), description=_fitting(violation.message))
        if refusal.ByteSize() > size and len(refusal.field_violations) > 1:
            refusal.field_violations.remove(field)
            break
    return refusal


def _packed(*details: Message) -> Iterator[Any]:
    for detail in details:
        packed = Any()
        packed.Pack(detail)
        yield packed
