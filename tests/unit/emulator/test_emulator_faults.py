from __future__ import annotations

import pytest

from emulator.faults import Fault, FaultOrder, Faults, Phase


def test_an_order_strikes_as_often_as_it_says() -> None:
    faults = Faults()
    faults.add(FaultOrder(fault=Fault.SUBMIT_500, times=2))

    strikes = [faults.take(Phase.SUBMIT, "segue/echo") for _ in range(3)]

    assert [strike is not None for strike in strikes] == [True, True, False]


def test_an_order_strikes_only_in_its_phase() -> None:
    faults = Faults()
    faults.add(FaultOrder(fault=Fault.POLL_403))

    assert faults.take(Phase.SUBMIT, "segue/echo") is None
    assert faults.take(Phase.POLL, "segue/echo") is not None


@pytest.mark.parametrize(
    ("endpoint", "struck"),
    [("fal-ai/flux/dev", True), ("fal-ai/flux", True), ("fal-ai/flux-pro", False), ("segue/echo", False)],
)
def test_an_order_for_an_endpoint_concerns_what_is_below_it(endpoint: str, struck: bool) -> None:
    order = FaultOrder(fault=Fault.RUN_500, endpoint="fal-ai/flux")

    assert order.concerns(Phase.RUN, endpoint) is struck


def test_orders_strike_oldest_first() -> None:
    faults = Faults()
    faults.add(FaultOrder(fault=Fault.SUBMIT_429, seconds=7))
    faults.add(FaultOrder(fault=Fault.SUBMIT_500))

    first, second = faults.take(Phase.SUBMIT, "a/b"), faults.take(Phase.SUBMIT, "a/b")

    assert first is not None
    assert second is not None
    assert (first.fault, first.delay, second.fault) == (Fault.SUBMIT_429, 7, Fault.SUBMIT_500)


def test_every_fault_has_a_phase() -> None:
    assert {fault.phase for fault in Fault} == set(Phase)
