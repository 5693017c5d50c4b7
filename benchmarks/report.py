"""What the runs of a benchmark showed: as tables for people, as JSON for programs."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from benchmarks.measure import Figures, median
from benchmarks.servers import Target
from benchmarks.table import aligned

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.servers import Server

FIGURES: Final = (
    *("in flight", "grpcio", "server", "calls/s", "(least-most)", "p50 ms", "p99 ms", "CPU us/call", "(least-most)"),
    *("cores", "load cores", "Redis cores", "script us", "written B"),
)
RATIOS: Final = ("in flight", "grpcio", "call", "beside", "by calls/s", "by CPU", "jobs/s")

Key = tuple[int, str, Target]


@dataclass(slots=True)
class Results:
    """Every run, by calls in flight, release and target, in the order of the first measurement."""

    runs: dict[Key, list[Figures]] = field(default_factory=dict)

    def add(self, in_flight: int, server: Server, figures: Figures) -> None:
        """Keep one run."""
        self.runs.setdefault((in_flight, server.release, server.target), []).append(figures)

    def medians(self) -> dict[Key, Figures]:
        """Return the median of each, sorted for reading."""
        order = list(Target)
        keys = sorted(self.runs, key=lambda key: (key[0], key[1], order.index(key[2])))
        return {key: median(self.runs[key]) for key in keys}

    def table(self) -> str:
        """Return the medians, with the spread of the two figures that matter most."""
        rows = []
        for key, figures in self.medians().items():
            in_flight, release, target = key
            cpu = self._spread(key, "server_microseconds")
            stored = (f"{figures.script_microseconds:.1f}", f"{figures.written_bytes:.0f}")
            rows.append(
                [
                    *(str(in_flight), release, target),
                    *(f"{figures.rate:.0f}", self._spread(key, "rate"), f"{figures.p50:.2f}", f"{figures.p99:.2f}"),
                    *(f"{figures.server_microseconds:.0f}", cpu, f"{figures.server_cores:.2f}"),
                    *(f"{figures.load_cores:.2f}", f"{figures.redis_cores:.2f}"),
                    *(stored if target.stores else ("", "")),
                ]
            )
        return aligned(FIGURES, rows, left=3)

    def ratios(self) -> str:
        """Return which part of the bare server's speed ours has, by calls per second and by processor time."""
        medians, rows = self.medians(), []
        for (in_flight, release, target), ours in medians.items():
            if not target.is_ours:
                continue
            jobs = f"{ours.rate * target.stores:.0f}" if target.stores else ""
            for other in target.beside or (None,):
                parts = ["", ""]
                if other is not None:
                    bare = medians[in_flight, release, other]
                    by_cpu = bare.server_microseconds / ours.server_microseconds
                    parts = [f"{ours.rate / bare.rate:.2f}", f"{by_cpu:.2f}"]
                rows.append([str(in_flight), release, target, other or "", *parts, jobs])
        return "Ours reaches this part of the bare server\n" + aligned(RATIOS, rows, left=4)

    def json(self, conditions: Mapping[str, object]) -> str:
        """Return every run, and under which conditions they were made."""
        results = [
            {"in_flight": in_flight, "grpcio": release, "server": target, "runs": list(map(dataclasses.asdict, runs))}
            for (in_flight, release, target), runs in self.runs.items()
        ]
        return json.dumps({"conditions": conditions, "results": results}, indent=2) + "\n"

    def _spread(self, key: Key, name: str) -> str:
        values = [getattr(one, name) for one in self.runs[key]]
        return f"({min(values):.0f}-{max(values):.0f})"
