from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from core.events.event import Event, LogWritten, ProgressMade, StateChanged
from core.events.feed import Quiet, Snapshot
from core.job import (
    DEFAULT_TENANT,
    Attempt,
    AttemptOutcome,
    Batch,
    BatchId,
    CancelOutcome,
    ErrorReason,
    Generation,
    GenerationState,
    Job,
    JobError,
    JobId,
    JobKind,
    JobState,
    Progress,
    UnknownSubmission,
)
from core.store.jobs import QueuePosition
from segue.v1 import job_pb2, spec_pb2
from segue.v1 import job_service_pb2 as pb
from server.settings import Settings
from server.translate import enums
from server.translate.events import draining_to_proto, watched_to_proto
from server.translate.jobs import batch_to_proto, job_to_proto
from server.translate.requests import (
    digest_of,
    filter_from_proto,
    heartbeat_from_proto,
    page_size_from_proto,
    submission_from_proto,
    wait_from_proto,
)
from tests.unit.server.asked import submit, submit_model

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SETTINGS = Settings()


def job(**changes: Any) -> Job:
    fields: dict[str, Any] = {
        "tenant": DEFAULT_TENANT,
        "id": JobId("j"),
        "kind": JobKind.TRANSITION,
        "state": JobState.PENDING,
        "spec": submit().spec.SerializeToString(),
        "priority": 3,
        "owner": "",
        "labels": {},
        "batch_id": None,
        "request_id": "",
        "progress": Progress(),
        "attempt": 0,
        "interruptions": 0,
        "forgiven": 0,
        "rounds": 1,
        "log_lines": {},
        "attempts": (),
        "schedule_time": None,
        "start_deadline": None,
        "max_attempts": 3,
        "result": None,
        "error": None,
        "generations": (),
        "time_limit": timedelta(minutes=25),
        "retention": timedelta(days=1),
        "on_unknown_submission": UnknownSubmission.FAIL,
        "create_time": NOON,
        "start_time": None,
        "end_time": None,
        "expire_time": None,
        "next_attempt_time": None,
        "sequence": 1,
    }
    return Job(**{**fields, **changes})


@pytest.mark.parametrize(
    ("members", "translated", "numbers"),
    [
        (JobState, enums.STATE_TO_PROTO, job_pb2.JobState.values()),
        (JobKind, enums.KIND_TO_PROTO, spec_pb2.JobKind.values()),
        (UnknownSubmission, enums.UNKNOWN_SUBMISSION_TO_PROTO, job_pb2.UnknownSubmissionPolicy.values()),
        (GenerationState, enums.GENERATION_STATE_TO_PROTO, job_pb2.GenerationState.values()),
        (CancelOutcome, enums.CANCEL_OUTCOME_TO_PROTO, job_pb2.CancelOutcome.values()),
        (AttemptOutcome, enums.ATTEMPT_OUTCOME_TO_PROTO, job_pb2.AttemptOutcome.values()),
    ],
)
def test_every_member_of_an_enum_has_its_own_number(
    members: type[StrEnum], translated: Mapping[StrEnum, int], numbers: list[int]
) -> None:
    assert translated.keys() == set(members)
    assert sorted(translated.values()) == sorted(set(numbers) - {0})


def test_a_bare_submission_gets_the_defaults() -> None:
    request = submit()

    submission = submission_from_proto(request, SETTINGS)

    assert submission.kind is JobKind.TRANSITION
    assert spec_pb2.JobSpec.FromString(submission.spec) == request.spec
    assert (submission.priority, submission.max_attempts) == (5, 3)
    assert (submission.time_limit, submission.retention) == (timedelta(minutes=25), timedelta(days=1))
    assert submission.on_unknown_submission is UnknownSubmission.FAIL
    assert not submission.hold
    assert (submission.schedule_time, submission.longest_wait) == (None, None)


