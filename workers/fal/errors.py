"""What can go wrong at fal, by what it means for the one who pays: one tree, from `ProviderError`.

A submit ends in one of four ways: an id, `RefusedError` (no use repeating it), `NotAcceptedError` (safe to
repeat) or `SubmissionUnknownError` (repeating it may pay twice).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypedDict, Unpack

from core.job import ErrorReason

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta


class Details(TypedDict, total=False):
    """What a `ProviderError` is told beside its message; see its attributes."""

    reason: ErrorReason | None
    retryable: bool | None
    retry_after: timedelta | None
    metadata: Mapping[str, str] | None


class ProviderError(Exception):
    """Something went wrong at fal, or on the way there."""

    default_reason: ClassVar[ErrorReason] = ErrorReason.PROVIDER_ERROR
    default_retryable: ClassVar[bool] = False

    def __init__(self, message: str | None = None, **details: Unpack[Details]) -> None:
        self.message: str = message or type(self).__doc__ or ""
        """fal's own words where it used any; never the key, never the caller's input."""
        super().__init__(self.message)
        self.reason: ErrorReason = details.get("reason") or self.default_reason
        """What the job fails with, if it fails because of this."""
        retryable = details.get("retryable")
        self.retryable: bool = self.default_retryable if retryable is None else retryable
        """Whether the same call may go well later."""
        self.retry_after: timedelta | None = details.get("retry_after")
        """How long fal asks to wait before the next try; None: it did not say."""
        self.metadata: dict[str, str] = dict(details.get("metadata") or {})
        """`http_status`, `error_type`, `type`, `provider_request_id`: those of them that are known."""


class SubmissionUnknownError(ProviderError):
    """The connection to fal broke, or fal's answer said too little: it may or may not run the request."""

    default_reason = ErrorReason.SUBMISSION_UNKNOWN


class NotAcceptedError(ProviderError):
    """The request provably never became a generation; submitting it again cannot pay twice."""

    default_reason = ErrorReason.PROVIDER_UNAVAILABLE
    default_retryable = True


class RefusedError(ProviderError):
    """fal refused the request and will refuse it again: nothing runs and nothing is billed."""

    default_reason = ErrorReason.INVALID_INPUT


class PollFailedError(ProviderError):
    """A poll failed, which says nothing about the generation: poll again."""

    default_reason = ErrorReason.PROVIDER_UNAVAILABLE
    default_retryable = True

    def __init__(
        self, message: str | None = None, *, unknown_request: bool = False, **details: Unpack[Details]
    ) -> None:
        super().__init__(message, **details)
        self.unknown_request: bool = unknown_request
        """Whether fal itself said that it knows no such request. If it keeps saying so, the request is gone."""


class GenerationFailedError(ProviderError):
    """fal said that the generation failed or was cancelled: final for its request id."""

    def __init__(self, message: str | None = None, *, cancelled: bool = False, **details: Unpack[Details]) -> None:
        super().__init__(message, **details)
        self.cancelled: bool = cancelled
        """Whether it ended because it was cancelled."""


class ResultFetchFailedError(ProviderError):
    """The result could not be read; the generation is not concerned: fetch again, never generate again."""

    default_reason = ErrorReason.RESULT_FETCH_FAILED
    default_retryable = True


class ResultExpiredError(ProviderError):
    """fal no longer has the result: it keeps results for 6 to 60 minutes."""

    default_reason = ErrorReason.RESULT_EXPIRED


class UploadFailedError(ProviderError):
    """A file could not be stored at fal; uploading it again costs nothing."""

    default_reason = ErrorReason.PROVIDER_UNAVAILABLE
    default_retryable = True
