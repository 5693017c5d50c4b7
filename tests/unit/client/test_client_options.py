from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest

from segue.options import Retry, parse_addresses, settings


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("127.0.0.1:1", ("127.0.0.1:1",)),
        ("a:1, b:2,a:1,", ("a:1", "b:2")),
        (["a:1", "b:2"], ("a:1", "b:2")),
        ("dns:///segue.example:443", ("dns:///segue.example:443",)),
        ("ipv4:127.0.0.1:1,127.0.0.1:2", ("ipv4:127.0.0.1:1,127.0.0.1:2",)),
        ("unix:/run/a,b.sock", ("unix:/run/a,b.sock",)),
    ],
)
def test_addresses_may_be_given_in_several_ways(given: str | list[str], expected: tuple[str, ...]) -> None:
    assert parse_addresses(given) == expected


@pytest.mark.parametrize("nothing", ["", " , ", []])
def test_a_client_needs_an_address(nothing: str | list[str]) -> None:
    with pytest.raises(ValueError, match="at least one address"):
        parse_addresses(nothing)


def test_channel_options_of_the_caller_win() -> None:
    options = dict(settings("a:1", channel_options=[("grpc.keepalive_time_ms", 7)]).channel_options)

    assert options["grpc.keepalive_time_ms"] == 7
    assert options["grpc.http2.ping_timeout_ms"] == 10_000


def test_metadata_may_be_a_mapping_or_pairs() -> None:
    pairs = (("authorization", "Bearer key"),)

    assert settings("a:1", metadata=dict(pairs)).metadata == pairs
    assert settings("a:1", metadata=pairs).metadata == pairs


def test_waits_grow_to_the_maximum_and_are_spread_from_zero() -> None:
    retry = Retry(initial=timedelta(seconds=1), maximum=timedelta(seconds=4))

    for failures, ceiling in [(1, 1), (2, 2), (3, 4), (4, 4), (10_000, 4)]:
        waits = [retry.delay(failures) for _ in range(200)]
        assert max(waits) <= ceiling
        assert min(waits) < ceiling / 4
        assert max(waits) > ceiling * 3 / 4


def test_a_wait_that_the_server_asked_for_is_spread_but_never_cut() -> None:
    retry = Retry(initial=timedelta(seconds=1), maximum=timedelta(seconds=4))
    waits = [retry.delay(1, timedelta(seconds=9)) for _ in range(100)]

    assert min(waits) >= 9
    assert max(waits) <= 10
    assert len(set(waits)) > 1


def test_the_messages_alone_do_not_load_grpc() -> None:
    code = "import segue.v1.job_pb2, sys; sys.exit('grpc' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
