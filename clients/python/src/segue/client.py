"""The synchronous face of the client, on grpc's own threads."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self, TypeVar, Unpack

import grpc

from segue import errors, requests
from segue.calls import Attempts
from segue.channels import Channels
from segue.options import settings
from segue.v1.job_service_pb2 import CancelJobRequest, GetJobRequest
from segue.v1.job_service_pb2_grpc import JobServiceStub
from segue.values import seconds
from segue.watchdog import Watchdog
from segue.watching import Outcome, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from datetime import timedelta
    from types import TracebackType

    from segue.options import Addresses, ClientOptions
    from segue.v1.job_pb2 import Job
    from segue.v1.job_service_pb2 import WatchJobResponse
    from segue.v1.spec_pb2 import JobSpec

__all__ = ["Client"]

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")


class Client:
    """Talks to Segue from threads; one client may serve many. Opens its connections when they are first needed.

    Its methods are those of `segue.aio.Client`, which tells more of each.

    Args:
        addresses: "host:port", several joined by commas, or a list of them.
        options: see `segue.options.ClientOptions`.

    Raises:
        ValueError: there is no address.
    """

    def __init__(self, addresses: Addresses, **options: Unpack[ClientOptions]) -> None:
        self._settings = settings(addresses, **options)
        self._closing = threading.Event()
        self._channels: Channels[grpc.Channel, JobServiceStub] = Channels(
            self._settings.addresses, dial=self._dial, stub=JobServiceStub
        )

    def submit(
        self,
        spec: JobSpec,
        *,
        request_id: str | None = None,
        validate_only: bool = False,
        timeout: timedelta | float | None = None,
        **options: Unpack[requests.JobOptions],
    ) -> Job:
        """Submit one job and return it; from then on it is stored durably. See `segue.aio.Client.submit`.

        Raises:
            InvalidRequest: mend what its violations name.
            RequestIdReused: the request_id was used with another payload.
        """
        item = requests.submission(spec, **options)
        request = requests.submit(item, request_id=request_id, validate_only=validate_only)
        return self._call(lambda stub: stub.SubmitJob, request, timeout).job

    def submit_batch(
        self,
        jobs: Iterable[requests.BatchItem],
        *,
        request_id: str | None = None,
        display_name: str = "",
        allow_partial_success: bool = False,
        timeout: timedelta | float | None = None,
    ) -> requests.SubmittedBatch:
        """Submit up to 1000 jobs: all or none, unless *allow_partial_success* is set.

        See `segue.aio.Client.submit_batch`.

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
        return requests.submitted_batch(self._call(lambda stub: stub.BatchSubmit, request, timeout))

    def get(self, job_id: str, *, timeout: timedelta | float | None = None) -> Job:
        """Return a job as it stands.

        Raises:
            JobNotFound: there is none, or it has expired.
        """
        return self._call(lambda stub: stub.GetJob, GetJobRequest(job_id=job_id), timeout).job

    def cancel(self, job_id: str, *, timeout: timedelta | float | None = None) -> Job:
        """Cancel a job and return it: CANCELLED, or CANCELLING until fal has answered.

        Raises:
            JobNotFound: there is none, or it has expired.
            JobFinished: it has already ended.
        """
        return self._call(lambda stub: stub.CancelJob, CancelJobRequest(job_id=job_id), timeout).job

    def list(self, **filters: Unpack[requests.JobFilter]) -> Iterator[Job]:
        """Yield jobs, newest first, page by page.

        Args:
            filters: see `segue.requests.JobFilter`.
        """
        request = requests.list_jobs(**filters)
        while True:
            page = self._call(lambda stub: stub.ListJobs, request)
            yield from page.jobs
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def watch(
        self, job_id: str, *, after_sequence: int = 0, timeout: timedelta | float | None = None
    ) -> Generator[WatchJobResponse, None, None]:
        """Yield the events of a job, each once and in order, until after the final one.

        See `segue.aio.Client.watch`. To stop earlier, leave the loop; from another thread, `close` the client.

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
            self._closing.wait(watch.delay)
            request, address = watch.open(), self._channels.pick()
            with self._channels.watching(address) as stub:
                call = stub.WatchJob(request, timeout=watch.timeout, metadata=self._settings.metadata)
                try:
                    with Watchdog(call.cancel) as watchdog:
                        while not watch.interrupted:
                            message = self._next(call, watch, watchdog)
                            if message is None:
                                break
                            if watch.receive(message):
                                yield message
                finally:
                    call.cancel()
            if not watch.finished:
                self._channels.avoid(address)

    def result(self, job_id: str, *, timeout: timedelta | float | None = None) -> Job:
        """Wait until a job has ended and return it with its result.

        Raises:
            JobFailed: it failed.
            JobCancelled: it was cancelled.
            JobNotFound: there is no such job, or it has expired.
            DeadlineExceeded: the timeout passed; the job goes on.
        """
        outcome = Outcome()
        for event in self.watch(job_id, timeout=timeout):
            outcome.take(event)
        return outcome.result()

    def close(self) -> None:
        """Close all connections; calls and watches that still run end with `ClientClosed`."""
        self._closing.set()
        for channel in self._channels.close():
            channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _dial(self, address: str) -> grpc.Channel:
        if self._settings.credentials is None:
            return grpc.insecure_channel(address, self._settings.channel_options)
        return grpc.secure_channel(address, self._settings.credentials, self._settings.channel_options)

    def _call(
        self,
        method: Callable[[JobServiceStub], grpc.UnaryUnaryMultiCallable[RequestT, ResponseT]],
        request: RequestT,
        timeout: timedelta | float | None = None,
    ) -> ResponseT:
        attempts = Attempts(self._settings.retry, self._settings.timeout if timeout is None else seconds(timeout))
        while True:
            address = self._channels.pick()
            call = method(self._channels.unary(address))
            try:
                return call(request, timeout=attempts.timeout, metadata=self._settings.metadata)
            except grpc.RpcError as error:
                self._raise_if_closed()
                delay = attempts.failed(error)
            self._channels.avoid(address)
            self._closing.wait(delay)

    def _next(self, call: Iterator[WatchJobResponse], watch: Watch, watchdog: Watchdog) -> WatchJobResponse | None:
        """Return the next message of a stream; None: it is over, and the watch knows how."""
        try:
            with watchdog.guard(watch.patience):
                return next(call)
        except StopIteration:
            watch.ended()
        except grpc.RpcError as error:
            self._raise_if_closed()
            if watchdog.bit:
                watch.silent()
            else:
                watch.failed(error)
        return None

    def _raise_if_closed(self) -> None:
        """Tell a call that `close` ended from one that the server cancelled: grpc says CANCELLED for both."""
        if self._channels.closed:
            raise errors.ClientClosed from None
