"""A Dramatiq worker whose actors are coroutines on one event loop: a job that waits for fal holds no thread.

The stock worker gives each running async actor an OS thread that wakes ten times a second. This one takes the stock
consumer (fetch, prefetch, ack) and replaces the threads by tasks (ADR 4; reference: dramatiq 2.2.1, worker.py).
"""

from __future__ import annotations

import inspect
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import structlog
from dramatiq.worker import Worker, WorkerThread

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from dramatiq import Broker
    from dramatiq.broker import MessageProxy

log = structlog.get_logger(__name__)

#: Threads that acknowledge messages, which Dramatiq does by blocking calls.
ACK_THREADS: Final = 4


class AsyncWorker(Worker):
    """Runs up to *slots* messages at once as tasks on *loop*."""

    def __init__(self, broker: Broker, *, loop: asyncio.AbstractEventLoop, slots: int, poll_milliseconds: int) -> None:
        super().__init__(broker, worker_threads=1, worker_timeout=poll_milliseconds)
        # Messages in progress count as prefetched: a message is fetched only when a slot is free for it, so none
        # waits here while another process is idle.
        self.queue_prefetch = slots
        self.loop = loop
        self.turns = threading.Semaphore(slots)
        """Guards the bound when a consumer, restarted after an outage, has forgotten what it fetched before."""
        self.tasks: set[asyncio.Task[None]] = set()
        self.acks = ThreadPoolExecutor(ACK_THREADS, thread_name_prefix="ack")

    def stop_consuming(self) -> None:
        """Fetch no more messages; those under way go on and are acknowledged.

        Not `pause`, which makes Dramatiq's consumer wait for 3 s before it says that it has paused.
        """
        for consumer in self.consumers.values():
            consumer.stop()
        for consumer in self.consumers.values():
            consumer.join()

    def drain(self) -> None:
        """Fetch no more messages, and put back those that have not begun; at once.

        The stock pause() waits until each consumer has slept out its restart delay, three seconds.
        """
        for dispatcher in self.workers:
            dispatcher.pause()
        for consumer in self.consumers.values():
            consumer.stop()

    def stop(self, timeout: int = 10_000) -> None:
        """Stop consuming, put unstarted messages back and wait for acknowledgements, up to *timeout* (ms)."""
        super().stop(timeout)
        self.acks.shutdown(wait=False, cancel_futures=True)

    def _add_worker(self) -> None:
        dispatcher = _Dispatcher(
            self, broker=self.broker, consumers=self.consumers, work_queue=self.work_queue,
            worker_timeout=self.worker_timeout,
        )  # fmt: skip
        dispatcher.start()
        self.workers.append(dispatcher)

    def _add_consumer(self, queue_name: str, *, delay: bool = False) -> None:
        # Tickets are never delayed, so nobody polls for delayed ones.
        if not delay:
            super()._add_consumer(queue_name)


class _Dispatcher(WorkerThread):
    """Hands each message to the loop and goes on to the next."""

    def __init__(self, worker: AsyncWorker, **options: Any) -> None:
        super().__init__(**options)
        self._worker = worker

    def process_message(self, message: MessageProxy) -> None:
        while not self._worker.turns.acquire(timeout=self.timeout):
            if self.paused or not self.running:
                break
        else:
            if not self.paused:
                self.broker.emit_before("process_message", message)
                self._worker.loop.call_soon_threadsafe(self._begin, message)
                return
            self._worker.turns.release()
        self.consumers[message.queue_name].requeue_messages([message])
        self.work_queue.task_done()

    def _begin(self, message: MessageProxy) -> None:
        task = self._worker.loop.create_task(self._process(message))
        self._worker.tasks.add(task)
        task.add_done_callback(self._worker.tasks.discard)

    async def _process(self, message: MessageProxy) -> None:
        actor = self.broker.get_actor(message.actor_name)
        coroutine: Callable[..., Awaitable[object]] = inspect.unwrap(actor.fn)
        failure: Exception | None = None
        try:
            await coroutine(*message.args, **message.kwargs)
        except Exception as error:
            log.exception("actor.failed", actor=message.actor_name)
            failure = error
        finally:
            self._worker.turns.release()
        # Not reached when the task is cancelled: the loop ends then, and so have the threads that acknowledge.
        await self._worker.loop.run_in_executor(self._worker.acks, self._settle, message, failure)

    def _settle(self, message: MessageProxy, failure: Exception | None) -> None:
        self.broker.emit_after("process_message", message, exception=failure)
        self.consumers[message.queue_name].post_process_message(message)
        self.work_queue.task_done()
