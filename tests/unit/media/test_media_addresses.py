"""Only addresses of the public internet may be called, in whatever disguise others come."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from workers.media.addresses import anywhere, checked_addresses, is_public, public_web
from workers.media.errors import InputMediaError, UnreachableMediaError

if TYPE_CHECKING:
    from collections.abc import Sequence


@pytest.mark.parametrize("address", ["8.8.8.8", "151.101.1.69", "223.255.255.254", "2606:4700::1", "2a00:1450::5"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104 - nothing listens here
        "10.1.2.3",
        "100.64.0.1",
        "100.100.100.200",  # Alibaba's metadata
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",  # Azure's host agent
        "169.254.169.254",  # most clouds' metadata
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",  # Oracle's metadata
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.1.1.1",
        "255.255.255.255",
    ],
)
def test_a_special_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "::",
        "::1",
        "::127.0.0.1",  # compatible
        "::ffff:127.0.0.1",  # mapped
        "::ffff:8.8.8.8",
        "::ffff:0:127.0.0.1",  # translated
        "64:ff9b::7f00:1",  # NAT64
        "64:ff9b:1::a9fe:a9fe",
        "2002:7f00:1::",  # 6to4
        "2001:0:1:2:3:4:80ff:fffe",  # Teredo
        "fc00::1",
        "fd00:ec2::254",  # AWS's metadata
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
    ],
)
def test_no_disguise_of_another_address_is_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "0x7f000001", "8.8.8.8:80", "8.8.8.8/8"])
def test_what_is_no_address_is_not_public(text: str) -> None:
    assert not is_public(text)


def test_the_web_has_two_ports() -> None:
    assert public_web("8.8.8.8", 443)
    assert public_web("8.8.8.8", 80)
    assert not public_web("8.8.8.8", 6379)
    assert not public_web("127.0.0.1", 80)


async def test_one_bad_address_among_good_ones_refuses_the_host() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["8.8.8.8", "10.0.0.1"]

    with pytest.raises(InputMediaError, match="not on the public internet"):
        await checked_addresses("both.example", 443, resolve=resolve, allows=public_web)


async def test_a_host_without_addresses_is_refused() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return []

    with pytest.raises(InputMediaError):
        await checked_addresses("none.example", 443, resolve=resolve, allows=anywhere)


async def test_a_refusal_does_not_tell_what_a_name_means_inside() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["10.20.30.40"]

    with pytest.raises(InputMediaError) as refused:
        await checked_addresses("db.internal", 443, resolve=resolve, allows=public_web)

    assert "10.20.30.40" not in str(refused.value)


@pytest.mark.parametrize(
    ("number", "expected"), [(socket.EAI_AGAIN, UnreachableMediaError), (socket.EAI_NONAME, InputMediaError)]
)
async def test_only_a_look_up_that_may_go_better_is_worth_another(number: int, expected: type[Exception]) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(number, "no")

    with pytest.raises(expected):
        await checked_addresses("gone.example", 443, resolve=resolve, allows=public_web)
