"""The gateway: fal's queue and storage as the rest of Segue sees them.

Every method makes the fewest requests that can do it, each with its own deadline, and raises nothing but
`ProviderError`s. URLs are built from endpoint and request id, never taken from an answer.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any, Final

import fal_client
import httpx

from core.job import CancelOutcome
from workers.fal import verdicts
from workers.fal.answers import Answer
from workers.fal.client import FalClient
from workers.fal.endpoints import check_endpoint, is_request_id
from workers.fal.errors import (
    PollFailedError,
    RefusedError,
    ResultFetchFailedError,
    SubmissionUnknownError,
)
from workers.fal.lanes import AnswerTooLargeError
from workers.fal.limits import Limits, Timeouts
from workers.fal.polls import PollLane
from workers.fal.statuses import status_of
from workers.fal.transport import FalTransport
from workers.fal.uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fal_client import AsyncRequestHandle

    from workers.fal.statuses import Completed, Status

#: Seconds between two tries to cancel.
_CANCEL_PAUSE: Final = 0.2
_CANCEL_WORDS: Final = {
    "OK": CancelOutcome.REMOVED,
    "CANCELLATION_REQUESTED": CancelOutcome.SIGNALLED,
    "ALREADY_COMPLETED": CancelOutcome.ALREADY_COMPLETED,
    "NOT_FOUND": CancelOutcome.NOT_FOUND,
}
_CANCEL_CODES: Final = {
    200: CancelOutcome.REMOVED,
    202: CancelOutcome.SIGNALLED,
    400: CancelOutcome.ALREADY_COMPLETED,
    401: CancelOutcome.UNREACHABLE,
    403: CancelOutcome.UNREACHABLE,
    404: CancelOutcome.NOT_FOUND,
}

#: What a request that is not a submit can raise on its way.
_BROKEN: Final = (httpx.HTTPError, AnswerTooLargeError)


class FalGateway:
    """One account at fal. Belongs to one event loop; close it there."""

    def __init__(
        self,
        *,
        key: str,
        base_url: str | None = None,
        limits: Limits | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        """Prepare the gateway; nothing is connected yet.

        Args:
            key: the fal key.
            base_url: where an emulator stands in for fal (`http://127.0.0.1:9000`); None: fal itself.

        Raises:
            ValueError: the key or the base URL cannot be used.
        """
        # httpx logs the URL of every request at INFO; those hold names of callers' models and requests.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._timeouts = timeouts or Timeouts()
        limits = limits or Limits()
        transport = FalTransport(base_url=base_url, limits=limits)
        self._client = FalClient(key=key, transport=transport, timeouts=self._timeouts)
        self.uploads = Uploads(self._client, deadline=self._timeouts.upload)
        """Puts files into fal's storage."""
        self._polls = PollLane(
            base_url=base_url,
            headers=self._client.headers,
            tls=transport.tls,
            limits=limits,
            timeouts=self._timeouts,
        )

    async def submit(self, endpoint: str, arguments: Mapping[str, Any]) -> str:
        """Send one POST and return the request id that fal gave it.

        A caller that is cancelled meanwhile does not learn the outcome: shield the call.

        Raises:
            RefusedError: do not repeat it.
            NotAcceptedError: repeating it cannot pay twice.
            SubmissionUnknownError: fal may run it; repeating it may pay twice.
        """
        check_endpoint(endpoint)
        arguments = dict(arguments)
        _check_arguments(arguments)
        try:
            handle = await self._client.submit(endpoint, arguments)
        except (httpx.HTTPError, fal_client.FalClientError, KeyError, ValueError) as error:
            # The transport lets none of these out; if one comes all the same, the POST may have gone.
            raise SubmissionUnknownError(metadata={"type": type(error).__name__}) from error
        return handle.request_id

    async def status(self, endpoint: str, request_id: str, *, with_logs: bool = False) -> Status:
        """Ask once where the request stands.

        Raises:
            PollFailedError: there was no usable answer, which says nothing about the generation.
        """
        handle = await self._handle(endpoint, request_id)
        try:
            answer = await self._polls.get(f"{handle.status_url}?logs={'true' if with_logs else 'false'}")
        except (OSError, AnswerTooLargeError) as error:
            raise PollFailedError(metadata={"type": type(error).__name__}) from error
        if not answer.is_success:
            raise verdicts.on_poll(answer)
        status = status_of(answer)
        if status is None:
            raise PollFailedError("fal's answer holds no known status.", metadata=answer.metadata)
        return status

    async def result(self, endpoint: str, request_id: str, *, completed: Completed | None = None) -> dict[str, Any]:
        """Fetch the output of a completed request.

        Args:
            completed: what the last poll said. It tells a failed generation from a failed fetch where
                fal's answer reads the same.

        Returns:
            The model's own answer; under `output` if that is not an object.

        Raises:
            GenerationFailedError: the generation failed or was cancelled.
            ResultFetchFailedError: fetch it again.
            ResultExpiredError: fal no longer has it.
        """
        handle = await self._handle(endpoint, request_id)
        try:
            response = await handle.client.get(handle.response_url, timeout=self._timeouts.http(self._timeouts.result))
        except AnswerTooLargeError as error:
            raise ResultFetchFailedError("The result is too large.", retryable=False) from error
        except httpx.HTTPError as error:
            raise ResultFetchFailedError(metadata={"type": type(error).__name__}) from error
        answer = Answer.of(response, response.request)
        if not response.is_success or response.status_code == httpx.codes.ACCEPTED:
            raise verdicts.on_result(answer, completed)
        output = answer.json
        if output is None:
            raise ResultFetchFailedError("The result is no JSON.", metadata=answer.metadata)
        return output if isinstance(output, dict) else {"output": output}

    async def cancel(self, endpoint: str, request_id: str) -> CancelOutcome:
        """Tell fal to cancel the request, again and again within the time for it, and return its answer."""
        handle = await self._handle(endpoint, request_id)
        try:
            async with asyncio.timeout(self._timeouts.cancel.total_seconds()):
                while True:
                    outcome = await self._cancel_once(handle)
                    if outcome is not None:
                        return outcome
                    await asyncio.sleep(_CANCEL_PAUSE)
        except TimeoutError:
            return CancelOutcome.UNREACHABLE

    async def upload(self, data: bytes, content_type: str, file_name: str) -> str:
        """Store *data* at fal and return its URL.

        Raises:
            UploadFailedError: it is not stored, or not known to be.
        """
        return await self.uploads.data(data, content_type=content_type, name=file_name)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._polls.aclose()
        await self._client.aclose()

    async def _handle(self, endpoint: str, request_id: str) -> AsyncRequestHandle:
        check_endpoint(endpoint)
        if not is_request_id(request_id):
            raise RefusedError("The request id is invalid.")
        return await self._client.get_handle(endpoint, request_id)

    async def _cancel_once(self, handle: AsyncRequestHandle) -> CancelOutcome | None:
        """Return fal's answer, or None if there was none that says anything."""
        timeout = self._timeouts.http(self._timeouts.cancel)
        try:
            response = await handle.client.put(handle.cancel_url, timeout=timeout)
        except _BROKEN:
            return None
        answer = Answer.of(response, response.request)
        word = answer.fields.get("status")
        if isinstance(word, str) and word in _CANCEL_WORDS:
            return _CANCEL_WORDS[word]
        return _CANCEL_CODES.get(answer.status) if answer.is_fals_own or response.is_success else None


def _check_arguments(arguments: dict[str, Any]) -> None:
    """Refuse what cannot be sent, while it is certain that nothing was."""
    try:
        json.dumps(arguments, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise RefusedError("The arguments cannot be written as JSON.") from error
