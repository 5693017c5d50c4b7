"""What processes took of the machine during a span, and what others took meanwhile."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Taken:
    """Processor time of a span, in seconds."""

    seconds: float
    """How long the span was."""
    cpu: Mapping[str, float]
    """What each process took, all its threads together."""
    others: float
    """What everything else on the machine took."""

    @property
    def busy(self) -> float:
        """How many cores everything else had."""
        return max(0.0, self.others) / self.seconds


class Meter:
    """Looks at processes by name, from its making until `read`."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._began = time.monotonic()
        self._before = self._cpu()
        self._machine = _machine()

    def read(self, *, also: float = 0.0) -> Taken:
        """Return what was taken so far.

        Args:
            also: seconds that processes of ours took which are not looked at, such as a load generator's.
        """
        cpu = {name: seconds - self._before[name] for name, seconds in self._cpu().items()}
        others = _machine() - self._machine - sum(cpu.values()) - also
        return Taken(time.monotonic() - self._began, cpu, others)

    def _cpu(self) -> dict[str, float]:
        return {name: cpu_of(process) for name, process in self._processes.items()}


def cpu_of(process: psutil.Process) -> float:
    """Return the processor time of a process, all its threads together, in seconds."""
    times = process.cpu_times()
    return float(times.user + times.system)


def memory_of(pid: int) -> int:
    """Return the resident memory of a process, in bytes."""
    return int(psutil.Process(pid).memory_info().rss)


def own_pid() -> dict[str, int]:
    """Return ourselves, for a meter."""
    return {"benchmark": os.getpid()}


def _machine() -> float:
    times = psutil.cpu_times()
    # On a virtual machine, stolen time is taken by others, too.
    return float(times.user + times.nice + times.system + times.irq + times.softirq + times.steal)
