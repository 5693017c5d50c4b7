"""A real gRPC server that answers as a test tells it to: the other side of the client's tests."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from segue.v1 import event_pb2, job_pb2
from segue.v1.job_service_pb2 import WatchBatchResponse, WatchJobResponse, WatchJobsResponse
from segue.v1.job_service_pb2_grpc import JobServiceServicer, add_JobServiceServicer_to_server
from segue.v1.system_service_pb2_grpc import SystemServiceServicer, add_SystemServiceServicer_to_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from segue.v1.job_service_pb2_grpc import _ServicerContext as Context

#: A step of a scene: say nothing more until the stream is closed.
HANG: Final = object()

JOB_ID: Final = "0190a8f0-0000-7000-8000-000000000001"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error with which a call is answered, or a stream ended."""

    code: grpc.StatusCode
    message: str
    details: bytes


def refusal(
    code: grpc.StatusCode,
    message: str = "refused",
    *,
    reason: str = "",
    metadata: dict[str, str] | None = None,
    violations: Iterable[tuple[str, str]] = (),
    retry_after: float | None = None,
) -> Refusal:
    return Refusal(
        code,
        message,
        status(code, message, reason, metadata, violations, retry_after).SerializeToString(),
    )


def status(
    code: grpc.StatusCode,
    message: str,
    reason: str = "",
    metadata: dict[str, str] | None = None,
    violations: Iterable[tuple[str, str]] = (),
    retry_after: float | None = None,
) -> Any:
    """A google.rpc.Status with the details that a server of Segue attaches."""
    result = status_pb2.Status(code=code.value[0], message=message)
    if reason:
        result.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain="segue", metadata=metadata or {}))
    faults = [error_details_pb2.BadRequest.FieldViolation(field=path, description=text) for path, text in violations]
    if faults:
        result.details.add().Pack(error_details_pb2.BadRequest(field_violations=faults))
    if retry_after is not None:
        delay = Duration()
        delay.FromMilliseconds(round(retry_after * 1000))
        result.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    return result


def job(state: job_pb2.JobState.ValueType = job_pb2.JOB_STATE_PENDING, **fields: Any) -> job_pb2.Job:
    return job_pb2.Job(id=JOB_ID, state=state, **fields)


def snapshot(sequence: int, shown: job_pb2.Job | None = None, *, truncated: bool = False) -> WatchJobResponse:
    event = event_pb2.Snapshot(job=shown or job(), history_truncated=truncated)
    return WatchJobResponse(job_id=JOB_ID, sequence=sequence, snapshot=event)


def change(sequence: int, state: job_pb2.JobState.ValueType, **fields: Any) -> WatchJobResponse:
    event = event_pb2.StateChange(to_state=state, job=job(state, **fields))
    return WatchJobResponse(job_id=JOB_ID, sequence=sequence, state_change=event)


def success(sequence: int, **fields: Any) -> WatchJobResponse:
    return change(sequence, job_pb2.JOB_STATE_SUCCEEDED, **fields)


def progress(sequence: int, fraction: float = 0.5) -> WatchJobResponse:
    return WatchJobResponse(
        job_id=JOB_ID, sequence=sequence, progress=job_pb2.Progress(stage="generating", fraction=fraction)
    )


def heartbeat(sequence: int) -> WatchJobResponse:
    return WatchJobResponse(job_id=JOB_ID, sequence=sequence, heartbeat=event_pb2.Heartbeat())


def draining(sequence: int, reconnect_delay: float) -> WatchJobResponse:
    delay = Duration()
    delay.FromMilliseconds(round(reconnect_delay * 1000))
    event = event_pb2.Draining(reconnect_delay=delay)
    return WatchJobResponse(job_id=JOB_ID, sequence=sequence, draining=event)


def _scripted(rpc: str) -> Any:
    """Return the unary RPC of that name, which answers as was laid down."""

    async def answer(jobs: ScriptedJobs, request: Message, context: Context) -> Message:
        return await jobs.answer(rpc, request, context)

    return answer


def _played(rpc: str) -> Any:
    """Return the stream of that name, which plays the scene that was laid down."""

    async def play(jobs: ScriptedJobs, request: Message, context: Context) -> AsyncIterator[Message]:
        async for message in jobs.play(rpc, request, context):
            yield message

    return play


