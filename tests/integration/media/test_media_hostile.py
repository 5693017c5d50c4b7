"""Hostile input: nothing is fetched, read or written that should not be, and the error says why."""

from __future__ import annotations

import asyncio
import io
import os
import random
import struct
import zipfile
import zlib
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.integration.media.samples import names_in, runner, sample
from tests.integration.media.strangers import MP4_HEAD, Stranger, dripping, page, redirect
from workers.media.addresses import anywhere, public_web
from workers.media.errors import InputMediaError, MediaError, UnreachableMediaError
from workers.media.fetch import Fetcher
from workers.media.limits import MEBIBYTE, FetchLimits
from workers.media.probe import probe
from workers.media.sniff import MediaKind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

SECRET = "root:x:0:0:the secret of this machine"


@pytest.fixture
async def stranger() -> AsyncIterator[Stranger]:
    async with Stranger.listening() as listening:
        yield listening


@pytest.fixture
async def inside() -> AsyncIterator[Stranger]:
    """A server of our own network that nobody outside should reach."""
    async with Stranger.listening() as listening:
        listening.put("/", page(MP4_HEAD))
        yield listening


def fetcher_for(stranger: Stranger, limits: FetchLimits | None = None) -> Fetcher:
    """Take that one server for public, and nothing else on this machine."""

    def allows(address: str, port: int) -> bool:
        return (address, port) == ("127.0.0.1", stranger.port) or public_web(address, port)

    return Fetcher(limits=limits, allows=allows)


# Addresses


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://2130706433:{port}/",
        "http://0x7f.1:{port}/",
        "http://0:{port}/",
        "http://[::1]:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/latest/meta-data/",
        "//127.0.0.1:{port}/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
    ],
)
async def test_a_redirect_to_a_private_address_is_refused(
    stranger: Stranger, inside: Stranger, tmp_path: Path, location: str
) -> None:
    url = stranger.put("/clip.mp4", redirect(location.format(port=inside.port)))

    with pytest.raises(InputMediaError):
        await fetcher_for(stranger).fetch(url, tmp_path / "clip", wanted=MediaKind.VIDEO)

    assert inside.connections == 0
    assert stranger.connections == 1
    assert names_in(tmp_path) == set()


async def test_a_private_address_is_refused_at_once(inside: Stranger, tmp_path: Path) -> None:
    for host in ("127.0.0.1", "localhost", "127.1", "[::1]"):
        with pytest.raises(InputMediaError, match="not on the public internet"):
            await Fetcher().fetch(inside.url("/", host=host), tmp_path / "clip", wanted=MediaKind.VIDEO)

    assert inside.connections == 0


async def test_a_name_that_means_this_machine_is_refused(inside: Stranger, tmp_path: Path) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    with pytest.raises(InputMediaError, match=r"rebound\.example is not on the public internet"):
        await Fetcher(resolve=resolve).fetch(
            inside.url("/", host="rebound.example"), tmp_path / "clip", wanted=MediaKind.VIDEO
        )

    assert inside.connections == 0


async def test_a_name_that_changes_its_meaning_is_looked_up_once_for_each_request(
    stranger: Stranger, tmp_path: Path
) -> None:
    answers = [["127.0.0.1"], ["10.0.0.1"]]

    async def resolve(host: str, port: int) -> Sequence[str]:
        return answers.pop(0)

    def allows(address: str, port: int) -> bool:
        return address == "127.0.0.1"

    stranger.put("/clip.mp4", page(MP4_HEAD))
    fetcher = Fetcher(allows=allows, resolve=resolve)
    url = stranger.url("/clip.mp4", host="rebound.example")

    await fetcher.fetch(url, tmp_path / "clip", wanted=MediaKind.VIDEO)
    assert f"Host: rebound.example:{stranger.port}" in stranger.heads[0]
    assert len(answers) == 1
    with pytest.raises(InputMediaError):
        await fetcher.fetch(url, tmp_path / "clip", wanted=MediaKind.VIDEO)


async def test_redirects_end(stranger: Stranger, tmp_path: Path) -> None:
    url = stranger.put("/clip.mp4", redirect("/clip.mp4"))

    with pytest.raises(InputMediaError, match="more than 5 times"):
        await fetcher_for(stranger).fetch(url, tmp_path / "clip", wanted=MediaKind.VIDEO)

    assert stranger.connections == 6


# Sizes and times


async def test_a_file_that_is_announced_too_large_is_not_begun(stranger: Stranger, tmp_path: Path) -> None:
    url = stranger.put("/clip.mp4", page(MP4_HEAD, length=10 * 1024 * MEBIBYTE))

    with pytest.raises(InputMediaError, match=r"clip\.mp4 of 127\.0\.0\.1 is larger than 1073741824 bytes"):
        await fetcher_for(stranger).fetch(url, tmp_path / "clip", wanted=MediaKind.VIDEO)

    assert stranger.connections == 1
    assert names_in(tmp_path) == set()


