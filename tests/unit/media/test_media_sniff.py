"""Formats are told by first bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.media import sniff as formats
from workers.media.errors import InputMediaError
from workers.media.sniff import FORMATS, HEAD, MediaKind, sniff, sniff_file

if TYPE_CHECKING:
    from pathlib import Path

    from workers.media.sniff import Format


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41", formats.MP4),
        (b"\x00\x00\x00\x14ftypqt  \x00\x00\x02\x00qt  ", formats.MOV),
        (b"\x00\x00\x00\x08wide\x00\x00\x10\x00mdat", formats.MOV),
        (b"\x00\x00\x00\x1cftypM4A \x00\x00\x02\x00M4A isom", formats.M4A),
        (b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1", formats.AVIF),
        (b"\x00\x00\x00\x1cftypmif1\x00\x00\x00\x00mif1avif", formats.AVIF),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm", formats.WEBM),
        (b"\x1aE\xdf\xa3\xa3B\x86\x81\x01B\x82\x88matroska", formats.MATROSKA),
        (b"RIFF\x24\x08\x00\x00WAVEfmt ", formats.WAV),
        (b"RIFF\x24\x08\x00\x00AVI LIST", formats.AVI),
        (b"RIFF\x24\x08\x00\x00WEBPVP8 ", formats.WEBP),
        (b"OggS\x00\x02", formats.OGG),
        (b"fLaC\x00\x00\x00\x22", formats.FLAC),
        (b"ID3\x04\x00\x00", formats.MP3),
        (b"\xff\xfb\x90\x64\x00", formats.MP3),
        (b"\xff\xf1\x50\x80\x02", formats.AAC),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR", formats.PNG),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", formats.JPEG),
        (b"GIF89a\x40\x01", formats.GIF),
        (b"BM\x36\xa3\x02\x00\x00\x00\x00\x00\x36", formats.BMP),
        (b"FLV\x01\x05", formats.FLV),
        ((b"\x47" + bytes(187)) * 2, formats.MPEG_TS),
    ],
)
def test_a_format_is_known_by_its_beginning(head: bytes, expected: Format) -> None:
    assert sniff(head) is expected


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"PK\x03\x04\x14\x00\x00\x00\x08\x00",
        b"<!DOCTYPE html><html>",
        b'<svg xmlns="http://www.w3.org/2000/svg">',
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b'<?xml version="1.0"?><MPD/>',
        b"RIFF\x24\x08\x00\x00sfbkLIST",
        b"\x00\x00\x00\x1cftypheic\x00\x00\x00\x00mif1heic",
        b"\x7fELF\x02\x01\x01",
        b"%PDF-1.7",
        b"\xff\xff\xff\xff\xff\xff",
        b"MThd\x00\x00\x00\x06",
        b"[Script Info]\nScriptType: v4.00+\n",
    ],
)
def test_what_is_none_of_ours_is_not_known(head: bytes) -> None:
    assert sniff(head) is None


@given(st.binary(max_size=HEAD))
def test_any_bytes_are_one_of_ours_or_none(head: bytes) -> None:
    assert sniff(head) in {None, *FORMATS}


def test_no_format_is_read_by_a_demuxer_that_opens_other_files() -> None:
    opening = {"hls", "dash", "concat", "concatf", "image2", "imf", "sdp", "rtsp", "applehttp", "tee", "webvtt", "ass"}

    assert {known.demuxer for known in FORMATS}.isdisjoint(opening)


def test_every_kind_has_formats_and_no_format_is_without() -> None:
    assert all(known.kinds for known in FORMATS)
    assert set().union(*(known.kinds for known in FORMATS)) == set(MediaKind)


def test_a_file_that_is_not_there_is_told_by_its_name_alone(tmp_path: Path) -> None:
    with pytest.raises(InputMediaError) as refused:
        sniff_file(tmp_path / "gone.mp4")

    assert "gone.mp4" in str(refused.value)
    assert str(tmp_path) not in str(refused.value)
