"""Looks into one media file and prints what it is as JSON. Run by path in a confined process of its own (`probe`).

python -I probing.py DEMUXER PIXELS PATH

The answer is {"info": {...}} or {"error": "words for people"}. Every packet is read, for lengths that are true whatever
the header says; of each stream one frame is decoded, to see that it can be.
"""

from __future__ import annotations

import json
import struct
import sys
from typing import TYPE_CHECKING, Any, Final

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.error import FFmpegError
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream

#: Demuxers whose headers tell lengths for certain, so that what is missing was cut off.
_EXACT_HEADERS: Final = frozenset({"mov", "matroska"})
#: Seconds, and share of the length, by which what is there may fall short of what the header says.
_SHORTFALL: Final = (0.5, 0.05)
#: Samples to skip at the beginning and the end of a packet: AV_PKT_DATA_SKIP_SAMPLES of libavcodec.
_SKIPPED: Final = struct.Struct("<II")

#: The matrix of a picture that does not say which: MatrixCoefficients of ITU-T H.273.
_UNSPECIFIED: Final = 2


class _Track:
    """What is seen of one stream while its packets pass."""

    def __init__(self, stream: VideoStream | AudioStream) -> None:
        self.stream = stream
        self.first_frame: VideoFrame | AudioFrame | None = None
        self._start: int | None = None
        self._end = 0
        self._padding = 0
        """Samples that an encoder added before and after."""

    def see(self, packet: Packet[Stream]) -> None:
        """Take note of the next packet."""
        if self.first_frame is None:
            self._decode(packet)
        if packet.has_sidedata("skip_samples"):
            self._padding += sum(_SKIPPED.unpack_from(bytes(packet.get_sidedata("skip_samples"))))
        when = packet.dts if packet.pts is None else packet.pts
        if when is None or packet.is_discard:
            return
        self._start = when if self._start is None else min(self._start, when)
        self._end = max(self._end, when + (packet.duration or 0))

    @property
    def start(self) -> float:
        """When it starts, in seconds; what lies before 0 is not shown."""
        return self._seconds(max(self._start or 0, 0))

    @property
    def end(self) -> float:
        """When it ends, in seconds."""
        return self._seconds(self._end) - self._unheard

    @property
    def length(self) -> float:
        """How long it plays, in seconds."""
        return self.end - self.start

    @property
    def _unheard(self) -> float:
        """Seconds of padding that its packets' times do not leave out; the other containers' do."""
        if not isinstance(self.stream, AudioStream) or self.stream.container.format.name != "mp3":
            return 0.0
        return self._padding / self.stream.rate

    def _seconds(self, ticks: int) -> float:
        return float(ticks * (self.stream.time_base or 0))

    def _decode(self, packet: Packet[Stream]) -> None:
        try:
            frames = packet.decode()
        except FFmpegError:
            return  # the next may go better; if none does, that is told
        self.first_frame = next((frame for frame in frames if isinstance(frame, VideoFrame | AudioFrame)), None)


def _main() -> None:
    demuxer, pixels, path = sys.argv[1:]
    answer: dict[str, Any]
    try:
        answer = {"info": _info(path, demuxer, pixels)}
    except FFmpegError as error:
        answer = {"error": error.strerror or type(error).__name__}
    except ValueError as error:
        answer = {"error": str(error)}
    sys.stdout.write(json.dumps(answer))


def _info(path: str, demuxer: str, pixels: str) -> dict[str, Any]:
    options = {"protocol_whitelist": "file", "format_whitelist": demuxer, "max_pixels": pixels}
    with av.open(f"file:{path}", format=demuxer, options=options, metadata_errors="replace") as container:
        video, audio = _tracks(container)
        tracks = {track.stream.index: track for track in (video, audio) if track is not None}
        if not tracks:
            raise ValueError("there is neither picture nor sound in it")
        for track in tracks.values():
            track.stream.codec_context.options = {"max_pixels": pixels}
        for packet in container.demux([track.stream for track in tracks.values()]):
            tracks[packet.stream.index].see(packet)
        for track in tracks.values():
            if track.first_frame is None:
                raise ValueError(
                    f"its {track.stream.type} cannot be decoded, or its pictures have over {pixels} pixels"
                )
        end = max(track.end for track in tracks.values()) - min(track.start for track in tracks.values())
        if demuxer in _EXACT_HEADERS:
            _check_whole(container, end)
        return {"format": container.format.name, "duration": end, **_video(video), **_audio(audio)}


def _tracks(container: InputContainer) -> tuple[_Track | None, _Track | None]:
    """Return the first video and the first sound; the picture on a record's sleeve is no video."""
    videos = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    sounds = container.streams.audio
    return (_Track(videos[0]) if videos else None, _Track(sounds[0]) if sounds else None)


def _check_whole(container: InputContainer, end: float) -> None:
    promised = (container.duration or 0) / av.time_base
    seconds, share = _SHORTFALL
    if end < promised - max(seconds, promised * share):
        raise ValueError(f"it is cut off after {end:.1f} of {promised:.1f} s")


def _video(track: _Track | None) -> dict[str, Any]:
    stream, frame = (track.stream, track.first_frame) if track else (None, None)
    if track is None or not isinstance(stream, VideoStream) or not isinstance(frame, VideoFrame):
        return {}
    rate, aspect = stream.average_rate or stream.guessed_rate, stream.sample_aspect_ratio
    return {
        "width": frame.width,
        "height": frame.height,
        "pix_fmt": frame.format.name,
        "rotation": frame.rotation,
        "video_codec": stream.codec_context.codec.canonical_name,
        "video_duration": track.length,
        "frame_rate": str(rate) if rate else None,
        "sample_aspect_ratio": str(aspect) if aspect else "1",
        "says_colours": frame.colorspace != _UNSPECIFIED,
    }


def _audio(track: _Track | None) -> dict[str, Any]:
    stream = track.stream if track else None
    if track is None or not isinstance(stream, AudioStream):
        return {}
    return {
        "audio_codec": stream.codec_context.codec.canonical_name,
        "audio_duration": track.length,
        "sample_rate": stream.rate,
        "channels": stream.channels,
    }


if __name__ == "__main__":
    _main()
