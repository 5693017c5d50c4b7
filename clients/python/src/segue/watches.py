"""What can be watched: a job, a batch, and all jobs of a tenant that a filter finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from segue import errors
from segue.v1.job_pb2 import JOB_STATE_CANCELLED, JOB_STATE_SUCCEEDED, Job
from segue.v1.job_service_pb2 import (
    WatchBatchRequest,
    WatchBatchResponse,
    WatchJobRequest,
    WatchJobResponse,
    WatchJobsRequest,
    WatchJobsResponse,
)
from segue.values import is_final, seconds
from segue.watching import Watch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from google.protobuf.duration_pb2 import Duration

    from segue.options import Settings


class WatchOptions(TypedDict):
    """What all watches are made with."""

    after_sequence: int
    settings: Settings
    timeout: float | None


def watch_options(settings: Settings, after_sequence: int, timeout: timedelta | float | None) -> WatchOptions:
    """Return what all watches are made with, from what callers give."""
    return WatchOptions(
        after_sequence=after_sequence, settings=settings, timeout=None if timeout is None else seconds(timeout)
    )


class JobWatch(Watch[WatchJobResponse]):
    """Watches a job until it has ended."""

    def __init__(self, job_id: str, *, include_logs: bool = False, **options: Unpack[WatchOptions]) -> None:
        super().__init__(**options)
        self.what = f"job {job_id}"
        self._job_id = job_id
        self._include_logs = include_logs

    def method(self, stub: Any) -> Any:
        """Return the RPC of the watch."""
        return stub.WatchJob

    def _request(self, after_sequence: int, heartbeat: Duration | None) -> WatchJobRequest:
        return WatchJobRequest(
            job_id=self._job_id,
            after_sequence=after_sequence,
            heartbeat_interval=heartbeat,
            include_logs=self._include_logs,
        )

    def _ends(self, message: WatchJobResponse) -> bool | None:
        match message.WhichOneof("event"):
            case "snapshot":
                return is_final(message.snapshot.job.state)
            case "state_change":
                return is_final(message.state_change.to_state)
        return None

    def _omitted(self, message: WatchJobResponse) -> int:
        return message.omitted_count

    def _shows(self, message: WatchJobResponse) -> bool:
        return message.WhichOneof("event") is not None


class BatchWatch(Watch[WatchBatchResponse]):
    """Watches the jobs of a batch until all have ended."""

    def __init__(self, batch_id: str, *, include_logs: bool = False, **options: Unpack[WatchOptions]) -> None:
        super().__init__(**options)
        self.what = f"batch {batch_id}"
        self._batch_id = batch_id
        self._include_logs = include_logs

    def method(self, stub: Any) -> Any:
        """Return the RPC of the watch."""
        return stub.WatchBatch

    def _request(self, after_sequence: int, heartbeat: Duration | None) -> WatchBatchRequest:
        return WatchBatchRequest(
            batch_id=self._batch_id,
            after_sequence=after_sequence,
            heartbeat_interval=heartbeat,
            include_logs=self._include_logs,
        )

    def _ends(self, message: WatchBatchResponse) -> bool:
        return message.batch.HasField("end_time")

    def _omitted(self, message: WatchBatchResponse) -> int:
        return message.omitted_count

    def _shows(self, message: WatchBatchResponse) -> bool:
        # Also without an event: the batch is as it then was, however little is left of the job.
        return message.HasField("batch")


class JobsWatch(Watch[WatchJobsResponse]):
    """Watches the jobs that a filter finds; it has no end of its own."""

    def __init__(self, *, owner: str, labels: Mapping[str, str], **options: Unpack[WatchOptions]) -> None:
        super().__init__(**options)
        self.what = "jobs"
        self._owner = owner
        self._labels = labels

    def method(self, stub: Any) -> Any:
        """Return the RPC of the watch."""
        return stub.WatchJobs

    def _request(self, after_sequence: int, heartbeat: Duration | None) -> WatchJobsRequest:
        return WatchJobsRequest(
            owner=self._owner, labels=self._labels, after_sequence=after_sequence, heartbeat_interval=heartbeat
        )

    def _ends(self, message: WatchJobsResponse) -> bool:
        return False

    def _omitted(self, message: WatchJobsResponse) -> None:
        """Return None: between the events of these jobs stand those of others."""

    def _shows(self, message: WatchJobsResponse) -> bool:
        return message.WhichOneof("event") is not None


class Outcome:
    """The end of a job, as the events of its watch tell it."""

    def __init__(self) -> None:
        self._job = Job()

    def take(self, event: WatchJobResponse) -> None:
        """Note what an event says about the job as a whole."""
        match event.WhichOneof("event"):
            case "snapshot":
                self._job = event.snapshot.job
            case "state_change":  # its job carries no spec; the snapshot's did
                job = Job()
                job.CopyFrom(event.state_change.job)
                if self._job.HasField("spec"):
                    job.spec.CopyFrom(self._job.spec)
                self._job = job

    def result(self) -> Job:
        """Return the job that succeeded.

        Raises:
            JobFailed: it failed.
            JobCancelled: it was cancelled.
        """
        if self._job.state == JOB_STATE_SUCCEEDED:
            return self._job
        raise (errors.JobCancelled if self._job.state == JOB_STATE_CANCELLED else errors.JobFailed)(self._job)
