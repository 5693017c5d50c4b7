"""What a poll's own connection makes of the shapes an HTTP answer can have."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
from typing import TYPE_CHECKING

import pytest
import trustme

from tests.integration.fal.raw_fal import KEY, reply
from workers.fal.errors import PollFailedError
from workers.fal.gateway import FalGateway
from workers.fal.limits import Limits, Timeouts
from workers.fal.polls import PollLane
from workers.fal.statuses import Queued
from workers.fal.transport import HostRefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.fal.raw_fal import Exchange, RawFal, Script

ENDPOINT = "segue/echo"
BODY = json.dumps({"status": "IN_QUEUE", "queue_position": 3}).encode()
ZIPPED = gzip.compress(BODY)


def write(head: bytes, body: bytes = b"", *, close: bool = False) -> Script:
    async def script(exchange: Exchange) -> None:
        await exchange.write(head + b"\r\n\r\n" + body)
        if close:
            exchange.close()

    return script


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(reply(202, BODY), id="with a length"),
        pytest.param(
            write(b"HTTP/1.1 202 A\r\nTransfer-Encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)),
            id="in chunks",
        ),
        pytest.param(reply(202, ZIPPED, {"Content-Encoding": "gzip"}), id="zipped"),
        pytest.param(write(b"HTTP/1.1 202 A\r\nConnection: close", BODY, close=True), id="ended by the connection"),
        pytest.param(
            write(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 202 A\r\nContent-Length: %d" % len(BODY), BODY),
            id="after a hint",
        ),
    ],
)
async def test_an_answer_is_read_in_whatever_form_it_comes(fal: RawFal, gateway: FalGateway, script: Script) -> None:
    fal.script = script

    for _ in range(2):
        assert await gateway.status(ENDPOINT, "r-1") == Queued(3)

    assert len(fal.requests) == 2


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(reply(202, b"no gzip", {"Content-Encoding": "gzip"}), id="undecodable"),
        pytest.param(reply(202, ZIPPED[:-9], {"Content-Encoding": "gzip"}), id="half of a gzip"),
        pytest.param(reply(202, gzip.compress(b" " * 20_000), {"Content-Encoding": "gzip"}), id="a zip bomb"),
        pytest.param(write(b"SSH-2.0-OpenSSH"), id="another protocol"),
        pytest.param(write(b"HTTP/1.1 202 A\r\nContent-Length: 500", b"{", close=True), id="cut off"),
        pytest.param(reply(307, b"", {"Location": "https://queue.fal.run/elsewhere"}), id="a redirect"),
    ],
)
async def test_a_broken_answer_is_a_failed_poll_and_harms_no_other(
    fal: RawFal, gateway: FalGateway, script: Script
) -> None:
    fal.script = script
    with pytest.raises(PollFailedError):
        await gateway.status(ENDPOINT, "r-1")

    fal.script = reply(202, BODY)

    assert await gateway.status(ENDPOINT, "r-2") == Queued(3)


async def test_what_comes_after_an_answer_is_not_taken_for_the_next_one(fal: RawFal, gateway: FalGateway) -> None:
    completed = b'HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n{"status":"COMPLETED"}'
    fal.script = write(b"HTTP/1.1 202 A\r\nContent-Length: %d" % len(BODY), BODY + completed)
    assert await gateway.status(ENDPOINT, "r-1") == Queued(3)

    fal.script = reply(202, BODY)

    assert await gateway.status(ENDPOINT, "r-2") == Queued(3)
    assert fal.connections == 2


async def test_the_answer_to_a_poll_that_was_given_up_is_not_taken_for_the_next_one(
    fal: RawFal, gateway: FalGateway
) -> None:
    answer = asyncio.Event()

    async def late(exchange: Exchange) -> None:
        await answer.wait()
        await exchange.answer(200, {"status": "COMPLETED"})

    fal.script = late
    poll = asyncio.create_task(gateway.status(ENDPOINT, "r-1"))
    await fal.arrival(1)
    poll.cancel()
    await asyncio.gather(poll, return_exceptions=True)
    answer.set()

    fal.script = reply(202, BODY)

    assert await gateway.status(ENDPOINT, "r-2") == Queued(3)


async def test_a_connection_that_fal_closed_meanwhile_is_not_used_again(fal: RawFal, gateway: FalGateway) -> None:
    fal.script = reply(202, BODY)
    await gateway.status(ENDPOINT, "r-1")
    fal.requests[0].close()
    while any(connection.is_open for connection in gateway._polls._open):
        await asyncio.sleep(0.005)

    assert await gateway.status(ENDPOINT, "r-1") == Queued(3)


async def test_a_poll_carries_the_key_and_names_fal_as_its_host(fal: RawFal, gateway: FalGateway) -> None:
    fal.script = reply(202, BODY)

    await gateway.status(ENDPOINT, "r-1", with_logs=True)

    (request,) = fal.requests
    assert request.line == "GET /segue/echo/requests/r-1/status?logs=true HTTP/1.1"
    assert (request.header("host"), request.header("authorization")) == ("queue.fal.run", f"Key {KEY}")
    assert request.header("user-agent").startswith("fal-client/")


@pytest.mark.parametrize(
    "url",
    ["https://evil.example/x", "https://queue.fal.run.evil.example/x", "https://queue.fal.run:8443/x",
     "http://queue.fal.run/x", "https://queue.fal.run@evil.example/x"],
)  # fmt: skip
async def test_no_poll_goes_to_a_host_that_is_not_fals_queue(fal: RawFal, url: str) -> None:
    lane = PollLane(
        base_url=fal.url, headers={}, tls=ssl.create_default_context(), limits=Limits(), timeouts=Timeouts()
    )

    with pytest.raises(HostRefusedError):
        await lane.get(url)

    assert fal.connections == 0


@pytest.mark.parametrize("is_trusted", [True, False])
async def test_over_tls_the_certificate_is_checked(
    fal: RawFal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_trusted: bool
) -> None:
    authority = trustme.CA()
    if is_trusted:
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    fal.script = reply(202, BODY)
    server = await asyncio.start_server(fal.serve, "127.0.0.1", 0, ssl=context)
    gateway = FalGateway(key=KEY, base_url=f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")

    try:
        if is_trusted:
            assert await gateway.status(ENDPOINT, "r-1") == Queued(3)
        else:
            with pytest.raises(PollFailedError):
                await gateway.status(ENDPOINT, "r-1")
    finally:
        await gateway.aclose()
        server.close()
        await server.wait_closed()

    assert len(fal.requests) == int(is_trusted)
