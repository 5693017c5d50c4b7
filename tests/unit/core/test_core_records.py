"""What is written into Redis is read back as it was."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest

from core.events.event import Event, LogWritten, ProgressMade, StateChanged
from core.job import (
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
from core.store import records, tickets

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
)


def stored(flat: list[object]) -> records.Record:
    """Return flat fields and values as Redis would answer them."""
    texts = [value if isinstance(value, bytes) else str(value).encode() for value in flat]
    return records.pairs(texts)


@pytest.mark.parametrize(
    "submission", [SUBMISSION, replace(SUBMISSION, owner="", labels={}, request_id="", hold=False)]
)
def test_a_new_job_is_read_as_it_was_answered(submission: Submission) -> None:
    answered = records.new_job(TENANT, JobId("j"), None, submission, NOW)

    record = records.record_of(JobId("j"), None, submission)
    record += ("created", round(NOW.timestamp() * 1000), "spec", submission.spec)

    assert records.job_of(TENANT, stored(record)) == answered


def test_the_argument_of_submit_names_what_the_script_reads() -> None:
    argument = records.unpack(records.argument_of(JobId("j"), None, SUBMISSION))

    assert argument[:4] == [b"j", b"script_video", b"held", 3]
    assert argument[6] == b"\x00\xff"


@pytest.mark.parametrize(
    "generation",
    [GENERATION, replace(GENERATION, end_time=None, cancel_outcome=None, provider_request_id="")],
)
def test_a_row_of_the_ledger_is_read_as_it_was_written(generation: Generation) -> None:
    assert records.generation_of(records.generation_argument(generation)) == generation


def test_every_field_of_a_generation_is_kept() -> None:
    assert len(records.unpack(records.generation_argument(GENERATION))) == len(fields(Generation))


def test_the_rows_of_a_ledger_come_in_order_of_their_submit() -> None:
    later = replace(GENERATION, step="audio", submit_time=NOW + timedelta(seconds=5))
    record = {b"gen:audio": records.generation_argument(later), b"gen:video": records.generation_argument(GENERATION)}

    assert records.generations_of(record) == (GENERATION, later)


@pytest.mark.parametrize("reason", list(ErrorReason))
def test_an_error_is_read_as_it_was_written(reason: ErrorReason) -> None:
    error = JobError(reason=reason, message="m \N{SNOWMAN}", retryable=True, metadata={"step": "s"})

    assert records.error_of(records.error_argument(error)) == error


def test_an_error_without_metadata_is_read_as_it_was_written() -> None:
    error = JobError(reason=ErrorReason.INTERNAL, message="")

    assert records.error_of(records.error_argument(error)) == error


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

    assert records.event_of(TENANT, records.pack([sequence, round(NOW.timestamp() * 1000), *body])) == event


def test_a_state_change_carries_the_job() -> None:
    flat = [*records.record_of(JobId("j"), None, SUBMISSION), "created", str(round(NOW.timestamp() * 1000))]

    event = records.event_of(TENANT, records.pack([1, round(NOW.timestamp() * 1000), "state", "", "held", flat]))

    assert isinstance(event, StateChanged)
    assert (event.from_state, event.to_state, event.is_final) == (None, JobState.HELD, False)
    assert event.job == replace(records.new_job(TENANT, JobId("j"), None, SUBMISSION, NOW), spec=None)


def test_an_unknown_kind_of_event_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        records.event_of(TENANT, records.pack([1, 1, "new"]))


def test_progress_that_is_unknown_is_told_by_minus_one() -> None:
    assert records.unpack(records.progress_argument(Progress())) == [-1.0, b"", b"", -1]


def test_states_that_no_job_of_a_batch_stands_in_are_left_out() -> None:
    assert records.state_counts([(b"n:held", 0), (b"n:failed", 2)]) == {JobState.FAILED: 2}


def test_a_ticket_is_json_with_a_number_for_its_time() -> None:
    import json

    ticket = json.loads(tickets.template().replace("@TICKET@", "t").replace("@NOW@", "17"))

    assert (ticket["message_id"], ticket["message_timestamp"]) == ("t", 17)
