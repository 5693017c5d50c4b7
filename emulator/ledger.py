"""The account's books: every request ever accepted, and what the account pays for."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from emulator.records import FalRequest, JsonObject, Status

#: Longer strings in the arguments (data: URIs) are cut in the ledger's listing, in characters.
_LONGEST_STRING: Final = 2_000


class Ledger:
    """Counts and keeps requests. Statuses change only through `moved`, so the counts are always right."""

    def __init__(self) -> None:
        self._requests: dict[str, FalRequest] = {}
        self.posts = 0
        """Submits that reached the emulator, refused and broken ones included."""
        self.in_progress = 0
        """Requests running now."""
        self.peak_in_progress = 0
        """The most requests that ever ran at once."""

    @property
    def submits(self) -> int:
        """How many requests were accepted."""
        return len(self._requests)

    @property
    def requests(self) -> Iterable[FalRequest]:
        """All requests, oldest first."""
        return self._requests.values()

    def add(self, request: FalRequest) -> None:
        """Enter an accepted request."""
        self._requests[request.id] = request

    def find(self, request_id: str) -> FalRequest | None:
        """Return the request of that id."""
        return self._requests.get(request_id)

    def moved(self, request: FalRequest, status: Status) -> None:
        """Give *request* its new status."""
        self.in_progress += (status is Status.IN_PROGRESS) - (request.status is Status.IN_PROGRESS)
        self.peak_in_progress = max(self.peak_in_progress, self.in_progress)
        request.status = status

    def clear(self) -> None:
        """Begin new books."""
        self._requests.clear()
        self.posts = self.in_progress = self.peak_in_progress = 0

    def counts(self) -> dict[str, int]:
        """The sums of the books."""
        return {
            "posts": self.posts,
            "submits": self.submits,
            "billed": sum(1 for request in self.requests if request.outcome and request.outcome.billed),
            "in_queue": sum(1 for request in self.requests if request.status is Status.IN_QUEUE),
            "in_progress": self.in_progress,
            "peak_in_progress": self.peak_in_progress,
        }


def entry(request: FalRequest) -> JsonObject:
    """Show *request* as the ledger's listing does; times are ISO 8601 in UTC."""
    outcome = request.outcome
    return {
        "request_id": request.id,
        "endpoint": request.endpoint,
        "arguments": _shortened(request.submission.arguments),
        "priority": request.submission.priority,
        "status": request.status.value,
        "error": outcome.error if outcome else None,
        "error_type": outcome.error_type if outcome else None,
        "result_status": outcome.status if outcome else None,
        "billed": outcome.billed if outcome else False,
        "units": outcome.units if outcome else 0.0,
        "create_time": _iso(request.create_time),
        "start_time": _iso(request.start_time),
        "end_time": _iso(request.end_time),
        "cancel_time": _iso(request.cancel_time),
        "cancel_answer": request.cancel_answer,
        "polls": request.polls,
        "result_reads": request.result_reads,
        "requeues": request.requeues,
        "webhook_url": request.submission.webhook_url,
    }


def _iso(time: datetime | None) -> str | None:
    return time.isoformat() if time else None


def _shortened(value: Any) -> Any:
    match value:
        case str() if len(value) > _LONGEST_STRING:
            return f"{value[:80]}... ({len(value)} characters)"
        case dict():
            return {key: _shortened(item) for key, item in value.items()}
        case list():
            return [_shortened(item) for item in value]
    return value