async def test_a_file_without_end_is_cut_off_at_the_limit(stranger: Stranger, tmp_path: Path) -> None:
    url = stranger.put("/clip.mp4", stranger.endless(bytes(64 * 1024)))

    with pytest.raises(InputMediaError, match="is larger than"):
        await fetcher_for(stranger, FetchLimits(bytes=2 * MEBIBYTE)).fetch(
            url, tmp_path / "clip", wanted=MediaKind.VIDEO
        )

    # What was on its way in the buffers of the network comes on top.
    assert stranger.sent < 20 * MEBIBYTE
    assert names_in(tmp_path) == set()


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + MP4_HEAD])
async def test_a_server_that_drips_runs_out_of_time(stranger: Stranger, tmp_path: Path, head: bytes) -> None:
    url = stranger.put("/clip.mp4", dripping(head, pause=0.02))
    limits = FetchLimits(time=timedelta(seconds=0.6), idle=timedelta(minutes=5))

    async with asyncio.timeout(30):
        with pytest.raises(UnreachableMediaError, match=r"took longer than 0:00:00\.6"):
            await fetcher_for(stranger, limits).fetch(url, tmp_path / "clip", wanted=MediaKind.VIDEO)

    assert names_in(tmp_path) == set()


async def test_a_head_without_end_is_refused(stranger: Stranger, tmp_path: Path) -> None:
    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        for _ in range(100_000):
            writer.write(b"X-A: " + b"a" * 1000 + b"\r\n")
            await writer.drain()

    url = stranger.put("/clip.mp4", behave)

    with pytest.raises(MediaError):
        await fetcher_for(stranger, FetchLimits(tries=1)).fetch(url, tmp_path / "clip", wanted=MediaKind.VIDEO)


async def test_a_packed_answer_is_refused_unread(stranger: Stranger, tmp_path: Path) -> None:
    bomb = zlib.compress(MP4_HEAD + bytes(10 * MEBIBYTE), 9)
    url = stranger.put("/clip.mp4", page(bomb, "Content-Encoding: deflate"))

    with pytest.raises(InputMediaError, match="packed"):
        await fetcher_for(stranger).fetch(url, tmp_path / "clip", wanted=MediaKind.VIDEO)


# What is no media


