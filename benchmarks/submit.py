"""`python -m benchmarks.submit`: how fast SubmitJob is, beside the least that its libraries could do.

In one run on one machine, for several grpcio releases: (a) a bare grpc.aio server that returns the same bytes,
(b) the same after one EVALSHA that writes what a job takes, and SubmitJob of the real server. Releases take turns
within each round, so that what else happens on the machine befalls all of them alike.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

from benchmarks.load import Call, Generator, LoadError, best_generator
from benchmarks.measure import Plan, run
from benchmarks.payload import transition_request
from benchmarks.releases import CANDIDATES, ReleaseError, installed
from benchmarks.report import Results
from benchmarks.servers import Server, Target, probe, running_servers
from benchmarks.store import running_store
from devstack.errors import DevstackError
from devstack.ports import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Where releases are kept between runs, and a run keeps its files.
FOLDER: Final = Path("var/bench")
#: A generator that takes this part of a core for each of its processes may be what was measured.
BUSY_GENERATOR: Final = 0.8
#: Seconds of load below which a run says nothing.
SHORTEST: Final = 0.1
#: What a run takes beside its seconds of load, for the estimate: emptying Redis, starting the generator twice.
SECONDS_BESIDE: Final[dict[Generator, float]] = {"h2load": 0.4, "http2": 2.5}


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for."""

    grpcio: tuple[str, ...]
    in_flight: tuple[int, ...]
    rounds: int
    seconds: float
    warm_up: float
    request_ids: bool
    generator: Generator
    log_level: str
    json: Path | None


async def measure(options: Options) -> Results:
    """Start everything, make all runs, and stop everything.

    Raises:
        LoadError: calls failed, or were answered without their job being stored.
        ReleaseError: a release could not be installed.
        DevstackError: a process did not start.
    """
    releases = {release: installed(release, FOLDER) for release in options.grpcio}
    results = Results()
    message = transition_request().SerializeToString()
    with tempfile.TemporaryDirectory(dir=FOLDER, prefix="run-") as name:
        folder = Path(name)
        async with (
            running_store(folder) as store,
            running_servers(releases, redis_url=store.url, log_level=options.log_level, folder=folder) as servers,
        ):
            for server in servers:
                await probe(server, message)
            for in_flight, server in _turns(options, servers):
                plan = Plan(
                    call=Call(LOOPBACK, server.port, server.target.path, message, request_ids=options.request_ids),
                    generator=options.generator,
                    in_flight=in_flight,
                    seconds=options.seconds,
                    warm_up=options.warm_up,
                    folder=folder,
                )
                figures = await run(server, store, plan)
                results.add(in_flight, server, figures)
                told = f"{figures.rate:8.0f} calls/s {figures.server_microseconds:6.0f} us CPU/call"
                print(f"  {in_flight:4} in flight  {server.release:8} {server.target:10}{told}", file=sys.stderr)
    return results


def _turns(options: Options, servers: Sequence[Server]) -> Iterator[tuple[int, Server]]:
    """Yield what is measured when: rounds outermost, releases innermost and beginning with another one each round."""
    for number in range(options.rounds):
        for in_flight in options.in_flight:
            for target in Target:
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
    busiest = max(figures.load_cores for figures in results.medians().values())
    if busiest > BUSY_GENERATOR:
        yield f"The load generator took up to {busiest:.2f} cores: it may be what was measured."
    if options.generator == "http2" and not options.request_ids:
        yield "h2load was not used; it takes less of the machine (Debian: nghttp2-client)."


def _parse() -> Options:
    def numbers(text: str) -> tuple[int, ...]:
        values = tuple(int(word) for word in text.split(","))
        if not all(1 <= value <= 4000 for value in values):
            raise argparse.ArgumentTypeError("from 1 to 4000")
        return values

    def words(text: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(text.split(",")))

    def span(text: str) -> float:
        value = float(text)
        if not 0 <= value <= 60:
            raise argparse.ArgumentTypeError("from 0 to 60 seconds")
        return value

    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.submit", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--grpcio", type=words, default=CANDIDATES, metavar="X,Y", help=f"{','.join(CANDIDATES)}")
    parser.add_argument("--in-flight", type=numbers, default=(64,), metavar="N,M", help="calls at once (64)")
    parser.add_argument("--rounds", type=int, choices=range(1, 31), default=3, metavar="N", help="1 to 30 (3)")
    parser.add_argument("--seconds", type=span, default=3.0, help="of load in each run (3)")
    parser.add_argument("--warm-up", type=span, default=1.0, help="seconds of load before each run (1)")
    parser.add_argument("--request-ids", action="store_true", help="give each request a request_id of its own")
    parser.add_argument("--generator", choices=get_args(Generator), help="default: h2load where it can be used")
    parser.add_argument(
        "--log-level", choices=("debug", "info", "warning", "error"), default="info", help="ours (info)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every run there")
    given = vars(parser.parse_args())
    if given["seconds"] < SHORTEST:
        parser.error(f"--seconds: at least {SHORTEST}")
    generator = given.pop("generator") or best_generator(request_ids=given["request_ids"])
    if generator == "h2load" and given["request_ids"]:
        parser.error("h2load sends the same request over and over; leave out --generator or --request-ids")
    return Options(generator=generator, **given)


def main() -> None:
    """Measure, and print the table."""
    options = _parse()
    FOLDER.mkdir(parents=True, exist_ok=True)
    load_before = os.getloadavg()[0]
    conditions = {**_conditions(options), "load_average": round(load_before, 2)}
    print("  ".join(f"{name}={value}" for name, value in conditions.items()))
    runs = len(options.grpcio) * len(Target) * len(options.in_flight) * options.rounds
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
