"""The job: its record, its states and which of them may follow which. Pure: it talks to nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NewType

from core.value import value

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

JobId = NewType("JobId", str)
BatchId = NewType("BatchId", str)
Tenant = NewType("Tenant", str)

#: The tenant of every call until callers are authenticated.
DEFAULT_TENANT: Final = Tenant("default")

#: Jobs that one job may await: so many are looked at in one script.
MOST_AWAITED: Final = 100


class JobState(StrEnum):
    """Where a job stands."""

    HELD = "held"  #: accepted, waiting to be released by its caller or for the jobs that it awaits
    PENDING = "pending"  #: waiting for a free slot or for its next attempt
    STARTED = "started"  #: a worker has it
    PROCESSING = "processing"  #: the provider has accepted a generation of it
    CANCELLING = "cancelling"  #: its cancellation is on its way to the provider
    SUCCEEDED = "succeeded"  #: final
    FAILED = "failed"  #: final
    CANCELLED = "cancelled"  #: final

    @property
    def is_terminal(self) -> bool:
        """Whether no attempt will follow by itself."""
        return self in TERMINAL

    @property
    def is_running(self) -> bool:
        """Whether an attempt holds it under a lease."""
        return self in RUNNING


TERMINAL: Final = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})
RUNNING: Final = frozenset({JobState.STARTED, JobState.PROCESSING, JobState.CANCELLING})

#: Which states may follow which. The scripts get their part of it as arguments.
TRANSITIONS: Final[Mapping[JobState, frozenset[JobState]]] = {
    JobState.HELD: frozenset({JobState.PENDING, JobState.CANCELLED}),
    # CANCELLING: it waits, but a generation of an earlier attempt still runs at the provider.
    JobState.PENDING: frozenset({JobState.STARTED, JobState.CANCELLING, JobState.CANCELLED, JobState.FAILED}),
    JobState.STARTED: frozenset(
        {
            JobState.PROCESSING,
            JobState.PENDING,
            JobState.CANCELLING,
            JobState.SUCCEEDED,
            JobState.FAILED,
            JobState.CANCELLED,
        }
    ),
    JobState.PROCESSING: frozenset(
        {JobState.PENDING, JobState.CANCELLING, JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}
    ),
    JobState.CANCELLING: frozenset({JobState.CANCELLED}),
    JobState.SUCCEEDED: frozenset(),
    # RetryJob; HELD where jobs that it awaits have not ended.
    JobState.FAILED: frozenset({JobState.PENDING, JobState.HELD}),
    JobState.CANCELLED: frozenset({JobState.PENDING, JobState.HELD}),
}


def sources_of(state: JobState) -> frozenset[JobState]:
    """Return the states from which *state* may be reached in one step."""
    return frozenset(source for source, targets in TRANSITIONS.items() if state in targets)


def priority_class(priority: int) -> int:
    """Return the class of a priority: 1-3, 4-7 and 8-10 are classes 1 (first), 2 and 3."""
    return 1 if priority <= 3 else 2 if priority <= 7 else 3


def rank_of(priority: int, create_time: datetime) -> int:
    """Return a job's place inside its class, lower first: by priority, then by age (see prelude.lua)."""
    return priority * 10**13 + round(create_time.timestamp() * 1000)


class JobKind(StrEnum):
    """What a job makes."""

    TRANSITION = "transition"
    COMPOSITION = "composition"
    SCRIPT_VIDEO = "script_video"
    MODEL = "model"


class ErrorReason(StrEnum):
    """Why a job failed. The values are part of the API (JobError.reason)."""

    INVALID_INPUT = "INVALID_INPUT"
    CONTENT_REFUSED = "CONTENT_REFUSED"
    PROVIDER_ERROR = "PROVIDER_ERROR"
    PROVIDER_UNAVAILABLE = "PROVIDER_UNAVAILABLE"
    PROVIDER_BALANCE = "PROVIDER_BALANCE"
    RESULT_EXPIRED = "RESULT_EXPIRED"
    RESULT_FETCH_FAILED = "RESULT_FETCH_FAILED"
    SUBMISSION_UNKNOWN = "SUBMISSION_UNKNOWN"
    TIME_LIMIT = "TIME_LIMIT"
    WORKER_LOST = "WORKER_LOST"
    MEDIA_FAILED = "MEDIA_FAILED"
    INTERNAL = "INTERNAL"


class UnknownSubmission(StrEnum):
    """What to do when it cannot be known whether the provider accepted a submit."""

    FAIL = "fail"
    RESUBMIT = "resubmit"


class GenerationState(StrEnum):
    """Where a row of the ledger stands."""

    INTENDED = "intended"  #: written before the submit
    SUBMITTED = "submitted"  #: the provider gave it an id
    COMPLETED = "completed"  #: its output is stored
    FAILED = "failed"  #: by the provider's own word
    UNKNOWN = "unknown"  #: whether the provider accepted it cannot be known
    CANCELLED = "cancelled"  #: by the provider's own word