def test_a_schedule_is_taken_as_it_is_but_never_earlier() -> None:
    request = submit()
    request.schedule_time.FromDatetime(NOON)
    request.schedule_time.nanos = 1
    request.expire_if_not_started_after.FromSeconds(90)

    submission = submission_from_proto(request, SETTINGS)

    assert submission.schedule_time == NOON + timedelta(milliseconds=1)
    assert submission.longest_wait == timedelta(seconds=90)


def test_a_full_submission_is_taken_as_it_is() -> None:
    request = submit_model()
    request.MergeFrom(
        pb.SubmitJobRequest(
            request_id="r",
            priority=1,
            owner="o",
            labels={"k": "v"},
            max_attempts=7,
            hold=True,
            on_unknown_submission=job_pb2.UNKNOWN_SUBMISSION_POLICY_RESUBMIT,
        )
    )
    request.time_limit.FromSeconds(60)
    request.retention.FromSeconds(120)

    submission = submission_from_proto(request, SETTINGS)

    assert (submission.kind, submission.request_id, submission.priority) == (JobKind.MODEL, "r", 1)
    assert (submission.owner, submission.labels, submission.max_attempts) == ("o", {"k": "v"}, 7)
    assert (submission.time_limit, submission.retention) == (timedelta(minutes=1), timedelta(minutes=2))
    assert submission.hold
    assert submission.on_unknown_submission is UnknownSubmission.RESUBMIT
    assert submission.digest == digest_of(request)


def test_the_digest_tells_payloads_and_methods_apart() -> None:
    one, same, other = submit_model(a="1", b="2"), submit_model(b="2", a="1"), submit_model(a="2")

    assert digest_of(one) == digest_of(same)
    assert digest_of(one) != digest_of(other)
    assert digest_of(pb.SubmitJobRequest()) != digest_of(pb.BatchSubmitRequest())


def test_a_waiting_job_shows_what_it_is_and_its_place() -> None:
    place = QueuePosition(0, timedelta(seconds=3))

    message = job_to_proto(job(owner="o", labels={"k": "v"}, batch_id=BatchId("b")), position=place)

    assert (message.id, message.owner, dict(message.labels), message.batch_id) == ("j", "o", {"k": "v"}, "b")
    assert (message.kind, message.state) == (spec_pb2.JOB_KIND_TRANSITION, job_pb2.JOB_STATE_PENDING)
    assert message.spec == submit().spec
    assert message.HasField("queue_position")
    assert message.queue_position == 0
    assert message.create_time.ToDatetime(UTC) == NOON
    assert message.estimated_wait.ToTimedelta() == timedelta(seconds=3)
    shown = {field.name for field, _ in message.ListFields()}
    assert not shown & {"result", "error", "start_time", "end_time", "expire_time", "next_attempt_time"}
    assert not shown & {"schedule_time", "start_deadline", "attempts"}


def test_a_wait_that_nobody_can_estimate_is_unset() -> None:
    unknown = job_to_proto(job(), position=QueuePosition(7, None))
    nowhere = job_to_proto(job(schedule_time=NOON, start_deadline=NOON + timedelta(hours=1)))

    assert (unknown.queue_position, unknown.HasField("estimated_wait")) == (7, False)
    assert (nowhere.HasField("queue_position"), nowhere.HasField("estimated_wait")) == (False, False)
    assert nowhere.schedule_time.ToDatetime(UTC) == NOON
    assert nowhere.start_deadline.ToDatetime(UTC) == NOON + timedelta(hours=1)


def test_a_job_shows_what_it_awaits_and_comes_from_and_what_it_will_take() -> None:
    message = job_to_proto(
        job(awaited_job_count=2, template_id="brand", estimated_cost=0, estimated_duration=timedelta(seconds=90))
    )
    silent = job_to_proto(job())

    assert (message.awaited_job_count, message.template_id) == (2, "brand")
    assert message.estimated_duration.ToTimedelta() == timedelta(seconds=90)
    assert message.estimated_cost == job_pb2.Money(currency_code="USD", micros=0)
    assert not {field.name for field, _ in silent.ListFields()} & {
        "awaited_job_count",
        "template_id",
        "estimated_duration",
        "estimated_cost",
    }


