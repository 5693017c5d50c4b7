"""Files are fetched whole, checked and named by us."""

from __future__ import annotations

import asyncio
import base64
import ssl
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import trustme

from emulator.app import start
from emulator.settings import Settings
from emulator.testing import EmulatorClient
from tests.integration.media.samples import names_in
from tests.integration.media.strangers import MP4_HEAD, Stranger, dripping, page, redirect
from workers.media.addresses import anywhere
from workers.media.errors import InputMediaError, UnreachableMediaError
from workers.media.fetch import Fetcher
from workers.media.limits import FetchLimits
from workers.media.routes import fal_files
from workers.media.sniff import MediaKind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR" + bytes(100)
PATIENT = FetchLimits(idle=timedelta(seconds=10))


@pytest.fixture
async def stranger() -> AsyncIterator[Stranger]:
    async with Stranger.listening() as listening:
        yield listening


@pytest.fixture
def fetcher() -> Fetcher:
    return Fetcher(limits=PATIENT, allows=anywhere)


async def test_a_file_is_named_for_what_it_is_and_not_for_what_others_say(
    stranger: Stranger, fetcher: Fetcher, tmp_path: Path
) -> None:
    body = MP4_HEAD + bytes(3_000_000)
    url = stranger.put("/photo.png", page(body, "Content-Type: text/html"))

    path = await fetcher.fetch(url, tmp_path / "clip", wanted=MediaKind.VIDEO)

    assert path == tmp_path / "clip.mp4"
    assert path.read_bytes() == body
    assert names_in(tmp_path) == {"clip.mp4"}


async def test_a_data_url_is_unpacked(fetcher: Fetcher, tmp_path: Path) -> None:
    url = "data:video/mp4;base64," + base64.b64encode(PNG).decode()

    path = await fetcher.fetch(url, tmp_path / "front", wanted=MediaKind.IMAGE)

    assert path == tmp_path / "front.png"
    assert path.read_bytes() == PNG


async def test_the_request_tells_nothing_of_us(stranger: Stranger, fetcher: Fetcher, tmp_path: Path) -> None:
    stranger.put("/there.png", page(PNG))
    url = stranger.put("/here.png", redirect("/there.png", "Set-Cookie: a=b; Path=/"))

    await fetcher.fetch(url, tmp_path / "image", wanted=MediaKind.IMAGE)

    first, second = (head.lower() for head in stranger.heads)
    assert "accept-encoding: identity" in first
    for name in ("cookie", "authorization", "referer", "segue-"):
        assert f"\r\n{name}" not in first + second


async def test_no_proxy_comes_between(
    stranger: Stranger, fetcher: Fetcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    url = stranger.put("/image.png", page(PNG))

    await fetcher.fetch(url, tmp_path / "image", wanted=MediaKind.IMAGE)

    assert stranger.connections == 1


async def test_a_server_that_fails_is_asked_again(stranger: Stranger, fetcher: Fetcher, tmp_path: Path) -> None:
    url = stranger.put(
        "/image.png", page(b"", status="503 Busy"), page(PNG, length=len(PNG) + 10), page(PNG, "X-Third: yes")
    )

    path = await fetcher.fetch(url, tmp_path / "image", wanted=MediaKind.IMAGE)

    assert path.read_bytes() == PNG
    assert stranger.connections == 3


async def test_a_server_that_goes_on_failing_is_given_up(stranger: Stranger, tmp_path: Path) -> None:
    url = stranger.put("/image.png", page(b"", status="502 Bad"))

    with pytest.raises(UnreachableMediaError, match=r"image\.png of 127\.0\.0\.1 .* answered 502"):
        await Fetcher(limits=FetchLimits(tries=2), allows=anywhere).fetch(
            url, tmp_path / "image", wanted=MediaKind.IMAGE
        )

    assert stranger.connections == 2
    assert names_in(tmp_path) == set()


@pytest.mark.parametrize("status", ["404 Not Found", "403 Forbidden", "206 Partial", "204 No Content"])
async def test_a_server_that_refuses_is_not_asked_again(
    stranger: Stranger, fetcher: Fetcher, tmp_path: Path, status: str
) -> None:
    url = stranger.put("/image.png", page(b"", status=status))

    with pytest.raises(InputMediaError, match=status[:3]):
        await fetcher.fetch(url, tmp_path / "image", wanted=MediaKind.IMAGE)

    assert stranger.connections == 1


async def test_a_cancelled_download_leaves_nothing(stranger: Stranger, fetcher: Fetcher, tmp_path: Path) -> None:
    url = stranger.put("/clip.mp4", stranger.endless(b"a"))
    task = asyncio.create_task(fetcher.fetch(url, tmp_path / "clip", wanted=MediaKind.VIDEO))
    async with asyncio.timeout(30):
        while stranger.sent < 1000:
            await asyncio.sleep(0.01)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert names_in(tmp_path) == set()


async def test_a_certificate_is_checked_for_the_name_though_a_number_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(trusted))
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("media.example").configure_cert(tls)
    fetcher = Fetcher(limits=FetchLimits(tries=1), allows=anywhere, resolve=loopback)
    async with Stranger.listening(tls=tls) as stranger:
        stranger.put("/image.png", page(PNG))

        good = stranger.url("/image.png", host="media.example", scheme="https")
        await fetcher.fetch(good, tmp_path / "image", wanted=MediaKind.IMAGE)
        other = stranger.url("/image.png", host="other.example", scheme="https")
        with pytest.raises(UnreachableMediaError):
            await fetcher.fetch(other, tmp_path / "image", wanted=MediaKind.IMAGE)

    assert [f"Host: media.example:{stranger.port}" in head for head in stranger.heads] == [True]


