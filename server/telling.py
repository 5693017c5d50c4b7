"""Makes the messages of watches, as bytes: an event is serialised once, however many are told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from core.events.event import Event, LogWritten
from core.events.feed import BatchEvent, Quiet, TenantEvent, Thinned
from segue.v1.job_service_pb2 import WatchBatchResponse, WatchJobResponse
from server.translate.events import (
    batch_draining_to_proto,
    batch_watched_to_proto,
    draining_to_proto,
    jobs_draining_to_proto,
    jobs_watched_to_proto,
    watched_to_proto,
)

if TYPE_CHECKING:
    from datetime import timedelta

    from core.events.feed import BatchSnapshot, JobsSnapshot, Snapshot
    from core.job import BatchId, JobId


class Teller(Protocol):
    """Says what is followed in the words of a stream."""

    def message(self, item: Any) -> bytes:
        """Return the message of an item."""

    def draining(self, sequence: int, reconnect_delay: timedelta) -> bytes:
        """Return the last message of a stream that goes on elsewhere."""


class JobTeller:
    """Tells of one job."""

    def __init__(self, job_id: JobId, *, with_logs: bool) -> None:
        self._job_id = job_id
        self._with_logs = with_logs

    def message(self, item: Snapshot | Event | Thinned[Event] | Quiet) -> bytes:
        """Return the message of an item."""
        if isinstance(item, Event):
            # Lines of logs have two forms; all else is the same with and without them.
            form = "bare" if not self._with_logs and type(item) is LogWritten else "full"
            if (known := item.rendered.get(form)) is None:
                known = item.rendered[form] = self._serialised(item)
            return known
        if isinstance(item, Thinned):
            # Messages that follow each other are read as one: each field has the value that came last.
            return self.message(item.item) + WatchJobResponse(omitted_count=item.omitted).SerializeToString()
        return self._serialised(item)

    def draining(self, sequence: int, reconnect_delay: timedelta) -> bytes:
        """Return the last message of a stream that goes on elsewhere."""
        return draining_to_proto(self._job_id, sequence, reconnect_delay).SerializeToString()

    def _serialised(self, item: Snapshot | Event | Quiet) -> bytes:
        return watched_to_proto(self._job_id, item, with_logs=self._with_logs).SerializeToString()


class BatchTeller:
    """Tells of the jobs of a batch."""

    def __init__(self, batch_id: BatchId, *, with_logs: bool) -> None:
        self._batch_id = batch_id
        self._with_logs = with_logs

    def message(self, item: BatchSnapshot | BatchEvent | Thinned[BatchEvent] | Quiet) -> bytes:
        """Return the message of an item."""
        if isinstance(item, BatchEvent):
            form = "bare" if not self._with_logs and type(item.event) is LogWritten else "full"
            if (known := item.rendered.get(form)) is None:
                known = item.rendered[form] = self._serialised(item)
            return known
        if isinstance(item, Thinned):
            return self.message(item.item) + WatchBatchResponse(omitted_count=item.omitted).SerializeToString()
        return self._serialised(item)

    def draining(self, sequence: int, reconnect_delay: timedelta) -> bytes:
        """Return the last message of a stream that goes on elsewhere."""
        return batch_draining_to_proto(self._batch_id, sequence, reconnect_delay).SerializeToString()

    def _serialised(self, item: BatchSnapshot | BatchEvent | Quiet) -> bytes:
        return batch_watched_to_proto(self._batch_id, item, with_logs=self._with_logs).SerializeToString()


class JobsTeller:
    """Tells of many jobs."""

    def message(self, item: JobsSnapshot | TenantEvent | Quiet) -> bytes:
        """Return the message of an item."""
        if not isinstance(item, TenantEvent):
            return jobs_watched_to_proto(item).SerializeToString()
        if (known := item.rendered.get("full")) is None:
            known = item.rendered["full"] = jobs_watched_to_proto(item).SerializeToString()
        return known

    def draining(self, sequence: int, reconnect_delay: timedelta) -> bytes:
        """Return the last message of a stream that goes on elsewhere."""
        return jobs_draining_to_proto(sequence, reconnect_delay).SerializeToString()
