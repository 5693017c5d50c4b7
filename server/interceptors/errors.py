"""Answers errors: those raised on purpose as their table says, any other as INTERNAL without a word about it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final, Never

import grpc
import structlog

from core.errors import SegueError
from server.statuses import internal_status, status_of

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from google.rpc.status_pb2 import Status

    from server.types import Call, Context

log = structlog.get_logger(__name__)

#: The trailer in which gRPC carries a google.rpc.Status.
DETAILS: Final = "grpc-status-details-bin"

_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


def errors_answered(method: str, call: Call) -> Call:
    """Return the call with its errors made into statuses."""

    async def answered(request: Any, context: Context) -> Message | None:
        try:
            return await call(request, context)
        except SegueError as error:
            await _abort(context, status_of(error))
        except grpc.aio.BaseError:
            # The RPC itself has ended (the client is gone): there is nobody to answer.
            raise
        except Exception:
            incident = uuid.uuid4().hex
            log.exception("rpc.failed", method=method, incident_id=incident)
            await _abort(context, internal_status(incident))

    return answered


async def _abort(context: Context, status: Status) -> Never:
    await context.abort(_CODES[status.code], status.message, ((DETAILS, status.SerializeToString()),))
