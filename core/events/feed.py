"""What can be followed: something with a log of numbered events and a channel on which they are published."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from core.value import value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from core.events.event import Event
    from core.job import Batch, Job, JobId


#: Events that one read of a log brings at most; fewer: there are no more.
PAGE: Final = 500


class Told(Protocol):
    """Something that a follower is told."""

    @property
    def sequence(self) -> int:
        """All up to this number has been told with it."""

    @property
    def is_final(self) -> bool:
        """Whether nothing follows by itself."""


class Item(Told, Protocol):
    """An event of a feed."""

    @property
    def topic(self) -> str | None:
        """What it is the newest word on, until another of the same topic comes; None: it is never outdated."""


ItemT_co = TypeVar("ItemT_co", bound=Item, covariant=True)
SnapshotT_co = TypeVar("SnapshotT_co", bound=Told, covariant=True)


class Feed(Protocol[SnapshotT_co, ItemT_co]):
    """One thing that can be followed."""

    @property
    def channel(self) -> str:
        """Where its events are published."""

    @property
    def record(self) -> str:
        """The hash whose field "sequence" is the number of its newest event."""

    async def attend(self) -> None:
        """See to it that for a while from now on what happens is logged and published; may be asked at any time."""

    async def head(self) -> Told:
        """Return the number of its newest event, and whether nothing follows that.

        Raises:
            SegueError: there is no such thing.
        """

    def published(self, packed: bytes) -> ItemT_co | None:
        """Return the event that was published; None: there is one in the log."""

    async def snapshot(self, *, history_truncated: bool) -> SnapshotT_co:
        """Return the thing as it stands.

        Raises:
            SegueError: there is no such thing.
        """

    async def events(self, *, after: int) -> Sequence[ItemT_co]:
        """Return the next events of the log after a sequence; fewer than PAGE: there are no more."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where the log of a feed stands."""

    sequence: int
    is_final: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The job as it stands; its sequence is the job's."""

    job: Job
    history_truncated: bool = False
    """Events after the requested sequence are no longer kept; the snapshot stands in for them."""

    @property
    def sequence(self) -> int:
        """All events up to this are in it."""
        return self.job.sequence

    @property
    def is_final(self) -> bool:
        """Whether the job has ended."""
        return self.job.state.is_terminal


@dataclass(frozen=True, slots=True)
class BatchSnapshot:
    """The batch as it stands; its sequence is the batch's."""

    batch: Batch
    jobs: Sequence[Job]
    """Its jobs that are still kept, without their specs, in the order of their submission. Read after the batch: some
    may be newer than it."""
    history_truncated: bool = False
    """Events after the requested sequence are no longer kept; the snapshot stands in for them."""

    @property
    def sequence(self) -> int:
        """All events up to this are in it."""
        return self.batch.sequence

    @property
    def is_final(self) -> bool:
        """Whether all its jobs have ended."""
        return self.batch.is_ended


@value
class BatchEvent:
    """Something happened to a job of a batch."""

    sequence: int
    """Its number in the batch's log, without gaps."""
    time: datetime
    batch: Batch
    """The batch right after it."""
    job_id: JobId
    event: Event | None
    """What happened, under the job's own sequence; None: the job's log no longer reaches back to it."""
    rendered: dict[str, bytes] = field(default_factory=dict, compare=False, repr=False)
    """As `Event.rendered`."""

    @property
    def topic(self) -> str | None:
        """What it is the newest word on; None: it is never outdated."""
        if self.event is None or self.event.topic is None:
            return None
        return f"{self.job_id} {self.event.topic}"

    @property
    def is_final(self) -> bool:
        """Whether all jobs of the batch have ended."""
        return self.batch.is_ended


@dataclass(frozen=True, slots=True)
class JobsSnapshot:
    """The newest jobs of a tenant that a filter finds, as they stand."""

    sequence: int
    """All events of the tenant up to this are in it."""
    jobs: Sequence[Job]
    """Without their specs, newest first. Read after the sequence: some may be newer than it."""
    history_truncated: bool = False
    """Events after the requested sequence are no longer kept; the snapshot stands in for them."""

    @property
    def is_final(self) -> bool:
        """Never: there may always be another job."""
        return False


@value
class TenantEvent:
    """Something happened to a job of a tenant: it was accepted, changed its state, or got further."""

    sequence: int
    """Its number in the tenant's log, without gaps."""
    time: datetime
    job_id: JobId
    owner: str
    labels: Mapping[str, str]
    event: Event | None
    """What happened, under the job's own sequence; None: the job's log no longer reaches back to it."""
    rendered: dict[str, bytes] = field(default_factory=dict, compare=False, repr=False)
    """As `Event.rendered`."""

    @property
    def topic(self) -> str | None:
        """What it is the newest word on; None: it is never outdated."""
        if self.event is None or self.event.topic is None:
            return None
        return f"{self.job_id} {self.event.topic}"

    @property
    def is_final(self) -> bool:
        """Never: there may always be another job."""
        return False


@dataclass(frozen=True, slots=True)
class Thinned(Generic[ItemT_co]):
    """An event before which some were left out: outdated ones, as their topics say."""

    item: ItemT_co
    omitted: int

    @property
    def sequence(self) -> int:
        """The event's own."""
        return self.item.sequence

    @property
    def is_final(self) -> bool:
        """Whether nothing follows by itself."""
        return self.item.is_final


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nothing happened for a heartbeat interval; all up to the sequence has been delivered."""

    sequence: int

    @property
    def is_final(self) -> bool:
        """Never: silence ends nothing."""
        return False
