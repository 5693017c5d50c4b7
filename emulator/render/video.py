"""Videos: a cross-fade whose first and last frame are exactly the given pictures, or a slow zoom."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from emulator.render import pictures, sound
from emulator.render.ffmpeg import Ffmpeg

#: The part of the video that shows the pure picture, at each end.
_HOLD: Final = 0.1
_ENCODE: Final = (
    "-c:v", "libx264", "-preset", "ultrafast", "-crf", "20", "-pix_fmt", "yuv420p", "-movflags", "+faststart",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Shot:
    """What a video shows and how long."""

    size: pictures.Size
    frames: int
    rate: int
    """Frames per second."""
    audio: bool = False

    @property
    def seconds(self) -> float:
        """The duration."""
        return self.frames / self.rate


async def film(ffmpeg: Ffmpeg, shot: Shot, shown: list[Path], target: Path) -> None:
    """Write the video of one picture, or of the way from the first to the second."""
    if len(shown) == 1:
        await _zoom(ffmpeg, shot, shown[0], target)
    else:
        await _cross_fade(ffmpeg, shot, shown[0], shown[1], target)


async def _cross_fade(ffmpeg: Ffmpeg, shot: Shot, first: Path, last: Path, target: Path) -> None:
    """Fade from *first* to *last*, holding each for a moment at its end."""
    start, end = target.with_suffix(".first.png"), target.with_suffix(".last.png")
    await asyncio.to_thread(pictures.write_frame, first, shot.size, start)
    await asyncio.to_thread(pictures.write_frame, last, shot.size, end)
    hold = max(1, round(shot.frames * _HOLD))
    still = f"loop=-1:1:0,setpts=N/{shot.rate}/TB,trim=end_frame={shot.frames}"
    times = f"st={hold / shot.rate:.6f}:d={(shot.frames - 2 * hold) / shot.rate:.6f}"
    # A fading overlay takes half the time of the xfade filter and is as exact at both ends.
    graph = (
        f"[0]format=yuv420p,{still}[a];[1]format=yuva420p,{still},fade=t=in:alpha=1:{times}[b];"
        "[a][b]overlay=format=yuv420:shortest=1,format=yuv420p[v]"
    )
    pictures_in = [
        "-framerate",
        str(shot.rate),
        "-i",
        str(start),
        "-framerate",
        str(shot.rate),
        "-i",
        str(end),
    ]
    await _encode(ffmpeg, shot, pictures_in, graph, target)


async def _zoom(ffmpeg: Ffmpeg, shot: Shot, picture: Path, target: Path) -> None:
    """Begin with the whole *picture* and move slowly towards its middle."""
    still = target.with_suffix(".first.png")
    await asyncio.to_thread(pictures.write_frame, picture, shot.size, still)
    width, height = shot.size
    graph = (
        f"[0]zoompan=z='1+0.2*on/{shot.frames}':x='iw/2-iw/zoom/2':y='ih/2-ih/zoom/2'"
        f":d={shot.frames}:s={width}x{height}:fps={shot.rate},format=yuv420p[v]"
    )
    await _encode(ffmpeg, shot, ["-i", str(still)], graph, target)


async def _encode(ffmpeg: Ffmpeg, shot: Shot, inputs: list[str], graph: str, target: Path) -> None:
    track: list[str] = []
    if shot.audio:
        source = sound.music_source("a quiet sound track", shot.seconds)
        track = ["-f", "lavfi", "-i", source]
    count = inputs.count("-i")
    chosen = ["-map", "[v]", *(["-map", f"{count}:a", "-c:a", "aac", "-b:a", "64k"] if shot.audio else [])]
    await ffmpeg.make(
        target, *inputs, *track, "-filter_complex_threads", "1", "-filter_complex", graph, *chosen,
        "-frames:v", str(shot.frames), *_ENCODE, "-threads", "1",
    )  # fmt: skip
