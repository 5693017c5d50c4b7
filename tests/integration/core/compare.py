"""Compares all that Redis holds with what the model of a random walk knows."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from core.events.event import StateChanged
from core.job import JobKind, JobState, Tenant
from core.store.records import batch_of, event_of, job_of
from core.store.rows import generations_of
from tests.integration.core.engine import PREFIX

if TYPE_CHECKING:
    from core.job import Job
    from tests.integration.core.known import Known

#: Attempts that a record keeps (prelude.lua).
ATTEMPTS_KEPT = 20


def compare(dump: dict[str, Any], known: dict[str, Known]) -> None:
    """Assert that everything agrees."""
    assert {name.split(":")[-1] for name in dump if name.startswith(f"{PREFIX}:job:")} == set(known)
    for each in known.values():
        _record_and_log_agree(dump, each)
    for tenant in ("a", "b"):
        _indexes_agree(dump, tenant, [each for each in known.values() if each.job.tenant == tenant])
    _timers_and_holds_agree(dump, list(known.values()))
    _dependents_agree(dump, list(known.values()))
    for name, record in dump.items():
        if name.startswith(f"{PREFIX}:batch:"):
            _batch_agrees(Tenant(name.split(":")[-2]), record, known)


def _record_and_log_agree(dump: dict[str, Any], known: Known) -> None:
    tenant, id_ = known.job.tenant, known.job.id
    record = dump[f"{PREFIX}:job:{tenant}:{id_}"]
    job = job_of(tenant, record)
    assert (job.state, job.attempt, job.interruptions) == (known.state, known.attempt, known.interruptions)
    assert (job.forgiven, job.rounds) == (known.forgiven, known.rounds)
    assert job.awaited_job_count == len(known.awaits)
    assert len(job.attempts) == min(known.closed, ATTEMPTS_KEPT)
    assert {row.step: row.state for row in generations_of(record)} == known.rows
    deadline = job.start_deadline
    assert known.deadline == (None if deadline is None else round(deadline.timestamp() * 1000))
    events = [event_of(tenant, fields[b"e"]) for _, fields in dump.get(f"{PREFIX}:log:{tenant}:{id_}", [])]
    assert [event.sequence for event in events] == list(range(2, job.sequence + 1))
    _changes_agree([event for event in events if isinstance(event, StateChanged)], job)


def _changes_agree(changes: list[StateChanged], job: Job) -> None:
    assert [change.from_state for change in changes[1:]] == [change.to_state for change in changes[:-1]]
    if not changes:  # accepted, and nothing since
        return
    last = changes[-1]
    assert last.to_state is job.state
    told = {field.name: getattr(job, field.name) for field in dataclasses.fields(job)}
    # These are told by other means than a state change, or to nobody.
    for name in ("progress", "sequence", "attempt", "attempts", "log_lines", "generations", "awaited_job_count"):
        told[name] = getattr(last.job, name)
    assert last.job == type(job)(**{**told, "spec": None})


def _indexes_agree(dump: dict[str, Any], tenant: str, own: list[Known]) -> None:
    def ids(name: str) -> set[str]:
        return {id_.decode() for id_ in dump.get(f"{PREFIX}:{name}", ())}

    assert ids(f"index:{tenant}:all") == {known.job.id for known in own}
    for state in JobState:
        assert ids(f"index:{tenant}:state:{state}") == {known.job.id for known in own if known.state is state}
    assert ids(f"running:tenant:{tenant}") == {known.job.id for known in own if known.placed}
    for number in (1, 2, 3):
        waiting = [known.job for known in own if known.waits and known.priority_class == number]
        for kind in JobKind:
            assert ids(f"pending:{number}:{tenant}:{kind}") == {job.id for job in waiting if job.kind is kind}
        assert (tenant in ids(f"ready:{number}")) == bool(waiting)


def _timers_and_holds_agree(dump: dict[str, Any], known: list[Known]) -> None:
    def scores(name: str) -> dict[str, float]:
        return {member.decode(): score for member, score in dump.get(f"{PREFIX}:{name}", {}).items()}

    assert scores("leases") == {each.member: each.lease_ends for each in known if each.lease_ends is not None}
    assert scores("delayed") == {each.member: each.due for each in known if each.due is not None}
    assert scores("deadlines") == {each.member: each.deadline for each in known if each.deadline is not None}
    assert scores("expiry") == {each.member: each.expires for each in known if each.expires is not None}
    assert set(scores("orphans")) == {each.member for each in known if each.orphaned}
    assert scores("attached") == {each.member: each.rank[0] for each in known if each.attached}
    assert set(scores("provider")) == {slot for each in known for slot in each.taken}
    for kind in JobKind:
        placed = {each.member for each in known if each.placed and each.job.kind is kind}
        assert {member.decode() for member in dump.get(f"{PREFIX}:running:kind:{kind}", ())} == placed
    waiting = dump.get(f"{PREFIX}:waiting", {})
    for number in (1, 2, 3):
        count = sum(each.waits and each.priority_class == number for each in known)
        assert int(waiting.get(str(number).encode(), 0)) == count


def _dependents_agree(dump: dict[str, Any], known: list[Known]) -> None:
    beginning = f"{PREFIX}:dependents:"
    waiting = {
        (name.split(":")[-1], id_.decode())
        for name, members in dump.items()
        if name.startswith(beginning)
        for id_ in members
    }
    assert waiting == {(awaited, each.job.id) for each in known for awaited in each.awaits}
    assert all(each.state is JobState.HELD for each in known if each.awaits)


def _batch_agrees(tenant: Tenant, record: dict[bytes, bytes], known: dict[str, Known]) -> None:
    batch = batch_of(tenant, record)
    assert sum(batch.state_counts.values()) == batch.job_count
    assert (batch.end_time is not None) == all(state.is_terminal for state in batch.state_counts)
    open_ones = [each for each in known.values() if each.job.batch_id == batch.id and not each.state.is_terminal]
    gone = batch.job_count - len(open_ones)  # ended or forgotten
    done = gone + sum(each.fraction for each in open_ones)
    assert batch.fraction == pytest.approx(done / batch.job_count)
