"""One watch across all the streams it takes, without any I/O; what is watched is told by `segue.watches`.

The server promises every event once, in order, and status OK exactly after the final one. Streams break, though:
servers stop, proxies close what is idle, machines vanish without a word. `Watch` remembers the last sequence,
drops what comes twice, notices what is missing and says when and from where to open the next stream. The two faces
only carry messages to it: ``open``, then ``receive`` for each message, then ``ended``, ``failed`` or ``silent``.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import grpc

from segue import errors
from segue.calls import TRANSIENT, Deadline
from segue.v1.job_service_pb2 import WatchBatchResponse, WatchJobResponse, WatchJobsResponse
from segue.values import duration

if TYPE_CHECKING:
    from datetime import timedelta

    from google.protobuf.duration_pb2 import Duration

    from segue.options import Settings

_log = logging.getLogger("segue")

#: Seconds the server has to end the stream after the final event; then the client ends it.
_FAREWELL: Final = 2.0

#: How often in a row, without a new event, a stream may lack events or break in a way that only a proxy, or a fault
#: that stays, explains.
_MAX_FRUITLESS: Final = 5

#: A proxy's doing, unless the service signed it with an ErrorInfo.
_PROXY_CODES: Final = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN})


MessageT = TypeVar("MessageT", WatchJobResponse, WatchBatchResponse, WatchJobsResponse)


class Watch(ABC, Generic[MessageT]):
    """Decides what a watch asks for, what it delivers and when it comes back."""

    #: What is watched, for people.
    what: str

    def __init__(self, *, after_sequence: int, settings: Settings, timeout: float | None = None) -> None:
        self.finished = False
        """The final event was delivered and the stream is over."""
        self.interrupted = False
        """The current stream is of no more use: close it and open the next."""
        self._settings = settings
        self._deadline = Deadline(timeout)
        self._last = after_sequence
        self._begun = after_sequence > 0
        self._final = False
        self._fruitful = False
        self._probing = False
        self._failures = 0
        self._fruitless = 0
        self._delay = 0.0

    @property
    def delay(self) -> float:
        """The seconds to wait before the next stream is opened."""
        return self._deadline.cap(self._delay)

    @property
    def timeout(self) -> float | None:
        """The seconds the watch may still take; None: as long as the job does."""
        return self._deadline.remaining

    @property
    def patience(self) -> float:
        """The seconds to wait for the next message before the stream is taken for dead."""
        silence = self._settings.silence
        return self._deadline.cap(min(_FAREWELL, silence) if self._final else silence)

    @abstractmethod
    def method(self, stub: Any) -> Any:
        """Return the RPC of the watch."""

    @abstractmethod
    def _request(self, after_sequence: int, heartbeat: Duration | None) -> Any:
        """Return the request for a stream."""

    @abstractmethod
    def _ends(self, message: MessageT) -> bool | None:
        """Return whether nothing follows a snapshot or an event by itself; None: it does not say."""

    @abstractmethod
    def _omitted(self, message: MessageT) -> int | None:
        """Return how many events the server left out before one; None: whatever is missing, it is nothing to us."""

    @abstractmethod
    def _shows(self, message: MessageT) -> bool:
        """Return whether an event is of a kind that this client knows."""

    def open(self) -> Any:
        """Begin a stream and return the request for it.

        Raises:
            DeadlineExceeded: the time of the watch is over.
        """
        self._check_deadline()
        self.interrupted = False
        self._fruitful = False
        return self._request(0 if self._probing else self._last, duration(self._settings.heartbeat_interval))

    def receive(self, message: MessageT) -> bool:
        """Take a message and tell whether it is an event for the caller.

        Raises:
            BrokenWatch: events are missing, and opening the stream anew did not bring them.
        """
        match message.WhichOneof("event"):
            case "heartbeat":
                self._take_heartbeat(message)
                return False
            case "draining":
                self._reopen("the server is about to stop", message.draining.reconnect_delay.ToTimedelta())
                return False
            case "snapshot":
                return self._take_snapshot(message)
            case _:
                # A kind that this client does not know counts, but is skipped.
                return self._take_event(message) and self._shows(message)

    def ended(self) -> None:
        """Note that the stream ended with OK, which is only right after the final event."""
        if self._final:
            self.finished = True
            return
        # Nothing came after the last sequence: perhaps it was the final one, and the caller has had it before. A
        # stream from the beginning answers that with its snapshot.
        self._probing = self._begun and not self._fruitful
        self._again("it ended before the final event")

    def failed(self, call: grpc.RpcError) -> None:
        """Note that the stream ended with an error.

        Raises:
            SegueError: it is of no use to open it again.
        """
        if self._final:
            self.finished = True
            return
        self._check_deadline()
        error = errors.from_call(call)
        if not self._is_passing(error):
            raise error from call
        self._again(str(error), error.retry_after)

    def silent(self) -> None:
        """Note that nothing came for as long as `patience`.

        Raises:
            DeadlineExceeded: the time of the watch is over.
        """
        if self._final:
            self.finished = True
            return
        self._check_deadline()
        self._again("no heartbeat")

    def _take_heartbeat(self, message: MessageT) -> None:
        sequence = message.sequence
        if not self._begun or sequence <= self._last:
            self._failures = 0
        elif self._omitted(message) is None:
            self._advance(sequence)
        else:
            self._miss(sequence)

    def _take_snapshot(self, message: MessageT) -> bool:
        sequence, snapshot = message.sequence, message.snapshot
        restored = self._probing and sequence < self._last  # the store went back: what it has now is what there is
        self._probing = False
        unknown = not self._begun or self._last == 0
        if unknown or restored or (snapshot.history_truncated and sequence != self._last):
            self._begun = True
            self._advance(sequence)
            self._final = bool(self._ends(message))
            return True
        if sequence > self._last:
            self._miss(sequence)
        elif sequence == self._last:
            self._final = bool(self._ends(message))
        return False

    def _take_event(self, message: MessageT) -> bool:
        sequence, omitted = message.sequence, self._omitted(message)
        if sequence <= self._last:
            return False
        if omitted is not None and sequence - omitted > self._last + 1:
            self._miss(sequence)
            return False
        self._begun = True
        self._advance(sequence)
        ends = self._ends(message)
        if ends is not None:
            self._final = ends
        return True

    def _advance(self, sequence: int) -> None:
        self._last = sequence
        self._fruitful = True
        self._failures = self._fruitless = 0

    def _miss(self, sequence: int) -> None:
        self._fruitless += 1
        if self._fruitless >= _MAX_FRUITLESS:
            raise errors.BrokenWatch(f"events {self._last + 1} to {sequence} of {self.what} do not come")
        self.interrupted = True
        self._again(f"event {self._last + 1} is missing before {sequence}")

    def _is_passing(self, error: errors.SegueError) -> bool:
        if error.code in TRANSIENT or error.retry_after is not None:
            return True
        if error.code is grpc.StatusCode.DEADLINE_EXCEEDED:  # not the caller's: that has been checked
            return True
        self._fruitless += 1
        return error.code in _PROXY_CODES and not error.reason and self._fruitless < _MAX_FRUITLESS

    def _reopen(self, cause: str, delay: timedelta) -> None:
        """Come back after exactly the given delay: the server has chosen it at random already."""
        self.interrupted = True
        self._delay = delay.total_seconds()
        self._note(cause)

    def _again(self, cause: str, retry_after: timedelta | None = None) -> None:
        self._failures += 1
        # By rounds over all addresses: that one has failed says nothing of the next.
        rounds = -(-self._failures // len(self._settings.addresses))
        self._delay = self._settings.retry.delay(rounds, retry_after)
        self._note(cause)

    def _note(self, cause: str) -> None:
        _log.info(
            "watch of %s interrupted (%s); opened anew after sequence %d in %.2f s",
            self.what,
            cause,
            self._last,
            self._delay,
        )

    def _check_deadline(self) -> None:
        if self._deadline.passed:
            raise errors.DeadlineExceeded(f"{self.what} had not ended when the time of the watch was over")
