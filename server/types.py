"""Names for grpc's types. Its generics exist only in the stubs, so this module is for type checkers alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import grpc
    from google.protobuf.message import Message

    Context = grpc.aio.ServicerContext[Any, Any]
    Handler = grpc.RpcMethodHandler[Any, Any]
    #: One RPC from its request to its response; a stream writes its responses itself and returns None.
    Call = Callable[[Any, Context], Awaitable[Message | None]]
    #: Wraps the calls of a method, whose full name it gets.
    Layer = Callable[[str, Call], Call]
