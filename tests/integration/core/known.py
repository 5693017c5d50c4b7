"""The small model that random walks are compared with: what is known of each job, and what that means."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from core.job import GenerationState, JobKind, JobState, priority_class, rank_of
from core.store.attempts import KindRule, Policy
from core.store.control import Scope
from tests.integration.core.engine import LEASE, RETENTION

if TYPE_CHECKING:
    from core.job import Job
    from core.store.attempts import AttemptKey

MAX_ATTEMPTS: Final = 3
POLICY: Final = Policy(
    provider_slots=4,
    tenant_cap=3,
    weights={"a": 3},
    floor=1_000_000,
    kinds={
        JobKind.TRANSITION: KindRule(),
        JobKind.COMPOSITION: KindRule(needs_provider=False),
        JobKind.SCRIPT_VIDEO: KindRule(cap=1),
        JobKind.MODEL: KindRule(cap=2),
    },
)
MAY_RUN: Final = {GenerationState.INTENDED, GenerationState.SUBMITTED, GenerationState.UNKNOWN}


def ms(duration: timedelta) -> int:
    """Return a duration in milliseconds."""
    return duration // timedelta(milliseconds=1)


@dataclass
class Known:
    """What the model knows of a job."""

    job: Job
    state: JobState
    schedule: int = 0
    longest_wait: int | None = None
    awaited: tuple[str, ...] = ()
    """The jobs that it was submitted with."""
    awaits: set[str] = field(default_factory=set)
    """Those of them for which it is held."""
    own_hold: bool = False
    """Whether its caller holds it."""
    attempt: int = 0
    interruptions: int = 0
    forgiven: int = 0
    rounds: int = 1
    closed: int = 0
    """Attempts in its history."""
    lease_ends: int | None = None
    due: int | None = None
    deadline: int | None = None
    orphaned: bool = False
    attached: bool = False
    placed: bool = False
    """Whether it is in the running sets."""
    expires: int | None = None
    fraction: float = 0
    rows: dict[str, GenerationState] = field(default_factory=dict)
    slots: set[str] = field(default_factory=set)
    """Steps with a provider slot; the empty one is for whichever comes first."""
    keys: list[AttemptKey] = field(default_factory=list)

    @property
    def member(self) -> str:
        return f"{self.job.tenant}/{self.job.id}"

    @property
    def waits(self) -> bool:
        """Whether it stands in the line."""
        return self.state is JobState.PENDING and self.due is None and not self.attached

    @property
    def rank(self) -> tuple[int, int, str]:
        kinds = list(JobKind)
        return rank_of(self.job.priority, self.job.create_time), kinds.index(self.job.kind), self.job.id

    @property
    def priority_class(self) -> int:
        return priority_class(self.job.priority)

    @property
    def taken(self) -> set[str]:
        """Its provider slots as Redis holds them."""
        return {f"{self.member}/{step}" if step else self.member for step in self.slots}

    def wait_for_start(self, now: int) -> None:
        """It was accepted or released: its schedule and its deadline count."""
        self.own_hold = False
        self.state, self.due = JobState.PENDING, self.schedule if self.schedule > now else None
        self.deadline = None if self.longest_wait is None else max(now, self.schedule) + self.longest_wait

    def start(self, now: int) -> None:
        """A claim has started an attempt."""
        if not self.orphaned:
            self.state, self.fraction = JobState.STARTED, 0
            if not self.attached:
                self.slots = {""} if POLICY.kinds[self.job.kind].needs_provider else set()
            self.placed = True
        self.orphaned = self.attached = False
        self.deadline = None
        self.attempt += 1
        self.lease_ends = now + ms(LEASE)

    def close(self) -> None:
        """The attempt has ended."""
        self.lease_ends = None
        self.closed += 1

    def detach(self) -> bool:
        """Keep the slots of what may run on; return whether there are any."""
        self.slots = {step for step in self.slots if self.rows.get(step) in MAY_RUN}
        self.placed = bool(self.slots)
        return self.placed

    def give_back(self) -> None:
        """It waits for its next attempt."""
        self.state, self.due = JobState.PENDING, None
        self.attached = self.detach()

    def orphan(self) -> None:
        """It is cancelling, and nobody has it."""
        self.detach()
        self.state, self.orphaned = JobState.CANCELLING, True
        self.attached = self.placed = False
        self.due = self.deadline = None

    def end(self, state: JobState, now: int) -> None:
        """It has ended."""
        self.state, self.expires = state, now + ms(RETENTION)
        self.due = self.deadline = None
        self.slots, self.placed = set(), False
        self.awaits, self.own_hold = set(), False

    def cancel(self, now: int) -> None:
        """Its caller wants no result."""
        if self.state.is_running:
            self.state = JobState.CANCELLING
        elif not self.state.is_terminal:
            kept = any(self.rows.get(step) in MAY_RUN for step in self.slots)
            if kept or GenerationState.SUBMITTED in self.rows.values():
                self.orphan()
            else:
                self.end(JobState.CANCELLED, now)

    def retry(self, now: int, open_ones: set[str]) -> None:
        """Its caller wants another round; it waits for those that it awaits and that have not ended."""
        self.awaits = open_ones & set(self.awaited)
        self.state, self.expires, self.fraction = JobState.PENDING, None, 0
        self.forgiven = self.attempt - self.interruptions
        self.rounds += 1
        self.longest_wait = None
        if self.awaits:
            self.state = JobState.HELD
        else:
            self.due = self.schedule if self.schedule > now else None

    def lose(self, now: int) -> str:
        """Its lease has ended; return what a sweep says to that."""
        self.close()
        if self.state is JobState.CANCELLING:
            self.orphan()
            return "orphaned"
        if self.attempt - self.interruptions - self.forgiven >= MAX_ATTEMPTS:
            self.end(JobState.FAILED, now)
            return "failed"
        self.give_back()
        return "returned"


def may_start(known: Known, everybody: list[Known], paused: set[Scope]) -> bool:
    """Return whether neither a pause nor a cap keeps a job of the line from being claimed."""
    job, rule = known.job, POLICY.kinds[known.job.kind]
    if paused & {Scope(), Scope(tenant=job.tenant), Scope(kind=job.kind)}:
        return False
    if rule.needs_provider and sum(len(other.slots) for other in everybody) >= POLICY.provider_slots:
        return False
    placed = [other.job for other in everybody if other.placed]
    if rule.cap and sum(other.kind is job.kind for other in placed) >= rule.cap:
        return False
    return sum(other.tenant == job.tenant for other in placed) < POLICY.tenant_cap
