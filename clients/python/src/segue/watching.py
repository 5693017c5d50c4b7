"""One watch of a job across all the streams it takes, without any I/O.

The server promises every event once, in order, and status OK exactly after the final one. Streams break, though:
servers stop, proxies close what is idle, machines vanish without a word. `Watch` remembers the last sequence,
drops what comes twice, notices what is missing and says when and from where to open the next stream. The two clients
only carry messages to it: ``open``, then ``receive`` for each message, then ``ended``, ``failed`` or ``silent``.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import grpc

from segue import errors
from segue.calls import TRANSIENT, Deadline
from segue.v1.job_pb2 import JOB_STATE_CANCELLED, JOB_STATE_SUCCEEDED, Job
from segue.v1.job_service_pb2 import WatchJobRequest, WatchJobResponse
from segue.values import duration, is_final

if TYPE_CHECKING:
    from datetime import timedelta

    from segue.options import Settings

_log = logging.getLogger("segue")

#: Seconds the server has to end the stream after the final event; then the client ends it.
_FAREWELL: Final = 2.0

#: How often in a row, without a new event, a stream may lack events or break in a way that only a proxy, or a fault
#: that stays, explains.
_MAX_FRUITLESS: Final = 5

#: A proxy's doing, unless the service signed it with an ErrorInfo.
_PROXY_CODES: Final = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN})


class Watch:
    """Decides what a watch asks for, what it delivers and when it comes back."""

    def __init__(self, job_id: str, *, after_sequence: int, settings: Settings, timeout: float | None = None) -> None:
        self.finished = False
        """The final event was delivered and the stream is over."""
        self.interrupted = False
        """The current stream is of no more use: close it and open the next."""
        self._job_id = job_id
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

    def open(self) -> WatchJobRequest:
        """Begin a stream and return the request for it.

        Raises:
            DeadlineExceeded: the time of the watch is over.
        """
        self._check_deadline()
        self.interrupted = False
        self._fruitful = False
        return WatchJobRequest(
            job_id=self._job_id,
            after_sequence=0 if self._probing else self._last,
            heartbeat_interval=duration(self._settings.heartbeat_interval),
        )

    def receive(self, message: WatchJobResponse) -> bool:
        """Take a message and tell whether it is an event for the caller.

        Raises:
            BrokenWatch: events are missing, and opening the stream anew did not bring them.
        """
        match message.WhichOneof("event"):
            case "heartbeat":
                self._take_heartbeat(message.sequence)
                return False
            case "draining":
                self._reopen("the server is about to stop", message.draining.reconnect_delay.ToTimedelta())
                return False
            case "snapshot":
                return self._take_snapshot(message)
            case kind:
                is_next = self._take_event(message.sequence)
                if is_next and kind == "state_change":
                    self._final = is_final(message.state_change.to_state)
                return is_next and kind is not None  # a kind that this client does not know counts, but is skipped

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

    def _take_heartbeat(self, sequence: int) -> None:
        if self._begun and sequence > self._last:
            self._miss(sequence)
        else:
            self._failures = 0

    def _take_snapshot(self, message: WatchJobResponse) -> bool:
        sequence, snapshot = message.sequence, message.snapshot
        restored = self._probing and sequence < self._last  # the store went back: what it has now is what there is
        self._probing = False
        if not self._begun or restored or (snapshot.history_truncated and sequence != self._last):
            self._begun = True
            self._advance(sequence)
            self._final = is_final(snapshot.job.state)
            return True
        if sequence > self._last:
            self._miss(sequence)
        elif sequence == self._last:
            self._final = is_final(snapshot.job.state)
        return False

    def _take_event(self, sequence: int) -> bool:
        if sequence <= self._last:
            return False
        if sequence > self._last + 1:
            self._miss(sequence)
            return False
        self._begun = True
        self._advance(sequence)
        return True

    def _advance(self, sequence: int) -> None:
        self._last = sequence
        self._fruitful = True
        self._failures = self._fruitless = 0

    def _miss(self, sequence: int) -> None:
        self._fruitless += 1
        if self._fruitless >= _MAX_FRUITLESS:
            raise errors.BrokenWatch(f"events {self._last + 1} to {sequence} of job {self._job_id} do not come")
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
        self._delay = self._settings.retry.delay(self._failures, retry_after)
        self._note(cause)

    def _note(self, cause: str) -> None:
        _log.info(
            "watch of job %s interrupted (%s); opened anew after sequence %d in %.2f s",
            self._job_id,
            cause,
            self._last,
            self._delay,
        )

    def _check_deadline(self) -> None:
        if self._deadline.passed:
            raise errors.DeadlineExceeded(f"job {self._job_id} had not ended when the time of the watch was over")


class Outcome:
    """The end of a job, as the events of its watch tell it."""

    def __init__(self) -> None:
        self._job = Job()

    def take(self, event: WatchJobResponse) -> None:
        """Note what an event says about the job as a whole."""
        match event.WhichOneof("event"):
            case "snapshot":
                self._job = event.snapshot.job
            case "state_change":  # its job carries no spec; the snapshot's did
                job = Job()
                job.CopyFrom(event.state_change.job)
                if self._job.HasField("spec"):
                    job.spec.CopyFrom(self._job.spec)
                self._job = job

    def result(self) -> Job:
        """Return the job that succeeded.

        Raises:
            JobFailed: it failed.
            JobCancelled: it was cancelled.
        """
        if self._job.state == JOB_STATE_SUCCEEDED:
            return self._job
        raise (errors.JobCancelled if self._job.state == JOB_STATE_CANCELLED else errors.JobFailed)(self._job)
