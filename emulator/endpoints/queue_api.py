"""queue.fal.run: submit, status, status stream, result, cancel."""

import asyncio
import json
from typing import Final

from aiohttp import web

from emulator import answers, logs
from emulator.context import Context
from emulator.endpoints import submits
from emulator.faults import Fault, Phase
from emulator.records import FalRequest, JsonObject, Status, application_of

#: Seconds between two looks at a request whose status is streamed.
_STREAM_INTERVAL: Final = 0.1
_REQUEST: Final = "/{endpoint:.+}/requests/{request_id}"


class QueueApi:
    """The handlers of the queue."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def routes(self) -> list[web.RouteDef]:
        """List the routes; a submit matches almost anything and comes last."""
        return [
            web.get(f"{_REQUEST}/status", self._status),
            web.get(f"{_REQUEST}/status/stream", self._status_stream),
            web.put(f"{_REQUEST}/cancel", self._cancel),
            web.get(f"{_REQUEST}/response", self._result),
            web.get(_REQUEST, self._result),
            web.post("/{endpoint:.+}", self._submit),
        ]

    async def _submit(self, request: web.Request) -> web.StreamResponse:
        return await submits.submit(self._context, request)

    async def _status(self, request: web.Request) -> web.StreamResponse:
        found = self._find(request)
        if isinstance(found, web.Response):
            return found
        found.polls += 1
        order = self._context.faults.take(Phase.POLL, found.endpoint)
        match order.fault if order else None:
            case Fault.POLL_403:
                return answers.locked()
            case Fault.POLL_404:
                return answers.unknown_request()
            case Fault.POLL_500:
                return answers.from_fal({"detail": "Internal Server Error"}, status=500)
            case Fault.POLL_HANG:
                await asyncio.sleep(order.delay if order else 0.0)
        code = 200 if found.status is Status.COMPLETED else 202
        return answers.from_fal(self._describe(request, found), status=code, request_id=found.id)

    async def _status_stream(self, request: web.Request) -> web.StreamResponse:
        found = self._find(request)
        if isinstance(found, web.Response):
            return found
        stream = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-cache",
                "x-fal-request-id": found.id,
            }
        )
        await stream.prepare(request)
        last: JsonObject | None = None
        while True:
            status = self._describe(request, found)
            if status != last:
                await stream.write(b"data: " + json.dumps(status).encode() + b"\n\n")
                last = status
            if status["status"] == Status.COMPLETED.value:
                return stream
            try:
                async with asyncio.timeout(_STREAM_INTERVAL):
                    await found.done.wait()
            except TimeoutError:
                continue

    async def _result(self, request: web.Request) -> web.StreamResponse:
        found = self._find(request)
        if isinstance(found, web.Response):
            return found
        if found.outcome is None:
            return answers.from_fal({"detail": "Request is still in progress"}, status=400, request_id=found.id)
        found.result_reads += 1
        order = self._context.faults.take(Phase.RESULT, found.endpoint)
        match order.fault if order else None:
            case Fault.RESULT_504:  # with fal's header: without it, the client would retry by itself
                return answers.from_fal({"detail": "Gateway Timeout"}, status=504, request_id=found.id)
            case Fault.RESULT_EXPIRED:
                found.expired = True
        if not self._context.queue.is_kept(found):
            return answers.from_fal({"detail": "Request not found"}, status=404, request_id=found.id)
        return answers.from_outcome(found, found.outcome)

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        found = self._find(request)
        if isinstance(found, web.Response):
            return found
        code, word = self._context.queue.cancel(found)
        return answers.from_fal({"status": word}, status=code, request_id=found.id)

    def _find(self, request: web.Request) -> FalRequest | web.Response:
        """Return the request the path names, or the answer that says why not."""
        application = application_of(request.match_info["endpoint"])
        if not self._context.is_authorized(request):
            return answers.unauthorized(application)
        found = self._context.ledger.find(request.match_info["request_id"])
        if found is None or found.application != application:
            return answers.unknown_request()
        return found

    def _describe(self, request: web.Request, found: FalRequest) -> JsonObject:
        wants_logs = request.query.get("logs", "").lower() in ("1", "true")
        printed = logs.lines(found, self._context.behaviour.current.run_seconds) if wants_logs else None
        position = self._context.queue.position(found) if found.status is Status.IN_QUEUE else 0
        urls = submits.request_urls(self._context, request, found)
        return answers.status_object(found, urls, position, printed)
