"""Says what a file is by its first bytes: its name and what a server says of it are only claims.

One table of the formats we take. Each names the demuxer of ffmpeg that reads it, so that ffmpeg never chooses for
itself: a playlist in an .mp4 would have it open whatever the playlist names.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workers.media.errors import InputMediaError

if TYPE_CHECKING:
    from pathlib import Path

#: Bytes that are enough to tell every format, above all two packets of MPEG-TS and the doctype of Matroska.
HEAD: Final = 512


class MediaKind(enum.Enum):
    """What a file is wanted for, or is."""

    VIDEO = "video"
    AUDIO = "audio"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file."""

    name: str
    """For people."""
    kinds: frozenset[MediaKind]
    """What it may hold: sound alone stands in many a container for videos."""
    demuxer: str
    """What ffmpeg reads it by."""
    suffix: str
    content_type: str


_VIDEO: Final = frozenset({MediaKind.VIDEO, MediaKind.AUDIO})
_AUDIO: Final = frozenset({MediaKind.AUDIO})
_IMAGE: Final = frozenset({MediaKind.IMAGE})

MP4: Final = Format("MP4", _VIDEO, "mov", ".mp4", "video/mp4")
MOV: Final = Format("QuickTime", _VIDEO, "mov", ".mov", "video/quicktime")
M4A: Final = Format("M4A", _AUDIO, "mov", ".m4a", "audio/mp4")
MATROSKA: Final = Format("Matroska", _VIDEO, "matroska", ".mkv", "video/x-matroska")
WEBM: Final = Format("WebM", _VIDEO, "matroska", ".webm", "video/webm")
AVI: Final = Format("AVI", _VIDEO, "avi", ".avi", "video/x-msvideo")
FLV: Final = Format("Flash video", _VIDEO, "flv", ".flv", "video/x-flv")
MPEG_TS: Final = Format("MPEG-TS", _VIDEO, "mpegts", ".ts", "video/mp2t")
OGG: Final = Format("Ogg", _VIDEO, "ogg", ".ogg", "audio/ogg")
MP3: Final = Format("MP3", _AUDIO, "mp3", ".mp3", "audio/mpeg")
AAC: Final = Format("AAC", _AUDIO, "aac", ".aac", "audio/aac")
WAV: Final = Format("WAV", _AUDIO, "wav", ".wav", "audio/wav")
FLAC: Final = Format("FLAC", _AUDIO, "flac", ".flac", "audio/flac")
PNG: Final = Format("PNG", _IMAGE, "png_pipe", ".png", "image/png")
JPEG: Final = Format("JPEG", _IMAGE, "jpeg_pipe", ".jpg", "image/jpeg")
WEBP: Final = Format("WebP", _IMAGE, "webp_pipe", ".webp", "image/webp")
GIF: Final = Format("GIF", frozenset({MediaKind.IMAGE, MediaKind.VIDEO}), "gif", ".gif", "image/gif")
BMP: Final = Format("BMP", _IMAGE, "bmp_pipe", ".bmp", "image/bmp")
AVIF: Final = Format("AVIF", _IMAGE, "mov", ".avif", "image/avif")

FORMATS: Final = (
    *(MP4, MOV, M4A, MATROSKA, WEBM, AVI, FLV, MPEG_TS, OGG),
    *(MP3, AAC, WAV, FLAC),
    *(PNG, JPEG, WEBP, GIF, BMP, AVIF),
)

#: Beginnings that tell a format by themselves.
_BEGINNINGS: Final = {
    b"\x89PNG\r\n\x1a\n": PNG,
    b"\xff\xd8\xff": JPEG,
    b"GIF87a": GIF,
    b"GIF89a": GIF,
    b"FLV\x01": FLV,
    b"OggS": OGG,
    b"fLaC": FLAC,
    b"ID3": MP3,
}
#: What stands after `RIFF` and the length.
_RIFFS: Final = {b"WAVE": WAV, b"AVI ": AVI, b"WEBP": WEBP}
#: Brands of ISO media files that are not MP4. HEIF is not among them: its pictures come in tiles.
_BRANDS: Final = {b"qt  ": MOV, b"M4A ": M4A, b"M4B ": M4A, b"avif": AVIF, b"avis": AVIF}
_HEIF_BRANDS: Final = frozenset({b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"})
#: First atoms of QuickTime files that came before brands.
_OLD_ATOMS: Final = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip"})
_TS_PACKET: Final = 188


def sniff(head: bytes) -> Format | None:
    """Return the format of the file that begins with *head*, or None if it is none of ours.

    Args:
        head: the first 512 bytes, or the whole file if it is shorter.
    """
    for beginning, found in _BEGINNINGS.items():
        if head.startswith(beginning):
            return found
    match head[:4], head[4:8], head[8:12]:
        case b"RIFF", _, form:
            return _RIFFS.get(form)
        case _, b"ftyp", brand:
            return _by_brand(brand, others=head[16:64])
        case _, atom, _ if atom in _OLD_ATOMS:
            return MOV
        case b"\x1aE\xdf\xa3", _, _:
            return WEBM if b"webm" in head[:64] else MATROSKA
    return _by_pattern(head)


def sniff_file(path: Path) -> Format:
    """Return the format of the file at *path*.

    Raises:
        InputMediaError: it is none of ours, or there is no such file.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise InputMediaError(f"{path.name} cannot be read.") from error
    found = sniff(head)
    if found is None:
        raise InputMediaError(f"{path.name} is no media file that is known here.")
    return found


def _by_brand(brand: bytes, *, others: bytes) -> Format | None:
    """Return the format of an ISO media file. ISO 14496-12 §4.3."""
    if brand in _HEIF_BRANDS:
        return AVIF if b"avif" in others else None
    return _BRANDS.get(brand, MP4)


def _by_pattern(head: bytes) -> Format | None:
    """Return the format of a file whose beginning says little."""
    if len(head) > _TS_PACKET and head[0] == head[_TS_PACKET] == 0x47:
        return MPEG_TS
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return BMP
    if len(head) > 4 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return _by_sync_word(head)
    return None


def _by_sync_word(head: bytes) -> Format | None:
    """Return MP3 or AAC: both begin with eleven bits set. ISO 11172-3 §2.4.1.3, ISO 13818-7 §6.2."""
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bit_rate, sample_rate = head[2] >> 4, head[2] >> 2 & 3
    if layer == 0:
        return AAC if head[1] & 0xF0 == 0xF0 else None
    is_valid = version != 1 and bit_rate not in {0, 15} and sample_rate != 3
    return MP3 if is_valid else None
