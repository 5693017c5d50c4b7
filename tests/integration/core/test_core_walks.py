"""Random walks of all operations against a small model: what the scripts answer and what Redis holds afterwards."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from core.errors import FencedError, JobFinishedError
from core.events.event import StateChanged
from core.job import JobKind, JobState, Progress, priority_class, rank_of
from core.store.attempts import AttemptKey, Hold, KindRule, Outcome, Policy
from core.store.connection import connect
from core.store.records import batch_of, event_of, job_of
from tests.integration.core.engine import LEASE, PREFIX, RETENTION, TIMEOUT, Engine, key_of, submission

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from core.job import Job
    from tests.integration.core.engine import Clock

TENANTS = st.sampled_from(["a", "b"])
STALE = st.sampled_from([False, False, False, True])
KINDS = st.sampled_from([JobKind.TRANSITION, JobKind.MODEL])
DELAY = timedelta(seconds=20)
MAX_ATTEMPTS = 3


@dataclass
class Known:
    """What the model knows of a job."""

    job: Job
    state: JobState
    attempt: int = 0
    interruptions: int = 0
    lease_ends: int | None = None
    due: int | None = None
    orphaned: bool = False
    expires: int | None = None
    keys: list[AttemptKey] = field(default_factory=list)

    @property
    def member(self) -> bytes:
        return f"{self.job.tenant}/{self.job.id}".encode()

    @property
    def waits(self) -> bool:
        return self.state is JobState.PENDING and self.due is None

    @property
    def rank(self) -> tuple[int, str]:
        return rank_of(self.job.priority, self.job.create_time), self.job.id


class Walk(RuleBasedStateMachine):
    """A random walk."""

    url: str
    clock: Clock

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.redis = connect(self.url, timeout=TIMEOUT)
        self.engine = Engine(
            self.redis, Policy(provider_slots=1000, kinds={kind: KindRule() for kind in JobKind}, floor=1_000_000)
        )
        self.known: dict[str, Known] = {}
        self.steps = 0
        self.run(self.redis.flushall())

    def run(self, work: Coroutine[Any, Any, Any] | Any) -> Any:
        async def run() -> Any:
            return await work

        return self.runner.run(run())

    def teardown(self) -> None:
        self.compare()
        self.run(self.redis.aclose())
        self.runner.close()

    def holds(self, key: AttemptKey) -> Known | None:
        """Return the job if the attempt holds it."""
        known = self.known.get(key.job_id)
        return known if known and known.lease_ends is not None and known.attempt == key.attempt else None

    def pick_key(self, data: st.DataObject, *, stale: bool) -> AttemptKey:
        """Choose an attempt that holds its job, or one that did, if there is any."""
        keys = [key for known in self.known.values() for key in known.keys]
        chosen = [key for key in keys if bool(self.holds(key)) is not stale]
        return data.draw(st.sampled_from(chosen or keys))

    def end(self, known: Known, state: JobState) -> None:
        known.state, known.expires = state, self.clock.now + round(RETENTION / timedelta(milliseconds=1))
        known.due = None

    @initialize(tenant=TENANTS)
    def begin(self, tenant: str) -> None:
        self.submit_batch(tenant, [False] * 3)

    @rule(tenant=TENANTS, kind=KINDS, priority=st.integers(1, 10), hold=st.sampled_from([False, False, True]))
    def submit(self, tenant: str, kind: JobKind, priority: int, hold: bool) -> None:
        self.clock.advance(timedelta(milliseconds=1))  # ids of one millisecond are in no order
        job = self.run(self.engine.submit(tenant, kind=kind, priority=priority, hold=hold, max_attempts=MAX_ATTEMPTS))
        self.known[job.id] = Known(job, job.state)

    @rule(tenant=TENANTS, holds=st.lists(st.booleans(), min_size=1, max_size=3))
    def submit_batch(self, tenant: str, holds: list[bool]) -> None:
        self.clock.advance(timedelta(milliseconds=1))
        wanted = [submission(hold=hold, labels={"n": str(n)}) for n, hold in enumerate(holds)]
        made, _ = self.run(self.engine.submit_batch(wanted, tenant=tenant))
        self.known |= {job.id: Known(job, job.state) for job in made}

    @rule()
    def claim(self) -> None:
        self.claim_one()

    @rule()
    def claim_all(self) -> None:
        while any(known.waits or known.orphaned for known in self.known.values()):
            self.claim_one()

    def claim_one(self) -> None:
        job = self.run(self.engine.claim())
        orphans = [known for known in self.known.values() if known.orphaned]
        waiting = [known for known in self.known.values() if known.waits]
        if job is None:
            assert not orphans
            assert not waiting
            return
        known = self.known[job.id]
        if orphans:
            assert known.orphaned
        else:
            own_class = priority_class(known.job.priority)
            assert own_class == min(priority_class(other.job.priority) for other in waiting)
            rivals = [o for o in waiting if o.job.tenant == job.tenant and priority_class(o.job.priority) == own_class]
            assert known.rank == min(rival.rank for rival in rivals)
            known.state = JobState.STARTED
        known.orphaned = False
        known.attempt += 1
        known.lease_ends = self.clock.now + round(LEASE / timedelta(milliseconds=1))
        known.keys.append(key_of(job))
        assert (job.state, job.attempt) == (known.state, known.attempt)

    @precondition(lambda self: any(known.keys for known in self.known.values()))
    @rule(data=st.data(), stale=STALE, fraction=st.floats(0, 1), lines=st.integers(0, 2))
    def report(self, data: st.DataObject, stale: bool, fraction: float, lines: int) -> None:
        key = self.pick_key(data, stale=stale)
        report = self.engine.attempts.report(key, Progress(fraction=fraction), ["line"] * lines)
        try:
            self.run(report)
        except FencedError:
            assert not self.holds(key)
        else:
            assert self.holds(key)

    @precondition(lambda self: any(known.keys for known in self.known.values()))
    @rule(data=st.data(), stale=STALE, outcome=st.sampled_from(Outcome))
    def finish(self, data: st.DataObject, stale: bool, outcome: Outcome) -> None:
        key = self.pick_key(data, stale=stale)
        finish = self.engine.attempts.finish(key, outcome, delay=DELAY)
        known = self.holds(key)
        if known is None:
            with suppress(FencedError):  # what stands may be what this outcome wants; it changes nothing
                assert self.run(finish) is self.known[key.job_id].state
            return
        state = self.run(finish)
        known.lease_ends = None
        if known.state is JobState.CANCELLING and outcome is Outcome.INTERRUPTED:
            known.orphaned = True
        elif known.state is JobState.CANCELLING:
            self.end(known, JobState.CANCELLED)
        elif outcome.state is JobState.PENDING:
            known.state = JobState.PENDING
            known.interruptions += outcome is Outcome.INTERRUPTED
            known.due = self.clock.now + DELAY // timedelta(milliseconds=1) if outcome is Outcome.RETRY else None
        else:
            self.end(known, outcome.state)
        assert state is known.state

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        open_ones = [known for known in self.known.values() if not known.state.is_terminal]
        delayed = [known for known in open_ones if known.due is not None]
        choice = data.draw(st.sampled_from([delayed, open_ones, list(self.known.values())]))
        known = data.draw(st.sampled_from(choice or list(self.known.values())))
        cancel = self.engine.cancel(known.job.tenant, known.job.id)
        if known.state in {JobState.SUCCEEDED, JobState.FAILED}:
            with suppress(JobFinishedError):
                self.run(cancel)
                raise AssertionError("a finished job was cancelled")
            return
        self.run(cancel)
        if known.state in {JobState.HELD, JobState.PENDING}:
            self.end(known, JobState.CANCELLED)
        elif not known.state.is_terminal:
            known.state = JobState.CANCELLING

    @precondition(lambda self: any(known.keys for known in self.known.values()))
    @rule(data=st.data(), stale=STALE)
    def heartbeat(self, data: st.DataObject, stale: bool) -> None:
        key = self.pick_key(data, stale=stale)
        (hold,) = self.run(self.engine.attempts.heartbeat([key]))
        known = self.holds(key)
        if known is None:
            assert hold is Hold.LOST
            return
        assert hold is (Hold.CANCELLING if known.state is JobState.CANCELLING else Hold.HELD)
        known.lease_ends = self.clock.now + round(LEASE / timedelta(milliseconds=1))

    @rule(seconds=st.sampled_from([0, 8, 15, 20]))
    def wait_and_sweep(self, seconds: int) -> None:
        self.clock.advance(timedelta(seconds=seconds))
        expected = set()
        for known in self.known.values():
            if known.lease_ends is not None and known.lease_ends <= self.clock.now:
                known.lease_ends = None
                if known.state is JobState.CANCELLING:
                    known.orphaned = True
                    expected.add(("orphaned", known.member.decode()))
                elif known.attempt - known.interruptions >= MAX_ATTEMPTS:
                    self.end(known, JobState.FAILED)
                    expected.add(("failed", known.member.decode()))
                else:
                    known.state = JobState.PENDING
                    expected.add(("returned", known.member.decode()))
            elif known.due is not None and known.due <= self.clock.now:
                known.due = None
                expected.add(("promoted", known.member.decode()))
        assert set(self.run(self.engine.attempts.sweep())) == expected

    @precondition(lambda self: any(known.expires for known in self.known.values()))
    @rule()
    def expire(self) -> None:
        self.clock.advance(RETENTION)
        gone = [id_ for id_, known in self.known.items() if known.expires and known.expires <= self.clock.now]
        assert self.run(self.engine.attempts.expire()) == len(gone)
        for id_ in gone:
            del self.known[id_]

    @invariant()
    def redis_holds_what_the_model_knows(self) -> None:
        self.steps += 1
        if self.steps % 4 == 0:  # each look costs as much as many steps
            self.compare()

    def compare(self) -> None:
        dump = self.run(self.engine.dump())
        self.records_and_logs_agree(dump)
        self.indexes_agree(dump)

    def records_and_logs_agree(self, dump: dict[str, Any]) -> None:
        assert {name.split(":")[-1] for name in dump if name.startswith(f"{PREFIX}:job:")} == set(self.known)
        for id_, known in self.known.items():
            tenant = known.job.tenant
            job = job_of(tenant, dump[f"{PREFIX}:job:{tenant}:{id_}"])
            events = [event_of(tenant, fields[b"e"]) for _, fields in dump.get(f"{PREFIX}:log:{tenant}:{id_}", [])]
            assert (job.state, job.attempt, job.interruptions) == (known.state, known.attempt, known.interruptions)
            assert [event.sequence for event in events] == list(range(2, job.sequence + 1))
            states = [event for event in events if isinstance(event, StateChanged)]
            assert [e.from_state for e in states[1:]] == [e.to_state for e in states[:-1]]
            if not states:  # accepted, and nothing since
                continue
            last = states[-1]
            assert last.to_state is job.state
            # Progress and a new holder of a cancellation are told by other means than a state change.
            same = {
                "spec": None,
                "progress": last.job.progress,
                "sequence": last.sequence,
                "attempt": last.job.attempt,
                "attempts": last.job.attempts,
                "log_lines": last.job.log_lines,
            }
            assert last.job == replace(job, **same)  # type: ignore[arg-type]  # by name

    def indexes_agree(self, dump: dict[str, Any]) -> None:
        for tenant in ("a", "b"):
            own = {id_: known for id_, known in self.known.items() if known.job.tenant == tenant}
            for state in JobState:
                indexed = {id_.decode() for id_ in dump.get(f"{PREFIX}:index:{tenant}:state:{state}", {})}
                assert indexed == {id_ for id_, known in own.items() if known.state is state}
            assert {id_.decode() for id_ in dump.get(f"{PREFIX}:index:{tenant}:all", {})} == set(own)
            held = {id_.encode() for id_, known in own.items() if known.lease_ends and not known.orphaned}
            assert dump.get(f"{PREFIX}:running:tenant:{tenant}", set()) <= held
            for number in (1, 2, 3):
                waiting = {id_ for id_, k in own.items() if k.waits and priority_class(k.job.priority) == number}
                lines = [dump.get(f"{PREFIX}:pending:{number}:{tenant}:{kind}", {}) for kind in JobKind]
                assert sorted(id_.decode() for line in lines for id_ in line) == sorted(waiting)
                assert (tenant.encode() in dump.get(f"{PREFIX}:ready:{number}", {})) == bool(waiting)
        known = self.known.values()
        assert dump.get(f"{PREFIX}:leases", {}) == {k.member: k.lease_ends for k in known if k.lease_ends is not None}
        assert dump.get(f"{PREFIX}:delayed", {}) == {k.member: k.due for k in known if k.due is not None}
        assert set(dump.get(f"{PREFIX}:orphans", {})) == {k.member for k in known if k.orphaned}
        assert dump.get(f"{PREFIX}:expiry", {}) == {k.member: k.expires for k in known if k.expires is not None}
        for name, record in dump.items():
            if name.startswith(f"{PREFIX}:batch:"):
                batch = batch_of(known_tenant(name), record)
                assert sum(batch.state_counts.values()) == batch.job_count
                assert (batch.end_time is not None) == all(state.is_terminal for state in batch.state_counts)


def known_tenant(name: str) -> Any:
    return name.split(":")[-2]


def test_any_walk_leaves_logs_without_gaps_and_indexes_that_agree(redis_url: str, clock: Clock) -> None:
    machine = type("WalkHere", (Walk,), {"url": redis_url, "clock": clock})

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30,
            stateful_step_count=40,
            deadline=None,
            phases=[Phase.generate],  # shrinking a walk takes minutes; the walk is printed as it was
            report_multiple_bugs=False,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
