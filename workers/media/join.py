"""Joins videos of any kind into one, and encodes again only what has to be.

Pictures that are encoded alike are copied. All others are encoded, clip by clip, to what the frame or the first clip
demands; with cross-fades that is every clip. Sound is always encoded once, as one track over all clips: AAC adds a
fiftieth of a second before each beginning, which would add up to what eyes notice on lips.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from workers.media.canvas import canvas_of
from workers.media.copies import copied_of
from workers.media.encoding import MP4, SOUND, copied_picture
from workers.media.errors import InputMediaError
from workers.media.pieces import Clip, make, pieces_of
from workers.media.probe import probe
from workers.media.progress import part_of
from workers.media.timeline import spans_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from workers.media.canvas import Canvas
    from workers.media.ffmpeg import Ffmpeg, Report
    from workers.media.frame import Frame
    from workers.media.probe import MediaInfo

#: Where in the progress the pieces are made, and the joined video is put together of them.
_PIECES_DONE: Final = 0.9


async def join(
    ffmpeg: Ffmpeg,
    clips: Sequence[Path],
    into: Path,
    *,
    frame: Frame | None,
    crossfade: timedelta,
    report: Report | None = None,
) -> None:
    """Join *clips*, in order, into one MP4.

    It plays as long as all pictures together, less the cross-fades, within one frame. Clips of another shape are shown
    whole, with black beside them. Where a clip has no sound there is silence; if none has, there is no sound track.

    Args:
        ffmpeg: what does it.
        clips: at least one.
        into: the MP4 that is made.
        frame: what all are made to fit; None: the size and the rate of the first.
        crossfade: how long a clip fades into the next; zero: hard cuts.
        report: told how much is done.

    Raises:
        InputMediaError: a clip is no video, or too short for its cross-fades.
        MediaError: ffmpeg failed.
    """
    infos = await asyncio.gather(*map(probe, clips))
    canvas = canvas_of(frame, infos[0])
    spans = spans_of(_lengths(infos), crossfade=crossfade, rate=canvas.rate)
    parts = [Clip(clip, info, span) for clip, info, span in zip(clips, infos, spans, strict=True)]
    with TemporaryDirectory(prefix="join-", dir=into.parent) as scratch:
        joining = _Joining(ffmpeg, parts, canvas, Path(scratch))
        await joining.make_pieces(report=part_of(report, 0, _PIECES_DONE))
        await joining.put_together(into, report=part_of(report, _PIECES_DONE, 1))


class _Joining:
    """One video on its way, with its pieces in a directory of its own."""

    def __init__(self, ffmpeg: Ffmpeg, clips: Sequence[Clip], canvas: Canvas, scratch: Path) -> None:
        self._ffmpeg = ffmpeg
        self._clips = clips
        self._canvas = canvas
        self._scratch = scratch
        self._frames = clips[-1].span.end
        self._pieces = pieces_of(clips)
        self._has_sound = any(clip.info.has_audio for clip in clips)

    async def make_pieces(self, *, report: Report | None) -> None:
        """Make what cannot be taken as it is."""
        copied = await self._copied()
        for number, piece in enumerate(self._pieces):
            await make(
                self._ffmpeg,
                piece,
                self._canvas,
                is_copied=number in copied,
                picture=self._picture(number),
                sound=self._sound(number) if self._has_sound else None,
                report=part_of(report, piece.start / self._frames, piece.end / self._frames),
            )

    async def put_together(self, into: Path, *, report: Report | None) -> None:
        """Copy the pictures of all pieces into one track, and encode their sounds as another."""
        inputs = self._listed("pictures.txt", self._picture)
        # All are encoded alike, so the first speaks for them.
        outputs = ["-map", "0:v", *copied_picture(await probe(self._picture(0)))]
        if self._has_sound:
            inputs += self._listed("sounds.txt", self._sound)
            outputs += ["-map", "1:a", *SOUND]
        await self._ffmpeg.run(*inputs, *outputs, *MP4, into, length=self._canvas.length(self._frames), report=report)

    async def _copied(self) -> frozenset[int]:
        """Return the numbers of the pieces whose pictures are copied."""
        if any(piece.before for piece in self._pieces):
            return frozenset()
        return await copied_of(self._ffmpeg, self._clips, self._canvas, scratch=self._scratch)

    def _picture(self, number: int) -> Path:
        return self._scratch / f"picture-{number}.mp4"

    def _sound(self, number: int) -> Path:
        return self._scratch / f"sound-{number}.wav"

    def _listed(self, name: str, file_of: Callable[[int], Path]) -> list[str | Path]:
        """Return the arguments for an input that is the files of all pieces, one after another.

        Their lengths are told, since what a file says of its own is rounded.
        """
        listed = self._scratch / name
        listed.write_text(
            "".join(
                f"file {file_of(number).name}\nduration {self._canvas.seconds(piece.frames)}\n"
                for number, piece in enumerate(self._pieces)
            )
        )
        return ["-f", "concat", "-auto_convert", "0", "-i", listed]


def _lengths(infos: Sequence[MediaInfo]) -> list[timedelta]:
    for number, info in enumerate(infos, start=1):
        if info.video_duration is None:
            raise InputMediaError(f"Clip {number} is no video.")
    return [info.video_duration for info in infos if info.video_duration is not None]
