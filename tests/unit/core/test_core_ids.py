"""Ids sort by time of creation, also those made at once."""

from __future__ import annotations

import time
import uuid

import pytest

from core.ids import MOST_AT_ONCE, lowest_id_at, time_ordered_ids


@pytest.mark.parametrize("count", [1, 2, 1001, MOST_AT_ONCE])
def test_ids_made_at_once_ascend_and_differ(count: int) -> None:
    ids = time_ordered_ids(count)

    assert len(set(ids)) == count
    assert ids == sorted(ids)


def test_ids_made_one_after_the_other_ascend_however_many_a_millisecond_has() -> None:
    ids = [id_ for _ in range(300) for id_ in time_ordered_ids() + time_ordered_ids(50)]

    assert ids == sorted(set(ids))


@pytest.mark.parametrize(("set_back", "ascend"), [(0, True), (900, True), (3_600_000, False)])
def test_ids_ascend_over_a_clock_set_back_by_less_than_a_second(
    set_back: int, ascend: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = time_ordered_ids()
    now = time.time_ns() - set_back * 1_000_000
    monkeypatch.setattr("core.ids.time.time_ns", lambda: now)

    assert (before < time_ordered_ids()) == ascend
    assert time_ordered_ids() < time_ordered_ids()


def test_an_id_is_a_uuid_of_version_7() -> None:
    (id_,) = time_ordered_ids()

    made = uuid.UUID(id_)
    assert (made.version, made.variant, str(made)) == (7, uuid.RFC_4122, id_)


@pytest.mark.parametrize("count", [0, -1, MOST_AT_ONCE + 1])
def test_no_more_ids_are_made_at_once_than_keep_their_order(count: int) -> None:
    with pytest.raises(ValueError, match="ids at once"):
        time_ordered_ids(count)


def test_the_lowest_id_at_a_time_bounds_the_ids_made_then() -> None:
    (id_,) = time_ordered_ids()
    made = uuid.UUID(id_).int >> 80

    assert lowest_id_at(made) < id_ < lowest_id_at(made + 1)


def test_no_time_is_too_early_for_a_bound() -> None:
    assert lowest_id_at(-1) == str(uuid.UUID(int=0))
