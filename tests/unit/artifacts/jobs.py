"""Jobs as far as artifact stores look at them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from core.job import DEFAULT_TENANT, Job, JobId, JobKind, JobState, Progress, Tenant, UnknownSubmission

JOB_ID: Final = JobId("0198c0de-1111-7abc-8def-0123456789ab")
RETENTION: Final = timedelta(hours=24)
TIME_LIMIT: Final = timedelta(minutes=25)


def job_of(tenant: Tenant = DEFAULT_TENANT, job_id: JobId = JOB_ID, *, retention: timedelta = RETENTION) -> Job:
    """Return a running job."""
    now = datetime.now(UTC)
    return Job(
        tenant=tenant,
        id=job_id,
        kind=JobKind.TRANSITION,
        state=JobState.PROCESSING,
        spec=None,
        priority=5,
        owner="",
        labels={},
        batch_id=None,
        request_id="",
        progress=Progress(),
        attempt=1,
        interruptions=0,
        forgiven=0,
        rounds=1,
        max_attempts=3,
        result=None,
        error=None,
        generations=(),
        log_lines={},
        attempts=(),
        time_limit=TIME_LIMIT,
        retention=retention,
        on_unknown_submission=UnknownSubmission.FAIL,
        create_time=now,
        start_time=now,
        end_time=None,
        expire_time=None,
        next_attempt_time=None,
        schedule_time=None,
        start_deadline=None,
        sequence=3,
    )
