from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core.errors import InvalidRequestError
from segue.v1 import job_service_pb2 as pb
from server.validation.requests import check_filter, check_job_id, check_list_jobs, check_wait_job, check_watch_job

if TYPE_CHECKING:
    from collections.abc import Callable


def paths(check: Callable[[], None]) -> list[str]:
    with pytest.raises(InvalidRequestError) as caught:
        check()
    return [violation.path for violation in caught.value.violations]


@pytest.mark.parametrize("job_id", ["", "x" * 65])
def test_what_cannot_be_an_id_is_refused(job_id: str) -> None:
    assert paths(lambda: check_job_id(job_id)) == ["job_id"]


def test_a_list_names_every_wrong_filter() -> None:
    request = pb.ListJobsRequest(
        owner="o" * 129, batch_id="b" * 65, labels={"A": ""}, page_size=-1, page_token="t" * 257
    )
    request.states.extend([2, 0, 99])  # type: ignore[list-item]  # numbers as a newer client may send them
    request.kinds.extend([1, 9])  # type: ignore[list-item]  # numbers as a newer client may send them
    request.create_time_from.seconds = 2**60
    request.create_time_to.nanos = -1

    assert paths(lambda: check_list_jobs(request)) == [
        *("owner", "states[1]", "states[2]", "kinds[1]", "batch_id", "labels['A']"),
        *("create_time_from", "create_time_to", "page_size", "page_token"),
    ]


def test_a_list_without_filters_is_right() -> None:
    check_list_jobs(pb.ListJobsRequest(page_size=1000))


@pytest.mark.parametrize("seconds", [5, 60])
def test_the_bounds_of_the_heartbeat_are_right(seconds: int) -> None:
    request = pb.WatchJobRequest(job_id="a")
    request.heartbeat_interval.FromTimedelta(timedelta(seconds=seconds))

    check_watch_job(request)


@pytest.mark.parametrize("seconds", [0, 4.9, 60.1])
def test_a_watch_names_every_fault(seconds: float) -> None:
    request = pb.WatchJobRequest(after_sequence=-1)
    request.heartbeat_interval.FromTimedelta(timedelta(seconds=seconds))

    assert paths(lambda: check_watch_job(request)) == ["job_id", "after_sequence", "heartbeat_interval"]


@pytest.mark.parametrize("seconds", [0, 600])
def test_the_bounds_of_a_wait_are_right(seconds: int) -> None:
    request = pb.WaitJobRequest(job_id="a")
    request.timeout.FromSeconds(seconds)

    check_wait_job(request)


@pytest.mark.parametrize("seconds", [-0.1, 600.1])
def test_a_wait_names_every_fault(seconds: float) -> None:
    request = pb.WaitJobRequest()
    request.timeout.FromTimedelta(timedelta(seconds=seconds))

    assert paths(lambda: check_wait_job(request)) == ["job_id", "timeout"]


@pytest.mark.parametrize("condition", ["create_time_from", "create_time_to"])
def test_any_condition_makes_a_filter(condition: str) -> None:
    wanted = pb.JobFilter()
    getattr(wanted, condition).SetInParent()

    check_filter(wanted)
    check_filter(pb.JobFilter(labels={"k": "v"}))


def test_a_filter_of_nothing_is_refused() -> None:
    assert paths(lambda: check_filter(pb.JobFilter())) == ["filter"]
