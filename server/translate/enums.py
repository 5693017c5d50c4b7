"""The enums of the contract and of the domain, member by member."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from core.catalog.platforms import DEFAULT_PLATFORM, Platform
from core.job import AttemptOutcome, CancelOutcome, GenerationState, JobKind, JobState, UnknownSubmission
from segue.v1 import job_pb2, spec_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

STATE_TO_PROTO: Final[Mapping[JobState, job_pb2.JobState.ValueType]] = {
    JobState.HELD: job_pb2.JOB_STATE_HELD,
    JobState.PENDING: job_pb2.JOB_STATE_PENDING,
    JobState.STARTED: job_pb2.JOB_STATE_STARTED,
    JobState.PROCESSING: job_pb2.JOB_STATE_PROCESSING,
    JobState.CANCELLING: job_pb2.JOB_STATE_CANCELLING,
    JobState.SUCCEEDED: job_pb2.JOB_STATE_SUCCEEDED,
    JobState.FAILED: job_pb2.JOB_STATE_FAILED,
    JobState.CANCELLED: job_pb2.JOB_STATE_CANCELLED,
}
STATE_FROM_PROTO: Final[Mapping[int, JobState]] = {number: state for state, number in STATE_TO_PROTO.items()}

KIND_TO_PROTO: Final[Mapping[JobKind, spec_pb2.JobKind.ValueType]] = {
    JobKind.TRANSITION: spec_pb2.JOB_KIND_TRANSITION,
    JobKind.COMPOSITION: spec_pb2.JOB_KIND_COMPOSITION,
    JobKind.SCRIPT_VIDEO: spec_pb2.JOB_KIND_SCRIPT_VIDEO,
    JobKind.MODEL: spec_pb2.JOB_KIND_MODEL,
}
KIND_FROM_PROTO: Final[Mapping[int, JobKind]] = {number: kind for kind, number in KIND_TO_PROTO.items()}

#: Where a script video will be shown; one that says nothing is for the default platform.
PLATFORM_FROM_PROTO: Final[Mapping[int, Platform]] = {
    spec_pb2.PLATFORM_UNSPECIFIED: DEFAULT_PLATFORM,
    spec_pb2.PLATFORM_YOUTUBE: Platform.YOUTUBE,
    spec_pb2.PLATFORM_TIKTOK: Platform.TIKTOK,
    spec_pb2.PLATFORM_INSTAGRAM: Platform.INSTAGRAM,
}

UNKNOWN_SUBMISSION_TO_PROTO: Final[Mapping[UnknownSubmission, job_pb2.UnknownSubmissionPolicy.ValueType]] = {
    UnknownSubmission.FAIL: job_pb2.UNKNOWN_SUBMISSION_POLICY_FAIL,
    UnknownSubmission.RESUBMIT: job_pb2.UNKNOWN_SUBMISSION_POLICY_RESUBMIT,
}
UNKNOWN_SUBMISSION_FROM_PROTO: Final[Mapping[int, UnknownSubmission]] = {
    job_pb2.UNKNOWN_SUBMISSION_POLICY_UNSPECIFIED: UnknownSubmission.FAIL,
    **{number: policy for policy, number in UNKNOWN_SUBMISSION_TO_PROTO.items()},
}

GENERATION_STATE_TO_PROTO: Final[Mapping[GenerationState, job_pb2.GenerationState.ValueType]] = {
    GenerationState.INTENDED: job_pb2.GENERATION_STATE_INTENDED,
    GenerationState.SUBMITTED: job_pb2.GENERATION_STATE_SUBMITTED,
    GenerationState.COMPLETED: job_pb2.GENERATION_STATE_COMPLETED,
    GenerationState.FAILED: job_pb2.GENERATION_STATE_FAILED,
    GenerationState.UNKNOWN: job_pb2.GENERATION_STATE_UNKNOWN,
    GenerationState.CANCELLED: job_pb2.GENERATION_STATE_CANCELLED,
}

ATTEMPT_OUTCOME_TO_PROTO: Final[Mapping[AttemptOutcome, job_pb2.AttemptOutcome.ValueType]] = {
    AttemptOutcome.SUCCEEDED: job_pb2.ATTEMPT_OUTCOME_SUCCEEDED,
    AttemptOutcome.FAILED: job_pb2.ATTEMPT_OUTCOME_FAILED,
    AttemptOutcome.CANCELLED: job_pb2.ATTEMPT_OUTCOME_CANCELLED,
    AttemptOutcome.RETRIED: job_pb2.ATTEMPT_OUTCOME_RETRIED,
    AttemptOutcome.INTERRUPTED: job_pb2.ATTEMPT_OUTCOME_INTERRUPTED,
    AttemptOutcome.LOST: job_pb2.ATTEMPT_OUTCOME_LOST,
}

CANCEL_OUTCOME_TO_PROTO: Final[Mapping[CancelOutcome, job_pb2.CancelOutcome.ValueType]] = {
    CancelOutcome.REMOVED: job_pb2.CANCEL_OUTCOME_REMOVED,
    CancelOutcome.SIGNALLED: job_pb2.CANCEL_OUTCOME_SIGNALLED,
    CancelOutcome.ALREADY_COMPLETED: job_pb2.CANCEL_OUTCOME_ALREADY_COMPLETED,
    CancelOutcome.NOT_FOUND: job_pb2.CANCEL_OUTCOME_NOT_FOUND,
    CancelOutcome.UNREACHABLE: job_pb2.CANCEL_OUTCOME_UNREACHABLE,
}
