"""The asyncio face of the client, on grpc.aio."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self, TypeVar, Unpack

import grpc
import grpc.aio

from segue import errors, requests
from segue.calls import Attempts
from segue.channels import Channels
from segue.options import settings
from segue.v1.job_service_pb2 import CancelJobRequest, GetJobRequest
from segue.v1.job_service_pb2_grpc import JobServiceStub
from segue.values import seconds
from segue.watching import Outcome, Watch

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
    from datetime import timedelta
    from types import TracebackType

    from segue.options import Addresses, ClientOptions
    from segue.v1.job_pb2 import Job
    from segue.v1.job_service_pb2 import WatchJobResponse
    from segue.v1.job_service_pb2_grpc import JobServiceAsyncStub
    from segue.v1.spec_pb2 import JobSpec

__all__ = ["Client"]

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")


class Client:
    """Talks to Segue from asyncio. Opens its connections when they are first needed, in the running loop.

    Calls go to the addresses in turn; one that fails is passed over. Unary calls are repeated while the service is
    unavailable, within their deadline; watches come back by themselves.

    Args:
        addresses: "host:port", several joined by commas, or a list of them.
        options: see `segue.options.ClientOptions`.

    Raises:
        ValueError: there is no address.
    """

    def __init__(self, addresses: Addresses, **options: Unpack[ClientOptions]) -> None:
        self._settings = settings(addresses, **options)
        self._channels: Channels[grpc.aio.Channel, JobServiceAsyncStub] = Channels(
            self._settings.addresses, dial=self._dial, stub=JobServiceStub
        )

    async def submit(
        self,
        spec: JobSpec,
        *,
        request_id: str | None = None,
        validate_only: bool = False,
        timeout: timedelta | float | None = None,
        **options: Unpack[requests.JobOptions],
    ) -> Job:
        """Submit one job and return it; from then on it is stored durably.

        Args:
            spec: what it shall make, from `segue.transition` or `segue.model`.
            request_id: repeating a submit with the same one returns the same job. None: the client makes one, so
                that its own retries cannot submit twice; give one to be safe against your own restarts.
            validate_only: check everything and return the job as it would be; accept nothing.
            timeout: the deadline of this call, if not the client's.
            options: see `segue.requests.JobOptions`.

        Raises:
            InvalidRequest: mend what its violations name.
            RequestIdReused: the request_id was used with another payload.
        """
        item = requests.submission(spec, **options)
        request = requests.submit(item, request_id=request_id, validate_only=validate_only)
        return (await self._call(lambda stub: stub.SubmitJob, request, timeout)).job

    async def submit_batch(
        self,
        jobs: Iterable[requests.BatchItem],
        *,
        request_id: str | None = None,
        display_name: str = "",
        allow_partial_success: bool = False,
        timeout: timedelta | float | None = None,
    ) -> requests.SubmittedBatch:
        """Submit up to 1000 jobs: all or none, unless *allow_partial_success* is set.

        Args:
            jobs: specs, or `segue.submission(spec, ...)` for jobs with options of their own.
            request_id: as in `submit`, for the batch as a whole.
            display_name: a name for people.
            allow_partial_success: accept the good ones; ``failures`` of the answer names the others.
            timeout: the deadline of this call, if not the client's.

        Raises:
            InvalidRequest: the paths of its violations begin with ``jobs[i].``.
            RequestIdReused: the request_id was used with another payload.
        """
        request = requests.submit_batch(
            jobs,
            request_id=request_id,
            display_name=display_name,
            allow_partial_success=allow_partial_success,
        )
        return requests.submitted_batch(await self._call(lambda stub: stub.BatchSubmit, request, timeout))

    async def get(self, job_id: str, *, timeout: timedelta | float | None = None) -> Job:
        """Return a job as it stands.

        Raises:
            JobNotFound: there is none, or it has expired.
        """
        return (await self._call(lambda stub: stub.GetJob, GetJobRequest(job_id=job_id), timeout)).job

    async def cancel(self, job_id: str, *, timeout: timedelta | float | None = None) -> Job:
        """Cancel a job and return it: CANCELLED, or CANCELLING until fal has answered.

        Raises:
            JobNotFound: there is none, or it has expired.
            JobFinished: it has already ended.
        """
        return (await self._call(lambda stub: stub.CancelJob, CancelJobRequest(job_id=job_id), timeout)).job

    async def list(self, **filters: Unpack[requests.JobFilter]) -> AsyncIterator[Job]:
        """Yield jobs, newest first, page by page.

        Args:
            filters: see `segue.requests.JobFilter`.
        """
        request = requests.list_jobs(**filters)
        while True:
            page = await self._call(lambda stub: stub.ListJobs, request)
            for job in page.jobs:
                yield job
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def watch(
        self, job_id: str, *, after_sequence: int = 0, timeout: timedelta | float | None = None
    ) -> AsyncGenerator[WatchJobResponse, None]:
        """Yield the events of a job, each once and in order, until after the final one.

        The first one is a snapshot, or with *after_sequence* the event after that. Lost connections, stopping and
        vanished servers are overcome inside: the watch goes on where it was, at any server.

        Args:
            job_id: the job.
            after_sequence: the sequence of the last event already seen.
            timeout: how long to watch at most; None: as long as the job takes.

        Raises:
            JobNotFound: there is no such job, or it has expired.
            DeadlineExceeded: the timeout passed; the job goes on.
        """
        watch = Watch(
            job_id,
            after_sequence=after_sequence,
            settings=self._settings,
            timeout=None if timeout is None else seconds(timeout),
        )
        while not watch.finished:
            await asyncio.sleep(watch.delay)
            request, address = watch.open(), self._channels.pick()
            with self._channels.watching(address) as stub:
                call = stub.WatchJob(request, timeout=watch.timeout, metadata=self._settings.metadata)
                try:
                    messages = aiter(call)
                    while not watch.interrupted and (message := await self._next(messages, watch)) is not None:
                        if watch.receive(message):
                            yield message
                finally:
                    call.cancel()
            if not watch.finished:
                self._channels.avoid(address)

    async def result(self, job_id: str, *, timeout: timedelta | float | None = None) -> Job:
        """Wait until a job has ended and return it with its result.

        Raises:
            JobFailed: it failed.
            JobCancelled: it was cancelled.
            JobNotFound: there is no such job, or it has expired.
            DeadlineExceeded: the timeout passed; the job goes on.
        """
        outcome = Outcome()
        async for event in self.watch(job_id, timeout=timeout):
            outcome.take(event)
        return outcome.result()

    async def close(self) -> None:
        """Close all connections; calls and watches that still run end with `ClientClosed`."""
        await asyncio.gather(*(channel.close() for channel in self._channels.close()))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _dial(self, address: str) -> grpc.aio.Channel:
        if self._settings.credentials is None:
            return grpc.aio.insecure_channel(address, self._settings.channel_options)
        return grpc.aio.secure_channel(address, self._settings.credentials, self._settings.channel_options)

    async def _call(
        self,
        method: Callable[[JobServiceAsyncStub], grpc.aio.UnaryUnaryMultiCallable[RequestT, ResponseT]],
        request: RequestT,
        timeout: timedelta | float | None = None,
    ) -> ResponseT:
        attempts = Attempts(self._settings.retry, self._settings.timeout if timeout is None else seconds(timeout))
        while True:
            address = self._channels.pick()
            call = method(self._channels.unary(address))
            try:
                return await call(request, timeout=attempts.timeout, metadata=self._settings.metadata)
            except grpc.aio.AioRpcError as error:
                delay = attempts.failed(error)
            except asyncio.CancelledError:
                self._raise_if_closed()
                raise
            self._channels.avoid(address)
            await asyncio.sleep(delay)

    async def _next(self, messages: AsyncIterator[WatchJobResponse], watch: Watch) -> WatchJobResponse | None:
        """Return the next message of a stream; None: it is over, and the watch knows how."""
        try:
            async with asyncio.timeout(watch.patience):
                return await anext(messages)
        except StopAsyncIteration:
            watch.ended()
        except TimeoutError:
            watch.silent()
        except grpc.aio.AioRpcError as error:
            watch.failed(error)
        except asyncio.CancelledError:
            self._raise_if_closed()
            raise
        return None

    def _raise_if_closed(self) -> None:
        """Tell a call that `close` ended from one that the caller cancelled: grpc.aio raises the same for both."""
        task = asyncio.current_task()
        if self._channels.closed and task is not None and not task.cancelling():
            raise errors.ClientClosed from None
