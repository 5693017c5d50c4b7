"""How everything that is made here is encoded.

In one place, because pieces that different steps made are joined without encoding them again: that works only while
all of them are encoded alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workers.media.probe import MediaInfo

#: Samples of sound per second: what video is delivered with, and what AAC and the loudness meter are made for.
SAMPLE_RATE: Final = 48_000

#: H.264 that every browser and telephone plays. `veryfast` takes a fifth of the time of `medium` for files a quarter
#: larger; crf 20 shows no loss on generated pictures, also after a second encoding. A key frame at least every 60
#: frames lets players seek by two seconds.
PICTURE: Final = (
    *("-c:v", "libx264", "-preset", "veryfast", "-crf", "20"),
    *("-profile:v", "high", "-pix_fmt", "yuv420p", "-g", "60"),
)

#: AAC at a rate at which music survives the encodings that platforms add.
SOUND: Final = ("-c:a", "aac", "-b:a", "192k", "-ar", str(SAMPLE_RATE), "-ac", "2")

#: Sound between two steps: not compressed, so that its length is exact; floating, so that nothing clips.
RAW_SOUND: Final = ("-c:a", "pcm_f32le", "-ar", str(SAMPLE_RATE), "-ac", "2", "-f", "wav")

#: An MP4 that begins to play before it is loaded, and tells nothing of where it came from: not the place a telephone
#: noted, and not our tools.
MP4: Final = (
    *("-map_metadata", "-1", "-map_chapters", "-1", "-fflags", "+bitexact"),
    *("-movflags", "+faststart", "-f", "mp4"),
)

#: Picture codecs that players take from an MP4, by the tag under which they look for them.
_TAGS: Final[Mapping[str, str]] = {"h264": "avc1", "hevc": "hvc1", "av1": "av01", "vp9": "vp09"}

#: Forms of pictures that players show: full colour resolution is not among them.
_SHOWN: Final = frozenset({"yuv420p", "yuvj420p", "yuv420p10le"})


def can_be_copied(info: MediaInfo) -> bool:
    """Whether the picture may go into an MP4 as it is encoded."""
    return info.video_codec in _TAGS and info.pix_fmt in _SHOWN


def copied_picture(info: MediaInfo) -> tuple[str, ...]:
    """Return the arguments that copy the picture of a file with *info*."""
    return ("-c:v", "copy", "-tag:v", _TAGS[info.video_codec or ""])
