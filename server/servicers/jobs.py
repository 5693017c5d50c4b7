"""JobService: submits, shows, watches and cancels jobs."""

from __future__ import annotations

from contextlib import aclosing
from datetime import timedelta
from typing import TYPE_CHECKING

from core.job import JobId
from segue.v1 import job_service_pb2 as pb
from segue.v1.job_service_pb2_grpc import JobServiceServicer
from server.servicers.pending import not_offered, stream_not_offered
from server.statuses import status_of
from server.tenants import current_tenant
from server.translate.jobs import batch_to_proto, job_to_proto
from server.translate.page_tokens import page_token_from_proto, page_token_to_proto
from server.translate.requests import (
    digest_of,
    filter_from_proto,
    heartbeat_from_proto,
    page_size_from_proto,
    submission_from_proto,
)
from server.validation.requests import (
    check_batch_submit,
    check_job_id,
    check_list_jobs,
    check_submit_job,
    check_watch_job,
)
from server.watch import watched

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Final

    from core.jobs import Jobs
    from server.settings import Settings
    from server.types import Context

#: Bytes of a refused item's status: a thousand of them stay within the 4 MB that clients take by default.
FAILURE_BYTES: Final = 2000


class JobServicer(JobServiceServicer):
    """Serves the jobs of the caller's tenant."""

    def __init__(self, jobs: Jobs, settings: Settings) -> None:
        self._jobs = jobs
        self._settings = settings

    async def SubmitJob(self, request: pb.SubmitJobRequest, context: Context) -> pb.SubmitJobResponse:
        """Accept one job."""
        check_submit_job(request, self._settings)
        submission = submission_from_proto(request, self._settings)
        if request.validate_only:
            return pb.SubmitJobResponse(job=job_to_proto(self._jobs.preview(current_tenant(), submission)))
        submitted = await self._jobs.submit(current_tenant(), submission)
        return pb.SubmitJobResponse(job=job_to_proto(submitted.job), deduplicated=submitted.deduplicated)

    async def BatchSubmit(self, request: pb.BatchSubmitRequest, context: Context) -> pb.BatchSubmitResponse:
        """Accept jobs together."""
        refused = check_batch_submit(request, self._settings)
        submitted = await self._jobs.submit_batch(
            current_tenant(),
            [
                submission_from_proto(job, self._settings)
                for index, job in enumerate(request.jobs)
                if index not in refused
            ],
            display_name=request.display_name,
            request_id=request.request_id,
            digest=digest_of(request) if request.request_id else "",
        )
        return pb.BatchSubmitResponse(
            batch=batch_to_proto(submitted.batch),
            jobs=(job_to_proto(job, with_spec=False) for job in submitted.jobs),
            failures={index: status_of(error, size=FAILURE_BYTES) for index, error in refused.items()},
            deduplicated=submitted.deduplicated,
        )

    async def GetJob(self, request: pb.GetJobRequest, context: Context) -> pb.GetJobResponse:
        """Return a job as it stands."""
        check_job_id(request.job_id)
        job, position = await self._jobs.get(current_tenant(), JobId(request.job_id))
        return pb.GetJobResponse(job=job_to_proto(job, position=position))

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
        return pb.ListJobsResponse(
            jobs=map(job_to_proto, listed.jobs), next_page_token=page_token_to_proto(request, listed.next_before)
        )

    async def WatchJob(self, request: pb.WatchJobRequest, context: Context) -> AsyncIterator[pb.WatchJobResponse]:
        """Stream what happens to a job."""
        check_watch_job(request)
        job_id = JobId(request.job_id)
        following = self._jobs.follow(
            current_tenant(), job_id, after=request.after_sequence, heartbeat=heartbeat_from_proto(request)
        )
        max_age = timedelta(seconds=self._settings.watch_max_age_seconds)
        async with aclosing(watched(job_id, following, after=request.after_sequence, max_age=max_age)) as responses:
            async for response in responses:
                yield response

    async def CancelJob(self, request: pb.CancelJobRequest, context: Context) -> pb.CancelJobResponse:
        """Cancel a job."""
        check_job_id(request.job_id)
        return pb.CancelJobResponse(job=job_to_proto(await self._jobs.cancel(current_tenant(), JobId(request.job_id))))

    WaitJob = not_offered
    RetryJob = not_offered
    ReleaseJob = not_offered
    DeleteJob = not_offered
    GetBatch = not_offered
    WatchBatch = stream_not_offered
    CancelBatch = not_offered
    CancelJobs = not_offered
    RetryJobs = not_offered
