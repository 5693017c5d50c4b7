"""What the command line of `benchmarks.submit` asks for."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

from benchmarks.load import Generator, best_generator
from benchmarks.releases import CANDIDATES
from benchmarks.servers import Target

#: What can be measured.
CALLS: Final = (Target.SUBMIT, Target.BATCH, Target.GET, Target.LIST)
#: Seconds of load below which a run says nothing.
SHORTEST: Final = 0.1


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
    calls: tuple[Target, ...]
    log_level: str
    json: Path | None

    @property
    def targets(self) -> list[Target]:
        """What is measured: the calls, each after what it is set beside."""
        return [target for call in self.calls for target in (*call.beside, call)]


def parse(description: str) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.submit",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--grpcio", type=_words, default=CANDIDATES, metavar="X,Y", help=f"{','.join(CANDIDATES)}")
    parser.add_argument(
        "--calls", type=_calls, default=(Target.SUBMIT,), metavar="X,Y", help=f"{','.join(CALLS)} (SubmitJob)"
    )
    parser.add_argument("--in-flight", type=_numbers, default=(64,), metavar="N,M", help="calls at once (64)")
    parser.add_argument("--rounds", type=int, choices=range(1, 31), default=3, metavar="N", help="1 to 30 (3)")
    parser.add_argument("--seconds", type=_span, default=3.0, help="of load in each run (3)")
    parser.add_argument("--warm-up", type=_span, default=1.0, help="seconds of load before each run (1)")
    parser.add_argument("--request-ids", action="store_true", help="give each request a request_id of its own")
    parser.add_argument("--generator", choices=get_args(Generator), help="default: h2load where it can be used")
    parser.add_argument(
        "--log-level", choices=("debug", "info", "warning", "error"), default="info", help="ours (info)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every run there")
    given = vars(parser.parse_args())
    if given["seconds"] < SHORTEST:
        parser.error(f"--seconds: at least {SHORTEST}")
    if given["request_ids"] and given["calls"] != (Target.SUBMIT,):
        parser.error("--request-ids: with SubmitJob alone")
    generator = given.pop("generator") or best_generator(request_ids=given["request_ids"])
    if generator == "h2load" and given["request_ids"]:
        parser.error("h2load sends the same request over and over; leave out --generator or --request-ids")
    if generator == "http2" and Target.BATCH in given["calls"]:
        parser.error("BatchSubmit is larger than our own client can send: it needs h2load")
    return Options(generator=generator, **given)


def _numbers(text: str) -> tuple[int, ...]:
    values = tuple(int(word) for word in text.split(","))
    if not all(1 <= value <= 4000 for value in values):
        raise argparse.ArgumentTypeError("from 1 to 4000")
    return values


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.split(",")))


def _calls(text: str) -> tuple[Target, ...]:
    wanted = tuple(Target(word) for word in _words(text))
    if not set(wanted) <= set(CALLS):
        raise argparse.ArgumentTypeError(f"of {', '.join(CALLS)}")
    return wanted


def _span(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 60:
        raise argparse.ArgumentTypeError("from 0 to 60 seconds")
    return value
