"""One progress of a job whose steps run side by side: the fraction never falls, and the stage told is the right one.

A *stage* is a stretch of the job's progress with a name that people know; steps belong to stages. Stages may run side
by side: the first that has not ended is the one that is told, and the fraction stays within it. What later ones have
done meanwhile counts as soon as their turn comes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from core.job import Progress


@dataclass(slots=True, eq=False, kw_only=True)
class Stage:
    """A phase of the progress that people see, and how far its steps are."""

    low: float
    """Where it begins in the job's progress, 0 to 1."""
    high: float
    """Where it ends."""
    name: str = ""
    """A stable word such as "generating audio"; empty: the model's own stages are told."""
    part: str = ""
    """What people call the work of one step, such as "scene"."""
    parts: int = 1
    """How many steps it has."""
    _fractions: dict[str, float] = field(default_factory=dict, init=False)
    """How far each step is that has begun."""
    _ended: int = field(default=0, init=False)
    _told: Progress = field(default_factory=Progress, init=False)
    """What the model said last."""

    @property
    def has_ended(self) -> bool:
        """Whether all of its steps have."""
        return self._ended >= max(self.parts, len(self._fractions))

    @property
    def done(self) -> float:
        """How much of the job's progress it has made, 0 to high - low."""
        return (self.high - self.low) * sum(self._fractions.values()) / max(self.parts, len(self._fractions))

    def begin(self, step: str) -> None:
        """A step has begun."""
        self._fractions.setdefault(step, 0.0)

    def update(self, step: str, progress: Progress) -> None:
        """A step is so far, by its model's own word."""
        self._fractions[step] = max(self._fractions.get(step, 0.0), progress.fraction or 0.0)
        self._told = progress

    def end(self, step: str) -> None:
        """A step has ended well."""
        self._fractions[step] = 1.0
        self._ended += 1

    def progress(self, fraction: float) -> Progress:
        """Return the job's progress, so far in all, in this stage's words."""
        if not self.name:
            return replace(self._told, fraction=fraction)
        sentence = self.name[:1].upper() + self.name[1:]
        part = f"{self.part} {min(self._ended + 1, self.parts)}/{self.parts}".lstrip()
        return Progress(
            fraction=fraction, stage=self.name, message=f"{sentence} ({part})" if self.parts > 1 else sentence
        )


class Board:
    """The stages of one attempt."""

    def __init__(self) -> None:
        self._stages: list[Stage] = []
        self.told: Progress | None = None
        """What the watchers were told last."""

    def add(self, stage: Stage) -> Stage:
        """Take up a stage, from its beginning."""
        self._stages.append(stage)
        return stage

    def unnamed(self, span: tuple[float, float]) -> Stage:
        """Return the stage without a name that has a span; all steps of one span share it."""
        for stage in self._stages:
            if not stage.name and (stage.low, stage.high) == span:
                return stage
        return self.add(Stage(low=span[0], high=span[1]))

    def news(self) -> Progress | None:
        """Return how far the job is; None: as it was told last."""
        if not self._stages:
            return None
        first = min(
            (stage for stage in self._stages if not stage.has_ended),
            key=lambda stage: stage.low,
            default=max(self._stages, key=lambda stage: stage.high),
        )
        progress = first.progress(round(min(1.0, first.low + first.done), 3))
        return None if progress == self.told else progress
