"""Makes unary calls at one of the servers, again while that may help: a class for each face, the same rules in both."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import grpc
import grpc.aio

from segue import errors
from segue.calls import Attempts
from segue.channels import Channels
from segue.v1.job_service_pb2_grpc import JobServiceStub
from segue.v1.system_service_pb2_grpc import SystemServiceStub
from segue.v1.template_service_pb2_grpc import TemplateServiceStub
from segue.values import seconds

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from google.protobuf.message import Message

    from segue.options import Settings
    from segue.v1.job_service_pb2_grpc import JobServiceAsyncStub
    from segue.v1.system_service_pb2_grpc import SystemServiceAsyncStub
    from segue.v1.template_service_pb2_grpc import TemplateServiceAsyncStub

RequestT = TypeVar("RequestT", bound="Message")
ResponseT = TypeVar("ResponseT")
AnswerT = TypeVar("AnswerT")


class Stubs(NamedTuple):
    """The services at an address."""

    jobs: JobServiceStub
    system: SystemServiceStub
    templates: TemplateServiceStub


class AioStubs(NamedTuple):
    """The services at an address, for asyncio."""

    jobs: JobServiceAsyncStub
    system: SystemServiceAsyncStub
    templates: TemplateServiceAsyncStub


class Caller:
    """Calls from any thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.closing = threading.Event()
        """Set by `close`: whoever waits goes on."""
        self.channels: Channels[grpc.Channel, Stubs] = Channels(
            settings.addresses,
            dial=self._dial,
            stub=lambda channel: Stubs(
                JobServiceStub(channel), SystemServiceStub(channel), TemplateServiceStub(channel)
            ),
        )

    def __call__(
        self,
        method: Callable[[Stubs], grpc.UnaryUnaryMultiCallable[RequestT, ResponseT]],
        request: RequestT,
        timeout: timedelta | float | None = None,
    ) -> ResponseT:
        """Return the answer to a request.

        Raises:
            SegueError: the call was refused, or no server could be reached in time.
        """
        attempts = Attempts(self._settings.retry, self._settings.timeout if timeout is None else seconds(timeout))
        address: str | None = None
        while True:
            address = self.channels.pick(after=address)
            call = method(self.channels.unary(address))
            try:
                return self.begin(call, request, attempts.timeout)
            except grpc.RpcError as error:
                self.raise_if_closed()
                delay = attempts.failed(error)
            self.channels.avoid(address)
            self.closing.wait(delay)

    def begin(self, call: Callable[..., AnswerT], request: Message, timeout: float | None) -> AnswerT:
        """Return what a stub's method does, which another thread may `close` just before.

        Raises:
            ClientClosed: that has happened.
            grpc.RpcError: whatever the call ends with.
        """
        try:
            return call(request, timeout=timeout, metadata=self._settings.metadata)
        except ValueError:  # the channel is closed
            self.raise_if_closed()
            raise

    def raise_if_closed(self) -> None:
        """Tell a call that `close` ended from one that the server cancelled: grpc says CANCELLED for both.

        Raises:
            ClientClosed: it was `close`.
        """
        if self.channels.closed:
            raise errors.ClientClosed from None

    def close(self) -> None:
        """Close all connections."""
        self.closing.set()
        for channel in self.channels.close():
            channel.close()

    def _dial(self, address: str) -> grpc.Channel:
        if self._settings.credentials is None:
            return grpc.insecure_channel(address, self._settings.channel_options)
        return grpc.secure_channel(address, self._settings.credentials, self._settings.channel_options)


class AioCaller:
    """Calls from asyncio."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.channels: Channels[grpc.aio.Channel, AioStubs] = Channels(
            settings.addresses,
            dial=self._dial,
            stub=lambda channel: AioStubs(
                JobServiceStub(channel), SystemServiceStub(channel), TemplateServiceStub(channel)
            ),
        )

    async def __call__(
        self,
        method: Callable[[AioStubs], grpc.aio.UnaryUnaryMultiCallable[RequestT, ResponseT]],
        request: RequestT,
        timeout: timedelta | float | None = None,
    ) -> ResponseT:
        """Return the answer to a request.

        Raises:
            SegueError: the call was refused, or no server could be reached in time.
        """
        attempts = Attempts(self._settings.retry, self._settings.timeout if timeout is None else seconds(timeout))
        address: str | None = None
        while True:
            address = self.channels.pick(after=address)
            call = method(self.channels.unary(address))
            try:
                return await self.begin(call, request, attempts.timeout)
            except grpc.aio.AioRpcError as error:
                delay = attempts.failed(error)
            except asyncio.CancelledError:
                self.raise_if_closed()
                raise
            self.channels.avoid(address)
            await asyncio.sleep(delay)

    def begin(self, call: Callable[..., AnswerT], request: Message, timeout: float | None) -> AnswerT:
        """Return what a stub's method does."""
        return call(request, timeout=timeout, metadata=self._settings.metadata)

    def raise_if_closed(self) -> None:
        """Tell a call that `close` ended from one that the caller cancelled: grpc.aio raises the same for both.

        Raises:
            ClientClosed: it was `close`.
        """
        task = asyncio.current_task()
        if self.channels.closed and task is not None and not task.cancelling():
            raise errors.ClientClosed from None

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.gather(*(channel.close() for channel in self.channels.close()))

    def _dial(self, address: str) -> grpc.aio.Channel:
        if self._settings.credentials is None:
            return grpc.aio.insecure_channel(address, self._settings.channel_options)
        return grpc.aio.secure_channel(address, self._settings.credentials, self._settings.channel_options)