def zipped() -> bytes:
    """Return a zip of some size."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("clip.mp4", MP4_HEAD)
    return file.getvalue()


PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10.0,\n{target}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{target}'\n",
    "dash": '<?xml version="1.0"?><MPD type="static"><Period><BaseURL>{target}</BaseURL></Period></MPD>',
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 1234 RTP/AVP 96\na={target}\n",
    "subtitles": "1\n00:00:00,000 --> 00:00:01,000\n{target}\n",
    "svg": '<svg xmlns="http://www.w3.org/2000/svg"><image href="{target}"/></svg>',
}


@pytest.mark.parametrize(
    "body",
    [zipped(), b"<!DOCTYPE html><html><body>Sign in</body></html>" * 50, b"", b"MP4", SECRET.encode()],
    ids=["zip", "html", "empty", "short", "text"],
)
async def test_what_is_no_video_is_refused_whatever_its_name(stranger: Stranger, tmp_path: Path, body: bytes) -> None:
    url = stranger.put("/clip.mp4", page(body, "Content-Type: video/mp4"))

    with pytest.raises(InputMediaError, match=r"clip\.mp4 .* is not a media file .* a video is wanted"):
        await fetcher_for(stranger).fetch(url, tmp_path / "clip", wanted=MediaKind.VIDEO)

    assert names_in(tmp_path) == set()


async def test_a_picture_is_no_video(stranger: Stranger, tmp_path: Path) -> None:
    url = stranger.put("/clip.mp4", page(b"\x89PNG\r\n\x1a\n" + bytes(1000)))

    with pytest.raises(InputMediaError, match="a file of the kind PNG; a video is wanted"):
        await fetcher_for(stranger).fetch(url, tmp_path / "clip", wanted=MediaKind.VIDEO)


@pytest.mark.parametrize("kind", PLAYLISTS)
async def test_a_playlist_with_files_of_ours_is_opened_by_nothing(
    stranger: Stranger, tmp_path: Path, kind: str
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    text = PLAYLISTS[kind].format(target=secret.as_uri())
    clip = tmp_path / "clip.mp4"
    clip.write_text(text)
    url = stranger.put("/clip.mp4", page(text.encode()))

    with pytest.raises(InputMediaError):
        await fetcher_for(stranger).fetch(url, tmp_path / "fetched", wanted=MediaKind.VIDEO)
    with pytest.raises(InputMediaError):
        await probe(clip)
    with pytest.raises(InputMediaError):
        await runner().run("-i", clip, tmp_path / "out.mp4")
    assert names_in(tmp_path) == {"secret.txt", "clip.mp4"}


# FFmpeg itself wants the suffixes of some.
@pytest.mark.parametrize(("kind", "name"), [("hls", "clip.m3u8"), ("subtitles", "clip.mp4")])
async def test_a_playlist_among_clips_to_be_joined_is_opened_by_nothing(tmp_path: Path, kind: str, name: str) -> None:
    await sample(tmp_path / "other.ts", "-c:v", "mpeg2video", "-c:a", "mp2")
    (tmp_path / name).write_text(PLAYLISTS[kind].format(target="other.ts"))
    names = tmp_path / "list.txt"
    names.write_text(f"file {name}\n")

    with pytest.raises(MediaError):
        await runner().run("-f", "concat", "-i", names, "-c", "copy", tmp_path / "out.ts")


async def test_a_list_among_clips_to_be_joined_leads_out_of_no_room(tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    other = await sample(tmp_path / "other.ts", "-c:v", "mpeg2video", "-c:a", "mp2")
    (room / "list.txt").write_text("file clip.mp4\n")
    for target in ("../other.ts", str(other), other.as_uri()):
        (room / "clip.mp4").write_text(PLAYLISTS["concat"].format(target=target))

        with pytest.raises(MediaError):
            await runner().run("-f", "concat", "-i", room / "list.txt", "-c", "copy", room / "out.ts")


async def test_a_list_of_clips_leads_to_no_server(inside: Stranger, tmp_path: Path) -> None:
    names = tmp_path / "list.txt"
    names.write_text(f"ffconcat version 1.0\nfile '{inside.url('/')}'\n")

    with pytest.raises(MediaError, match="ffmpeg failed"):
        await runner().run("-f", "concat", "-safe", "0", "-i", names, "-f", "null", "-")

    assert inside.connections == 0


# What is broken media


@pytest.mark.parametrize("options", [(), ("-movflags", "+faststart")], ids=["index last", "index first"])
async def test_a_video_that_is_cut_off_is_refused(tmp_path: Path, options: tuple[str, ...]) -> None:
    clip = await sample(tmp_path / "clip.mp4", *options)
    os.truncate(clip, clip.stat().st_size // 2)

    with pytest.raises(InputMediaError, match=r"^clip\.mp4 cannot be used: "):
        await probe(clip)


async def test_a_video_of_noise_is_refused(tmp_path: Path) -> None:
    clip = await sample(tmp_path / "clip.mp4", "-movflags", "+faststart")
    data = bytearray(clip.read_bytes())
    start = data.index(b"mdat") + 4
    data[start:] = random.Random(1).randbytes(len(data) - start)  # noqa: S311 - the same noise each time
    clip.write_bytes(data)

    with pytest.raises(InputMediaError, match="cannot be decoded"):
        await probe(clip)


@pytest.mark.parametrize("side", [12_000, 60_000, 2**31 - 1])
async def test_a_picture_that_unpacks_to_too_many_pixels_is_refused(tmp_path: Path, side: int) -> None:
    bomb = tmp_path / "bomb.png"
    lines = min(side, 12_000)  # of one bit a pixel: the first size is a whole picture of 19 KB
    bomb.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(bytes((1 + lines // 8) * lines), 9))
        + chunk(b"IEND", b"")
    )

    with pytest.raises(InputMediaError, match=r"^bomb\.png cannot be used: "):
        await probe(bomb)
    with pytest.raises(MediaError):
        await runner().run("-i", bomb, "-vf", "scale=32:32", "-frames:v", "1", tmp_path / "out.png")


def chunk(name: bytes, data: bytes) -> bytes:
    """Return a part of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


# Names


@pytest.mark.parametrize("path", ["/../../../etc/cron.d/clip.mp4", "/%2e%2e%2fclip.mp4", "/a%00b.mp4", "/%0d%0a.mp4"])
async def test_the_names_that_others_choose_are_not_used(stranger: Stranger, tmp_path: Path, path: str) -> None:
    room = tmp_path / "room"
    room.mkdir()
    body = page(MP4_HEAD, 'Content-Disposition: attachment; filename="../../evil.sh"')
    url = stranger.put(path, body)
    stranger.pages["/etc/cron.d/clip.mp4"] = stranger.pages[path]

    found = await fetcher_for(stranger).fetch(url, room / "clip-1", wanted=MediaKind.VIDEO)

    assert found == room / "clip-1.mp4"
    assert names_in(tmp_path) == {"room", "clip-1.mp4"}


async def test_a_link_in_the_way_is_replaced_and_not_followed(stranger: Stranger, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("kept")
    (tmp_path / "clip.part").symlink_to(target)
    (tmp_path / "clip.mp4").symlink_to(target)
    url = stranger.put("/clip.mp4", page(MP4_HEAD))

    path = await Fetcher(allows=anywhere).fetch(url, tmp_path / "clip", wanted=MediaKind.VIDEO)

    assert target.read_text() == "kept"
    assert path.read_bytes() == MP4_HEAD


@pytest.mark.parametrize("name", ["-y.mp4", "http:a.mp4", "%d.mp4", "a'b\\c;[in].mp4", "concat:x|y.mp4", " .mp4"])
async def test_a_strange_name_is_just_a_name(tmp_path: Path, name: str) -> None:
    clip = await sample(tmp_path / "clip.mp4")
    strange = clip.rename(tmp_path / name)

    assert (await probe(strange)).has_video
    await runner().run("-i", strange, "-c", "copy", tmp_path / "out.mkv")
    assert (await probe(tmp_path / "out.mkv")).has_audio