def test_a_job_shows_its_attempts() -> None:
    error = JobError(reason=ErrorReason.PROVIDER_UNAVAILABLE, message="away", retryable=True)
    times: dict[str, Any] = {"start_time": NOON, "end_time": NOON + timedelta(seconds=2)}
    attempts = (
        Attempt(number=1, worker="w", outcome=AttemptOutcome.RETRIED, error=error, **times),
        Attempt(number=2, worker="v", outcome=AttemptOutcome.INTERRUPTED, **times),
    )

    first, second = job_to_proto(job(attempts=attempts)).attempts

    assert (first.number, first.worker, first.outcome) == (1, "w", job_pb2.ATTEMPT_OUTCOME_RETRIED)
    assert first.end_time.ToDatetime(UTC) - first.start_time.ToDatetime(UTC) == timedelta(seconds=2)
    assert (first.error.reason, first.error.retryable) == ("PROVIDER_UNAVAILABLE", True)
    assert (second.outcome, second.HasField("error")) == (job_pb2.ATTEMPT_OUTCOME_INTERRUPTED, False)


def test_a_finished_job_shows_its_result_and_ledger() -> None:
    result = job_pb2.JobResult(artifacts=[job_pb2.Artifact(url="https://v3.fal.media/v.mp4")])
    generation = Generation(
        step="video",
        endpoint="fal-ai/x",
        state=GenerationState.COMPLETED,
        intent="i",
        input_digest="d",
        provider_request_id="p",
        submit_time=NOON,
        end_time=NOON + timedelta(seconds=9),
        cancel_outcome=CancelOutcome.ALREADY_COMPLETED,
        estimated_cost=350_000,
    )

    message = job_to_proto(
        job(
            state=JobState.SUCCEEDED,
            result=result.SerializeToString(),
            generations=(generation,),
            attempt=3,
            interruptions=1,
            end_time=NOON,
        )
    )

    assert message.result == result
    assert message.attempt == 2
    (row,) = message.generations
    assert (row.step, row.endpoint, row.provider_request_id, row.submits) == ("video", "fal-ai/x", "p", 1)
    assert row.state == job_pb2.GENERATION_STATE_COMPLETED
    assert row.cancel_outcome == job_pb2.CANCEL_OUTCOME_ALREADY_COMPLETED
    assert row.estimated_cost == job_pb2.Money(currency_code="USD", micros=350_000)
    assert row.end_time.ToDatetime(UTC) == NOON + timedelta(seconds=9)


def test_a_failed_job_says_why() -> None:
    error = JobError(reason=ErrorReason.CONTENT_REFUSED, message="no", retryable=False, metadata={"step": "video"})

    message = job_to_proto(job(state=JobState.FAILED, error=error))

    assert message.error == job_pb2.JobError(reason="CONTENT_REFUSED", message="no", metadata={"step": "video"})


def test_unknown_progress_is_unset_and_none_is_zero() -> None:
    unknown, none = job_to_proto(job()), job_to_proto(job(progress=Progress(fraction=0.0, provider_queue_position=0)))

    assert not unknown.progress.HasField("fraction")
    assert none.progress.HasField("fraction")
    assert none.progress.HasField("provider_queue_position")


def test_a_batch_shows_its_counts_and_how_much_is_done() -> None:
    batch = Batch(
        tenant=DEFAULT_TENANT,
        id=BatchId("b"),
        display_name="n",
        job_count=4,
        state_counts={JobState.FAILED: 2, JobState.PROCESSING: 2},
        fraction=0.625,
        create_time=NOON,
        end_time=None,
        sequence=1,
    )

    message = batch_to_proto(batch)

    assert message.fraction == 0.625
    assert {(count.state, count.count) for count in message.state_counts} == {
        (job_pb2.JOB_STATE_FAILED, 2),
        (job_pb2.JOB_STATE_PROCESSING, 2),
    }


