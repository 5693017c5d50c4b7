"""JobService: submits, shows, watches and changes jobs and batches."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from core.errors import AwaitedJobNotFoundError
from core.job import BatchId, JobId
from segue.v1 import job_service_pb2 as pb
from segue.v1.job_service_pb2_grpc import JobServiceServicer
from server.awaited import check_awaited, check_awaited_of_batch
from server.statuses import status_of
from server.telling import BatchTeller, JobsTeller, JobTeller
from server.templating import filled, filled_batch
from server.tenants import current_tenant
from server.translate.jobs import batch_to_proto, fill_job, job_to_proto
from server.translate.page_tokens import page_token_from_proto, page_token_to_proto
from server.translate.requests import (
    digest_of,
    filter_from_proto,
    heartbeat_from_proto,
    page_size_from_proto,
    submission_from_proto,
    wait_from_proto,
)
from server.validation.requests import (
    check_batch_id,
    check_batch_submit,
    check_filter,
    check_job_id,
    check_list_jobs,
    check_release_job,
    check_retry_job,
    check_submit_job,
    check_wait_job,
    check_watch_batch,
    check_watch_job,
    check_watch_jobs,
)
from server.validation.scripts import checked
from server.waiting import ended
from server.watch import ItemT, watched

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from typing import Final

    from core.errors import SegueError
    from core.jobs import Jobs, SubmittedBatch
    from core.store.templates import TemplateStore
    from segue.v1 import job_pb2
    from server.settings import Settings
    from server.telling import Teller
    from server.types import Context

#: Bytes of a refused item's status: a thousand of them stay within the 4 MB that clients take by default.
FAILURE_BYTES: Final = 2000


class JobServicer(JobServiceServicer):
    """Serves the jobs of the caller's tenant."""

    def __init__(self, jobs: Jobs, templates: TemplateStore, settings: Settings) -> None:
        self._jobs = jobs
        self._templates = templates
        self._settings = settings

    async def SubmitJob(self, request: pb.SubmitJobRequest, context: Context) -> pb.SubmitJobResponse:
        """Accept one job."""
        whole = await filled(self._templates, request)
        await checked(check_submit_job, whole, self._settings)
        submission = submission_from_proto(whole, self._settings)
        if whole is not request:
            # A repetition is the same request, whatever has become of the template meanwhile.
            submission = replace(submission, digest=digest_of(request) if request.request_id else "")
        if request.validate_only:
            await check_awaited(self._jobs, whole)
            return pb.SubmitJobResponse(job=job_to_proto(self._jobs.preview(current_tenant(), submission)))
        try:
            submitted = await self._jobs.submit(current_tenant(), submission)
        except AwaitedJobNotFoundError:
            await check_awaited(self._jobs, whole)
            raise
        response = pb.SubmitJobResponse(deduplicated=submitted.deduplicated)
        fill_job(response.job, submitted.job, with_spec=True)
        return response

    async def BatchSubmit(self, request: pb.BatchSubmitRequest, context: Context) -> pb.BatchSubmitResponse:
        """Accept jobs together."""
        whole, unreferenced = await filled_batch(self._templates, request)
        refused = {**await checked(check_batch_submit, whole, self._settings), **unreferenced}
        try:
            submitted = await self._accepted(request, whole, refused)
        except AwaitedJobNotFoundError:
            refused = await check_awaited_of_batch(self._jobs, whole, refused)
            submitted = await self._accepted(request, whole, refused)
        response = pb.BatchSubmitResponse(
            batch=batch_to_proto(submitted.batch),
            failures={index: status_of(error, size=FAILURE_BYTES) for index, error in refused.items()},
            deduplicated=submitted.deduplicated,
        )
        for job in submitted.jobs:
            fill_job(response.jobs.add(), job, with_spec=False)
        return response

    async def GetJob(self, request: pb.GetJobRequest, context: Context) -> pb.GetJobResponse:
        """Return a job as it stands."""
        check_job_id(request.job_id)
        return pb.GetJobResponse(job=await self._current(JobId(request.job_id)))

    async def ListJobs(self, request: pb.ListJobsRequest, context: Context) -> pb.ListJobsResponse:
        """Return a page of jobs."""
        check_list_jobs(request)
        listed = await self._jobs.list(
            current_tenant(),
            filter_from_proto(request),
            size=page_size_from_proto(request),
            before=page_token_from_proto(request),
            with_specs=request.include_spec,
        )
        response = pb.ListJobsResponse(next_page_token=page_token_to_proto(request, listed.next_before))
        for job in listed.jobs:
            fill_job(response.jobs.add(), job, with_spec=request.include_spec)
        return response

    async def WaitJob(self, request: pb.WaitJobRequest, context: Context) -> pb.WaitJobResponse:
        """Return a job when it has ended, or as it stands after a while."""
        check_wait_job(request)
        job_id, timeout = JobId(request.job_id), wait_from_proto(request)
        if timeout:
            await ended(self._jobs.follow(current_tenant(), job_id, after=0, heartbeat=timeout), timeout=timeout)
        return pb.WaitJobResponse(job=await self._current(job_id))

    def WatchJob(  # type: ignore[override]  # its messages are serialised already
        self, request: pb.WatchJobRequest, context: Context
    ) -> AsyncGenerator[bytes, None]:
        """Stream what happens to a job."""
        check_watch_job(request)
        job_id = JobId(request.job_id)
        teller = JobTeller(job_id, with_logs=request.include_logs)
        following = self._jobs.follow(
            *(current_tenant(), job_id),
            after=request.after_sequence,
            heartbeat=heartbeat_from_proto(request),
            prepare=teller.message,
        )
        return self._watched(following, teller, request.after_sequence)

    def WatchBatch(  # type: ignore[override]  # its messages are serialised already
        self, request: pb.WatchBatchRequest, context: Context
    ) -> AsyncGenerator[bytes, None]:
        """Stream what happens to the jobs of a batch."""
        check_watch_batch(request)
        batch_id = BatchId(request.batch_id)
        teller = BatchTeller(batch_id, with_logs=request.include_logs)
        following = self._jobs.follow_batch(
            *(current_tenant(), batch_id),
            after=request.after_sequence,
            heartbeat=heartbeat_from_proto(request),
            prepare=teller.message,
        )
        return self._watched(following, teller, request.after_sequence)

    def WatchJobs(  # type: ignore[override]  # its messages are serialised already
        self, request: pb.WatchJobsRequest, context: Context
    ) -> AsyncGenerator[bytes, None]:
        """Stream what happens to the jobs of the caller's tenant."""
        check_watch_jobs(request)
        following = self._jobs.follow_jobs(
            current_tenant(),
            owner=request.owner,
            labels=dict(request.labels),
            after=request.after_sequence,
            heartbeat=heartbeat_from_proto(request),
        )
        return self._watched(following, JobsTeller(), request.after_sequence)

    def _watched(
        self, following: AsyncGenerator[ItemT, None], teller: Teller, after: int
    ) -> AsyncGenerator[bytes, None]:
        max_age = timedelta(seconds=self._settings.watch_max_age_seconds)
        return watched(following, teller, after=after, max_age=max_age)

    async def CancelJob(self, request: pb.CancelJobRequest, context: Context) -> pb.CancelJobResponse:
        """Cancel a job."""
        check_job_id(request.job_id)
        return pb.CancelJobResponse(job=job_to_proto(await self._jobs.cancel(current_tenant(), JobId(request.job_id))))

    async def CancelJobs(self, request: pb.CancelJobsRequest, context: Context) -> pb.CancelJobsResponse:
        """Cancel the jobs that a filter finds."""
        check_filter(request.filter)
        cancelled, more = await self._jobs.cancel_where(current_tenant(), filter_from_proto(request.filter))
        return pb.CancelJobsResponse(cancelled_count=cancelled, more=more)

    async def RetryJob(self, request: pb.RetryJobRequest, context: Context) -> pb.RetryJobResponse:
        """Give a failed or cancelled job another round of attempts."""
        check_retry_job(request)
        retried = await self._jobs.retry(
            current_tenant(),
            JobId(request.job_id),
            request_id=request.request_id,
            digest=digest_of(request) if request.request_id else "",
            resubmit_unknown=request.resubmit_unknown,
        )
        return pb.RetryJobResponse(job=job_to_proto(retried.job), deduplicated=retried.deduplicated)

    async def RetryJobs(self, request: pb.RetryJobsRequest, context: Context) -> pb.RetryJobsResponse:
        """Give the failed and cancelled jobs that a filter finds another round of attempts."""
        check_filter(request.filter)
        retried, more = await self._jobs.retry_where(
            current_tenant(), filter_from_proto(request.filter), resubmit_unknown=request.resubmit_unknown
        )
        return pb.RetryJobsResponse(retried_count=retried, more=more)

    async def ReleaseJob(self, request: pb.ReleaseJobRequest, context: Context) -> pb.ReleaseJobResponse:
        """Let held jobs go."""
        check_release_job(request)
        released = await self._jobs.release(current_tenant(), [JobId(job_id) for job_id in request.job_ids])
        return pb.ReleaseJobResponse(jobs=(job_to_proto(job, with_spec=False) for job in released))

    async def DeleteJob(self, request: pb.DeleteJobRequest, context: Context) -> pb.DeleteJobResponse:
        """Forget a finished job."""
        check_job_id(request.job_id)
        await self._jobs.delete(current_tenant(), JobId(request.job_id))
        return pb.DeleteJobResponse()

    async def GetBatch(self, request: pb.GetBatchRequest, context: Context) -> pb.GetBatchResponse:
        """Return a batch as it stands."""
        check_batch_id(request.batch_id)
        batch = await self._jobs.get_batch(current_tenant(), BatchId(request.batch_id))
        return pb.GetBatchResponse(batch=batch_to_proto(batch))

    async def CancelBatch(self, request: pb.CancelBatchRequest, context: Context) -> pb.CancelBatchResponse:
        """Cancel the jobs of a batch that have not ended."""
        check_batch_id(request.batch_id)
        batch, cancelled = await self._jobs.cancel_batch(current_tenant(), BatchId(request.batch_id))
        return pb.CancelBatchResponse(batch=batch_to_proto(batch), cancelled_count=cancelled)

    async def _accepted(
        self, request: pb.BatchSubmitRequest, whole: pb.BatchSubmitRequest, refused: Mapping[int, SegueError]
    ) -> SubmittedBatch:
        """Accept the items of a batch that are not refused; *whole* is the request with its templates filled in."""
        wanted = [job for index, job in enumerate(whole.jobs) if index not in refused]
        return await self._jobs.submit_batch(
            current_tenant(),
            [submission_from_proto(job, self._settings) for job in wanted],
            display_name=request.display_name,
            request_id=request.request_id,
            digest=digest_of(request) if request.request_id else "",
        )

    async def _current(self, job_id: JobId) -> job_pb2.Job:
        job, position = await self._jobs.get(current_tenant(), job_id)
        return job_to_proto(job, position=position)
