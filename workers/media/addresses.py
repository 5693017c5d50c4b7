"""Says which addresses on the network a stranger may have us call: only those of the public internet.

A list of our own, as `ipaddress.is_global` calls multicast, NAT64 and 6to4 addresses global, some of which end at
private ones. Sources: IANA's special-purpose address registries for IPv4 and IPv6 (RFC 6890).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address
from typing import Final, TypeAlias

from workers.media.errors import InputMediaError, UnreachableMediaError

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host; raises OSError."""

Allows: TypeAlias = Callable[[str, int], bool]
"""Whether an address and port may be called."""

#: Names that are looked up at once; one may take the system 10 to 30 seconds.
_LOOK_UPS: Final = 16

_WEB_PORTS: Final = frozenset({80, 443})

_NOT_PUBLIC_V4: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network: Linux takes 0.0.0.0 for itself
            "10.0.0.0/8",
            "100.64.0.0/10",  # carriers' NAT; also the metadata of some clouds
            "127.0.0.0/8",
            "168.63.129.16/32",  # public by its number, but the host agent inside Azure's machines
            "169.254.0.0/16",  # link-local, with most clouds' metadata
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/3",  # multicast, reserved, broadcast
        ),
    )
)
#: All that is assigned to the public (RFC 4291 §2.4): so neither loopback, private, link-local and multicast addresses
#: nor IPv4 in any of its disguises below it (mapped, compatible, translated, NAT64).
_PUBLIC_V6: Final = IPv6Network("2000::/3")
_NOT_PUBLIC_V6: Final = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocols' own, with Teredo: IPv4 inside
            "2001:db8::/32",
            "2002::/16",  # 6to4: IPv4 inside
            "3fff::/20",
        ),
    )
)


def is_public(address: str) -> bool:
    """Whether *address*, a number in text, is one of the public internet."""
    try:
        number = ip_address(address)
    except ValueError:
        return False
    if isinstance(number, IPv4Address):
        return not any(number in network for network in _NOT_PUBLIC_V4)
    return number in _PUBLIC_V6 and not any(number in network for network in _NOT_PUBLIC_V6)


def public_web(address: str, port: int) -> bool:
    """Allow public addresses, on the ports of the web."""
    return port in _WEB_PORTS and is_public(address)


def anywhere(address: str, port: int) -> bool:
    """Allow every address: for one's own machine, where nobody is a stranger."""
    del address, port
    return True


class SystemResolver:
    """Asks the system, which also knows the odd spellings of numbers (`127.1`, `0x7f000001`).

    In threads of its own: names whose servers never answer would otherwise take all those that write files.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOK_UPS, thread_name_prefix="look-up")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of *host*; see `Resolve`."""
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def checked_addresses(host: str, port: int, *, resolve: Resolve, allows: Allows) -> Sequence[str]:
    """Return the addresses of *host*, to be called as they are: a second look-up could answer otherwise.

    Raises:
        InputMediaError: there is no such host, or one of its addresses may not be called. It does not say which: names
            of a private network are told to nobody.
        UnreachableMediaError: the name could not be looked up now.
    """
    try:
        addresses = await resolve(host, port)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            raise UnreachableMediaError(f"The name {host} could not be looked up.") from error
        raise InputMediaError(f"There is no host {host}.") from error
    except (OSError, UnicodeError) as error:
        raise InputMediaError(f"There is no host {host}.") from error
    if not addresses or not all(allows(address, port) for address in addresses):
        raise InputMediaError(f"{host} is not on the public internet, or not on port 80 or 443; nothing was fetched.")
    return addresses
