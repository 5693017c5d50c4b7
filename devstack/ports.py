"""Free TCP ports on the loopback interface."""

from __future__ import annotations

import random
import socket
from typing import Final

LOOPBACK: Final = "127.0.0.1"
#: Below what systems choose from for outgoing connections (Linux from 32768, macOS from 49152): a server that is
#: started again finds its port as it left it.
_LASTING: Final = range(12_000, 32_000)


def free_port() -> int:
    """Return a port nobody listens on now and no outgoing connection is given; whoever takes it should do so soon.

    Raises:
        OSError: all are taken.
    """
    for port in random.sample(_LASTING, len(_LASTING)):
        if is_free(LOOPBACK, port):
            return port
    raise OSError(f"all ports from {_LASTING[0]} to {_LASTING[-1]} are taken")


def is_free(host: str, port: int) -> bool:
    """Tell whether a server could listen on *host*:*port* now."""
    with socket.socket() as probe:
        # As servers do: connections of an earlier one in TIME_WAIT do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
