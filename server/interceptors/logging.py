"""Writes one line per RPC: what was called, how it ended and how long it took. Never what was in it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import grpc
import structlog

from core.errors import SegueError
from server.statuses import code_of

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from server.types import Call, Context

log = structlog.get_logger(__name__)


def calls_logged(method: str, call: Call) -> Call:
    """Return the call, followed by its line in the log."""

    async def logged(request: Any, context: Context) -> Message | None:
        started = time.perf_counter()
        code, facts = grpc.StatusCode.OK, {}
        job_id = getattr(request, "job_id", "")
        try:
            response = await call(request, context)
            job_id = job_id or getattr(getattr(response, "job", None), "id", "")
        except SegueError as error:
            code, facts = code_of(error), {"reason": error.reason}
            raise
        except (asyncio.CancelledError, grpc.aio.BaseError):
            code = grpc.StatusCode.CANCELLED
            raise
        except BaseException:
            code = grpc.StatusCode.INTERNAL
            raise
        else:
            return response
        finally:
            if job_id:
                facts = {"job_id": job_id[:64], **facts}
            milliseconds = round((time.perf_counter() - started) * 1000, 1)
            log.info("rpc.done", method=method, code=code.name, milliseconds=milliseconds, **facts)

    return logged
