"""Mixes the sound of a video: voices at their times, music under them, and what the video itself sounds like.

Each of the three is first made as one track of the whole length and turned to its own level, so that neither a quiet
speaker nor a loud song decides what is heard. Music steps back while somebody speaks. At last the whole is made as loud
as platforms play it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from workers.media.encoding import RAW_SOUND, SAMPLE_RATE
from workers.media.errors import InputMediaError
from workers.media.graphs import EVEN_SOUND, exact_sound, fitted_sound, silence
from workers.media.loudness import measure, normalise
from workers.media.probe import probe
from workers.media.progress import part_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from workers.media.ffmpeg import Ffmpeg, Report

#: Tracks of a mix, and how loud each is before the whole is made louder or softer, in LUFS: music alone is 4 LU under a
#: voice, so that it does not jump out in the pauses.
_LEVELS: Final[Mapping[str, float]] = {"voice": -16.0, "music": -20.0, "own": -22.0}
#: By how many dB a track is turned up or down at most: what is all but silent was meant to be so.
_MOST_GAIN: Final = 24.0

#: While somebody speaks, music is taken down by about 10 dB within 20 ms, and comes back within half a second: slower
#: than the pauses between words, so that it does not pump.
_DUCKING: Final = "sidechaincompress=threshold=0.04:ratio=5:attack=20:release=500:level_sc=1"

#: Seconds in which music comes and goes, at most; each no more than a quarter of the whole.
_FADE_IN: Final = 1.0
_FADE_OUT: Final = 2.0
#: Seconds in which the end of music that is too short passes into its beginning.
_SEAM: Final = 1.0

#: Voices that are put on a track in one run; each costs threads and memory.
_VOICES_AT_ONCE: Final = 16
#: The limits within which speech stays speech, as faster or slower.
SLOWEST: Final = 0.5
FASTEST: Final = 2.0


@dataclass(frozen=True, slots=True)
class Voice:
    """Something said at a time."""

    path: Path
    start: timedelta
    """From the beginning of the video."""
    tempo: float = 1.0
    """How much faster than recorded it is spoken, at the same pitch; from 0.5 to 2."""

    def __post_init__(self) -> None:
        if not SLOWEST <= self.tempo <= FASTEST:
            raise ValueError(f"a tempo of {self.tempo} is not from {SLOWEST} to {FASTEST}")


async def mix(
    ffmpeg: Ffmpeg,
    into: Path,
    *,
    length: timedelta,
    voices: Sequence[Voice] = (),
    music: Path | None = None,
    own: Path | None = None,
    report: Report | None = None,
) -> None:
    """Make the sound of a video: an MP4 with AAC only, exactly *length* long, at -14 LUFS.

    Args:
        ffmpeg: what does it.
        into: the file that is made.
        length: of the video.
        voices: what is said; what goes on after the end is cut off.
        music: begins again until the end if it is too short.
        own: the video, or another file, whose sound is kept; without a sound track it is silent.
        report: told how much is done.

    Raises:
        InputMediaError: a file has no sound that can be used.
        MediaError: ffmpeg failed.
    """
    with TemporaryDirectory(prefix="mix-", dir=into.parent) as scratch:
        mixing = _Mixing(ffmpeg, Path(scratch), samples=round(length.total_seconds() * SAMPLE_RATE))
        tracks = {
            "voice": await mixing.voices(voices),
            "music": await mixing.music(music) if music else None,
            "own": await mixing.own(own) if own else None,
        }
        if report:
            await report(0.3)
        mixed = await mixing.together({name: track for name, track in tracks.items() if track})
        if report:
            await report(0.5)
        await normalise(ffmpeg, mixed, into, length=length, report=part_of(report, 0.5, 1))


class _Mixing:
    """The tracks of one mix, in a directory of its own."""

    def __init__(self, ffmpeg: Ffmpeg, scratch: Path, *, samples: int) -> None:
        self._ffmpeg = ffmpeg
        self._scratch = scratch
        self._samples = samples

    async def voices(self, voices: Sequence[Voice]) -> Path | None:
        """Return the track of all voices; None: there is none.

        Several runs, each of which adds a few to the track of the one before.
        """
        track: Path | None = None
        for first in range(0, len(voices), _VOICES_AT_ONCE):
            some = voices[first : first + _VOICES_AT_ONCE]
            inputs = [voice.path for voice in some] + ([track] if track else [])
            graph = voices_graph(some, has_track=track is not None, samples=self._samples)
            track = await self._make(f"voices-{first}", inputs, graph)
        return track

    async def music(self, music: Path) -> Path:
        """Return the track of music."""
        info = await probe(music)
        if not info.has_audio:
            raise InputMediaError(f"{music.name} has no sound.")
        seconds = self._samples / SAMPLE_RATE
        played = info.audio_duration or info.duration
        is_short = played is not None and played.total_seconds() < seconds
        can_overlap = played is not None and played.total_seconds() > 3 * _SEAM
        return await self._make(
            "music", [music], music_graph(self._samples, is_short=is_short, can_overlap=can_overlap)
        )

    async def own(self, own: Path) -> Path | None:
        """Return the track of what the video itself sounds like; None: it is mute."""
        if not (await probe(own)).has_audio:
            return None
        return await self._make("own", [own], f"[0:a:0]{fitted_sound(self._samples)}[sound]")

    async def together(self, tracks: Mapping[str, Path]) -> Path:
        """Return all tracks as one."""
        gains = {name: await self._gain(name, track) for name, track in tracks.items()}
        return await self._make("mixed", list(tracks.values()), tracks_graph(gains, samples=self._samples))

    async def _gain(self, name: str, track: Path) -> float:
        found = await measure(self._ffmpeg, track)
        return 0.0 if found.is_silent else max(-_MOST_GAIN, min(_LEVELS[name] - found.integrated, _MOST_GAIN))

    async def _make(self, name: str, inputs: Sequence[Path], graph: str) -> Path:
        """Make a WAV of what *graph* calls [sound]."""
        made = self._scratch / f"{name}.wav"
        files = [argument for path in inputs for argument in ("-i", path)]
        await self._ffmpeg.run(*files, "-filter_complex", graph, "-map", "[sound]", *RAW_SOUND, made)
        return made


def voices_graph(voices: Sequence[Voice], *, has_track: bool, samples: int) -> str:
    """Return the filters that put *voices*, the inputs from 0 on, at their times; after them may come a track."""
    chains = [
        f"[{number}:a:0]{EVEN_SOUND},atempo={voice.tempo:.6f},"
        f"adelay={round(voice.start.total_seconds() * SAMPLE_RATE)}S:all=1,{exact_sound(samples)}[voice{number}]"
        for number, voice in enumerate(voices)
    ]
    names = [f"[voice{number}]" for number in range(len(voices))] + [f"[{len(voices)}:a:0]"] * has_track
    return ";".join((*chains, f"{''.join(names)}{_sum(len(names))}[sound]"))


def music_graph(samples: int, *, is_short: bool, can_overlap: bool) -> str:
    """Return the filters that make music as long as the video, and let it come and go.

    Music that is too short begins again; if it is long enough for that, its end passes into its beginning. What is
    repeated is then that from the end of its first second to the same place after the seam.
    """
    seconds = samples / SAMPLE_RATE
    come, go = min(_FADE_IN, seconds / 4), min(_FADE_OUT, seconds / 4)
    fades = f"afade=t=in:d={come:.6f},afade=t=out:st={seconds - go:.6f}:d={go:.6f}"
    ending = f"{exact_sound(samples)},{fades}[sound]"
    again = "aloop=loop=-1:size=2147483647"
    if not is_short:
        return f"[0:a:0]{EVEN_SOUND},{ending}"
    if not can_overlap:
        return f"[0:a:0]{EVEN_SOUND},{again},{ending}"
    seam = round(_SEAM * SAMPLE_RATE)
    return ";".join(
        (
            f"[0:a:0]{EVEN_SOUND},asplit=3[first][rest][again]",
            f"[first]atrim=end_sample={seam}[opening]",
            f"[rest]atrim=start_sample={seam},asetpts=N/SR/TB[body]",
            f"[again]atrim=end_sample={seam}[seam]",
            f"[body][seam]acrossfade=ns={seam}:c1=qsin:c2=qsin,{again}[repeated]",
            f"[opening][repeated]concat=n=2:v=0:a=1,{ending}",
        )
    )


def tracks_graph(gains: Mapping[str, float], *, samples: int) -> str:
    """Return the filters that mix tracks, the inputs in the order of *gains*: dB by the name of the track."""
    if not gains:
        return f"{silence(samples)}[sound]"
    chains = [f"[{number}:a:0]volume={gain:.2f}dB[{name}]" for number, (name, gain) in enumerate(gains.items())]
    if {"voice", "music"} <= gains.keys():
        chains += ["[voice]asplit[speech][key]", f"[music][key]{_DUCKING}[ducked]"]
        names = {"voice": "speech", "music": "ducked"}
    else:
        names = {}
    heard = "".join(f"[{names.get(name, name)}]" for name in gains)
    return ";".join((*chains, f"{heard}{_sum(len(gains))},{exact_sound(samples)}[sound]"))


def _sum(count: int) -> str:
    """Return the filter that adds sounds up, as they are."""
    return f"amix=inputs={count}:normalize=0:duration=longest"
