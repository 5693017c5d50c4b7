"""Spells the arguments of ffmpeg: what our own code asks for, and around every input what keeps it harmless."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from workers.media.sniff import FORMATS, sniff_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workers.media.limits import MediaLimits

#: Seconds between two lines of progress.
PROGRESS_PERIOD: Final = 0.25

#: Demuxers that make their pictures and sound up, from what our own code writes.
_GENERATORS: Final = frozenset({"lavfi"})

_KNOWN_DEMUXERS: Final = tuple(sorted({known.demuxer for known in FORMATS}))


def spell(arguments: Sequence[str | Path], *, limits: MediaLimits) -> list[str]:
    """Return the whole arguments for ffmpeg; the last of *arguments* is the output.

    Every input may only be a file or a pipe. One that is given without `-f` is sniffed and read by just the demuxer of
    its format; one with `-f` (`concat`, `lavfi`, `srt`) by that, and files it names by those of known formats.

    Raises:
        InputMediaError: an input is no media file that is known here.
    """
    *rest, output = arguments
    threads = str(limits.threads)
    return [
        *("-hide_banner", "-nostdin", "-y", "-nostats"),
        *("-progress", "pipe:1", "-stats_period", str(PROGRESS_PERIOD)),
        *("-filter_threads", threads, "-filter_complex_threads", threads),
        *_with_guarded_inputs(rest, limits),
        *("-threads", threads, _text(output)),
    ]


def _with_guarded_inputs(arguments: Sequence[str | Path], limits: MediaLimits) -> Iterator[str]:
    """Yield *arguments* with options put before each `-i`."""
    named = ""
    items = iter(arguments)
    for item in items:
        if item == "-f":
            named = _text(next(items))
            yield from ("-f", named)
        elif item == "-i":
            yield from _input(next(items), named, limits)
            named = ""
        else:
            yield _text(item)


def _input(source: str | Path, named: str, limits: MediaLimits) -> Iterator[str]:
    yield from ("-protocol_whitelist", "file,pipe", "-threads", str(limits.threads))
    if named in _GENERATORS:
        yield from ("-format_whitelist", named, "-i", _text(source))
        return
    path = Path(source)
    demuxer = named or sniff_file(path).demuxer
    if named:
        yield from ("-format_whitelist", ",".join((named, *_KNOWN_DEMUXERS)))
    else:
        yield from ("-format_whitelist", demuxer, "-f", demuxer)
    # The scheme, so that no name of a file is taken for one.
    yield from ("-max_pixels", str(limits.pixels), "-i", f"file:{path.absolute()}")


def _text(argument: str | Path) -> str:
    return str(argument.absolute()) if isinstance(argument, Path) else argument
