"""`python -m benchmarks.watch`: what watches cost and how fast they are, beside a bare grpc.aio streaming server.

In one run, each by turns with the bare server, which sends as many bytes and does nothing else: memory of an idle
watch and how fast they open; events to many watchers of one job, and to one watcher each of many jobs; and the time
from a worker's report to its receipt, with nothing else going on and with thousands of watches open.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uvloop

from benchmarks.fanout import Held, Latency, Spread, Stage
from benchmarks.load import LoadError
from benchmarks.reporting import Worker
from benchmarks.servers import Server, Target, running_servers
from benchmarks.store import running_store
from benchmarks.table import aligned
from devstack.errors import DevstackError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Where a run keeps its files.
FOLDER: Final = Path("var/bench")
#: Jobs over which reports are spread while all watches are open.
RUNNING: Final = 1000
#: Reports with nothing else going on, and the seconds between them.
IDLE_REPORTS, IDLE_EVERY = 500, 0.005
#: Watches that are open meanwhile.
IDLE_WATCHES: Final = 100
#: Seconds of reports while all watches are open.
BUSY_SECONDS: Final = 5.0
#: A client that takes this part of a core may be what was measured.
BUSY_CLIENT: Final = 0.8

ONE, MANY, BARE = "of one job", "of a job each", "bare"


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for."""

    watches: int
    watchers: int
    events: int
    events_each: int
    rate: int
    rounds: int
    log_level: str
    json: Path | None


@dataclass(slots=True)
class Results:
    """Every measurement."""

    held: dict[str, Held] = field(default_factory=dict)
    spread: dict[str, list[Spread]] = field(default_factory=dict)
    latency: dict[str, Latency] = field(default_factory=dict)

    def tables(self) -> str:
        """Return what there is, and how it compares."""
        return "\n\n".join([self._held(), self._spread(), self._latency(), self._ratios()])

    def median(self, name: str, figure: str) -> float:
        """Return the median of a figure of the rounds."""
        return float(statistics.median(getattr(one, figure) for one in self.spread[name]))

    def busiest_client(self) -> float:
        """Return the most that the client took of a core while events came."""
        return max(one.client_cores for runs in self.spread.values() for one in runs)

    def _held(self) -> str:
        heading = (
            "watches held",
            "count",
            "KB each",
            "opened/s",
            "refused",
            "CPU us/open",
            "idle cores",
            "client cores",
            "others' cores",
        )
        rows = [
            [
                *(name, str(held.watches), f"{held.kilobytes:.1f}", f"{held.opened:.0f}", str(held.ended)),
                *(
                    f"{held.open_microseconds:.0f}",
                    f"{held.idle_cores:.3f}",
                    f"{held.client_cores:.2f}",
                    f"{held.others_cores:.2f}",
                ),
            ]
            for name, held in self.held.items()
        ]
        return aligned(heading, rows)

    def _spread(self) -> str:
        heading = (
            *("watchers", "events/s", "(least-most)", "CPU us/event", "(least-most)", "cores"),
            *("client cores", "Redis cores", "others' cores", "bytes"),
        )
        rows = []
        for name, runs in self.spread.items():
            ranges = {}
            for figure in ("rate", "microseconds"):
                values = [getattr(one, figure) for one in runs]
                ranges[figure] = f"({min(values):.0f}-{max(values):.0f})"
            figures = ("server_cores", "client_cores", "redis_cores", "others_cores")
            rows.append(
                [
                    *(name, f"{self.median(name, 'rate'):.0f}", ranges["rate"]),
                    *(f"{self.median(name, 'microseconds'):.1f}", ranges["microseconds"]),
                    *(f"{self.median(name, figure):.2f}" for figure in figures),
                    f"{self.median(name, 'message_bytes'):.0f}",
                ]
            )
        return aligned(heading, rows)

    def _latency(self) -> str:
        heading = (
            "report to receipt",
            "watches",
            "events/s",
            "p50 ms",
            "p99 ms",
            "longest ms",
            "ended",
            "cores",
            "others' cores",
        )
        rows = [
            [
                *(name, str(one.watches), f"{one.rate:.0f}", f"{one.p50:.2f}", f"{one.p99:.2f}"),
                *(f"{one.longest:.1f}", str(one.ended), f"{one.server_cores:.2f}", f"{one.others_cores:.2f}"),
            ]
            for name, one in self.latency.items()
        ]
        return aligned(heading, rows)

    def _ratios(self) -> str:
        ours, bare = self.held["ours"], self.held[BARE]
        rows = [
            ["memory of a watch", f"{ours.kilobytes / bare.kilobytes:.2f} x bare", "2 x at most"],
            ["watches opened per second", f"{ours.opened / bare.opened:.2f} of bare", ""],
        ]
        for name, target in ((ONE, "0.70"), (MANY, "0.50")):
            by_rate = self.median(name, "rate") / self.median(BARE, "rate")
            by_cpu = self.median(BARE, "microseconds") / self.median(name, "microseconds")
            rows.append([f"events/s, watchers {name}", f"{by_rate:.2f} of bare", f"{target} at least"])
            rows.append(["the same by processor time", f"{by_cpu:.2f} of bare", f"{target} at least"])
        rows.append(["report to receipt, idle, p50", f"{self.latency['idle'].p50:.2f} ms", "3 ms at most"])
        return aligned(("", "here", "wanted"), rows)


