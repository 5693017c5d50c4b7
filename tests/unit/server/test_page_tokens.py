from __future__ import annotations

import base64

import pytest

from core.errors import InvalidRequestError
from core.ids import time_ordered_ids
from core.job import JobId
from segue.v1 import job_service_pb2 as pb
from server.translate.page_tokens import page_token_from_proto, page_token_to_proto

ID = JobId(time_ordered_ids()[0])


def test_a_token_leads_to_its_page_whatever_its_size() -> None:
    token = page_token_to_proto(pb.ListJobsRequest(owner="o", page_size=5), ID)

    assert page_token_from_proto(pb.ListJobsRequest(owner="o", page_size=9, include_spec=True, page_token=token)) == ID


def test_the_first_page_needs_no_token_and_the_last_gives_none() -> None:
    assert page_token_from_proto(pb.ListJobsRequest()) is None
    assert page_token_to_proto(pb.ListJobsRequest(), None) == ""


def test_a_token_is_not_good_with_other_filters() -> None:
    token = page_token_to_proto(pb.ListJobsRequest(owner="o"), ID)

    with pytest.raises(InvalidRequestError, match="page_token: is the token of a list with other filters"):
        page_token_from_proto(pb.ListJobsRequest(owner="p", page_token=token))


@pytest.mark.parametrize(
    "token", ["x", "!!!!", "é", "AAAA", base64.urlsafe_b64encode(bytes(24)).decode() + "AAAA", " " * 32]
)
def test_garbage_is_not_a_token(token: str) -> None:
    with pytest.raises(InvalidRequestError, match="page_token: is not a page token"):
        page_token_from_proto(pb.ListJobsRequest(page_token=token))
