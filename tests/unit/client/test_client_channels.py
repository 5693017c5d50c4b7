from __future__ import annotations

import pytest

from segue import errors
from segue.channels import Channels


def channels(*addresses: str) -> tuple[Channels[str, str], list[str]]:
    """Channels that are only names, and those that were opened so far."""
    opened: list[str] = []

    def dial(address: str) -> str:
        opened.append(address)
        return f"{address}#{len(opened)}"

    return Channels(addresses, dial=dial, stub=lambda channel: channel), opened


def test_addresses_take_turns() -> None:
    pool, _ = channels("a", "b", "c")

    assert [pool.pick() for _ in range(4)] == ["a", "b", "c", "a"]


def test_an_address_that_failed_is_passed_over() -> None:
    pool, _ = channels("a", "b", "c")
    pool.avoid("b")

    assert [pool.pick() for _ in range(4)] == ["a", "c", "a", "c"]


def test_when_all_have_failed_all_take_turns() -> None:
    pool, _ = channels("a", "b")
    pool.avoid("a")
    pool.avoid("b")

    assert [pool.pick() for _ in range(3)] == ["a", "b", "a"]


@pytest.mark.parametrize("avoided", [[], ["b"], ["a", "b"]])
def test_who_comes_from_a_failed_address_is_not_sent_there_again(avoided: list[str]) -> None:
    pool, _ = channels("a", "b")
    for address in avoided:
        pool.avoid(address)

    assert [pool.pick(after="a") for _ in range(3)] == ["b", "b", "b"]


def test_who_comes_from_the_only_address_is_sent_there_again() -> None:
    pool, _ = channels("a")
    pool.avoid("a")

    assert pool.pick(after="a") == "a"


def test_channels_are_opened_when_first_needed_and_kept() -> None:
    pool, opened = channels("a", "b")
    assert opened == []

    assert pool.unary("b") == pool.unary("b") == "b#1"


def test_watches_have_channels_of_their_own_and_share_them_by_the_hundred() -> None:
    pool, opened = channels("a")
    pool.unary("a")
    lent = [pool.watching("a") for _ in range(101)]
    stubs = [lease.__enter__() for lease in lent]
    assert stubs == ["a#2"] * 100 + ["a#3"]

    lent[0].__exit__(None, None, None)

    with pool.watching("a") as stub:
        assert stub == "a#2"
    assert len(opened) == 3


def test_after_the_close_nothing_is_lent() -> None:
    pool, _ = channels("a")
    pool.unary("a")
    with pool.watching("a"):
        assert pool.close() == ["a#1", "a#2"]

    assert pool.closed
    with pytest.raises(errors.ClientClosed):
        pool.unary("a")
    with pytest.raises(errors.ClientClosed), pool.watching("a"):
        pass
