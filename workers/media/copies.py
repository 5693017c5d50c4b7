"""Finds out which clips may stand in one video as they are encoded.

A track of an MP4 has one description of how it is encoded. So clips are joined without encoding them again only if
theirs is the same; that they agree in codec and size is not enough: some players would show garbage from the first
cut on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from workers.media.canvas import rate_of
from workers.media.encoding import PICTURE, can_be_copied
from workers.media.graphs import COLOURS
from workers.media.probe import probe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from workers.media.canvas import Canvas
    from workers.media.ffmpeg import Ffmpeg
    from workers.media.pieces import Clip
    from workers.media.probe import MediaInfo

#: Size and checksum of the decoder's description, in a list of packets. ffmpeg-formats(1), framecrc.
_DESCRIPTION: Final = re.compile(r"^#extradata 0:(.+)$", re.MULTILINE)
#: A first packet that is shown at 0 and needs no other: one that does has flags at its line's end.
_CLEAN_START: Final = re.compile(r"^0,\s*-?\d+,\s*0,\s*\d+,\s*\d+,\s*0x[0-9a-f]+$", re.MULTILINE)

#: How much of a frame the length of a clip may differ from whole frames.
_FRAME_SLACK: Final = 0.05


class _Encoding(NamedTuple):
    """What pictures must have in common to stand in one track."""

    codec: str | None
    pix_fmt: str | None
    description: str


async def copied_of(ffmpeg: Ffmpeg, clips: Sequence[Clip], canvas: Canvas, *, scratch: Path) -> frozenset[int]:
    """Return the numbers of the clips whose pictures can be copied.

    If not all can, the others will be encoded as we do it, and only clips that were made so before can stand beside
    them.

    Args:
        ffmpeg: what reads them.
        clips: all that are joined, without cross-fades.
        canvas: of the joined video.
        scratch: a directory for what is not kept.

    Raises:
        MediaError: a clip cannot be read.
    """
    found = {
        number: await _encoding(ffmpeg, clip.path, clip.info, scratch=scratch)
        for number, clip in enumerate(clips)
        if _looks_like(clip.info, canvas)
    }
    if len(found) == len(clips) and len(set(found.values())) == 1 and None not in found.values():
        return frozenset(found)
    if not found:
        return frozenset()
    ours = await _our_encoding(ffmpeg, canvas, scratch=scratch)
    return frozenset(number for number, encoding in found.items() if encoding == ours)


def _looks_like(info: MediaInfo, canvas: Canvas) -> bool:
    """Whether the pictures are those of *canvas*, in a form that can be copied."""
    if not can_be_copied(info) or info.video_duration is None or rate_of(info) != canvas.rate:
        return False
    frames = info.video_duration.total_seconds() * float(canvas.rate)
    return (
        (info.width, info.height) == (canvas.width, canvas.height)
        and info.rotation == 0
        and info.sample_aspect_ratio == 1
        and abs(frames - round(frames)) < _FRAME_SLACK
    )


async def _encoding(ffmpeg: Ffmpeg, video: Path, info: MediaInfo, *, scratch: Path) -> _Encoding | None:
    """Return how *video* is encoded; None: it does not start with a picture of its own at its beginning.

    The list of its packets tells, of which one is enough.
    """
    listed = scratch / "packets.txt"
    await ffmpeg.run("-i", video, "-map", "0:V:0", "-c", "copy", "-frames:v", "1", "-f", "framecrc", listed)
    packets = listed.read_text()
    if not _CLEAN_START.search(packets):
        return None
    described = _DESCRIPTION.search(packets)
    return _Encoding(info.video_codec, info.pix_fmt, described.group(1).strip() if described else "")


async def _our_encoding(ffmpeg: Ffmpeg, canvas: Canvas, *, scratch: Path) -> _Encoding | None:
    """Return how pieces of *canvas* will be encoded; seen in the shortest of videos."""
    sample = scratch / "sample.mp4"
    source = f"color=s={canvas.width}x{canvas.height}:r={canvas.rate}"
    await ffmpeg.run("-f", "lavfi", "-i", source, "-vf", COLOURS, *PICTURE, "-frames:v", "1", "-f", "mp4", sample)
    return await _encoding(ffmpeg, sample, await probe(sample), scratch=scratch)
