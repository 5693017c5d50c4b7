from __future__ import annotations

import threading
from types import SimpleNamespace

import grpc
import grpc.aio
import pytest

from segue import errors
from segue.options import settings
from segue.v1 import event_pb2, job_pb2
from segue.v1.job_service_pb2 import WatchJobResponse
from segue.watchdog import Watchdog
from segue.watches import JobWatch


def snapshot(sequence: int, *, truncated: bool = False) -> WatchJobResponse:
    return WatchJobResponse(
        sequence=sequence,
        snapshot=event_pb2.Snapshot(job=job_pb2.Job(state=job_pb2.JOB_STATE_PENDING), history_truncated=truncated),
    )


def progress(sequence: int) -> WatchJobResponse:
    return WatchJobResponse(sequence=sequence, progress=job_pb2.Progress(fraction=0.5))


def watch(after_sequence: int = 0) -> JobWatch:
    return JobWatch("job", after_sequence=after_sequence, settings=settings("a:1"), timeout=None)


def failure(code: grpc.StatusCode, details: bytes = b"") -> grpc.aio.AioRpcError:
    trailers = grpc.aio.Metadata(("grpc-status-details-bin", details))
    return grpc.aio.AioRpcError(code, trailing_metadata=trailers, details="broken")


def test_three_heartbeats_are_waited_for() -> None:
    assert watch().patience == pytest.approx(45)


def test_a_watch_waits_longer_the_more_often_it_fails() -> None:
    waits = []
    for _ in range(60):
        one = watch()
        for _ in range(6):
            one.open()
            one.failed(failure(grpc.StatusCode.UNAVAILABLE))
        waits.append(one.delay)

    assert max(waits) > 2
    assert max(waits) <= 5


def test_with_several_addresses_a_watch_waits_longer_by_rounds_over_all_of_them() -> None:
    waits = []
    for _ in range(60):
        one = JobWatch("job", after_sequence=0, settings=settings("a:1,b:1,c:1"), timeout=None)
        for _ in range(6):
            one.open()
            one.failed(failure(grpc.StatusCode.UNAVAILABLE))
        waits.append(one.delay)

    assert 0.2 < max(waits) <= 0.4


def test_a_watch_never_gives_up_on_a_server_that_is_away() -> None:
    one = watch()
    for _ in range(1000):
        one.open()
        one.failed(failure(grpc.StatusCode.UNAVAILABLE))

    assert not one.finished


def test_an_unsigned_fault_that_stays_is_raised() -> None:
    one = watch()
    one.open()
    for _ in range(4):
        one.failed(failure(grpc.StatusCode.INTERNAL))

    with pytest.raises(errors.InternalError, match="broken"):
        one.failed(failure(grpc.StatusCode.INTERNAL))


def test_details_that_are_no_status_leave_the_code() -> None:
    error = errors.from_call(failure(grpc.StatusCode.NOT_FOUND, b"\xff\xff"))

    assert type(error) is errors.NotFound
    assert str(error) == "broken [NOT_FOUND]"


def test_an_error_without_a_message_says_what_its_class_means() -> None:
    assert str(errors.ClientClosed()) == "The client has been closed. [CANCELLED]"


def test_a_store_that_went_back_is_followed_from_its_snapshot() -> None:
    one = watch(after_sequence=9)
    one.open()
    one.ended()  # nothing after 9
    assert one.open().after_sequence == 0

    assert one.receive(snapshot(4))
    assert one.receive(progress(5))


def test_a_probe_does_not_repeat_what_was_seen() -> None:
    one = watch(after_sequence=9)
    one.open()
    one.ended()
    one.open()

    assert not one.receive(snapshot(9))
    assert one.receive(progress(10))


def test_a_probe_that_finds_more_goes_back_to_fetch_it() -> None:
    one = watch(after_sequence=9)
    one.open()
    one.ended()
    one.open()

    assert not one.receive(snapshot(12))
    assert one.interrupted
    assert one.open().after_sequence == 9


def test_a_heartbeat_that_is_ahead_interrupts_the_stream() -> None:
    one = watch(after_sequence=9)
    one.open()

    one.receive(WatchJobResponse(sequence=9, heartbeat=event_pb2.Heartbeat()))
    assert not one.interrupted
    one.receive(WatchJobResponse(sequence=10, heartbeat=event_pb2.Heartbeat()))
    assert one.interrupted


def test_after_the_final_event_the_end_of_the_stream_is_not_waited_for_long() -> None:
    one = watch(after_sequence=9)
    one.open()
    one.receive(WatchJobResponse(sequence=10, state_change=event_pb2.StateChange(to_state=job_pb2.JOB_STATE_FAILED)))

    assert one.patience <= 2
    one.silent()
    assert one.finished


def test_a_snapshot_that_comes_again_is_dropped() -> None:
    one = watch()
    one.open()

    assert one.receive(snapshot(3))
    assert not one.receive(snapshot(3))
    assert not one.receive(snapshot(2))


def test_the_watchdog_bites_when_a_step_takes_too_long() -> None:
    bitten = threading.Event()

    with Watchdog(bitten.set) as watchdog, watchdog.guard(0.02):
        assert bitten.wait(30)
        assert watchdog.bit


def test_the_watchdog_sleeps_between_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    bitten, clock = threading.Event(), SimpleNamespace(now=0.0)
    monkeypatch.setattr("segue.watchdog.time", SimpleNamespace(monotonic=lambda: clock.now))

    with Watchdog(bitten.set) as watchdog:
        for _ in range(20):  # none of them takes any time, however busy the machine is
            with watchdog.guard(0.05):
                pass
        clock.now += 60
        assert not bitten.wait(0.15)

    assert not watchdog.bit


def test_an_earlier_limit_wakes_the_watchdog() -> None:
    bitten = threading.Event()

    with Watchdog(bitten.set) as watchdog:
        with watchdog.guard(60):
            pass
        with watchdog.guard(0.02):
            assert bitten.wait(30)
