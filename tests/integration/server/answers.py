"""What a client reads from an answer that is not OK."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode, aio

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable
    from datetime import timedelta


@dataclass
class Refusal:
    """A status with its details."""

    code: StatusCode
    message: str
    reason: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    retry_after: timedelta | None = None
    resource: str = ""


def refusal_of(error: aio.AioRpcError) -> Refusal:
    """Return an error as a careful client understands it."""
    refusal = Refusal(error.code(), error.details() or "")
    trailers = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailers.get("grpc-status-details-bin", b""))
    for packed in status.details:
        detail = getattr(error_details_pb2, packed.TypeName().rpartition(".")[2])()
        packed.Unpack(detail)
        match detail:
            case error_details_pb2.ErrorInfo():
                assert detail.domain == "segue"
                refusal.reason, refusal.metadata = detail.reason, dict(detail.metadata)
            case error_details_pb2.BadRequest():
                refusal.paths = [violation.field for violation in detail.field_violations]
            case error_details_pb2.RetryInfo():
                refusal.retry_after = detail.retry_delay.ToTimedelta()
            case error_details_pb2.ResourceInfo():
                refusal.resource = detail.resource_name
    assert refusal.reason == "" or status.code == refusal.code.value[0]
    return refusal


async def refused(call: Awaitable[Any]) -> Refusal:
    """Return how a unary call was refused."""
    try:
        answer = await call
    except aio.AioRpcError as error:
        return refusal_of(error)
    raise AssertionError(f"was not refused: {answer}")


async def watched(stream: AsyncIterable[Any]) -> tuple[list[Any], Refusal | None]:
    """Return all messages of a stream, and how it was refused if it was."""
    messages: list[Any] = []
    try:
        async for message in stream:
            messages.append(message)
    except aio.AioRpcError as error:
        return messages, refusal_of(error)
    return messages, None
