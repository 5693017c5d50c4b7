"""A client that another thread closes while a call or a watch begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from segue import errors
from segue.callers import Caller
from segue.options import settings
from segue.v1.job_service_pb2 import GetJobRequest
from segue.watchers import Watcher
from segue.watches import JobWatch

if TYPE_CHECKING:
    from segue.callers import Stubs

OPTIONS = settings("127.0.0.1:1")


def test_a_call_whose_client_is_closed_as_it_begins_says_so() -> None:
    caller = Caller(OPTIONS)

    def get_once_closed(stubs: Stubs) -> Any:
        caller.close()
        return stubs.jobs.GetJob

    with pytest.raises(errors.ClientClosed):
        caller(get_once_closed, GetJobRequest(job_id="j"))


def test_a_watch_whose_client_is_closed_as_it_begins_says_so() -> None:
    caller = Caller(OPTIONS)

    class ClosedOnceOpened(JobWatch):
        def method(self, stub: Any) -> Any:
            caller.close()
            return super().method(stub)

    with pytest.raises(errors.ClientClosed):
        next(Watcher(caller)(ClosedOnceOpened("j", after_sequence=0, settings=OPTIONS, timeout=None)))
