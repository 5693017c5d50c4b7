"""Random walks of all operations against a small model: what the scripts answer and what Redis holds afterwards."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
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

from core.errors import FencedError, JobFinishedError, JobNotFinishedError, JobNotHeldError, JobNotRetryableError
from core.job import GenerationState, JobId, JobKind, JobState, Progress, Tenant
from core.store.attempts import AttemptKey, Hold, Outcome
from core.store.connection import connect
from core.store.control import Scope
from tests.integration.core.compare import compare
from tests.integration.core.engine import LEASE, RETENTION, TIMEOUT, Engine, generation, key_of, submission
from tests.integration.core.known import MAX_ATTEMPTS, POLICY, Known, may_start, ms

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from tests.integration.core.engine import Clock

TENANTS = st.sampled_from(["a", "b"])
STALE = st.sampled_from([False, False, False, True])
KINDS = st.sampled_from(JobKind)
SECONDS = st.sampled_from([None, None, None, 10, 25])
SCOPES = st.sampled_from([Scope(), Scope(tenant=Tenant("a")), Scope(kind=JobKind.MODEL)])
DELAY = timedelta(seconds=20)


class Walk(RuleBasedStateMachine):
    """A random walk."""

    url: str
    clock: Clock

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.redis = connect(self.url, timeout=TIMEOUT)
        self.engine = Engine(self.redis, POLICY)
        self.known: dict[str, Known] = {}
        self.paused: set[Scope] = set()
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

    def pick(self, data: st.DataObject, *wishes: list[Known]) -> Known:
        """Choose one of a group of jobs, or any if it is empty."""
        everybody = list(self.known.values())
        group = data.draw(st.sampled_from([*wishes, everybody]))
        return data.draw(st.sampled_from(group or everybody))

    @initialize(tenant=TENANTS)
    def begin(self, tenant: str) -> None:
        self.submit_batch(tenant, [(False, JobKind.TRANSITION)] * 3)

    @rule(
        tenant=TENANTS,
        kind=KINDS,
        priority=st.integers(1, 10),
        hold=st.sampled_from([False, False, True]),
        schedule=SECONDS,
        wait=SECONDS,
        data=st.data(),
    )
    def submit(
        self,
        *,
        tenant: str,
        kind: JobKind,
        priority: int,
        hold: bool,
        schedule: int | None,
        wait: int | None,
        data: st.DataObject,
    ) -> None:
        self.clock.advance(timedelta(milliseconds=1))  # jobs differ in age
        start = None if schedule is None else self.clock.time + timedelta(seconds=schedule)
        longest = None if wait is None else timedelta(seconds=wait)
        own = [JobId(id_) for id_, known in self.known.items() if known.job.tenant == tenant]
        awaits = tuple(data.draw(st.lists(st.sampled_from(own), max_size=2))) if own else ()
        times = {"schedule_time": start, "longest_wait": longest, "awaits": awaits}
        job = self.run(
            self.engine.submit(tenant, kind=kind, priority=priority, hold=hold, max_attempts=MAX_ATTEMPTS, **times)
        )
        known = Known(job, job.state, awaited=awaits, own_hold=hold)
        known.awaits = self.open_ones() & set(awaits)
        known.schedule = 0 if schedule is None else self.clock.now + 1000 * schedule
        known.longest_wait = None if wait is None else 1000 * wait
        self.known[job.id] = known
        if not hold and not known.awaits:
            known.wait_for_start(self.clock.now)

    def open_ones(self) -> set[str]:
        """Return the jobs that have not ended."""
        return {id_ for id_, known in self.known.items() if not known.state.is_terminal}

    def let_dependents_go(self) -> None:
        """After something has ended: those that awaited it go, unless they wait for more."""
        open_ones = self.open_ones()
        for known in self.known.values():
            if known.awaits and not known.awaits <= open_ones:
                known.awaits &= open_ones
                if not known.awaits and not known.own_hold:
                    known.wait_for_start(self.clock.now)

    @rule(tenant=TENANTS, jobs=st.lists(st.tuples(st.booleans(), KINDS), min_size=1, max_size=3))
    def submit_batch(self, tenant: str, jobs: list[tuple[bool, JobKind]]) -> None:
        self.clock.advance(timedelta(milliseconds=1))
        wanted = [submission(hold=hold, kind=kind, labels={"n": str(n)}) for n, (hold, kind) in enumerate(jobs)]
        made, _ = self.run(self.engine.submit_batch(wanted, tenant=tenant))
        self.known |= {job.id: Known(job, job.state, own_hold=job.state is JobState.HELD) for job in made}

    @rule()
    def claim(self) -> None:
        self.claim_one()

    @rule()
    def claim_all(self) -> None:
        while self.claim_one():
            pass

    def claim_one(self) -> bool:
        everybody = list(self.known.values())
        orphans = [known for known in everybody if known.orphaned]
        attached = [known for known in everybody if known.attached]
        waiting = [known for known in everybody if known.waits and may_start(known, everybody, self.paused)]
        job = self.run(self.engine.claim())
        if job is None:
            assert not orphans + attached + waiting
            return False
        known = self.known[job.id]
        if orphans:
            assert known is min(orphans, key=lambda orphan: orphan.member)
        elif attached:
            assert known is min(attached, key=lambda other: (other.rank[0], other.member))
        else:
            assert known in waiting
            assert known.priority_class == min(rival.priority_class for rival in waiting)
            rivals = [r for r in waiting if (r.job.tenant, r.priority_class) == (job.tenant, known.priority_class)]
            assert known.rank == min(rival.rank for rival in rivals)
        known.start(self.clock.now)
        known.keys.append(key_of(job))
        assert (job.state, job.attempt) == (known.state, known.attempt)
        return True

    @precondition(lambda self: any(known.keys for known in self.known.values()))
    @rule(data=st.data(), stale=STALE, fraction=st.floats(0, 1), lines=st.integers(0, 2))
    def report(self, data: st.DataObject, stale: bool, fraction: float, lines: int) -> None:
        key = self.pick_key(data, stale=stale)
        known = self.holds(key)
        report = self.engine.attempts.report(key, Progress(fraction=fraction), ["line"] * lines)
        if known is None:
            with pytest.raises(FencedError):
                self.run(report)
            return
        self.run(report)
        if known.state is not JobState.CANCELLING:
            known.fraction = max(known.fraction, fraction)

    @precondition(lambda self: any(known.keys for known in self.known.values()))
    @rule(data=st.data(), stale=STALE, step=st.sampled_from("st"), luck=st.booleans())
    def advance_step(self, data: st.DataObject, stale: bool, step: str, luck: bool) -> None:
        key = self.pick_key(data, stale=stale)
        known = self.holds(key)
        if known is None:
            self.answer_late(key, step)
            return
        match known.rows.get(step):
            case GenerationState.INTENDED:
                known.rows[step] = GenerationState.SUBMITTED if luck else GenerationState.UNKNOWN
                if luck and known.state is JobState.STARTED:
                    known.state = JobState.PROCESSING
            case GenerationState.SUBMITTED:
                known.rows[step] = GenerationState.COMPLETED if luck else GenerationState.FAILED
            case GenerationState.COMPLETED:
                return
            case _:
                if not self.take_slot(known, key, step):
                    return
                known.rows[step] = GenerationState.INTENDED
        row = generation(known.rows[step], step)
        assert self.run(self.engine.attempts.record(key, row, replaces=["absent", *GenerationState])) is None
        if known.rows[step] in {GenerationState.COMPLETED, GenerationState.FAILED}:
            self.run(self.engine.attempts.free_slot(key, step))
            known.slots.discard(step)

    def take_slot(self, known: Known, key: AttemptKey, step: str) -> bool:
        full = sum(len(other.slots) for other in self.known.values()) >= POLICY.provider_slots
        taken = step in known.slots or "" in known.slots or not full
        assert self.run(self.engine.attempts.take_slot(key, step)) == taken
        if taken and step not in known.slots:
            known.slots = known.slots - {""} | {step}
        return taken

    def answer_late(self, key: AttemptKey, step: str) -> None:
        """A worker that lost its lease hears that its submit was accepted."""
        known = self.known.get(key.job_id)
        self.run(self.engine.attempts.free_slot(key, step))  # changes nothing
        row = generation(GenerationState.SUBMITTED, step)
        with pytest.raises(FencedError):
            self.run(self.engine.attempts.record(key, row, replaces=[GenerationState.INTENDED]))
        if known and known.rows.get(step) in {GenerationState.INTENDED, GenerationState.UNKNOWN}:
            known.rows[step] = GenerationState.SUBMITTED

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
        known.close()
        runs_on = outcome is Outcome.RETRY and GenerationState.SUBMITTED in known.rows.values()
        if known.state is JobState.CANCELLING and (outcome is Outcome.INTERRUPTED or runs_on):
            known.orphan()
        elif known.state is JobState.CANCELLING:
            known.end(JobState.CANCELLED, self.clock.now)
        elif outcome is Outcome.INTERRUPTED:
            known.interruptions += 1
            known.give_back()
        elif outcome is Outcome.RETRY:
            known.detach()
            known.state, known.due = JobState.PENDING, self.clock.now + ms(DELAY)
        else:
            known.end(outcome.state, self.clock.now)
        assert state is known.state
        self.let_dependents_go()

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        open_ones = [known for known in self.known.values() if not known.state.is_terminal]
        known = self.pick(data, open_ones, [k for k in open_ones if k.due or k.attached])
        if known.state in {JobState.SUCCEEDED, JobState.FAILED}:
            with pytest.raises(JobFinishedError):
                self.run(self.engine.cancel(known.job.tenant, known.job.id))
            return
        self.run(self.engine.cancel(known.job.tenant, known.job.id))
        known.cancel(self.clock.now)
        self.let_dependents_go()

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        ended = [k for k in self.known.values() if k.state in {JobState.FAILED, JobState.CANCELLED}]
        known = self.pick(data, ended, ended)
        if known in ended:
            self.run(self.engine.retry(known.job))
            known.retry(self.clock.now, self.open_ones())
        elif known.state is not JobState.PENDING and not (known.state is JobState.HELD and known.rounds > 1):
            with pytest.raises(JobNotRetryableError):  # one that waits may have been retried before
                self.run(self.engine.retry(known.job))

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        held = [known for known in self.known.values() if known.state is JobState.HELD]
        known = self.pick(data, held, held)
        release = self.engine.control.release(known.job.tenant, [known.job.id])
        if known.state.is_terminal:
            with pytest.raises(JobNotHeldError):
                self.run(release)
            return
        self.run(release)
        if known in held:
            known.own_hold = False
            if not known.awaits:
                known.wait_for_start(self.clock.now)

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        known = self.pick(data)
        delete = self.engine.control.delete(known.job.tenant, known.job.id)
        if not known.state.is_terminal:
            with pytest.raises(JobNotFinishedError):
                self.run(delete)
            return
        self.run(delete)
        del self.known[known.job.id]

    @rule(scope=SCOPES)
    def pause(self, scope: Scope) -> None:
        self.run(self.engine.control.pause(scope))
        self.paused.add(scope)

    @rule()
    def resume(self) -> None:
        for scope in self.paused:
            self.run(self.engine.control.resume(scope))
        self.paused.clear()

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
        known.lease_ends = self.clock.now + ms(LEASE)

    @rule(seconds=st.sampled_from([0, 8, 15, 20]))
    def wait_and_sweep(self, seconds: int) -> None:
        self.clock.advance(timedelta(seconds=seconds))
        now, expected = self.clock.now, []
        for known in self.known.values():
            if known.lease_ends is not None and known.lease_ends <= now:
                expected.append((known.lose(now), known.member))
            if known.due is not None and known.due <= now:
                known.give_back()
                expected.append(("promoted", known.member))
            if known.deadline is not None and known.deadline <= now:
                known.end(JobState.FAILED, now)
                expected.append(("missed", known.member))
        assert sorted(self.run(self.engine.attempts.sweep())) == sorted(expected)
        self.let_dependents_go()

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
        compare(self.run(self.engine.dump()), self.known)


def test_any_walk_leaves_logs_without_gaps_and_indexes_that_agree(redis_url: str, clock: Clock) -> None:
    machine = type("WalkHere", (Walk,), {"url": redis_url, "clock": clock})

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30,
            stateful_step_count=50,
            phases=[Phase.generate],  # shrinking a walk takes minutes; the walk is printed as it was
            report_multiple_bugs=False,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
