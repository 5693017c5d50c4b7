"""How requests end, in fal's words: the bodies, headers and error types of every ending."""

import json
from collections.abc import Sequence
from typing import Any, Final

from emulator.records import JsonObject, Outcome

_DOCUMENTATION: Final = "https://docs.fal.ai/errors/"


class ModelError(Exception):
    """The model ended with an HTTP error of its own instead of an output."""

    def __init__(self, *details: JsonObject, status: int = 422) -> None:
        super().__init__(details[0]["type"])
        self.details = details
        self.status = status


def detail(location: Sequence[str | int], message: str, kind: str, **extra: Any) -> JsonObject:
    """Describe one fault of the input the way fal's models do; *extra* is `ctx` and `input`."""
    return {
        "loc": ["body", *location],
        "msg": message,
        "type": kind,
        "url": f"{_DOCUMENTATION}#{kind}",
        **extra,
    }


def content_refused() -> ModelError:
    """The content checker's refusal."""
    message = "The content could not be processed because it contained material flagged by a content checker."
    return ModelError(detail(["prompt"], message, "content_policy_violation"))


def failed_by_model(error: ModelError, *, units: float = 0.0) -> Outcome:
    """The end of a request whose model answered with an error."""
    return Outcome(
        status=error.status,
        body={"detail": list(error.details)},
        headers={"X-Fal-Retryable": "false", "X-Fal-Needs-Retry": "0"},
        error=f"Invalid status code: {error.status}",
        error_type=str(error.details[0]["type"]),
        units=units,
    )


def failed_by_runner() -> Outcome:
    """The end of a request whose runner broke; never billed."""
    return failed_by_fal(500, "Internal server error", "runner_server_error")


def start_timed_out() -> Outcome:
    """The end of a request that did not start within its start timeout."""
    return failed_by_fal(504, "Request timed out", "request_timeout", {"X-Fal-Request-Timeout-Type": "user"})


def cancelled(*, units: float = 0.0) -> Outcome:
    """The end of a request its client cancelled."""
    return failed_by_fal(499, "Request was cancelled by the client", "client_cancelled", units=units)


def failed_by_fal(
    status: int, message: str, error_type: str, headers: dict[str, str] | None = None, *, units: float = 0.0
) -> Outcome:
    """The end of a request that failed outside its model."""
    return Outcome(
        status=status,
        body={"detail": message, "error_type": error_type},
        headers={"X-Fal-Error-Type": error_type, **(headers or {})},
        error=message,
        error_type=error_type,
        units=units,
    )


def succeeded(output: JsonObject, *, units: float) -> Outcome:
    """The end of a request that produced *output*."""
    return Outcome(status=200, body=output, headers={"X-Fal-Billable-Units": f"{units:g}"}, units=units)


def size_of(outcome: Outcome) -> int:
    """The bytes of the result's JSON body: fal keeps large results for a shorter time."""
    return len(json.dumps(outcome.body, separators=(",", ":")).encode())