async def measure(options: Options) -> Results:
    """Start everything, measure everything, and stop everything.

    Raises:
        LoadError: streams ended, or did not bring what was sent.
        DevstackError: a process did not start.
    """
    with tempfile.TemporaryDirectory(dir=FOLDER, prefix="run-") as name:
        folder = Path(name)
        async with (
            running_store(folder) as store,
            running_servers(
                {version("grpcio"): {}},
                (Target.STREAM, Target.WATCH),
                redis_url=store.url,
                log_level=options.log_level,
                folder=folder,
            ) as servers,
        ):
            return await _measure(options, Stage(store, Worker(store.redis), folder), servers)


async def _measure(options: Options, stage: Stage, servers: Sequence[Server]) -> Results:
    results = Results()
    jobs = await stage.worker.submit(max(options.watches, options.watchers))
    keys = await stage.worker.claim(min(max(RUNNING, options.watchers), len(jobs)))
    # First of all: later, memory that was used and given back would stand in for new one.
    for server in servers:
        await stage.warm_up(server, jobs[0])
        held, latency = await stage.held(
            server,
            jobs[: options.watches],
            keys[: min(RUNNING, options.watches)],
            rate=options.rate,
            seconds=BUSY_SECONDS,
        )
        results.held["ours" if latency else BARE] = held
        if latency:
            results.latency[f"{held.watches} watches"] = latency
        _tell(f"{server.target}: {held}")
    bare, ours = servers
    watched = keys[: options.watchers]
    bursts = [
        (BARE, bare, [keys[0]] * options.watchers, [keys[0]] * options.events),
        (ONE, ours, [keys[0]] * options.watchers, [keys[0]] * options.events),
        (MANY, ours, watched, watched * options.events_each),
    ]
    for _ in range(options.rounds):
        for name, server, watchers, burst in bursts:
            one = await stage.spread(server, watchers, burst)
            results.spread.setdefault(name, []).append(one)
            _tell(f"{name}: {one.rate:.0f} events/s, {one.microseconds:.1f} us CPU/event")
    results.latency = {
        "idle": await stage.idle(ours, keys[:IDLE_WATCHES], reports=IDLE_REPORTS, every=IDLE_EVERY),
        **results.latency,
    }
    return results


def _tell(line: str) -> None:
    print(f"  {line}", file=sys.stderr)


def _parse() -> Options:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.watch", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )

    def count(name: str, default: int, most: int, text: str) -> None:
        def number(word: str) -> int:
            if not 1 <= (value := int(word)) <= most:
                raise argparse.ArgumentTypeError(f"from 1 to {most}")
            return value

        parser.add_argument(name, type=number, default=default, metavar="N", help=f"{text} ({default})")

    count("--watches", 10_000, 20_000, "watches to hold, each of a job of its own")
    count("--watchers", 1000, 5000, "watchers of the events")
    # A watcher's inbox takes 256 events: with more at once, the log would be measured.
    count("--events", 100, 250, "events of one job, to all watchers")
    count("--events-each", 20, 250, "events of each job, to its watcher")
    count("--rate", 1000, 5000, "reports per second while all watches are held")
    count("--rounds", 3, 20, "times that events are sent to many")
    parser.add_argument(
        "--log-level", choices=("debug", "info", "warning", "error"), default="info", help="ours (info)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measurement there")
    given: dict[str, Any] = vars(parser.parse_args())
    return Options(**given)


def main() -> None:
    """Measure, and print the tables."""
    options = _parse()
    FOLDER.mkdir(parents=True, exist_ok=True)
    conditions = {
        **{"python": platform.python_version(), "cores": os.cpu_count(), "load_average": round(os.getloadavg()[0], 2)},
        **{name: version(name) for name in ("grpcio", "uvloop", "redis", "protobuf")},
    }
    print("  ".join(f"{name}={value}" for name, value in conditions.items()), flush=True)
    try:
        results = uvloop.run(measure(options))
    except (LoadError, DevstackError) as error:
        sys.exit(f"python -m benchmarks.watch: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    print(results.tables())
    if results.busiest_client() > BUSY_CLIENT:
        print(f"WARNING: the client took up to {results.busiest_client():.2f} cores: it may be what was measured.")
    if options.json:
        everything = {"conditions": conditions, "results": dataclasses.asdict(results)}
        options.json.write_text(json.dumps(everything, indent=2) + "\n")


if __name__ == "__main__":
    main()
