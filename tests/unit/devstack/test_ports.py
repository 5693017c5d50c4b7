"""Ports for servers that come and go."""

from __future__ import annotations

import socket

import pytest

from devstack import ports
from devstack.ports import LOOPBACK, free_port, is_free


def test_a_free_port_is_not_one_that_an_outgoing_connection_may_be_given() -> None:
    port = free_port()

    assert port < 32_768
    assert is_free(LOOPBACK, port)


def test_a_port_that_is_taken_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        taken = server.getsockname()[1]
        free = free_port()
        monkeypatch.setattr(ports, "_LASTING", [taken, free])
        assert {free_port() for _ in range(20)} == {free}

        monkeypatch.setattr(ports, "_LASTING", [taken])
        with pytest.raises(OSError, match="are taken"):
            free_port()
