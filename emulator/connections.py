"""Breaking connections on purpose: by a TCP reset, or in the middle of an answer."""

import socket
import struct
from asyncio import BaseTransport

from aiohttp import web


def reset(transport: BaseTransport | None) -> None:
    """Close the connection so that the peer sees a TCP reset instead of an orderly end."""
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    abort = getattr(transport, "abort", transport.close)
    abort()


def reset_answer(request: web.Request) -> web.StreamResponse:
    """Answer *request* with a TCP reset."""
    reset(request.transport)
    return web.Response()


async def truncated_answer(request: web.Request, body: bytes) -> web.StreamResponse:
    """Announce all of *body*, send half of it, and close."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
