"""Makes the file that is delivered: pictures, sound and burned subtitles in one MP4 that plays everywhere."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from workers.media.encoding import MP4, PICTURE, SAMPLE_RATE, SOUND, can_be_copied, copied_picture
from workers.media.errors import InputMediaError
from workers.media.graphs import burned, fitted_sound
from workers.media.probe import probe

if TYPE_CHECKING:
    from pathlib import Path

    from workers.media.ffmpeg import Ffmpeg, Report
    from workers.media.probe import MediaInfo

#: By how much sound may be shorter or longer than its pictures and still be copied.
_SLACK: Final = timedelta(milliseconds=30)

#: H.264 wants even sizes, and not every player knows pixels that are not square.
_EVEN: Final = "scale=w=2*max(trunc(iw*sar/2)\\,1):h=2*max(trunc(ih/2)\\,1):out_range=tv,setsar=1,format=yuv420p"


async def finish(
    ffmpeg: Ffmpeg,
    video: Path,
    into: Path,
    *,
    sound: Path | None,
    subtitles: Path | None,
    fonts: Path | None,
    report: Report | None = None,
) -> None:
    """Make an MP4 of a video, as long as its pictures. Without subtitles they are copied if players know their codec.

    It tells nothing of where it came from, and begins to play before it is loaded.

    Args:
        ffmpeg: what does it.
        video: whose pictures are wanted.
        into: the MP4 that is made.
        sound: replaces the video's own; None: that stays, if there is any.
        subtitles: an .ass file that is burned into the pictures.
        fonts: a directory of fonts for it.
        report: told how much is done.

    Raises:
        InputMediaError: a file is not what it should be.
        MediaError: ffmpeg failed.
    """
    info = await probe(video)
    if info.video_duration is None:
        raise InputMediaError(f"{video.name} is no video.")
    inputs: list[str | Path] = ["-i", video]
    heard, number = info, 0
    if sound is not None:
        inputs += ["-i", sound]
        heard, number = await probe(sound), 1
        if not heard.has_audio:
            raise InputMediaError(f"{sound.name} has no sound.")
    outputs = ["-map", "0:V:0", *_picture(info, subtitles, fonts)]
    if heard.has_audio:
        outputs += ["-map", f"{number}:a:0", *_sound(heard, info.video_duration)]
    await ffmpeg.run(*inputs, *outputs, *MP4, into, length=info.video_duration, report=report)


def _picture(info: MediaInfo, subtitles: Path | None, fonts: Path | None) -> tuple[str, ...]:
    if subtitles is not None:
        return ("-vf", f"{_EVEN},{burned(subtitles, fonts)}", *PICTURE)
    return copied_picture(info) if can_be_copied(info) else ("-vf", _EVEN, *PICTURE)


def _sound(info: MediaInfo, length: timedelta) -> tuple[str, ...]:
    """Return the arguments for sound that lasts as long as the pictures: *length*."""
    # Bare AAC (ADTS) does not tell how much its encoder put before the beginning.
    is_ours = info.audio_codec == "aac" and info.format.demuxer == "mov"
    if is_ours and info.audio_duration is not None and abs(info.audio_duration - length) <= _SLACK:
        return ("-c:a", "copy")
    return ("-af", fitted_sound(round(length.total_seconds() * SAMPLE_RATE)), *SOUND)
