"""Checks of whole requests, one function per RPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.limits import (
    ATTEMPTS,
    BATCH_INDEXES,
    BATCH_JOBS,
    HEARTBEATS,
    NAME_CHARACTERS,
    OWNER_CHARACTERS,
    PRIORITIES,
    SCHEDULE_AHEAD,
    SCRIPTS_CHARACTERS,
    SHORTEST,
    START_WAITS,
    TOKEN_CHARACTERS,
    WAITS,
)
from server.translate.enums import KIND_FROM_PROTO, STATE_FROM_PROTO, UNKNOWN_SUBMISSION_FROM_PROTO
from server.validation.fields import (
    check_duration,
    check_id,
    check_known,
    check_labels,
    check_length,
    check_range,
    check_request_id,
    check_timestamp,
)
from server.validation.findings import Findings
from server.validation.scripts import check_script
from server.validation.specs import check_spec

if TYPE_CHECKING:
    from core.errors import SegueError
    from segue.v1 import job_service_pb2 as pb
    from server.settings import Settings


def check_submit_job(request: pb.SubmitJobRequest, settings: Settings) -> None:
    """Check one job.

    Raises:
        InvalidRequestError: with every fault of it.
    """
    found = Findings()
    check_request_id(found, "request_id", request.request_id)
    _check_job(found, "", request, settings)
    check_script(found, "spec", request.spec)
    found.raise_if_any()


def check_batch_submit(request: pb.BatchSubmitRequest, settings: Settings) -> dict[int, SegueError]:
    """Check a batch, and return the error of each refused item where partial success is allowed.

    Raises:
        InvalidRequestError: with every fault, also those of items unless some can be accepted without them.
    """
    found = Findings()
    check_request_id(found, "request_id", request.request_id)
    check_length(found, "display_name", request.display_name, NAME_CHARACTERS)
    if not 1 <= len(request.jobs) <= BATCH_JOBS:
        found.add("jobs", f"must be 1 to {BATCH_JOBS} jobs; are {len(request.jobs)}")
        found.raise_if_any()
    owners = {job.owner for job in request.jobs}
    # By their names: items() of a message's map goes through a Python loop, three times as slowly.
    labels = {(name, job.labels[name]) for job in request.jobs for name in job.labels}
    if (indexes := len(owners) + len(labels)) > BATCH_INDEXES:
        found.add("jobs", f"must have at most {BATCH_INDEXES} different owners and labels together; have {indexes}")
    scripts = sum(len(job.spec.script_video.script_content) for job in request.jobs)
    if scripts > SCRIPTS_CHARACTERS:
        found.add("jobs", f"must have at most {SCRIPTS_CHARACTERS} characters of scripts together; have {scripts}")
        found.raise_if_any()
    items = Findings()
    refused: dict[int, SegueError] = {}
    for index, job in enumerate(request.jobs):
        of_item = Findings()
        _check_item(of_item, f"jobs[{index}].", job, settings)
        check_script(of_item, f"jobs[{index}].spec", job.spec)
        if error := of_item.error():
            refused[index] = error
            items.merge(of_item)
    if not request.allow_partial_success or len(refused) == len(request.jobs):
        found.merge(items)
    found.raise_if_any()
    return refused


def check_job_id(job_id: str) -> None:
    """Check the id in a request for one job.

    Raises:
        InvalidRequestError: it cannot be one.
    """
    found = Findings()
    check_id(found, "job_id", job_id)
    found.raise_if_any()


def check_batch_id(batch_id: str) -> None:
    """Check the id in a request for one batch.

    Raises:
        InvalidRequestError: it cannot be one.
    """
    found = Findings()
    check_id(found, "batch_id", batch_id)
    found.raise_if_any()


def check_list_jobs(request: pb.ListJobsRequest) -> None:
    """Check the filters and the page.

    Raises:
        InvalidRequestError: with every fault.
    """
    found = Findings()
    _check_filter(found, "", request)
    if request.page_size < 0:
        found.add("page_size", f"must not be negative; is {request.page_size}")
    check_length(found, "page_token", request.page_token, TOKEN_CHARACTERS)
    found.raise_if_any()


def check_filter(wanted: pb.JobFilter) -> None:
    """Check which jobs shall be changed: all of them at once is nobody's wish.

    Raises:
        InvalidRequestError: with every fault.
    """
    found = Findings()
    if not wanted.ListFields():
        found.add("filter", "is required: set at least one condition")
    _check_filter(found, "filter.", wanted)
    found.raise_if_any()


def check_retry_job(request: pb.RetryJobRequest) -> None:
    """Check which job shall be tried again.

    Raises:
        InvalidRequestError: with every fault.
    """
    found = Findings()
    check_id(found, "job_id", request.job_id)
    check_request_id(found, "request_id", request.request_id)
    found.raise_if_any()


def check_release_job(request: pb.ReleaseJobRequest) -> None:
    """Check which jobs shall be let go.

    Raises:
        InvalidRequestError: with every fault.
    """
    found = Findings()
    if not 1 <= len(request.job_ids) <= BATCH_JOBS:
        found.add("job_ids", f"must be 1 to {BATCH_JOBS} ids; are {len(request.job_ids)}")
        found.raise_if_any()
    for index, job_id in enumerate(request.job_ids):
        check_id(found, f"job_ids[{index}]", job_id)
    found.raise_if_any()


def check_wait_job(request: pb.WaitJobRequest) -> None:
    """Check how long shall be waited.

    Raises:
        InvalidRequestError: with every fault.
    """
    found = Findings()
    check_id(found, "job_id", request.job_id)
    if request.HasField("timeout"):
        check_duration(found, "timeout", request.timeout, *WAITS)
    found.raise_if_any()


def check_watch_job(request: pb.WatchJobRequest) -> None:
    """Check where a watch shall begin and how long it may be silent.

    Raises:
        InvalidRequestError: with every fault.
    """
    found = Findings()
    check_id(found, "job_id", request.job_id)
    _check_beginning(found, request)
    found.raise_if_any()


def check_watch_batch(request: pb.WatchBatchRequest) -> None:
    """Check where a watch shall begin and how long it may be silent.

    Raises:
        InvalidRequestError: with every fault.
    """
    found = Findings()
    check_id(found, "batch_id", request.batch_id)
    _check_beginning(found, request)
    found.raise_if_any()


def check_watch_jobs(request: pb.WatchJobsRequest) -> None:
    """Check which jobs shall be watched, where the watch shall begin and how long it may be silent.

    Raises:
        InvalidRequestError: with every fault.
    """
    found = Findings()
    check_length(found, "owner", request.owner, OWNER_CHARACTERS)
    check_labels(found, "labels", request.labels)
    _check_beginning(found, request)
    found.raise_if_any()


def _check_beginning(found: Findings, request: pb.WatchJobRequest | pb.WatchBatchRequest | pb.WatchJobsRequest) -> None:
    if request.after_sequence < 0:
        found.add("after_sequence", f"must not be negative; is {request.after_sequence}")
    if request.HasField("heartbeat_interval"):
        check_duration(found, "heartbeat_interval", request.heartbeat_interval, *HEARTBEATS)


def _check_item(found: Findings, prefix: str, request: pb.SubmitJobRequest, settings: Settings) -> None:
    if request.request_id:
        found.add(f"{prefix}request_id", "must be unset: the batch has one for all its jobs")
    if request.validate_only:
        found.add(f"{prefix}validate_only", "must be unset in a batch")
    _check_job(found, prefix, request, settings)


def _check_job(found: Findings, prefix: str, request: pb.SubmitJobRequest, settings: Settings) -> None:
    check_spec(found, f"{prefix}spec", request.spec)
    if request.HasField("priority"):
        check_range(found, f"{prefix}priority", request.priority, *PRIORITIES)
    check_length(found, f"{prefix}owner", request.owner, OWNER_CHARACTERS)
    check_labels(found, f"{prefix}labels", request.labels)
    if request.HasField("time_limit"):
        check_duration(found, f"{prefix}time_limit", request.time_limit, SHORTEST, settings.time_limit_max)
    if request.HasField("retention"):
        check_duration(found, f"{prefix}retention", request.retention, SHORTEST, settings.retention_max)
    if request.HasField("max_attempts"):
        check_range(found, f"{prefix}max_attempts", request.max_attempts, *ATTEMPTS)
    if request.HasField("schedule_time"):
        check_timestamp(found, f"{prefix}schedule_time", request.schedule_time, ahead=SCHEDULE_AHEAD)
    if request.HasField("expire_if_not_started_after"):
        path = f"{prefix}expire_if_not_started_after"
        check_duration(found, path, request.expire_if_not_started_after, *START_WAITS)
    check_known(found, f"{prefix}on_unknown_submission", request.on_unknown_submission, UNKNOWN_SUBMISSION_FROM_PROTO)


def _check_filter(found: Findings, prefix: str, wanted: pb.JobFilter | pb.ListJobsRequest) -> None:
    check_length(found, f"{prefix}owner", wanted.owner, OWNER_CHARACTERS)
    for index, state in enumerate(wanted.states):
        check_known(found, f"{prefix}states[{index}]", state, STATE_FROM_PROTO)
    for index, kind in enumerate(wanted.kinds):
        check_known(found, f"{prefix}kinds[{index}]", kind, KIND_FROM_PROTO)
    if wanted.batch_id:
        check_id(found, f"{prefix}batch_id", wanted.batch_id)
    check_labels(found, f"{prefix}labels", wanted.labels)
    if wanted.HasField("create_time_from"):
        check_timestamp(found, f"{prefix}create_time_from", wanted.create_time_from)
    if wanted.HasField("create_time_to"):
        check_timestamp(found, f"{prefix}create_time_to", wanted.create_time_to)