def test_a_watch_begins_with_the_job_and_its_spec() -> None:
    message = watched_to_proto(JobId("j"), Snapshot(job(sequence=4), history_truncated=True))

    assert (message.job_id, message.sequence, message.snapshot.history_truncated) == ("j", 4, True)
    assert message.snapshot.job.HasField("spec")


def test_a_state_change_carries_the_job_without_its_spec() -> None:
    first = StateChanged(sequence=1, time=NOON, from_state=None, to_state=JobState.PENDING, job=job())
    message = watched_to_proto(JobId("j"), first)

    assert (message.sequence, message.event_time.ToDatetime(UTC)) == (1, NOON)
    assert message.state_change.from_state == job_pb2.JOB_STATE_UNSPECIFIED
    assert message.state_change.to_state == job_pb2.JOB_STATE_PENDING
    assert not message.state_change.job.HasField("spec")


@pytest.mark.parametrize(
    ("item", "event"),
    [
        (ProgressMade(sequence=2, time=NOON, progress=Progress(fraction=0.5)), "progress"),
        (LogWritten(sequence=2, time=NOON, text="line"), "log"),
        (Quiet(2), "heartbeat"),
    ],
)
def test_other_things_that_happen_keep_their_sequence(item: Event | Quiet, event: str) -> None:
    message = watched_to_proto(JobId("j"), item)

    assert (message.WhichOneof("event"), message.sequence) == (event, 2)


def test_every_kind_of_event_has_a_message() -> None:
    # By name: dataclass(slots=True) makes each class anew and leaves the first one among the subclasses.
    names = {kind.__name__ for kind in Event.__subclasses__()}
    assert names == {kind.__name__ for kind in (StateChanged, ProgressMade, LogWritten)}


def test_draining_says_when_to_come_again() -> None:
    message = draining_to_proto(JobId("j"), 7, timedelta(seconds=0.25))

    assert message.sequence == 7
    assert message.draining.reconnect_delay.ToTimedelta() == timedelta(seconds=0.25)


def test_filters_are_taken_as_they_are() -> None:
    request = pb.ListJobsRequest(
        owner="o",
        states=[job_pb2.JOB_STATE_HELD, job_pb2.JOB_STATE_HELD],
        kinds=[spec_pb2.JOB_KIND_MODEL],
        batch_id="b",
        labels={"k": "v"},
    )
    request.create_time_to.FromDatetime(NOON)

    wanted = filter_from_proto(request)

    assert (wanted.owner, wanted.batch_id, wanted.labels) == ("o", "b", {"k": "v"})
    assert wanted.states == frozenset({JobState.HELD})
    assert wanted.kinds == frozenset({JobKind.MODEL})
    assert (wanted.created_from, wanted.created_to) == (None, NOON)


@pytest.mark.parametrize(("asked", "given"), [(0, 20), (1, 1), (100, 100), (101, 100)])
def test_a_page_has_a_default_and_a_largest_size(asked: int, given: int) -> None:
    assert page_size_from_proto(pb.ListJobsRequest(page_size=asked)) == given


def test_a_watch_beats_every_15_seconds_unless_told_otherwise() -> None:
    told = pb.WatchJobRequest()
    told.heartbeat_interval.FromSeconds(30)

    assert heartbeat_from_proto(pb.WatchJobRequest()) == timedelta(seconds=15)
    assert heartbeat_from_proto(told) == timedelta(seconds=30)


def test_a_wait_lasts_30_seconds_unless_told_otherwise() -> None:
    told = pb.WaitJobRequest()
    told.timeout.FromSeconds(0)

    assert wait_from_proto(pb.WaitJobRequest()) == timedelta(seconds=30)
    assert wait_from_proto(told) == timedelta(0)
