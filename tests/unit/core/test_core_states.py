"""The states of a job, the classes of priorities, and what the scripts must know alike."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from importlib.resources import files

import pytest

from core.job import RUNNING, TERMINAL, TRANSITIONS, JobKind, JobState, priority_class, rank_of, sources_of
from core.store import scripts
from core.store.attempts import Outcome


def test_every_state_has_its_row_in_the_table() -> None:
    assert set(TRANSITIONS) == set(JobState)


def test_no_state_follows_itself() -> None:
    assert all(state not in targets for state, targets in TRANSITIONS.items())


def test_every_state_can_be_reached() -> None:
    assert {state for state in JobState if not sources_of(state)} == set()


def test_a_job_is_held_again_only_by_a_retry() -> None:
    assert sources_of(JobState.HELD) == {JobState.FAILED, JobState.CANCELLED}


def test_success_is_final_and_the_other_ends_allow_only_a_retry() -> None:
    after = {state: TRANSITIONS[state] for state in TERMINAL}

    assert after == {
        JobState.SUCCEEDED: frozenset(),
        JobState.FAILED: {JobState.PENDING, JobState.HELD},
        JobState.CANCELLED: {JobState.PENDING, JobState.HELD},
    }


def test_only_running_states_lead_to_success() -> None:
    assert sources_of(JobState.SUCCEEDED) < RUNNING


def test_a_state_that_is_cancelling_can_only_be_cancelled() -> None:
    assert TRANSITIONS[JobState.CANCELLING] == {JobState.CANCELLED}


@pytest.mark.parametrize("state", list(JobState))
def test_the_sources_of_a_state_are_those_that_lead_to_it(state: JobState) -> None:
    assert sources_of(state) == {source for source in JobState if state in TRANSITIONS[source]}


@pytest.mark.parametrize("state", list(JobState))
def test_a_state_is_either_waiting_running_or_terminal(state: JobState) -> None:
    assert [state in {JobState.HELD, JobState.PENDING}, state.is_running, state.is_terminal].count(True) == 1


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_running_attempt_may_end_in_every_way(outcome: Outcome) -> None:
    assert {JobState.STARTED, JobState.PROCESSING} <= sources_of(outcome.state)


def test_priorities_fall_into_three_classes() -> None:
    assert [priority_class(priority) for priority in range(1, 11)] == [1, 1, 1, 2, 2, 2, 2, 3, 3, 3]


def test_a_rank_orders_by_priority_then_by_age_to_the_millisecond() -> None:
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, 0, 0, 0, 1000, tzinfo=UTC)
    ranks = [rank_of(1, early), rank_of(1, late), rank_of(2, early), rank_of(10, late)]

    assert ranks == sorted(ranks)
    assert ranks == [int(float(rank)) for rank in ranks]  # exact as the score of a sorted set


def test_the_scripts_know_every_kind() -> None:
    prelude = (files(scripts) / "prelude.lua").read_text()
    (kinds,) = re.findall(r"^local KINDS = \{(.*)\}$", prelude, re.MULTILINE)

    assert re.findall(r"'(\w+)'", kinds) == [kind.value for kind in JobKind]
