"""What is written into Redis is read back as it was."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest

from core.events.event import Event, LogWritten, ProgressMade, StateChanged
from core.job import (
    MOST_AWAITED,
    CancelOutcome,
    ErrorReason,
    Generation,
    GenerationState,
    JobError,
    JobId,
    JobKind,
    JobState,
    Progress,
    Submission,
    Tenant,
    UnknownSubmission,
)
from core.store import packing, records, rows, tickets

NOW = datetime(2026, 7, 1, 12, 0, 0, 123_000, tzinfo=UTC)
TENANT = Tenant("t")
SUBMISSION = Submission(
    kind=JobKind.SCRIPT_VIDEO,
    spec=b"\x00\xff",
    priority=3,
    owner="ann \N{SNOWMAN}",
    labels={"team": "r\N{LATIN SMALL LETTER E WITH ACUTE}d", "n": "1"},
    request_id="r",
    digest="d",
    time_limit=timedelta(minutes=5),
    retention=timedelta(hours=2),
    max_attempts=4,
    hold=True,
    on_unknown_submission=UnknownSubmission.RESUBMIT,
    model="fal-ai/x",
    template_id="brand",
    estimated_cost=700_000,
)
GENERATION = Generation(
    step="video",
    endpoint="fal-ai/x",
    state=GenerationState.CANCELLED,
    intent="i",
    input_digest="d",
    provider_request_id="p",
    submit_time=NOW,
    end_time=NOW + timedelta(seconds=1),
    cancel_outcome=CancelOutcome.SIGNALLED,
    submits=2,
    estimated_cost=350_000,
)


def stored(flat: list[object]) -> packing.Record:
    """Return flat fields and values as Redis would answer them."""
    texts = [value if isinstance(value, bytes) else str(value).encode() for value in flat]
    return packing.pairs(texts)


@pytest.mark.parametrize(
    "submission", [SUBMISSION, replace(SUBMISSION, owner="", labels={}, request_id="", hold=False, estimated_cost=None)]
)
def test_a_new_job_is_read_as_it_was_answered(submission: Submission) -> None:
    answered = records.new_job(TENANT, JobId("j"), None, submission, NOW)

    record = records.record_of(JobId("j"), None, submission)
    record += ("created", round(NOW.timestamp() * 1000), "spec", submission.spec)

    assert records.job_of(TENANT, stored(record)) == answered


def test_the_argument_of_submit_names_what_the_script_reads() -> None:
    argument = packing.unpack(records.argument_of(JobId("j"), None, SUBMISSION))

    assert argument[:4] == [b"j", b"script_video", b"held", 3]
    assert argument[6] == b"\x00\xff"


def test_a_job_that_awaits_others_is_held_without_a_deadline() -> None:
    submission = replace(SUBMISSION, hold=False, longest_wait=timedelta(seconds=10), awaits=(JobId("a"), JobId("b")))

    waiting = records.new_job(TENANT, JobId("j"), None, submission, NOW, awaited=1)
    free = records.new_job(TENANT, JobId("j"), None, submission, NOW, awaited=0)

    assert (waiting.state, waiting.awaited_job_count, waiting.start_deadline) == (JobState.HELD, 1, None)
    assert (free.state, free.start_deadline) == (JobState.PENDING, NOW + timedelta(seconds=10))


def test_the_awaited_jobs_of_a_call_are_told_by_the_places_of_those_that_await_them() -> None:
    awaiting = replace(SUBMISSION, awaits=(JobId("b"), JobId("a"), JobId("b")))

    assert packing.unpack(records.awaited_argument([SUBMISSION, awaiting])) == [[2, [b"b", b"a"]]]
    assert records.awaited_argument([SUBMISSION]) == b""


def test_a_job_awaits_a_hundred_others_at_most() -> None:
    ids = tuple(JobId(str(number)) for number in range(MOST_AWAITED + 1))
    replace(SUBMISSION, awaits=(*ids[1:], ids[1]))

    with pytest.raises(ValueError, match="100"):
        replace(SUBMISSION, awaits=ids)


@pytest.mark.parametrize(
    "generation",
    [
        GENERATION,
        replace(GENERATION, end_time=None, cancel_outcome=None, provider_request_id="", estimated_cost=None),
        replace(GENERATION, estimated_cost=0),
    ],
)
def test_a_row_of_the_ledger_is_read_as_it_was_written(generation: Generation) -> None:
    assert rows.generation_of(rows.generation_argument(generation)) == generation


def test_every_field_of_a_generation_is_kept() -> None:
    assert len(packing.unpack(rows.generation_argument(GENERATION))) == len(fields(Generation))


def test_the_rows_of_a_ledger_come_in_order_of_their_submit() -> None:
    later = replace(GENERATION, step="audio", submit_time=NOW + timedelta(seconds=5))
    record = {b"gen:audio": rows.generation_argument(later), b"gen:video": rows.generation_argument(GENERATION)}

    assert rows.generations_of(record) == (GENERATION, later)


@pytest.mark.parametrize("reason", list(ErrorReason))
def test_an_error_is_read_as_it_was_written(reason: ErrorReason) -> None:
    error = JobError(reason=reason, message="m \N{SNOWMAN}", retryable=True, metadata={"step": "s"})

    assert rows.error_of(rows.error_argument(error)) == error


def test_an_error_without_metadata_is_read_as_it_was_written() -> None:
    error = JobError(reason=ErrorReason.INTERNAL, message="")

    assert rows.error_of(rows.error_argument(error)) == error


@pytest.mark.parametrize(
    ("packed", "event"),
    [
        ([3, b"log", "line \N{SNOWMAN}"], LogWritten(sequence=3, time=NOW, text="line \N{SNOWMAN}")),
        (
            [4, b"progress", 0.5, "stage", "message", 2],
            ProgressMade(
                sequence=4,
                time=NOW,
                progress=Progress(fraction=0.5, stage="stage", message="message", provider_queue_position=2),
            ),
        ),
        ([5, b"progress", -1, "", "", -1], ProgressMade(sequence=5, time=NOW, progress=Progress())),
    ],
)
def test_an_event_is_read_as_the_scripts_pack_it(packed: list[object], event: Event) -> None:
    sequence, *body = packed

    assert records.event_of(TENANT, packing.pack([sequence, round(NOW.timestamp() * 1000), *body])) == event


def test_a_state_change_carries_the_job() -> None:
    flat = [*records.record_of(JobId("j"), None, SUBMISSION), "created", str(round(NOW.timestamp() * 1000))]

    event = records.event_of(TENANT, packing.pack([1, round(NOW.timestamp() * 1000), "state", "", "held", flat]))

    assert isinstance(event, StateChanged)
    assert (event.from_state, event.to_state, event.is_final) == (None, JobState.HELD, False)
    assert event.job == replace(records.new_job(TENANT, JobId("j"), None, SUBMISSION, NOW), spec=None)


def test_an_unknown_kind_of_event_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        records.event_of(TENANT, packing.pack([1, 1, "new"]))


def test_progress_that_is_unknown_is_told_by_minus_one() -> None:
    assert packing.unpack(records.progress_argument(Progress())) == [-1.0, b"", b"", -1]


def test_states_that_no_job_of_a_batch_stands_in_are_left_out() -> None:
    assert records.state_counts([(b"n:held", 0), (b"n:failed", 2)]) == {JobState.FAILED: 2}


def test_a_ticket_is_json_with_a_number_for_its_time() -> None:
    import json

    ticket = json.loads(tickets.template().replace("@TICKET@", "t").replace("@NOW@", "17"))

    assert (ticket["message_id"], ticket["message_timestamp"]) == ("t", 17)
