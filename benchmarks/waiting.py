"""What it costs a worker to wait: N actors in flight that only sleep, in three kinds of Dramatiq worker.

    python -m benchmarks.waiting [--in-flight 100 1000 2000] [--seconds 4]

Each measurement runs in a process of its own against a Redis of its own. The actors sleep on the event loop, as a job
does that waits for fal. Measured from outside, while all of them wait: resident memory, processor time, threads.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import dramatiq
import psutil
import redis
from dramatiq.asyncio import EventLoopThread, set_event_loop_thread
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AsyncIO
from dramatiq.worker import Worker

from devstack.redis import RedisServer
from workers.async_worker import AsyncWorker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

QUEUE: Final = "waiting"
#: Where the processes count the actors that wait.
COUNTER: Final = "waiting-now"
#: Seconds between two polls of the queue, as in production.
POLL_MILLISECONDS: Final = 250
#: Seconds that a process may take until all its actors wait.
PATIENCE: Final = 12.0


class SlowPollAsyncIO(AsyncIO):
    """The stock middleware, whose threads look for interrupts every five seconds and not ten times in one."""

    def before_worker_boot(self, broker: Any, worker: Any) -> None:
        """Start the event loop."""
        thread = EventLoopThread(self.logger, interrupt_check_ival=5.0)
        thread.daemon = True
        thread.start(timeout=5.0)
        set_event_loop_thread(thread)


KINDS: Final = ("stock", "slow poll", "AsyncWorker")


def work(kind: str, url: str, in_flight: int) -> None:
    """Be a worker of a kind until killed."""
    pool = redis.BlockingConnectionPool.from_url(url, max_connections=16, timeout=30)
    middleware = {"stock": [AsyncIO()], "slow poll": [SlowPollAsyncIO()], "AsyncWorker": []}[kind]
    broker: Any = RedisBroker(client=redis.Redis(connection_pool=pool), middleware=middleware, maintenance_chance=0)  # type: ignore[no-untyped-call]  # dramatiq's
    counter = redis.Redis(connection_pool=pool)
    waiting = 0
    lock = threading.Lock()

    async def wait() -> None:
        nonlocal waiting
        with lock:
            waiting += 1
        if waiting == in_flight:
            await asyncio.to_thread(counter.set, COUNTER, waiting)
        await asyncio.sleep(3600)

    dramatiq.actor(broker=broker, queue_name=QUEUE, actor_name="wait")(wait)
    if kind == "AsyncWorker":
        asyncio.run(_async_worker(broker, in_flight))
        return
    worker = Worker(broker, worker_threads=in_flight, worker_timeout=POLL_MILLISECONDS)
    worker.queue_prefetch = in_flight
    worker.start()
    _say_ready()
    threading.Event().wait()


async def _async_worker(broker: Any, in_flight: int) -> None:
    loop = asyncio.get_running_loop()
    worker = AsyncWorker(broker, loop=loop, slots=in_flight, poll_milliseconds=POLL_MILLISECONDS)
    await loop.run_in_executor(None, worker.start)
    _say_ready()
    await asyncio.Event().wait()


def _say_ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


def measure(kind: str, url: str, in_flight: int, seconds: float) -> tuple[float, float, int, float, str]:
    """Return MB, per cent of a core, threads, seconds to start, and after how many seconds all wait."""
    client = redis.Redis.from_url(url)
    client.flushall()
    began = time.monotonic()
    process = psutil.Popen(
        [sys.executable, "-m", "benchmarks.waiting", "--be", kind, "--url", url, "--in-flight", str(in_flight)],
        stdout=-1,
        cwd=Path(__file__).parent.parent,
    )
    try:
        process.stdout.readline()
        started = time.monotonic() - began
        _send(client, in_flight)
        sent = time.monotonic()
        all_wait = _until(lambda: client.get(COUNTER) is not None)
        filled = f"{time.monotonic() - sent:.1f}" if all_wait else f"> {PATIENCE:g}"
        time.sleep(0.5)  # what the start has left to do is no cost of waiting
        before = process.cpu_times()
        time.sleep(seconds)
        after = process.cpu_times()
        share = (after.user + after.system - before.user - before.system) / seconds
        return process.memory_info().rss / 1e6, max(0.0, 100 * share), process.num_threads(), started, filled
    finally:
        process.kill()
        process.wait()
        client.close()


def _send(client: redis.Redis, count: int) -> None:
    broker: Any = RedisBroker(client=client, middleware=[], maintenance_chance=0)  # type: ignore[no-untyped-call]  # dramatiq's
    broker.declare_queue(QUEUE)
    for _ in range(count):
        broker.enqueue(dramatiq.Message(queue_name=QUEUE, actor_name="wait", args=(), kwargs={}, options={}))


def _until(condition: Callable[[], bool]) -> bool:
    """Wait for the condition, and return whether it came to hold in time."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


async def compare(sizes: Sequence[int], seconds: float) -> None:
    """Print the table."""
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, {seconds:g} s each\n")
    print("| worker | in flight | memory MB | CPU % of a core | threads | start s | all wait after s |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder), appendfsync=None)
        await server.start()
        try:
            for in_flight in sizes:
                for kind in KINDS:
                    figures = await asyncio.to_thread(measure, kind, server.url, in_flight, seconds)
                    memory, share, threads, started, filled = figures
                    print(
                        f"| {kind} | {in_flight} | {memory:.0f} | {share:.1f} | {threads} | {started:.1f} | {filled} |",
                        flush=True,
                    )
        finally:
            await server.stop()


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description="What it costs a worker to wait.")
    parser.add_argument("--in-flight", type=int, nargs="+", default=[100, 1000, 2000])
    parser.add_argument("--seconds", type=float, default=4.0, help="how long each is measured")
    parser.add_argument("--be", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.be:
        work(options.be, options.url, options.in_flight[0])
    else:
        asyncio.run(compare(options.in_flight, options.seconds))


if __name__ == "__main__":
    main()
