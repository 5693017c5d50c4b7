"""`python -m benchmarks.submit`: how fast SubmitJob and other calls are, beside the least their libraries could do.

In one run on one machine, for several grpcio releases: (a) a bare grpc.aio server that returns the same bytes,
(b) the same after one EVALSHA that writes what a job takes, and SubmitJob of the real server; with --calls, also
GetJob and ListJobs beside bare handlers that make the same reads, and BatchSubmit. Releases take turns within each
round, so that what else happens on the machine befalls all of them alike.
"""

from __future__ import annotations

import asyncio
import os
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.load import Call, Generator, LoadError
from benchmarks.measure import Plan, run
from benchmarks.payload import batch_request, transition_request
from benchmarks.releases import ReleaseError, installed
from benchmarks.report import Results
from benchmarks.reporting import Worker
from benchmarks.servers import BATCH_JOBS, Server, Target, probe, running_servers
from benchmarks.store import running_store
from benchmarks.submit_options import Options, parse
from devstack.errors import DevstackError
from devstack.ports import LOOPBACK
from segue.v1.job_service_pb2 import GetJobRequest, ListJobsRequest
from server.limits import DEFAULT_PAGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Jobs that are there to be read.
STORED: Final = 1000
#: Most BatchSubmits in flight.
MOST_BATCHES: Final = 4
#: Where releases are kept between runs, and a run keeps its files.
FOLDER: Final = Path("var/bench")
#: A generator that takes this part of a core for each of its processes may be what was measured.
BUSY_GENERATOR: Final = 0.8
#: What a run takes beside its seconds of load, for the estimate: emptying Redis, starting the generator twice.
SECONDS_BESIDE: Final[dict[Generator, float]] = {"h2load": 0.4, "http2": 2.5}


async def measure(options: Options) -> Results:
    """Start everything, make all runs, and stop everything.

    Raises:
        LoadError: calls failed, or were answered without their job being stored.
        ReleaseError: a release could not be installed.
        DevstackError: a process did not start.
    """
    releases = {release: installed(release, FOLDER) for release in options.grpcio}
    results = Results()
    with tempfile.TemporaryDirectory(dir=FOLDER, prefix="run-") as name:
        folder = Path(name)
        async with (
            running_store(folder) as store,
            running_servers(
                *(releases, options.targets), redis_url=store.url, log_level=options.log_level, folder=folder
            ) as servers,
        ):
            worker = Worker(store.redis)
            requests = await _requests(worker)
            for server in servers:
                await probe(server, requests[server.target])
            for in_flight, server in _turns(options, servers):
                if server.target.reads:
                    await store.empty()
                    requests = await _requests(worker)
                plan = Plan(
                    call=Call(
                        *(LOOPBACK, server.port, server.target.path, requests[server.target]),
                        request_ids=options.request_ids,
                    ),
                    generator=options.generator,
                    in_flight=in_flight,
                    seconds=options.seconds,
                    warm_up=options.warm_up,
                    folder=folder,
                )
                figures = await run(server, store, plan)
                results.add(in_flight, server, figures)
                told = f"{figures.rate:8.0f} calls/s {figures.server_microseconds:6.0f} us CPU/call"
                print(f"  {in_flight:4} in flight  {server.release:8} {server.target:11}{told}", file=sys.stderr)
    return results


async def _requests(worker: Worker) -> dict[Target, bytes]:
    """Store jobs to be read, and return what is asked of each target."""
    # Held: they wait for nothing, so reading one takes no look at the line.
    jobs = await worker.submit(STORED, hold=True)
    job, submit = GetJobRequest(job_id=jobs[0]).SerializeToString(), transition_request().SerializeToString()
    page = ListJobsRequest(page_size=DEFAULT_PAGE).SerializeToString()
    return {
        **dict.fromkeys((Target.ECHO, Target.EVALSHA, Target.LINE, Target.SUBMIT), submit),
        **{Target.BATCH: batch_request(BATCH_JOBS).SerializeToString()},
        **{Target.HGETALL: job, Target.GET: job, Target.PAGE: page, Target.LIST: page},
    }


def _turns(options: Options, servers: Sequence[Server]) -> Iterator[tuple[int, Server]]:
    """Yield what is measured when: rounds outermost, releases innermost and beginning with another one each round."""
    for number in range(options.rounds):
        for target in options.targets:
            # A batch is work for many: with more at once, the others wait.
            most = MOST_BATCHES if target is Target.BATCH else max(options.in_flight)
            for in_flight in sorted({min(count, most) for count in options.in_flight}):
                ours = [server for server in servers if server.target is target]
                first = number % len(ours)
                for server in [*ours[first:], *ours[:first]]:
                    yield in_flight, server


def _conditions(options: Options) -> dict[str, object]:
    return {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "generator": options.generator,
        "request_bytes": len(transition_request().SerializeToString()) + (38 if options.request_ids else 0),
        "request_ids": options.request_ids,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "warm_up": options.warm_up,
        "log_level": options.log_level,
        **{name: version(name) for name in ("uvloop", "redis", "hiredis", "protobuf")},
    }


def _warnings(options: Options, results: Results, load_before: float) -> Iterator[str]:
    if load_before > 0.5:
        yield f"Something else was running: the load average was {load_before:.2f} at the beginning."
    others = max(figures.others_cores for figures in results.medians().values())
    if others > 0.2:
        yield f"Others took up to {others:.2f} cores meanwhile: trust the ratios by CPU."
    busiest = max(figures.load_cores for figures in results.medians().values())
    if busiest > BUSY_GENERATOR:
        yield f"The load generator took up to {busiest:.2f} cores: it may be what was measured."
    if options.generator == "http2" and not options.request_ids:
        yield "h2load was not used; it takes less of the machine (Debian: nghttp2-client)."


def main() -> None:
    """Measure, and print the table."""
    options = parse(__doc__ or "")
    FOLDER.mkdir(parents=True, exist_ok=True)
    load_before = os.getloadavg()[0]
    conditions = {**_conditions(options), "load_average": round(load_before, 2)}
    print("  ".join(f"{name}={value}" for name, value in conditions.items()))
    runs = len(options.grpcio) * len(options.targets) * len(options.in_flight) * options.rounds
    estimate = runs * (options.seconds + options.warm_up + SECONDS_BESIDE[options.generator])
    print(f"{runs} runs, about {estimate / 60:.1f} minutes", file=sys.stderr)
    try:
        results = asyncio.run(measure(options))
    except (LoadError, ReleaseError, DevstackError) as error:
        sys.exit(f"python -m benchmarks.submit: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    print(results.table(), results.ratios(), sep="\n\n")
    for warning in _warnings(options, results, load_before):
        print(f"WARNING: {warning}")
    if options.json:
        options.json.write_text(results.json(conditions))


if __name__ == "__main__":
    main()