async def test_the_next_address_is_tried_when_one_does_not_answer(stranger: Stranger, tmp_path: Path) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.2", "127.0.0.1"]  # the first has nobody on that port

    stranger.put("/image.png", page(PNG))
    fetcher = Fetcher(limits=PATIENT, allows=anywhere, resolve=resolve)

    await fetcher.fetch(stranger.url("/image.png", host="media.example"), tmp_path / "image", wanted=MediaKind.IMAGE)

    assert stranger.connections == 1


async def test_hosts_behind_one_address_share_no_connection(stranger: Stranger, tmp_path: Path) -> None:
    stranger.put("/there.png", page(PNG))
    stranger.put("/here.png", redirect(stranger.url("/there.png", host="other.example")))

    await Fetcher(limits=PATIENT, allows=anywhere, resolve=loopback).fetch(
        stranger.url("/here.png", host="media.example"), tmp_path / "image", wanted=MediaKind.IMAGE
    )

    assert len(stranger.heads) == stranger.connections == 2


async def test_a_name_beyond_ascii_is_looked_up_and_asked_for_as_the_network_knows_it(
    stranger: Stranger, tmp_path: Path
) -> None:
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    stranger.put("/image.png", page(PNG))
    url = stranger.url("/image.png", host="bücher.example")

    await Fetcher(limits=PATIENT, allows=anywhere, resolve=resolve).fetch(
        url, tmp_path / "image", wanted=MediaKind.IMAGE
    )

    assert asked == ["xn--bcher-kva.example"]
    assert f"Host: xn--bcher-kva.example:{stranger.port}" in stranger.heads[0]


async def test_files_of_fal_are_fetched_from_the_emulator_that_stands_in_for_it(tmp_path: Path) -> None:
    emulator = await start(Settings(port=0, queue_seconds=0, run_seconds=0))
    try:
        async with EmulatorClient(emulator.url) as client:
            url = await client.upload(PNG, name="a.png", content_type="image/png")
            fetcher = Fetcher(limits=PATIENT, route=fal_files(emulator.url))
            path = "/files/" + url.partition("/files/")[2]

            own = await fetcher.fetch(f"{emulator.url}{path}", tmp_path / "own", wanted=MediaKind.IMAGE)
            cdn = await fetcher.fetch(f"https://v3.fal.media{path}", tmp_path / "cdn", wanted=MediaKind.IMAGE)
            with pytest.raises(InputMediaError, match="not on the public internet"):
                await fetcher.fetch(f"{emulator.url}/emulator/ledger", tmp_path / "x", wanted=MediaKind.IMAGE)
    finally:
        await emulator.close()

    assert own.read_bytes() == cdn.read_bytes() == PNG


async def test_a_silent_server_is_given_up(stranger: Stranger, tmp_path: Path) -> None:
    url = stranger.put("/image.png", dripping(b"", pause=30))
    limits = FetchLimits(tries=1, idle=timedelta(milliseconds=200))

    with pytest.raises(UnreachableMediaError):
        await Fetcher(limits=limits, allows=anywhere).fetch(url, tmp_path / "image", wanted=MediaKind.IMAGE)


async def loopback(host: str, port: int) -> Sequence[str]:
    """Look every name up as this machine."""
    return ["127.0.0.1"]
