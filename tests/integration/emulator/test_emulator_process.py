from __future__ import annotations

import asyncio
import re
import signal
import ssl
import sys
import time
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from emulator.testing import EmulatorClient, eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

#: By how much a timer may be late on a busy machine: a hundred runs one after the other take fifty seconds.
LATENESS = timedelta(seconds=15)
QUEUE_TIME = timedelta(seconds=0.2)
RUN_TIME = timedelta(seconds=0.5)


@asynccontextmanager
async def running(*options: str, **settings: Any) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Run `python -m emulator` and yield it with its first line."""
    environment = {f"SEGUE_EMULATOR_{name.upper()}": str(value) for name, value in settings.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "emulator", "--port", "0", *options,
        env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            line = await process.stdout.readline()
        yield process, line.decode()
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_says_one_line_and_stops_at_once_though_a_poll_hangs(number: signal.Signals) -> None:
    async with running(queue_seconds=60) as (process, line):
        ready = re.fullmatch(r"emulator ready on (http://127\.0\.0\.1:\d+)\n", line)
        assert ready is not None
        async with EmulatorClient(ready[1]) as fal:
            await fal.order("poll_hang", seconds=600)
            hanging = asyncio.create_task(fal.status(await fal.accepted("segue/echo")))

            async def polled() -> bool:
                return bool((await fal.ledger())["requests"][0]["polls"])

            await eventually(polled)

            began = time.monotonic()
            process.send_signal(number)
            rest, complaints = await process.communicate()

            assert (process.returncode, rest, complaints) == (0, b"", b"")
            assert time.monotonic() - began < 15  # in less than the client waits
            with pytest.raises(httpx.HTTPError):
                await hanging


async def test_the_environment_sets_the_behaviour_and_options_go_before_it() -> None:
    async with running("--host", "127.0.0.1", run_seconds=7, host="192.0.2.1") as (_, line):
        async with EmulatorClient(line.split()[-1]) as fal:
            settings = (await fal.http.get("/emulator/settings")).json()

        assert settings["run_seconds"] == 7


async def test_the_front_also_speaks_tls_at_once_to_those_who_take_it_for_the_host(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    async with running("--tls-port", "0", "--ca-file", str(ca_file)) as (_, line):
        front = re.search(r"proxy on http://127\.0\.0\.1:(\d+)$", line.strip())
        assert front is not None
        context = ssl.create_default_context(cafile=str(ca_file))
        async with httpx.AsyncClient(verify=context, trust_env=False) as client:
            url = f"https://localhost:{front[1]}"
            answer = await client.post(f"{url}/segue/echo", json={}, headers={"Authorization": "Key x"})

        assert answer.status_code == 200
        assert answer.json()["status_url"].startswith(f"{url}/queue/segue/echo/requests/")


async def test_help_names_the_options() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "emulator", "--help", stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()

    assert process.returncode == 0
    assert {"--port", "--tls-port", "--ca-file"} <= set(re.findall(r"--[a-z-]+", printed.decode()))


async def test_a_hundred_jobs_at_once_take_the_time_of_one() -> None:
    async with (
        running(queue_seconds=0.21, run_seconds=0.51, concurrency=100, render="tiny") as (_, line),
        EmulatorClient(line.split()[-1]) as fal,
    ):
        paths = await asyncio.gather(*(fal.accepted("segue/echo", {"n": n}) for n in range(100)))
        results = await asyncio.gather(*(fal.finished(path) for path in paths))
        ledger = await fal.ledger()

    assert [result.json()["n"] for result in results] == list(range(100))
    assert (ledger["posts"], ledger["submits"], ledger["billed"]) == (100, 100, 100)
    for request in ledger["requests"]:
        created, started, ended = (
            datetime.fromisoformat(request[f"{moment}_time"]) for moment in ("create", "start", "end")
        )
        assert QUEUE_TIME <= started - created < QUEUE_TIME + LATENESS
        assert RUN_TIME <= ended - started < RUN_TIME + LATENESS


async def test_a_listener_on_all_addresses_hands_out_reachable_ones() -> None:
    async with running(host="0.0.0.0", tls_port="") as (_, line):  # noqa: S104 - what is tested
        async with EmulatorClient(line.split()[-1]) as fal:
            url = await fal.upload(b"x", name="a.txt", content_type="text/plain")

        assert url.startswith("http://127.0.0.1:")
