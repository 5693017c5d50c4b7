"""Makes the pieces of a joined video: pictures and sound of one clip each, exactly as long as one another.

A piece begins where its clip begins to be seen, and ends where the next one does. So a cross-fade stands at the
beginning of a piece, and no more than two clips are open at once, however many there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.media.encoding import PICTURE, RAW_SOUND, copied_picture
from workers.media.graphs import even_picture, fitted_sound, matrix_of, silence

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from workers.media.canvas import Canvas
    from workers.media.ffmpeg import Ffmpeg, Report
    from workers.media.probe import MediaInfo
    from workers.media.timeline import Span


@dataclass(frozen=True, slots=True)
class Clip:
    """A video that is joined with others."""

    path: Path
    info: MediaInfo
    span: Span
    """Where it stands in the joined video."""

    @property
    def matrix(self) -> str:
        """How its colours are coded."""
        return matrix_of(height=self.info.height or 0, is_known=self.info.says_colours)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What is shown from one frame of the joined video to another."""

    clip: Clip
    end: int
    """The frame with which the next piece begins."""
    before: Clip | None = None
    """The clip that fades into this one."""

    @property
    def start(self) -> int:
        """Its first frame in the joined video."""
        return self.clip.span.start

    @property
    def frames(self) -> int:
        """How many it has."""
        return self.end - self.start

    @property
    def shared(self) -> int:
        """In how many of them the clip before fades out."""
        return self.before.span.end - self.start if self.before else 0


def pieces_of(clips: Sequence[Clip]) -> list[Piece]:
    """Return the pieces that make up the video joined of *clips*."""
    return [
        Piece(
            clip=clip, end=after.span.start if after else clip.span.end, before=before if _meet(before, clip) else None
        )
        for before, clip, after in zip([None, *clips[:-1]], clips, [*clips[1:], None], strict=True)
    ]


def _meet(before: Clip | None, clip: Clip) -> bool:
    return before is not None and before.span.end > clip.span.start


async def make(
    ffmpeg: Ffmpeg,
    piece: Piece,
    canvas: Canvas,
    *,
    is_copied: bool,
    picture: Path,
    sound: Path | None,
    report: Report | None,
) -> None:
    """Make one piece.

    Args:
        ffmpeg: what does it.
        piece: what is wanted.
        canvas: of the joined video.
        is_copied: whether the pictures are copied, not encoded anew.
        picture: the MP4 that is made.
        sound: the WAV that is made; None: none is wanted.
        report: told how much is done.
    """
    graphs = [] if is_copied else [_picture_graph(piece, canvas)]
    outputs: list[str | Path] = ["-map", "[picture]", *PICTURE]
    if is_copied:
        outputs = ["-map", "0:V:0", *copied_picture(piece.clip.info)]
    outputs += ["-f", "mp4", picture]
    if sound is not None:
        graphs.append(_sound_graph(piece, canvas))
        outputs = ["-map", "[sound]", *RAW_SOUND, sound, *outputs]
    filters = ["-filter_complex", ";".join(graphs)] if graphs else []
    length = canvas.length(piece.frames)
    await ffmpeg.run(*_inputs(piece, canvas), *filters, *outputs, length=length, report=report)


def _inputs(piece: Piece, canvas: Canvas) -> list[str | Path]:
    """Return the clip as input 0, and the end of the one before as input 1."""
    inputs: list[str | Path] = ["-i", piece.clip.path]
    if piece.before:
        inputs += ["-ss", canvas.seconds(len(piece.before.span) - piece.shared), "-i", piece.before.path]
    return inputs


def _picture_graph(piece: Piece, canvas: Canvas) -> str:
    clip = f"[0:V:0]{even_picture(canvas, frames=piece.frames, matrix=piece.clip.matrix)}"
    if not piece.before:
        return f"{clip}[picture]"
    before = f"[1:V:0]{even_picture(canvas, frames=piece.shared, matrix=piece.before.matrix)}"
    fade = f"xfade=transition=fade:offset=0:duration={canvas.seconds(piece.shared)}"
    return f"{clip}[clip];{before}[before];[before][clip]{fade}[picture]"


def _sound_graph(piece: Piece, canvas: Canvas) -> str:
    start = canvas.samples(piece.start)
    clip = _sound(piece.clip, 0, samples=canvas.samples(piece.end) - start)
    if not piece.before:
        return f"{clip}[sound]"
    shared = canvas.samples(piece.before.span.end) - start
    before = _sound(piece.before, 1, samples=shared)
    # Equal power: two sounds that have nothing to do with each other stay as loud as each.
    fade = f"acrossfade=ns={shared}:c1=qsin:c2=qsin"
    return f"{clip}[heard];{before}[fading];[fading][heard]{fade}[sound]"


def _sound(clip: Clip, number: int, *, samples: int) -> str:
    return f"[{number}:a:0]{fitted_sound(samples)}" if clip.info.has_audio else silence(samples)
