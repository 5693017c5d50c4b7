"""Measures how loud sound is to people, and makes it as loud as platforms play it. EBU R 128, ITU-R BS.1770.

Sound that has room for it is only turned up or down, so that its dynamics stay. Where a peak would not fit any more, a
limiter takes it down; that makes the whole quieter again, so it is measured and turned up once more. ffmpeg's own
`loudnorm` does the same in one filter, but in sound of a few seconds, or with high peaks, it misses by several LU.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workers.media.encoding import MP4, SAMPLE_RATE, SOUND
from workers.media.errors import MediaError
from workers.media.graphs import exact_sound, fitted_sound
from workers.media.progress import part_of

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

    from workers.media.ffmpeg import Ffmpeg, Report

#: LUFS over all of a video: what YouTube, TikTok and Instagram turn everything louder down to.
TARGET: Final = -14.0
#: dBTP: the highest that may stand in what is delivered. Players' and platforms' own encoders overshoot by about 1.
CEILING: Final = -1.5

#: What AAC adds to peaks, in dB: so much lower they are kept before it.
_CODEC_OVERSHOOT: Final = 0.5
#: LU by which the result may miss the target.
_CLOSE_ENOUGH: Final = 0.3
#: How often limited sound is made anew.
_ROUNDS: Final = 6
#: LUFS under which there is nothing but noise, which is not turned up. The gate of BS.1770 is at -70.
_NOISE: Final = -60.0
#: The most by which sound is turned up against its limiter, in dB above what its peaks allow: beyond, it is crushed.
_MOST_LIMITED: Final = 30.0
#: Turned up by one dB, limited sound gets louder by about two thirds of one.
_OVERCORRECTION: Final = 1.5

_INTEGRATED: Final = re.compile(r"^\s+I:\s+(-?[\d.]+) LUFS$", re.MULTILINE)
_TRUE_PEAK: Final = re.compile(r"^\s+Peak:\s+(-?[\d.]+|-inf) dBFS$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Loudness:
    """How loud something is."""

    integrated: float
    """Over all of it, in LUFS. At or below -70: it is silent, or shorter than the 0.4 s of which loudness is made."""
    peak: float
    """The highest that it reaches between its samples, in dBTP."""

    @property
    def is_silent(self) -> bool:
        """Whether there is nothing in it that could be made louder."""
        return self.integrated < _NOISE


async def measure(ffmpeg: Ffmpeg, path: Path) -> Loudness:
    """Measure the sound of a file.

    Raises:
        InputMediaError: it is no media file.
        MediaError: it has no sound, or cannot be read.
    """
    meter = "aformat=channel_layouts=stereo,ebur128=peak=true:framelog=quiet"
    words = await ffmpeg.run("-i", path, "-map", "0:a:0", "-af", meter, "-f", "null", "-")
    integrated, peaks = _INTEGRATED.findall(words), _TRUE_PEAK.findall(words)
    if not integrated or not peaks:
        raise MediaError("The loudness could not be measured.", stderr=words)
    return Loudness(float(integrated[-1]), float(peaks[-1]))


async def normalise(
    ffmpeg: Ffmpeg, sound: Path, into: Path, *, length: timedelta, report: Report | None = None
) -> Loudness:
    """Encode *sound* as AAC in an MP4, exactly *length* long and as loud as it should be; silence stays silence.

    Returns:
        How loud it has become.

    Raises:
        MediaError: it cannot be read, or ffmpeg failed.
    """
    found = await measure(ffmpeg, sound)
    gain, ceiling = 0.0 if found.is_silent else TARGET - found.integrated, CEILING - _CODEC_OVERSHOOT
    most = gain if found.is_silent else max(gain, ceiling - found.peak + _MOST_LIMITED)
    for number in range(_ROUNDS):
        has_room = found.peak + gain <= ceiling
        filters = f"volume={gain:.2f}dB" if has_room else _limited(gain, ceiling)
        part = part_of(report, number / _ROUNDS, (number + 1) / _ROUNDS)
        await _encode(ffmpeg, sound, into, filters=filters, length=length, report=part)
        now = await measure(ffmpeg, into)
        miss, excess = 0.0 if found.is_silent else TARGET - now.integrated, max(now.peak - CEILING, 0.0)
        if abs(miss) <= _CLOSE_ENOUGH and not excess:
            break
        gain, ceiling = min(gain + miss * _OVERCORRECTION, most), ceiling - excess
    return now


async def _encode(
    ffmpeg: Ffmpeg, sound: Path, into: Path, *, filters: str, length: timedelta, report: Report | None
) -> None:
    samples = round(length.total_seconds() * SAMPLE_RATE)
    graph = f"{fitted_sound(samples)},{filters},{exact_sound(samples)}"
    await ffmpeg.run("-i", sound, "-map", "0:a:0", "-af", graph, *SOUND, *MP4, into, length=length, report=report)


def _limited(gain: float, ceiling: float) -> str:
    """Return filters that turn sound up and keep its peaks under *ceiling*, also those between its samples.

    For that it is limited at four times the rate. What the limiter looks ahead by is taken off again.
    """
    limiter = f"alimiter=level=false:limit={10 ** (ceiling / 20):.6f}:attack=5:release=50:latency=true"
    return f"volume={gain:.2f}dB,aresample={4 * SAMPLE_RATE},{limiter},aresample={SAMPLE_RATE}"
