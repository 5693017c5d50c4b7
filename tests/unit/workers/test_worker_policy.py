"""What a worker tells the scheduler of the kinds it can make."""

from __future__ import annotations

from pydantic import SecretStr

from core.job import JobKind
from workers.app import policy_of
from workers.settings import WorkerSettings


def test_only_a_composition_takes_no_provider_slot() -> None:
    rules = policy_of(WorkerSettings(fal_key=SecretStr("k"), kind_concurrency={JobKind.COMPOSITION: 2})).kinds

    assert {kind for kind, rule in rules.items() if not rule.needs_provider} == {JobKind.COMPOSITION}
    assert (rules[JobKind.COMPOSITION].cap, rules[JobKind.TRANSITION].cap) == (2, 0)
