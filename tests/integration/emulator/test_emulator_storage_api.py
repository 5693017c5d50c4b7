from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import httpx

from emulator import hosts
from emulator.testing import eventually

if TYPE_CHECKING:
    from emulator.testing import EmulatorClient


async def test_an_upload_can_be_downloaded_whole_and_in_part(fal: EmulatorClient) -> None:
    url = await fal.upload(b"0123456789", name="digits.txt", content_type="text/plain")

    async with httpx.AsyncClient(trust_env=False) as anyone:
        whole = await anyone.get(url)
        assert whole.content == b"0123456789"
        assert whole.headers["content-type"] == "text/plain"
        assert whole.headers["etag"]
        part = await anyone.get(url, headers={"Range": "bytes=2-4"})
        assert (part.status_code, part.content) == (206, b"234")


async def test_an_uploads_life_ends_when_its_header_says(fal: EmulatorClient) -> None:
    async def uploaded(seconds: float) -> str:
        lifecycle = json.dumps({"expiration_duration_seconds": seconds})
        return await fal.upload(b"x", name="a.txt", content_type="text/plain", **{"X-Fal-Object-Lifecycle": lifecycle})

    short, long = await uploaded(0.2), await uploaded(600)

    async def is_gone() -> bool:
        return (await fal.http.get(short)).status_code == 404

    await eventually(is_gone)
    assert (await fal.http.get(long)).status_code == 200


async def test_produced_files_live_as_long_as_the_submit_wanted(fal: EmulatorClient) -> None:
    lifecycle = {"X-Fal-Object-Lifecycle-Preference": '{"expiration_duration_seconds": 0.001}'}
    path = await fal.accepted("fal-ai/flux/schnell", {"prompt": "x"}, headers=lifecycle)

    (image,) = (await fal.finished(path)).json()["images"]
    await asyncio.sleep(0.005)

    assert (await fal.http.get(image["url"])).status_code == 404


async def test_an_announced_file_can_be_sent_once(fal: EmulatorClient) -> None:
    wanted = {"file_name": "a.png", "content_type": "image/png"}
    initiated = await fal.call("POST", hosts.REST, "/storage/upload/initiate", json=wanted)
    urls = initiated.json()

    assert (await fal.http.put(urls["upload_url"], content=b"data")).status_code == 200
    assert (await fal.http.get(urls["file_url"])).content == b"data"
    assert (await fal.http.put(urls["upload_url"], content=b"other")).status_code == 404


async def test_the_javascript_client_uploads_parts_by_a_signed_url(fal: EmulatorClient) -> None:
    wanted = {"file_name": "a.mp4", "content_type": "video/mp4"}
    initiated = await fal.call("POST", hosts.REST, "/storage/upload/initiate-multipart", json=wanted)
    urls = initiated.json()

    sent = [await fal.http.put(f"{urls['upload_url']}/{number}", content=b"%d" % number) for number in (2, 1)]
    parts = {"parts": [part.json() for part in sent]}
    missing = await fal.http.post(f"{urls['upload_url']}/complete", json={"parts": [{"partNumber": 9}]})
    completed = await fal.http.post(f"{urls['upload_url']}/complete", json=parts)

    assert (missing.status_code, completed.status_code) == (400, 200)
    file = await fal.http.get(urls["file_url"])
    assert (file.content, file.headers["content-type"]) == (b"12", "video/mp4")


async def test_storage_wants_a_token(fal: EmulatorClient) -> None:
    refused = await fal.call("POST", hosts.CDN, "/files/upload", content=b"x")

    assert refused.status_code == 401
