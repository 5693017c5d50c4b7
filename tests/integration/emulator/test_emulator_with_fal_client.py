"""The unmodified fal_client, in processes of its own, through the TLS front: the proof of faithfulness."""

from __future__ import annotations

import asyncio
import json
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from emulator.app import start
from emulator.settings import Settings
from emulator.testing import EmulatorClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from emulator.app import Emulator

KLING = "fal-ai/kling-video/v2.1/pro/image-to-video"

#: What every client process begins with; `tell` hands a value to the test.
PRELUDE = """
import asyncio, json, sys, threading, time
import fal_client, httpx
import fal_client.client as internals
told = {}
def tell(**values): told.update(values)
def change(**values): httpx.put(CONTROL + "/emulator/settings", json=values).raise_for_status()
"""


@pytest.fixture
async def emulator(tmp_path: Path) -> AsyncIterator[Emulator]:
    """An emulator with the TLS front."""
    settings = Settings(port=0, tls_port=0, ca_file=tmp_path / "ca.pem", queue_seconds=0, run_seconds=0)
    emulator = await start(settings)
    yield emulator
    await emulator.close()


@pytest.fixture
async def control(emulator: Emulator) -> AsyncIterator[EmulatorClient]:
    """The emulator's own face."""
    async with EmulatorClient(emulator.url) as client:
        yield client