class AttemptOutcome(StrEnum):
    """How an attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    RETRIED = "retried"  #: it failed, and another follows
    INTERRUPTED = "interrupted"  #: its worker was stopped; it does not count
    LOST = "lost"  #: its worker died or was cut off


class CancelOutcome(StrEnum):
    """What the provider answered when it was told to cancel a generation."""

    REMOVED = "removed"  #: from its queue; not billed
    SIGNALLED = "signalled"  #: to the running model; may still complete and be billed
    ALREADY_COMPLETED = "already_completed"
    NOT_FOUND = "not_found"
    UNREACHABLE = "unreachable"


@value
class Progress:
    """How far a job is."""

    fraction: float | None = None
    """0 to 1; None: unknown. Never falls within an attempt."""
    stage: str = ""
    message: str = ""
    provider_queue_position: int | None = None
    """Requests ahead of it in the provider's own queue, while it waits there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError:
    """Why a job (or its last attempt) failed."""

    reason: ErrorReason
    message: str
    retryable: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One paid call to a model of the provider: a row of the job's ledger."""

    step: str
    endpoint: str
    state: GenerationState
    intent: str
    """A random id of the submit it stands for; tells a repeated write from a second submit."""
    input_digest: str
    """SHA-256 (hex) of endpoint and canonical arguments."""
    provider_request_id: str = ""
    submit_time: datetime
    end_time: datetime | None = None
    cancel_outcome: CancelOutcome | None = None
    submits: int = 1
    """Submits that the provider accepted, or may have accepted, for this step."""
    estimated_cost: int | None = None
    """What one submit of it probably costs, in micros of USD; None: unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at a job that has ended."""

    number: int
    worker: str
    start_time: datetime
    end_time: datetime
    outcome: AttemptOutcome
    error: JobError | None = None


@value
class Submission:
    """A job as its caller asks for it, checked and with every default filled in."""

    kind: JobKind
    spec: bytes
    priority: int
    owner: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    request_id: str = ""
    digest: str = ""
    """SHA-256 of the canonical request, to tell a repetition from another request under the same id."""
    time_limit: timedelta
    retention: timedelta
    max_attempts: int
    hold: bool = False
    on_unknown_submission: UnknownSubmission = UnknownSubmission.FAIL
    schedule_time: datetime | None = None
    """Not to be started before; None: at once."""
    longest_wait: timedelta | None = None
    """How long it may wait for its start, from its acceptance, release or schedule on; None: for ever."""
    awaits: tuple[JobId, ...] = ()
    """The jobs that it is made of. It is HELD until they have ended, however they end; at most MOST_AWAITED.

    No cycle can come about: an id is known only when its job was accepted, with all that it awaits.
    """
    model: str = ""
    """The model that does the work, as far as it says how long that takes; estimates go by it and the kind."""
    template_id: str = ""
    """The template that the spec was filled from; empty: none."""
    estimated_cost: int | None = None
    """What its generations probably cost together, in micros of USD; None: unknown."""

    def __post_init__(self) -> None:
        if len(set(self.awaits)) > MOST_AWAITED:
            raise ValueError(f"a job may await {MOST_AWAITED} others, not {len(set(self.awaits))}")


@value
class Job:
    """One accepted request for one result, as Redis remembers it."""

    tenant: Tenant
    id: JobId
    kind: JobKind
    state: JobState
    spec: bytes | None
    """The spec as it was submitted; None where it was left out (state changes, lists)."""
    priority: int
    owner: str
    labels: Mapping[str, str]
    batch_id: BatchId | None
    request_id: str
    progress: Progress
    attempt: int
    """The number of the attempt that runs or ran last, from 1: the fencing token, never reused."""
    interruptions: int
    """How many of the attempts were ended by a worker's shutdown; they do not count against max_attempts."""
    forgiven: int
    """How many of the others lie before the last RetryJob; they do not count either."""
    rounds: int
    """How many rounds of attempts it was given: 1, and one more for each RetryJob."""
    max_attempts: int
    result: bytes | None
    error: JobError | None
    generations: tuple[Generation, ...]
    log_lines: Mapping[str, int]
    """How many lines of a model's log were told, by the generation's intent."""
    attempts: tuple[Attempt, ...]
    """The last attempts that have ended, oldest first."""
    time_limit: timedelta
    retention: timedelta
    on_unknown_submission: UnknownSubmission
    create_time: datetime
    start_time: datetime | None
    end_time: datetime | None
    expire_time: datetime | None
    next_attempt_time: datetime | None
    schedule_time: datetime | None
    start_deadline: datetime | None
    """When it fails unless it has been started; None: never, or it has been."""
    sequence: int
    """The number of its newest event."""
    awaited_job_count: int = 0
    """How many of the jobs that it awaits have not ended; HELD until none has."""
    model: str = ""
    template_id: str = ""
    estimated_cost: int | None = None
    """What its generations probably cost together, in micros of USD; None: unknown."""
    estimated_duration: timedelta | None = field(default=None, compare=False)
    """How long jobs of its kind and model usually take from start to end; None: unknown, or not asked for.

    No part of the record: two readers of the same job may have heard of different jobs before it.
    """

    @property
    def tries(self) -> int:
        """The attempts that count: those since the last RetryJob that no shutdown interrupted."""
        return self.attempt - self.interruptions - self.forgiven


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Jobs that were submitted together, as Redis remembers them."""

    tenant: Tenant
    id: BatchId
    display_name: str
    job_count: int
    state_counts: Mapping[JobState, int]
    fraction: float
    """How much of it is done, 0 to 1: the mean of its jobs' fractions, one that has ended counting 1."""
    create_time: datetime
    end_time: datetime | None
    sequence: int
    """The number of its newest event."""

    @property
    def is_ended(self) -> bool:
        """Whether all its jobs have ended."""
        return sum(count for state, count in self.state_counts.items() if state.is_terminal) >= self.job_count
