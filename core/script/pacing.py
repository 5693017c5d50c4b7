"""When each scene is seen and its voice heard, so that a video has the length that was asked for.

Speech sets the pace: without a target, each voice is followed by a short pause. With a target the pauses and the tempo
of all voices change together, along `_STEPS`: first what is heard least. Tempo stays where speech sounds natural; the
same text, never cut.

The borders of scenes lie on frames, so that pictures made one by one do not drift from the sound by their roundings.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Final

from core.script.errors import ScriptError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The shortest and the longest video that a script may be asked to become.
SHORTEST_VIDEO: Final = timedelta(seconds=5)
LONGEST_VIDEO: Final = timedelta(minutes=10)
#: How far a video may be from the length asked for, as a part of it.
TOLERANCE: Final = 0.10
#: How far an estimate of speech is trusted, as a part of it; voices of providers differ by as much.
_DOUBT: Final = 0.15


@dataclass(frozen=True, slots=True)
class _Step:
    tempo: float
    """How much faster than spoken a voice is played."""
    pause: float
    """Seconds of silence a scene has around its voice."""


_NATURAL: Final = _Step(1.0, 0.45)
#: From the shortest to the longest; neighbours differ in tempo or in pause, never in both.
_STEPS: Final = (
    _Step(1.25, 0.15), _Step(1.1, 0.15), _Step(1.1, 0.3), _Step(1.0, 0.3), _Step(1.0, 0.6), _Step(0.95, 0.6),
    _Step(0.95, 1.2), _Step(0.85, 1.2), _Step(0.85, 2.0),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ScenePace:
    """When one scene is seen and heard, counted from the start of the video."""

    start: timedelta
    length: timedelta
    """How long its picture is seen: until the next scene starts."""
    voice_start: timedelta
    voice_length: timedelta
    """How long its voice is heard, at `tempo`; it ends before the picture does."""
    tempo: float
    """How much faster the voice is played than it was spoken: 0.85 to 1.25."""


@dataclass(frozen=True, slots=True)
class Pacing:
    """The pace of a whole video; its pictures follow one another without a gap."""

    scenes: tuple[ScenePace, ...]

    @property
    def length(self) -> timedelta:
        """How long the video is."""
        return self.scenes[-1].start + self.scenes[-1].length


def pace(spoken: Sequence[timedelta], *, target: timedelta | None = None, frame_rate: int = 30) -> Pacing:
    """Set the pace for voices of the lengths *spoken*.

    Args:
        spoken: how long each scene's voice really is.
        target: how long the video shall be; it will be within 10 %. None: as long as the speech.
        frame_rate: frames per second, on which scenes begin and end.

    Raises:
        ScriptError: a voice is empty, or no natural tempo and pauses reach the target.
    """
    for number, voice in enumerate(spoken, start=1):
        if voice <= timedelta():
            raise ScriptError(f"The speech of scene {number} is empty.")
    speech = sum(spoken, timedelta()).total_seconds()
    if target is None:
        return _paced(spoken, _NATURAL, frame_rate)
    wanted = target.total_seconds()
    shortest, longest = _range(speech, len(spoken))
    if not shortest / (1 + TOLERANCE) <= wanted <= longest / (1 - TOLERANCE):
        message = _unreachable(wanted, speech, shortest / (1 + TOLERANCE), longest / (1 - TOLERANCE))
        raise ScriptError(message, field="video_length")
    return _paced(spoken, _step(speech, len(spoken), min(max(wanted, shortest), longest)), frame_rate)


def expected_length(speech: Sequence[timedelta]) -> timedelta:
    """Estimate how long a video is when no length is asked for, by how long the speech of each scene will take."""
    return timedelta(seconds=_length(sum(speech, timedelta()).total_seconds(), len(speech), _NATURAL))


def check_target(speech: Sequence[timedelta], target: timedelta | None) -> None:
    """Refuse a length that the video will hardly reach by how long the speech of each scene will take.

    Stricter than `pace`: the target must be within reach also when the voices turn out 15 % longer or shorter than
    expected.

    Raises:
        ScriptError: the message says how long the script is and which lengths work.
    """
    if target is None:
        if (expected := expected_length(speech)) > LONGEST_VIDEO:
            raise ScriptError(_too_long(expected))
        return
    if target > LONGEST_VIDEO:
        message = f"A video of {_people(target.total_seconds())} was asked for; the longest is 10 min."
        raise ScriptError(message, field="video_length")
    seconds, wanted = sum(speech, timedelta()).total_seconds(), target.total_seconds()
    shortest = _range(seconds * (1 + _DOUBT), len(speech))[0] / (1 + TOLERANCE)
    longest = _range(seconds * (1 - _DOUBT), len(speech))[1] / (1 - TOLERANCE)
    if not shortest <= wanted <= longest:
        raise ScriptError(_unreachable(wanted, seconds, shortest, longest), field="video_length")


def check_longest(speech: timedelta) -> None:
    """Refuse speech that not even the longest video can hold at the fastest tempo.

    Raises:
        ScriptError: the message says by how much it is too long.
    """
    if speech > LONGEST_VIDEO * _STEPS[0].tempo:
        raise ScriptError(_too_long(speech))


def _paced(spoken: Sequence[timedelta], step: _Step, frame_rate: int) -> Pacing:
    voices = [voice / step.tempo for voice in spoken]
    ends = list(accumulate((voice.total_seconds() + step.pause for voice in voices), initial=0.0))
    borders = [timedelta(seconds=round(end * frame_rate) / frame_rate) for end in ends]
    return Pacing(
        tuple(
            ScenePace(start, end - start, timedelta(seconds=exact + step.pause / 2), voice, step.tempo)
            for (start, end), exact, voice in zip(pairwise(borders), ends[:-1], voices, strict=True)
        )
    )


def _step(speech: float, scenes: int, wanted: float) -> _Step:
    """Return the tempo and the pause that make a video of *wanted* seconds, which is within reach."""
    for low, high in pairwise(_STEPS):
        if wanted <= _length(speech, scenes, high):
            if low.tempo == high.tempo:
                return _Step(low.tempo, (wanted - speech / low.tempo) / scenes)
            return _Step(speech / (wanted - scenes * low.pause), low.pause)
    return _STEPS[-1]


def _range(speech: float, scenes: int) -> tuple[float, float]:
    """Return the seconds of the shortest and of the longest video of so much speech."""
    return _length(speech, scenes, _STEPS[0]), _length(speech, scenes, _STEPS[-1])


def _length(speech: float, scenes: int, step: _Step) -> float:
    return speech / step.tempo + scenes * step.pause


def _unreachable(wanted: float, speech: float, shortest: float, longest: float) -> str:
    fault = "short" if wanted < shortest else "long"
    shortest = max(-(-shortest // 1), SHORTEST_VIDEO.total_seconds())
    longest = min(longest // 1, LONGEST_VIDEO.total_seconds())
    works = f"from {_people(shortest)} to {_people(longest)}" if shortest <= longest else "none; ask for none"
    return (
        f"The script takes about {_people(speech)} to speak; {_people(wanted)} is too {fault} for it. "
        f"Lengths that work: {works}."
    )


def _too_long(speech: timedelta) -> str:
    return (
        f"The script takes about {_people(speech.total_seconds())} to speak, "
        f"{_people((speech - LONGEST_VIDEO).total_seconds())} more than the longest video of 10 min holds."
    )


def _people(seconds: float) -> str:
    """Write a length as people do: "45 s", "1 min 5 s", "2 h 3 min"."""
    whole = max(1, round(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    parts = [(hours, "h"), (minutes, "min"), (0 if hours else rest, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)
