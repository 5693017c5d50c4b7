from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, ResourceInfo, RetryInfo

from core.catalog.transitions import TRANSITION_MODELS
from core.errors import (
    DrainingError,
    InvalidRequestError,
    JobNotFoundError,
    SegueError,
    StoreUnavailableError,
    Violation,
)
from server.settings import Settings
from server.statuses import MOST_VIOLATIONS, STATUS, TRAILER_BYTES, internal_status, status_of
from server.validation.requests import check_submit_job
from tests.unit.server.asked import submit

if TYPE_CHECKING:
    from google.rpc.status_pb2 import Status

M = TypeVar("M", bound=Message)


def detail(status: Status, kind: type[M]) -> M:
    message = kind()
    assert any(packed.Unpack(message) for packed in status.details), f"no {kind.__name__}"
    return message


def test_every_error_has_a_code() -> None:
    assert STATUS.keys() == set(SegueError.__subclasses__())


def test_every_error_has_a_reason_of_its_own() -> None:
    reasons = [kind.reason for kind in STATUS]

    assert len(set(reasons)) == len(reasons)
    assert SegueError.reason not in reasons


def test_an_error_names_its_reason_and_domain() -> None:
    status = status_of(JobNotFoundError(metadata={"job_id": "j"}))

    assert status.code == grpc.StatusCode.NOT_FOUND.value[0]
    assert detail(status, ErrorInfo) == ErrorInfo(reason="JOB_NOT_FOUND", domain="segue", metadata={"job_id": "j"})
    assert detail(status, ResourceInfo).resource_type == "segue.v1.Job"
    assert detail(status, ResourceInfo).resource_name == "j"


@pytest.mark.parametrize("kind", [DrainingError, StoreUnavailableError])
def test_what_passes_says_when_to_come_again(kind: type[DrainingError | StoreUnavailableError]) -> None:
    status = status_of(kind(retry_after=timedelta(seconds=1.5)))

    assert detail(status, RetryInfo).retry_delay.ToTimedelta() == timedelta(seconds=1.5)


def test_violations_are_all_named_while_they_are_few() -> None:
    status = status_of(
        InvalidRequestError([Violation("priority", "must be 1 to 10"), Violation("spec", "is required")])
    )

    fields = detail(status, BadRequest).field_violations
    assert [(field.field, field.description) for field in fields] == [
        ("priority", "must be 1 to 10"),
        ("spec", "is required"),
    ]
    assert "omitted_violations" not in detail(status, ErrorInfo).metadata


def test_of_many_violations_the_first_are_named_and_the_rest_counted() -> None:
    status = status_of(InvalidRequestError([Violation(f"jobs[{i}].priority", "no") for i in range(1000)]))

    assert len(detail(status, BadRequest).field_violations) == MOST_VIOLATIONS
    assert detail(status, ErrorInfo).metadata["omitted_violations"] == "980"
    assert "999 more" in status.message


def test_the_list_of_models_is_not_cut() -> None:
    request = submit()
    request.spec.transition.model = "fal-ai/other"
    with pytest.raises(InvalidRequestError) as caught:
        check_submit_job(request, Settings())

    (field,) = detail(status_of(caught.value), BadRequest).field_violations

    assert all(name in field.description for name, model in TRANSITION_MODELS.items() if model.tail_field)


@pytest.mark.parametrize("character", ["x", "€", "😀"])
def test_a_status_stays_small_enough_for_the_trailers(character: str) -> None:
    long = character * 10_000
    status = status_of(InvalidRequestError([Violation(long, long) for _ in range(1000)]))

    assert status.ByteSize() <= TRAILER_BYTES
    # On the wire: the message percent-encoded (three bytes for one), the details in base64 (four for three).
    assert 3 * len(status.message.encode()) + status.ByteSize() * 4 / 3 < 8_000
    assert len(detail(status, BadRequest).field_violations) >= 1


def test_an_unexpected_error_tells_nothing_but_where_to_find_it() -> None:
    status = internal_status("abc")

    assert status.message == "Internal error."
    assert detail(status, ErrorInfo) == ErrorInfo(reason="INTERNAL", domain="segue", metadata={"incident_id": "abc"})
