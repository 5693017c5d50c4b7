"""Ports that nobody else can take, also while nothing listens on them."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

from devstack.ports import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def kept_port() -> Iterator[int]:
    """Give a port of the loopback interface on which servers may listen, and whose connections are refused until then.

    A bound socket that never listens is in the way of no server that sets SO_REUSEADDR, as all do. The system gives its
    port neither to others that ask for any port nor to outgoing connections.
    """
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind((LOOPBACK, 0))
        yield int(keeper.getsockname()[1])
