"""What an error answer of fal means, by what was asked: the one table of statuses.

For a submit the question is whether fal may have accepted it. Only these prove that it did not: a 4xx
other than 408 and 499, and 503. Everything else (500, 502, 504, redirects) can follow an acceptance
whose answer was lost, and fal has no idempotency key to find out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeVar

from core.job import ErrorReason
from workers.fal.errors import (
    GenerationFailedError,
    NotAcceptedError,
    PollFailedError,
    ProviderError,
    RefusedError,
    ResultExpiredError,
    ResultFetchFailedError,
    SubmissionUnknownError,
)

if TYPE_CHECKING:
    from workers.fal.answers import Answer
    from workers.fal.statuses import Completed

_E = TypeVar("_E", bound=ProviderError)

#: 4xx that do not prove a refusal: both can be written by a gateway that gave up on a working backend.
_UNPROVEN: Final = frozenset({408, 499})
_NOT_NOW: Final = frozenset({409, 425, 429, 503})
_INPUT: Final = frozenset({400, 404, 405, 411, 413, 414, 415, 422, 431})
_BALANCE: Final = re.compile(r"locked|balance|top.?up|payment", re.IGNORECASE)

#: What fal's status says of a model that refused its input.
_INPUT_STATUS: Final = re.compile(r"Invalid status code: 4(00|22)")

_CONTENT_POLICY: Final = "content_policy_violation"
_CANCELLED: Final = "client_cancelled"
#: Errors of fal's machinery rather than of the model: a repetition usually runs elsewhere.
_UNAVAILABLE: Final = frozenset(
    {
        "request_timeout",
        "startup_timeout",
        "runner_scheduling_failure",
        "runner_connection_timeout",
        "runner_disconnected",
        "runner_connection_refused",
        "runner_connection_error",
        "runner_incomplete_response",
        "downstream_service_unavailable",
    }
)
#: Models' errors that are not the input's fault whatever status carries them (fal has sent both 400 and 500).
_MODEL_TROUBLE: Final = frozenset({"internal_server_error", "generation_timeout", "downstream_service_error"})
_BROKEN: Final = frozenset({"runner_server_error", "internal_error", "client_disconnected"})


def on_submit(answer: Answer) -> ProviderError:
    """Say whether a submit that got an error *answer* may be repeated."""
    status = answer.status
    if status in _NOT_NOW and not answer.error_type.startswith("runner_"):
        return _error(NotAcceptedError, answer)
    if not 400 <= status < 500 or status in _UNPROVEN:
        return _error(SubmissionUnknownError, answer)
    if answer.is_fals_own or status in {400, 413, 414, 431}:
        return _error(RefusedError, answer, reason=_refusal(answer))
    # A 401, 403 or 404 that fal did not write is a proxy's: not forwarded, and gone when the proxy is mended.
    return _error(NotAcceptedError, answer)


def on_poll(answer: Answer) -> PollFailedError:
    """Wrap the error *answer* to a poll; it never says that the generation failed."""
    return PollFailedError(
        answer.message,
        reason=ErrorReason.PROVIDER_BALANCE if _is_balance(answer) else None,
        retry_after=answer.retry_after,
        metadata=answer.metadata,
        unknown_request=answer.status == 404 and answer.is_fals_own,
    )


def on_result(answer: Answer, completed: Completed | None) -> ProviderError:
    """Tell a failed generation, whose own error the result's address repeats, from a failed fetch.

    Args:
        completed: what the last poll said, if known. Some answers (a bare 500) read the same either way.
    """
    if _is_unfinished(answer) or answer.status in {401, 402, 408, 409, 425, 429}:
        return _error(ResultFetchFailedError, answer)
    if answer.error_type or answer.fault_types or answer.status in {400, 422, 499}:
        return failed(answer)
    says_failed = completed is not None and completed.error is not None
    if answer.status in {404, 410} and answer.is_fals_own:
        return failed_by_status(completed) if completed and says_failed else _error(ResultExpiredError, answer)
    if says_failed and answer.is_fals_own:
        return failed(answer)
    return _error(ResultFetchFailedError, answer)


def failed(answer: Answer) -> GenerationFailedError:
    """Classify a generation by the error answer that its model, or the machinery around it, gave."""
    if answer.error_type == _CANCELLED or (answer.status == 499 and not answer.error_type):
        return GenerationFailedError(answer.message, metadata=answer.metadata, cancelled=True)
    if _CONTENT_POLICY in (answer.error_type, *answer.fault_types):
        return _error(GenerationFailedError, answer, reason=ErrorReason.CONTENT_REFUSED)
    kinds = {answer.error_type, *answer.fault_types}
    if answer.status < 500 and not kinds & (_UNAVAILABLE | _MODEL_TROUBLE | _BROKEN):
        reason = ErrorReason.INVALID_INPUT if answer.status in _INPUT else ErrorReason.PROVIDER_ERROR
        return _error(GenerationFailedError, answer, reason=reason)
    nameless = kinds == {""} and answer.status in {502, 503, 504}
    unavailable = nameless or bool(kinds & _UNAVAILABLE)
    return _error(
        GenerationFailedError,
        answer,
        reason=ErrorReason.PROVIDER_UNAVAILABLE if unavailable else ErrorReason.PROVIDER_ERROR,
        retryable=answer.retry_advice is not False,
    )


def failed_by_status(completed: Completed) -> GenerationFailedError:
    """Classify a generation by the status alone: for when its error answer cannot be fetched."""
    kind = completed.error_type or ""
    metadata = {"error_type": kind} if kind else {}
    if kind == _CANCELLED:
        return GenerationFailedError(completed.error, metadata=metadata, cancelled=True)
    if kind == _CONTENT_POLICY:
        return GenerationFailedError(completed.error, reason=ErrorReason.CONTENT_REFUSED, metadata=metadata)
    if kind in _UNAVAILABLE:
        reason = ErrorReason.PROVIDER_UNAVAILABLE
    elif kind == "bad_request" or _INPUT_STATUS.search(completed.error or ""):
        reason = ErrorReason.INVALID_INPUT
    else:
        reason = ErrorReason.PROVIDER_ERROR
    # Without a word on the cause a repetition may only pay for the same failure again.
    retryable = kind in _UNAVAILABLE | _MODEL_TROUBLE | _BROKEN
    return GenerationFailedError(completed.error, reason=reason, retryable=retryable, metadata=metadata)


def _error(kind: type[_E], answer: Answer, *, reason: ErrorReason | None = None, retryable: bool | None = None) -> _E:
    return kind(
        answer.message,
        reason=reason,
        retryable=retryable,
        retry_after=answer.retry_after,
        metadata=answer.metadata,
    )


def _refusal(answer: Answer) -> ErrorReason:
    if _is_balance(answer):
        return ErrorReason.PROVIDER_BALANCE
    if _CONTENT_POLICY in (answer.error_type, *answer.fault_types):
        return ErrorReason.CONTENT_REFUSED
    # 401 and the other 403s are about our key, not about the caller's input.
    return ErrorReason.INVALID_INPUT if answer.status in _INPUT else ErrorReason.PROVIDER_ERROR


def _is_balance(answer: Answer) -> bool:
    return answer.status == 402 or (answer.status == 403 and _BALANCE.search(answer.message) is not None)


def _is_unfinished(answer: Answer) -> bool:
    return answer.status == 202 or (answer.status == 400 and "in progress" in answer.message.lower())
