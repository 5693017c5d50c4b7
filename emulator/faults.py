"""Faults on order: which ones there are, and the list of those still to strike."""

import enum
from collections.abc import Iterable
from typing import Final

from pydantic import BaseModel, ConfigDict, Field


class Phase(enum.StrEnum):
    """The moment in a request's life at which a fault strikes."""

    SUBMIT = "submit"
    RUN = "run"
    POLL = "poll"
    RESULT = "result"


class Fault(enum.StrEnum):
    """Everything that can be made to go wrong."""

    RESET_BEFORE_ACCEPT = "reset_before_accept"
    RESET_AFTER_ACCEPT = "reset_after_accept"
    SLOW_SUBMIT = "slow_submit"
    TRUNCATED_SUBMIT = "truncated_submit"
    MISSING_KEYS = "missing_keys"
    SUBMIT_403 = "submit_403"
    SUBMIT_409 = "submit_409"
    SUBMIT_429 = "submit_429"
    SUBMIT_500 = "submit_500"
    SUBMIT_502 = "submit_502"
    SUBMIT_502_AFTER_ACCEPT = "submit_502_after_accept"
    RUN_500 = "run_500"
    RUN_422 = "run_422"
    CONTENT_REFUSED = "content_refused"
    NEVER_FINISHES = "never_finishes"
    REQUEUE = "requeue"
    POLL_403 = "poll_403"
    POLL_404 = "poll_404"
    POLL_500 = "poll_500"
    POLL_HANG = "poll_hang"
    RESULT_504 = "result_504"
    RESULT_EXPIRED = "result_expired"

    @property
    def phase(self) -> Phase:
        """When it strikes."""
        return _PHASE.get(self) or Phase(self.value.partition("_")[0])


_PHASE: Final = {
    Fault.RESET_BEFORE_ACCEPT: Phase.SUBMIT,
    Fault.RESET_AFTER_ACCEPT: Phase.SUBMIT,
    Fault.SLOW_SUBMIT: Phase.SUBMIT,
    Fault.TRUNCATED_SUBMIT: Phase.SUBMIT,
    Fault.MISSING_KEYS: Phase.SUBMIT,
    Fault.CONTENT_REFUSED: Phase.RUN,
    Fault.NEVER_FINISHES: Phase.RUN,
    Fault.REQUEUE: Phase.RUN,
}

#: Seconds of the faults that take time, when the order names none.
DEFAULT_SECONDS: Final = {
    Fault.SLOW_SUBMIT: 5.0,
    Fault.POLL_HANG: 60.0,
    Fault.REQUEUE: 1.0,
    Fault.SUBMIT_429: 1.0,
}


class FaultOrder(BaseModel):
    """An order to let a fault strike the next *times* occasions."""

    model_config = ConfigDict(extra="forbid")

    fault: Fault
    times: int = Field(default=1, ge=1, le=1_000_000)
    endpoint: str | None = None
    """Only requests to this endpoint, or below it (`fal-ai/flux` strikes `fal-ai/flux/dev` too)."""
    seconds: float | None = Field(default=None, ge=0, le=86_400)
    """The delay of slow_submit and poll_hang, the pause of requeue, the Retry-After of submit_429."""

    @property
    def delay(self) -> float:
        """The seconds in force: the ordered ones or the fault's default."""
        return DEFAULT_SECONDS.get(self.fault, 0.0) if self.seconds is None else self.seconds

    def concerns(self, phase: Phase, endpoint: str) -> bool:
        """Whether it strikes a request to *endpoint* in *phase*."""
        if self.fault.phase is not phase:
            return False
        return self.endpoint is None or f"{endpoint}/".startswith(f"{self.endpoint.strip('/')}/")


class Faults:
    """The orders that are still open, oldest first."""

    def __init__(self) -> None:
        self._orders: list[FaultOrder] = []

    def add(self, order: FaultOrder) -> None:
        """Put *order* behind all others."""
        self._orders.append(order)

    def clear(self) -> None:
        """Withdraw every order."""
        self._orders.clear()

    def open_orders(self) -> Iterable[FaultOrder]:
        """List the open orders; `times` is what is left of each."""
        return tuple(self._orders)

    def take(self, phase: Phase, endpoint: str) -> FaultOrder | None:
        """Use up one strike of the oldest order that concerns *endpoint* in *phase*."""
        for order in self._orders:
            if order.concerns(phase, endpoint):
                if order.times == 1:
                    self._orders.remove(order)
                else:
                    order.times -= 1
                return order
        return None
