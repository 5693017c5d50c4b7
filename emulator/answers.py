"""HTTP answers in fal's manner, with the headers by which clients tell fal from its ingress."""

import json
import math
import uuid
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from emulator.records import FalRequest, JsonObject, Outcome, Status

_INGRESS_BODY: Final = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


def encoded(body: Any) -> bytes:
    """Encode *body* as compact JSON."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def from_fal(
    body: Any, *, status: int = 200, request_id: str | None = None, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Answer as fal itself: JSON with an `x-fal-request-id`."""
    return web.Response(
        body=encoded(body),
        status=status,
        reason="Client Closed Request" if status == 499 else None,
        content_type="application/json",
        headers={"x-fal-request-id": request_id or str(uuid.uuid4()), **(headers or {})},
    )


def from_outcome(request: FalRequest, outcome: Outcome) -> web.Response:
    """Replay the answer of the request's model."""
    return from_fal(outcome.body, status=outcome.status, request_id=request.id, headers=outcome.headers)


def from_ingress() -> web.Response:
    """Answer as the proxy before fal does when nothing behind it answers."""
    return web.Response(text=_INGRESS_BODY, status=502, content_type="text/html", headers={"Server": "nginx"})


def unauthorized(application: str) -> web.Response:
    """Refuse a call without a valid key."""
    message = f'Cannot access application "{application}". Authentication is required to access this application.'
    return from_fal({"detail": message}, status=401)


def locked(request_id: str | None = None) -> web.Response:
    """Refuse because the account has no money left."""
    message = "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing."
    return from_fal({"detail": message}, status=403, request_id=request_id)


def too_many(*, retry_after: float | None = None) -> web.Response:
    """Refuse because too much is going on; *retry_after* in seconds."""
    body = {"detail": "Too many concurrent requests", "error_type": "concurrent_requests_limit"}
    headers = {"X-Fal-Needs-Retry": "1"}
    if retry_after is not None:
        headers["Retry-After"] = f"{math.ceil(retry_after)}"
    return from_fal(body, status=429, headers=headers)


def unknown_request() -> web.Response:
    """Say that there is no such request."""
    return from_fal({"status": "NOT_FOUND"}, status=404)


def status_object(request: FalRequest, urls: JsonObject, position: int, logs: list[JsonObject] | None) -> JsonObject:
    """Describe where *request* stands; the Python client needs every key that is here."""
    status: JsonObject = {"status": request.status.value, "request_id": request.id, **urls, "logs": logs}
    status["metrics"] = {}
    if request.status is Status.IN_QUEUE:
        status["queue_position"] = position
    outcome = request.outcome
    if outcome is not None and request.ended_at is not None:
        started = request.ended_at if request.started_at is None else request.started_at
        status["metrics"] = {"inference_time": round(request.ended_at - started, 3)}
        if outcome.error is not None:
            status["error"] = outcome.error
            status["error_type"] = outcome.error_type
    return status
