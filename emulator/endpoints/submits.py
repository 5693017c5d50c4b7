"""The POST that costs money: accepting a request, or any of the ways in which that can go wrong."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from emulator import answers
from emulator.connections import reset_answer, truncated_answer
from emulator.context import Context, lifecycle_seconds
from emulator.faults import Fault, FaultOrder, Phase
from emulator.models.catalog import is_known
from emulator.records import FalRequest, JsonObject, Submission, application_of

#: The refusals that are no more than a status and a sentence.
_REFUSALS: Final[dict[Fault, Callable[[FaultOrder], web.Response]]] = {
    Fault.SUBMIT_409: lambda _: answers.from_fal({"detail": "Conflict"}, status=409),
    Fault.SUBMIT_429: lambda order: answers.too_many(retry_after=order.delay),
    Fault.SUBMIT_500: lambda _: answers.from_fal({"detail": "Internal Server Error"}, status=500),
}


async def submit(context: Context, request: web.Request) -> web.StreamResponse:
    """Accept the request into the queue and answer with its URLs."""
    context.ledger.posts += 1
    submission = await read_submission(context, request)
    if isinstance(submission, web.Response):
        return submission
    order = context.faults.take(Phase.SUBMIT, submission.endpoint)
    refused = _refusal(context, request, order)
    if refused is not None:
        return refused
    accepted = context.queue.accept(submission)
    return await _answer(context, request, accepted, order)


async def read_submission(context: Context, request: web.Request) -> Submission | web.Response:
    """Read what is asked for, or return the answer that refuses it."""
    endpoint = request.match_info["endpoint"].strip("/")
    if not context.is_authorized(request):
        return answers.unauthorized(application_of(endpoint))
    if "/" not in endpoint or not is_known(endpoint):
        return answers.from_fal({"detail": f'Application "{endpoint}" not found'}, status=404)
    arguments = await _arguments(request)
    if arguments is None:
        fault = {"loc": ["body"], "msg": "JSON decode error", "type": "json_invalid"}
        return answers.from_fal({"detail": [fault]}, status=422)
    headers = request.headers
    return Submission(
        endpoint=endpoint,
        arguments=arguments,
        media_base=context.media_base(request),
        priority="low" if headers.get("X-Fal-Queue-Priority") == "low" else "normal",
        start_timeout=_start_timeout(request),
        file_seconds=lifecycle_seconds(headers),
        webhook_url=request.query.get("fal_webhook"),
    )


def request_urls(context: Context, request: web.Request, accepted: FalRequest) -> JsonObject:
    """Return the three URLs of an accepted request, in the terms its caller used."""
    url = f"{context.queue_base(request)}/{accepted.application}/requests/{accepted.id}"
    return {"response_url": url, "status_url": f"{url}/status", "cancel_url": f"{url}/cancel"}


def _refusal(context: Context, request: web.Request, order: FaultOrder | None) -> web.StreamResponse | None:
    """Return the answer with which nothing is accepted, if there is reason for one."""
    longest = request.query.get("fal_max_queue_length", "")
    if longest.isdigit() and context.queue.length > int(longest):
        return answers.from_fal({"detail": "Queue is full"}, status=429)
    if order is None:
        return None
    match order.fault:
        case Fault.RESET_BEFORE_ACCEPT:
            return reset_answer(request)
        case Fault.SUBMIT_502:
            return answers.from_ingress()
        case Fault.SUBMIT_403:
            return answers.locked()
    return _REFUSALS[order.fault](order) if order.fault in _REFUSALS else None


async def _answer(
    context: Context, request: web.Request, accepted: FalRequest, order: FaultOrder | None
) -> web.StreamResponse:
    body: JsonObject = {
        "status": "IN_QUEUE",
        "request_id": accepted.id,
        **request_urls(context, request, accepted),
        "queue_position": context.queue.position(accepted),
        "logs": None,
        "metrics": {},
        "gateway_request_id": accepted.gateway_id,
    }
    match order.fault if order else None:
        case Fault.RESET_AFTER_ACCEPT:
            return reset_answer(request)
        case Fault.SUBMIT_502_AFTER_ACCEPT:
            return answers.from_ingress()
        case Fault.TRUNCATED_SUBMIT:
            return await truncated_answer(request, answers.encoded(body))
        case Fault.MISSING_KEYS:
            body = {"status": "IN_QUEUE", "queue_position": body["queue_position"]}
        case Fault.SLOW_SUBMIT:
            await asyncio.sleep(order.delay if order else 0.0)
    return answers.from_fal(body, request_id=accepted.id)


async def _arguments(request: web.Request) -> JsonObject | None:
    data = await request.read()
    try:
        arguments: Any = json.loads(data) if data else {}
    except ValueError:
        return None
    return arguments if isinstance(arguments, dict) else None


def _start_timeout(request: web.Request) -> float | None:
    for name in ("X-Fal-Request-Start-Timeout", "X-Fal-Request-Timeout"):
        try:
            seconds = float(request.headers.get(name, ""))
        except ValueError:
            continue
        if seconds > 0.1:
            return seconds
    return None
