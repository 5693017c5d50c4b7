"""The faithfulness front: an HTTPS proxy that answers for fal's hosts, so that clients need no change.

One port speaks two things: `CONNECT queue.fal.run:443` of a proxy client, and TLS at once for clients
that were given the port as a host. Both end at a TLS listener of the same application, whose
certificate comes from an authority made at start and thrown away at the end.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import trustme
from aiohttp import web

from emulator import hosts
from emulator.connections import reset

_CHUNK: Final = 64 * 1024
#: The first byte of every TLS connection: a handshake record.
_TLS_HANDSHAKE: Final = b"\x16"
_LOCAL_NAMES: Final = ("localhost", "127.0.0.1")
#: Seconds a client may take to say where it wants to go.
_PATIENCE: Final = 10.0


@dataclass(frozen=True, kw_only=True)
class Front:
    """A running front."""

    url: str
    ca_pem: bytes
    server: asyncio.Server
    tunnels: set[asyncio.Task[None]]

    async def close(self) -> None:
        """Stop listening and cut every tunnel."""
        self.server.close()
        for task in self.tunnels:
            task.cancel()
        await asyncio.gather(*self.tunnels, return_exceptions=True)
        await self.server.wait_closed()


async def start(runner: web.AppRunner, *, host: str, port: int) -> Front:
    """Start a front on *port* for the application of *runner*."""
    authority = trustme.CA(organization_name="Segue emulator, not fal")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*hosts.ALL, *_LOCAL_NAMES).configure_cert(context)
    known = {address[1] for address in runner.addresses}
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    inner_port = next(int(address[1]) for address in runner.addresses if address[1] not in known)
    tunnels: set[asyncio.Task[None]] = set()
    server = await asyncio.start_server(_accepting(inner_port, tunnels), host, port)
    bound = server.sockets[0].getsockname()[1]
    return Front(url=f"http://{host}:{bound}", ca_pem=authority.cert_pem.bytes(), server=server, tunnels=tunnels)


def _accepting(
    inner_port: int, tunnels: set[asyncio.Task[None]]
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(_serve(inner_port, reader, writer))
        tunnels.add(task)
        task.add_done_callback(tunnels.discard)

    return accept


async def _serve(inner_port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        async with asyncio.timeout(_PATIENCE):
            first = await reader.readexactly(1)
            if first != _TLS_HANDSHAKE:
                first = await _connect(first, reader, writer)
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", inner_port)
        inner_writer.write(first)
        async with asyncio.TaskGroup() as tunnel:
            tunnel.create_task(_pump(reader, inner_writer))
            tunnel.create_task(_pump(inner_reader, writer))
    except (OSError, EOFError, TimeoutError, ValueError, asyncio.LimitOverrunError):
        pass
    finally:
        writer.close()


async def _connect(first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Agree to a CONNECT that is for one of fal's hosts, and return what came after it: nothing yet."""
    head = first + await reader.readuntil(b"\r\n\r\n")
    method, target, _ = head.decode("latin-1").split(" ", 2)
    name = target.rpartition(":")[0]
    if method != "CONNECT" or name not in (*hosts.ALL, *_LOCAL_NAMES):
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        raise ValueError("only fal's hosts are served")
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await writer.drain()
    return b""


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the end; hand on a reset as a reset."""
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    except OSError:
        reset(writer.transport)
        return
    with contextlib.suppress(OSError):
        writer.close()
