"""The synchronous face of the client, on grpc's own threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, Unpack

from segue import requests
from segue.callers import Caller
from segue.calls import Deadline
from segue.options import settings
from segue.templates import Templates
from segue.v1.job_service_pb2 import (
    CancelBatchRequest,
    CancelJobRequest,
    CancelJobsRequest,
    DeleteJobRequest,
    GetBatchRequest,
    GetJobRequest,
    ReleaseJobRequest,
    RetryJobsRequest,
)
from segue.v1.system_service_pb2 import (
    GetCapabilitiesRequest,
    GetStatsRequest,
    PauseSchedulingRequest,
    ResumeSchedulingRequest,
)
from segue.values import is_final, seconds
from segue.watchers import Watcher
from segue.watches import BatchWatch, JobsWatch, JobWatch, Outcome, watch_options

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
    from datetime import timedelta
    from types import TracebackType

    from segue.options import Addresses, ClientOptions
    from segue.v1.job_pb2 import Batch, Job
    from segue.v1.job_service_pb2 import CancelBatchResponse, WatchBatchResponse, WatchJobResponse, WatchJobsResponse
    from segue.v1.spec_pb2 import JobSpec
    from segue.v1.system_service_pb2 import GetCapabilitiesResponse, GetStatsResponse, Pause

__all__ = ["Client"]


class Client:
    """Talks to Segue from threads; one client may serve many. Opens its connections when they are first needed.

    Its methods are those of `segue.aio.Client`, which tells more of each.

    Args:
        addresses: "host:port", several joined by commas, or a list of them.
        options: see `segue.options.ClientOptions`.

    Raises:
        ValueError: there is no address.
    """

    def __init__(self, addresses: Addresses, **options: Unpack[ClientOptions]) -> None:
        self._settings = settings(addresses, **options)
        self._call = Caller(self._settings)
        self.templates = Templates(self._call)
        """Saves specs, to be referred to by ``template_id``."""
        self._watch = Watcher(self._call)

    def submit(
        self,
        spec: JobSpec,
        *,
        request_id: str | None = None,
        validate_only: bool = False,
        timeout: timedelta | float | None = None,
        **options: Unpack[requests.JobOptions],
    ) -> Job:
        """Submit one job and return it; from then on it is stored durably. See `segue.aio.Client.submit`.

        Raises:
            InvalidRequest: mend what its violations name.
            RequestIdReused: the request_id was used with another payload.
        """
        item = requests.submission(spec, **options)
        request = requests.submit(item, request_id=request_id, validate_only=validate_only)
        return self._call(lambda stubs: stubs.jobs.SubmitJob, request, timeout).job

    def submit_batch(
        self,
        jobs: Iterable[requests.BatchItem],
        *,
        request_id: str | None = None,
        display_name: str = "",
        allow_partial_success: bool = False,
        timeout: timedelta | float | None = None,
    ) -> requests.SubmittedBatch:
        """Submit up to 1000 jobs: all or none, unless *allow_partial_success* is set.

        See `segue.aio.Client.submit_batch`.

        Raises:
            InvalidRequest: the paths of its violations begin with ``jobs[i].``.
            RequestIdReused: the request_id was used with another payload.
        """
        request = requests.submit_batch(
            jobs,
            request_id=request_id,
            display_name=display_name,
            allow_partial_success=allow_partial_success,
        )
        return requests.submitted_batch(self._call(lambda stubs: stubs.jobs.BatchSubmit, request, timeout))

    def get(self, job_id: str, *, timeout: timedelta | float | None = None) -> Job:
        """Return a job as it stands.

        Raises:
            JobNotFound: there is none, or it has expired.
        """
        return self._call(lambda stubs: stubs.jobs.GetJob, GetJobRequest(job_id=job_id), timeout).job

    def cancel(self, job_id: str, *, timeout: timedelta | float | None = None) -> Job:
        """Cancel a job and return it: CANCELLED, or CANCELLING until fal has answered.

        Raises:
            JobNotFound: there is none, or it has expired.
            JobFinished: it has already ended.
        """
        return self._call(lambda stubs: stubs.jobs.CancelJob, CancelJobRequest(job_id=job_id), timeout).job

    def retry(
        self,
        job_id: str,
        *,
        request_id: str | None = None,
        resubmit_unknown: bool = False,
        timeout: timedelta | float | None = None,
    ) -> Job:
        """Give a failed or cancelled job another round of attempts, which use again what is paid; return the job.

        Args:
            job_id: the job.
            request_id: as in `submit`: a retry that is repeated with the same one is one retry.
            resubmit_unknown: submit anew where it cannot be known whether fal accepted a submit; in the worst case
                fal bills both.
            timeout: the deadline of this call, if not the client's.

        Raises:
            JobNotFound: there is none, or it has expired.
            JobNotRetryable: it has neither failed nor been cancelled.
            RequestIdReused: the request_id was used with another payload.
        """
        request = requests.retry(job_id, request_id=request_id, resubmit_unknown=resubmit_unknown)
        return self._call(lambda stubs: stubs.jobs.RetryJob, request, timeout).job

    def release(self, *job_ids: str, timeout: timedelta | float | None = None) -> Sequence[Job]:
        """Let up to 1000 held jobs go, all or none, and return them without their specs.

        Raises:
            JobNotFound: one of them does not exist.
            JobNotHeld: one of them has already ended.
        """
        request = ReleaseJobRequest(job_ids=job_ids)
        return tuple(self._call(lambda stubs: stubs.jobs.ReleaseJob, request, timeout).jobs)

    def delete(self, job_id: str, *, timeout: timedelta | float | None = None) -> None:
        """Forget a finished job before its time.

        Raises:
            JobNotFound: there is none; also when it was deleted by a call whose answer was lost.
            JobNotFinished: cancel it first.
        """
        self._call(lambda stubs: stubs.jobs.DeleteJob, DeleteJobRequest(job_id=job_id), timeout)

    def wait(self, job_id: str, timeout: timedelta | float = 30.0) -> Job:
        """Wait until a job has ended, but no longer than *timeout*, and return it as it then stands.

        `result` raises for jobs that fail, and `watch` tells what happens meanwhile.

        Raises:
            JobNotFound: there is none, or it has expired.
        """
        deadline = Deadline(seconds(timeout))
        while True:
            request = requests.wait(job_id, deadline.cap(self._settings.longest_wait))
            job = self._call(lambda stubs: stubs.jobs.WaitJob, request).job
            if is_final(job.state) or deadline.passed:
                return job

    def get_batch(self, batch_id: str, *, timeout: timedelta | float | None = None) -> Batch:
        """Return a batch as it stands.

        Raises:
            BatchNotFound: there is none, or it has expired.
        """
        return self._call(lambda stubs: stubs.jobs.GetBatch, GetBatchRequest(batch_id=batch_id), timeout).batch

    def cancel_batch(self, batch_id: str, *, timeout: timedelta | float | None = None) -> CancelBatchResponse:
        """Cancel every job of a batch that has not ended; return the ``batch`` and the ``cancelled_count``.

        Raises:
            BatchNotFound: there is none, or it has expired.
        """
        return self._call(lambda stubs: stubs.jobs.CancelBatch, CancelBatchRequest(batch_id=batch_id), timeout)

    def cancel_where(self, **conditions: Unpack[requests.JobFilter]) -> int:
        """Cancel every unfinished job that meets all conditions, of which there must be one; return how many.

        Jobs are cancelled a thousand at a time, so a failure may leave some of them cancelled: repeat it.

        Raises:
            InvalidRequest: there is no condition, or a wrong one.
        """
        request = CancelJobsRequest(filter=requests.job_filter(**conditions))
        count, more = 0, True
        while more:
            answer = self._call(lambda stubs: stubs.jobs.CancelJobs, request)
            count, more = count + answer.cancelled_count, answer.more
        return count

    def retry_where(self, *, resubmit_unknown: bool = False, **conditions: Unpack[requests.JobFilter]) -> int:
        """Retry every failed and cancelled job that meets all conditions; return how many. As `cancel_where`.

        Raises:
            InvalidRequest: there is no condition, or a wrong one.
        """
        request = RetryJobsRequest(filter=requests.job_filter(**conditions), resubmit_unknown=resubmit_unknown)
        count, more = 0, True
        while more:
            answer = self._call(lambda stubs: stubs.jobs.RetryJobs, request)
            count, more = count + answer.retried_count, answer.more
        return count

    def stats(self, *, timeout: timedelta | float | None = None) -> GetStatsResponse:
        """Return how many jobs stand in which state, and what is paused."""
        return self._call(lambda stubs: stubs.system.GetStats, GetStatsRequest(), timeout)

    def pause(self, **scope: Unpack[requests.Scope]) -> Sequence[Pause]:
        """Start no more jobs of a scope (those that run go on), and return all that is paused.

        Args:
            scope: one of ``everything=True``, ``tenant=True``, ``kind="transition"``.

        Raises:
            ValueError: it is none of these, or several.
        """
        request = PauseSchedulingRequest(scope=requests.scope(**scope))
        return tuple(self._call(lambda stubs: stubs.system.PauseScheduling, request).pauses)

    def resume(self, **scope: Unpack[requests.Scope]) -> Sequence[Pause]:
        """Start jobs of a scope again, and return what is still paused. See `pause`.

        Raises:
            ValueError: it is none of the scopes, or several.
        """
        request = ResumeSchedulingRequest(scope=requests.scope(**scope))
        return tuple(self._call(lambda stubs: stubs.system.ResumeScheduling, request).pauses)

    def capabilities(self, *, timeout: timedelta | float | None = None) -> GetCapabilitiesResponse:
        """Return the kinds, models, limits and defaults of the server."""
        return self._call(lambda stubs: stubs.system.GetCapabilities, GetCapabilitiesRequest(), timeout)

    def list(self, **filters: Unpack[requests.ListOptions]) -> Iterator[Job]:
        """Yield jobs, newest first, page by page.

        Args:
            filters: see `segue.requests.ListOptions`.
        """
        request = requests.list_jobs(**filters)
        while True:
            page = self._call(lambda stubs: stubs.jobs.ListJobs, request)
            yield from page.jobs
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def watch(
        self,
        job_id: str,
        *,
        after_sequence: int = 0,
        include_logs: bool = False,
        timeout: timedelta | float | None = None,
    ) -> Generator[WatchJobResponse, None, None]:
        """Yield the events of a job, each once and in order, until after the final one.

        See `segue.aio.Client.watch`. To stop earlier, leave the loop; from another thread, `close` the client.

        Raises:
            JobNotFound: there is no such job, or it has expired.
            DeadlineExceeded: the timeout passed; the job goes on.
        """
        options = watch_options(self._settings, after_sequence, timeout)
        return self._watch(JobWatch(job_id, include_logs=include_logs, **options))

    def watch_batch(
        self,
        batch_id: str,
        *,
        after_sequence: int = 0,
        include_logs: bool = False,
        timeout: timedelta | float | None = None,
    ) -> Generator[WatchBatchResponse, None, None]:
        """Yield the events of all jobs of a batch, with the batch after each, until all have ended. As `watch`.

        Raises:
            BatchNotFound: there is none, or it has expired.
            DeadlineExceeded: the timeout passed; the jobs go on.
        """
        options = watch_options(self._settings, after_sequence, timeout)
        return self._watch(BatchWatch(batch_id, include_logs=include_logs, **options))

    def watch_jobs(
        self,
        *,
        owner: str = "",
        labels: Mapping[str, str] | None = None,
        after_sequence: int = 0,
        timeout: timedelta | float | None = None,
    ) -> Generator[WatchJobsResponse, None, None]:
        """Yield what happens to your jobs, or those of an owner or with labels. See `segue.aio.Client.watch_jobs`.

        Raises:
            DeadlineExceeded: the timeout passed.
        """
        options = watch_options(self._settings, after_sequence, timeout)
        return self._watch(JobsWatch(owner=owner, labels=labels or {}, **options))

    def result(self, job_id: str, *, timeout: timedelta | float | None = None) -> Job:
        """Wait until a job has ended and return it with its result.

        Raises:
            JobFailed: it failed.
            JobCancelled: it was cancelled.
            JobNotFound: there is no such job, or it has expired.
            DeadlineExceeded: the timeout passed; the job goes on.
        """
        outcome = Outcome()
        for event in self.watch(job_id, timeout=timeout):
            outcome.take(event)
        return outcome.result()

    def close(self) -> None:
        """Close all connections; calls and watches that still run end with `ClientClosed`."""
        self._call.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
