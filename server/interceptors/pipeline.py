"""Leads every method of ours through layers, unary ones and streams in the same way.

One interceptor of grpc's for all layers: it builds each method's way once, where a chain of them would build it anew
for every call. Methods of others (health, reflection) are left alone: they use grpc's API in ways that wrapping breaks.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

import grpc
from google.protobuf.message import DecodeError

from server.errors import MalformedRequestError
from server.patience import Patience

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
    from datetime import timedelta

    from google.protobuf.message import Message

    from server.types import Call, Context, Handler, Layer

#: What the full names of our methods begin with.
OURS: Final = "/segue."
#: Stands for a request that is none. Decoding itself must not fail: grpc would answer that by itself, with UNKNOWN.
_MALFORMED: Final = object()


class Pipeline(grpc.aio.ServerInterceptor):
    """Wraps each method in *layers*, the first outermost."""

    def __init__(self, layers: Sequence[Layer], *, longest_write: timedelta) -> None:
        self._layers = layers
        self._longest_write = longest_write
        self._handlers: dict[str, Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Return what serves a call; None: there is no such method."""
        method = handler_call_details.method
        if method not in self._handlers:
            handler = await continuation(handler_call_details)
            if handler is None or not method.startswith(OURS):
                return handler
            self._handlers[method] = self._wrapped(method, handler)
        handler = self._handlers[method]
        if handler.unary_stream:
            # A client that has left meanwhile is noticed here rather than while the request is read: there, grpc would
            # lose 96 bytes (grpc #43360).
            await asyncio.sleep(0)
        return handler

    def _wrapped(self, method: str, handler: Handler) -> Handler:
        behaviour: Any = handler.unary_stream or handler.unary_unary
        call = self._writing(method, behaviour) if handler.unary_stream else behaviour
        call = _decoded(call)
        for layer in reversed(self._layers):
            call = layer(method, call)
        make: Any = (
            grpc.unary_stream_rpc_method_handler if handler.unary_stream else grpc.unary_unary_rpc_method_handler
        )
        decode: Any = handler.request_deserializer
        encode: Any = handler.response_serializer
        wrapped: Handler = make(
            call,
            request_deserializer=_tolerant(decode),
            response_serializer=_unless_done(encode) if handler.unary_stream else encode,
        )
        return wrapped

    def _writing(self, method: str, stream: Callable[[Any, Context], AsyncGenerator[Message | bytes, None]]) -> Call:
        """Return the call that writes what a stream yields.

        grpc would iterate over the stream itself, but leaves it to the garbage collector, and so to another task, when
        the client goes while something is being sent. Here it is closed in its own task and context.
        """

        async def write(request: Any, context: Context) -> None:
            async with aclosing(stream(request, context)) as responses:
                with Patience(responses, self._longest_write, method) as patience:
                    async for response in responses:
                        patience.begin()
                        await context.write(response)
                        patience.end()

        return write


def _decoded(call: Call) -> Call:
    """Return the call that refuses a request that could not be decoded."""

    async def refuse(request: Any, context: Context) -> Message | None:
        if request is _MALFORMED:
            raise MalformedRequestError
        return await call(request, context)

    return refuse


def _unless_done(encode: Callable[[Message], bytes]) -> Callable[[Message | bytes], bytes]:
    """Return the serialiser that lets pass what is serialised already."""

    def encoded(message: Message | bytes) -> bytes:
        return message if isinstance(message, bytes) else encode(message)

    return encoded


def _tolerant(decode: Callable[[bytes], Message]) -> Callable[[bytes], object]:
    def decoded(data: bytes) -> object:
        try:
            return decode(data)
        except DecodeError:
            return _MALFORMED

    return decoded