async def fal_client_runs(emulator: Emulator, tmp_path: Path, program: str) -> dict[str, Any]:
    """Run *program* with the real fal_client in a new process, and return what it told."""
    source = f"CONTROL = {emulator.url!r}\n" + PRELUDE + textwrap.dedent(program) + "\nprint(json.dumps(told))\n"
    environment = {
        "HTTPS_PROXY": str(emulator.tls_url),
        "SSL_CERT_FILE": str(tmp_path / "ca.pem"),
        "FAL_KEY": "id:secret",
        "HOME": str(tmp_path),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", source, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(90):
            printed, complaints = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, complaints.decode()
    told: dict[str, Any] = json.loads(printed)
    return told


async def test_submit_events_result_and_status_agree(
    emulator: Emulator, control: EmulatorClient, tmp_path: Path
) -> None:
    await control.change(queue_seconds=600, run_seconds=600)

    told = await fal_client_runs(
        emulator,
        tmp_path,
        """
        handle = fal_client.submit("segue/echo/deep", {"x": 1})
        events = []
        for event in handle.iter_events(with_logs=True, interval=0.02):
            events.append(event)
            change(queue_seconds=0) if len(events) == 1 else change(run_seconds=0.4)
        tell(
            kinds=list(dict.fromkeys(type(event).__name__ for event in events)),
            position=events[0].position,
            metrics=events[-1].metrics,
            lines=[line["message"] for line in events[-1].logs],
            output=handle.get(),
            status=type(fal_client.status("segue/echo/deep", handle.request_id)).__name__,
            again=fal_client.result("segue/echo/deep", handle.request_id),
            url=handle.status_url,
        )
        """,
    )

    assert told["kinds"] == ["Queued", "InProgress", "Completed"]
    assert told["position"] == 0
    assert told["metrics"]["inference_time"] >= 0.4
    assert told["lines"][-1] == "Finished"
    assert told["output"] == told["again"] == {"x": 1}
    assert told["status"] == "Completed"
    assert told["url"].startswith("https://queue.fal.run/segue/echo/requests/")


async def test_uploaded_pictures_become_a_video_at_fals_own_address(
    emulator: Emulator, tmp_path: Path, first_picture: bytes, last_picture: bytes
) -> None:
    (tmp_path / "first.png").write_bytes(first_picture)
    (tmp_path / "last.jpg").write_bytes(last_picture)

    told = await fal_client_runs(
        emulator,
        tmp_path,
        f"""
        first = fal_client.upload_file({str(tmp_path / "first.png")!r})
        last = fal_client.upload(open({str(tmp_path / "last.jpg")!r}, "rb").read(), "image/jpeg")
        seen = []
        output = fal_client.subscribe(
            {KLING!r},
            {{"prompt": "x", "image_url": first, "tail_image_url": last}},
            with_logs=True,
            on_queue_update=lambda status: seen.append(type(status).__name__),
        )
        video = httpx.get(output["video"]["url"])
        tell(first=first, url=output["video"]["url"], seen=seen, size=len(video.content),
             kind=video.headers["content-type"], announced=output["video"]["file_size"])
        """,
    )

    assert told["first"].startswith("https://v3.fal.media/files/")
    assert told["url"].startswith("https://v3.fal.media/files/")
    assert told["seen"][-1] == "Completed"
    assert (told["kind"], told["size"]) == ("video/mp4", told["announced"])


async def test_large_uploads_go_in_parts_and_come_back_whole(emulator: Emulator, tmp_path: Path) -> None:
    told = await fal_client_runs(
        emulator,
        tmp_path,
        """
        internals.MULTIPART_THRESHOLD = 1_000_000
        internals.MULTIPART_CHUNK_SIZE = 300_000
        data = bytes(range(256)) * 10_000
        url = fal_client.upload(data, "video/mp4", "big.mp4")
        async def upload(): return await fal_client.upload_async(data, "video/mp4", "big.mp4")
        other = asyncio.run(upload())
        tell(same=httpx.get(url).content == data, same_async=httpx.get(other).content == data)
        """,
    )

    assert told == {"same": True, "same_async": True}


async def test_the_older_repository_and_a_lifecycle_work(emulator: Emulator, tmp_path: Path) -> None:
    told = await fal_client_runs(
        emulator,
        tmp_path,
        """
        url = fal_client.upload(b"data", "text/plain", "a.txt", repository="fal")
        lifecycle = fal_client.StorageSettings(expires_in=1)
        short = fal_client.upload(b"data", "text/plain", "a.txt", lifecycle=lifecycle)
        lasting = fal_client.upload(
            b"data", "text/plain", "a.txt", lifecycle=fal_client.StorageSettings(expires_in=600)
        )
        deadline = time.monotonic() + 30
        while httpx.get(short).status_code == 200 and time.monotonic() < deadline:
            time.sleep(0.05)
        tell(text=httpx.get(url).text, short=httpx.get(short).status_code, lasting=httpx.get(lasting).status_code)
        """,
    )

    assert told == {"text": "data", "short": 404, "lasting": 200}


async def test_errors_of_the_model_arrive_as_the_clients_exceptions(
    emulator: Emulator, control: EmulatorClient, tmp_path: Path
) -> None:
    await control.order("run_500", endpoint="segue/broken")

    told = await fal_client_runs(
        emulator,
        tmp_path,
        f"""
        handle = fal_client.submit({KLING!r}, {{"prompt": "x"}})
        *_, last = handle.iter_events()
        try:
            handle.get()
        except fal_client.FalClientHTTPError as error:
            tell(code=error.status_code, detail=error.message)
        tell(error=last.error, error_type=last.error_type)
        try:
            fal_client.subscribe("segue/broken", {{}})
        except fal_client.FalClientHTTPError as error:
            tell(broken=[error.status_code, error.message, error.error_type])
        try:
            fal_client.submit("fal-ai/no-such-model", {{}})
        except fal_client.FalClientHTTPError as error:
            tell(unknown=error.status_code)
        """,
    )

    assert told["code"] == 422
    assert told["detail"][0]["loc"] == ["body", "image_url"]
    assert told["detail"][0]["type"] == told["error_type"] == "missing"
    assert told["error"]
    assert told["broken"] == [500, "Internal server error", "runner_server_error"]
    assert told["unknown"] == 404


async def test_cancelling_and_direct_calls_work(emulator: Emulator, control: EmulatorClient, tmp_path: Path) -> None:
    await control.change(queue_seconds=60)

    told = await fal_client_runs(
        emulator,
        tmp_path,
        """
        handle = fal_client.submit("segue/echo", {})
        handle.cancel()
        status = handle.status()
        try:
            handle.cancel()
        except fal_client.FalClientHTTPError as error:
            tell(again=[error.status_code, error.response.json()])
        tell(error_type=status.error_type, run=fal_client.run("segue/echo", {"x": 1}),
             stream=list(fal_client.stream("segue/echo", {"x": 2})))
        """,
    )

    assert told["error_type"] == "client_cancelled"
    assert told["again"] == [400, {"status": "ALREADY_COMPLETED"}]
    assert (told["run"], told["stream"]) == ({"x": 1}, [{"x": 2}])


async def test_the_async_client_does_the_same(emulator: Emulator, control: EmulatorClient, tmp_path: Path) -> None:
    await control.change(run_seconds=600)

    told = await fal_client_runs(
        emulator,
        tmp_path,
        """
        async def main():
            url = await fal_client.upload_async(b"data", "text/plain", "a.txt")
            handle = await fal_client.submit_async("segue/echo", {"x": 1}, priority="low", start_timeout=30)
            running = await fal_client.submit_async("segue/echo", {})
            await running.cancel()
            kinds = []
            async for event in handle.iter_events(with_logs=True, interval=0.02):
                kinds.append(type(event).__name__)
                change(run_seconds=0.2)
            handle = await fal_client.async_client.get_handle("segue/echo", handle.request_id)
            tell(url=url, kinds=list(dict.fromkeys(kinds)), output=await handle.get(),
                 cancelled=(await running.status()).error_type,
                 run=await fal_client.run_async("segue/echo", {"x": 2}),
                 many=await asyncio.gather(*(fal_client.subscribe_async("segue/echo", {"n": n}) for n in range(5))))
        asyncio.run(main())
        """,
    )

    assert told["kinds"] == ["InProgress", "Completed"]
    assert told["output"] == {"x": 1}
    assert told["cancelled"] == "client_cancelled"
    assert told["run"] == {"x": 2}
    assert told["many"] == [{"n": n} for n in range(5)]
    assert (await control.ledger())["requests"][0]["priority"] == "low"


async def test_the_stock_client_pays_ten_times_when_its_answers_are_reset(
    emulator: Emulator, control: EmulatorClient, tmp_path: Path
) -> None:
    await control.order("reset_after_accept", times=10)

    told = await fal_client_runs(
        emulator,
        tmp_path,
        """
        internals.BASE_DELAY = 0.001
        try:
            fal_client.submit("segue/echo", {})
        except httpx.HTTPError as error:
            tell(error=type(error).__name__)
        """,
    )

    ledger = await control.ledger()
    assert told["error"] in ("ReadError", "RemoteProtocolError")
    assert (ledger["posts"], ledger["submits"], ledger["billed"]) == (10, 10, 10)


async def test_the_front_serves_only_fals_hosts(emulator: Emulator, tmp_path: Path) -> None:
    told = await fal_client_runs(
        emulator,
        tmp_path,
        """
        try:
            httpx.get("https://example.com/")
        except httpx.ProxyError as error:
            tell(error=str(error))
        """,
    )

    assert told["error"] == "403 Forbidden"