class ScriptedJobs(JobServiceServicer, SystemServiceServicer):
    """Answers each call with the next answer laid down for it, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: dict[str, list[Any]] = defaultdict(list)
        self.metadata: list[dict[str, str | bytes]] = []
        self.answers: dict[str, deque[Message | Refusal | object]] = defaultdict(deque)
        self.scenes: deque[tuple[object, ...]] = deque()
        self.standing: dict[int, tuple[object, ...]] = {}
        self.hanging = asyncio.Event()
        """A call waits for an answer that does not come."""
        self.watching = asyncio.Event()
        """A scene hangs."""
        self.left = asyncio.Event()
        """The client closed a stream that hung."""

    def will_answer(self, rpc: str, *answers: Message | Refusal | object) -> None:
        self.answers[rpc].extend(answers)

    def will_play(self, *steps: object) -> None:
        """Lay down a stream: messages, a pause in seconds, a refusal to end with, or HANG. Else it ends with OK."""
        self.scenes.append(steps)

    def always_play(self, after_sequence: int, *steps: object) -> None:
        """Lay down what every stream plays that goes on after a sequence, however often one comes."""
        self.standing[after_sequence] = steps

    @property
    def resumed_after(self) -> list[int]:
        """The after_sequence of each watch so far."""
        return [request.after_sequence for request in self.asked["WatchJob"]]

    async def answer(self, rpc: str, request: Message, context: Context) -> Message:
        self.asked[rpc].append(request)
        self.metadata.append({item[0]: item[1] for item in context.invocation_metadata() or ()})
        answer = self.answers[rpc].popleft()
        if answer is HANG:
            self.hanging.set()
            await asyncio.get_running_loop().create_future()
        if isinstance(answer, Refusal):
            await _abort(context, answer)
        assert isinstance(answer, Message)
        return answer

    SubmitJob = _scripted("SubmitJob")
    BatchSubmit = _scripted("BatchSubmit")
    GetJob = _scripted("GetJob")
    ListJobs = _scripted("ListJobs")
    WaitJob = _scripted("WaitJob")
    CancelJob = _scripted("CancelJob")
    CancelJobs = _scripted("CancelJobs")
    RetryJob = _scripted("RetryJob")
    RetryJobs = _scripted("RetryJobs")
    ReleaseJob = _scripted("ReleaseJob")
    DeleteJob = _scripted("DeleteJob")
    GetBatch = _scripted("GetBatch")
    CancelBatch = _scripted("CancelBatch")
    GetStats = _scripted("GetStats")
    PauseScheduling = _scripted("PauseScheduling")
    ResumeScheduling = _scripted("ResumeScheduling")
    GetCapabilities = _scripted("GetCapabilities")

    WatchJob = _played("WatchJob")
    WatchBatch = _played("WatchBatch")
    WatchJobs = _played("WatchJobs")

    async def play(self, rpc: str, request: Any, context: Context) -> AsyncIterator[Message]:
        self.asked[rpc].append(request)
        for step in self.standing.get(request.after_sequence) or self.scenes.popleft():
            match step:
                case WatchJobResponse() | WatchBatchResponse() | WatchJobsResponse():
                    yield step
                case Refusal():
                    await _abort(context, step)
                case float():
                    await asyncio.sleep(step)
                case _:
                    await self._hang()

    async def _hang(self) -> None:
        self.watching.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.left.set()


class ScriptedServer:
    """A server of scripted jobs that can vanish, and come back if its port is kept for it."""

    def __init__(
        self,
        options: Sequence[tuple[str, int]] = (),
        credentials: grpc.ServerCredentials | None = None,
        *,
        port: int = 0,
    ) -> None:
        self._options = [("grpc.so_reuseport", 0), *options]
        self._credentials = credentials
        self.jobs = ScriptedJobs()  # type: ignore[abstract]  # what no test calls stays unimplemented
        self.port = port
        self._server: grpc.aio.Server | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = grpc.aio.server(options=self._options)
        add_JobServiceServicer_to_server(self.jobs, self._server)
        add_SystemServiceServicer_to_server(self.jobs, self._server)
        if self._credentials is None:
            self.port = self._server.add_insecure_port(self.address)
        else:
            self.port = self._server.add_secure_port(self.address, self._credentials)
        await self._server.start()

    async def vanish(self) -> None:
        """Stop at once: every stream is cut."""
        if self._server is not None:
            await self._server.stop(None)
            self._server = None


async def _abort(context: Context, answer: Refusal) -> None:
    await context.abort(answer.code, answer.message, (("grpc-status-details-bin", answer.details),))  # type: ignore[call-arg]  # typed as the synchronous one
