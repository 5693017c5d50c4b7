"""The file server: artifacts and nothing else, as HTTP wants it."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from core.artifacts import Note, note_beside
from devstack.process import ChildProcess
from server.errors import CannotListenError
from server.files.serving import serving_files
from server.settings import Settings
from tests.kept_port import kept_port
from tests.quickest import quickest
from tests.unit.artifacts.jobs import job_of
from workers.artifacts.folder import FolderStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    import httpx

    from workers.artifacts.store import Stored

WORDS = b"a few words"


def settings_of(root: Path, **values: object) -> Settings:
    return Settings.model_validate(
        {"files_listen": "127.0.0.1:0", "artifact_folder": str(root), "grace_seconds": 2, **values}
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "artifacts"


@pytest.fixture
async def address(root: Path) -> AsyncIterator[str]:
    async with serving_files(settings_of(root)) as address:
        assert address is not None
        yield address


@pytest.fixture
def store(root: Path, address: str) -> FolderStore:
    return FolderStore(root, base_url=f"http://{address}/files")


@pytest.fixture
async def stored(store: FolderStore, tmp_path: Path) -> Stored:
    path = tmp_path / "note.txt"
    path.write_bytes(WORDS)
    return await store.put(path, name="note.txt", content_type="text/plain; charset=utf-8", job=job_of())


@pytest.fixture
def file(root: Path, stored: Stored) -> Path:
    return root / urlsplit(stored.url).path.removeprefix("/files/")


async def raw(address: str, target: str, *, method: str = "GET") -> int:
    """Send a request line as it is, which no client would, and return the status."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
    status = int((await reader.readline()).split()[1])
    writer.close()
    await writer.wait_closed()
    return status


async def test_a_browser_is_told_what_a_file_is_and_to_run_nothing(stored: Stored, web: httpx.AsyncClient) -> None:
    headers = (await web.get(stored.url)).headers

    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert headers["content-disposition"] == 'inline; filename="note.txt"'
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "private, max-age=86400, immutable"
    assert "aiohttp" not in headers["server"]


async def test_its_head_tells_the_same_without_the_file(stored: Stored, web: httpx.AsyncClient) -> None:
    head, whole = await web.head(stored.url), await web.get(stored.url)

    assert (head.status_code, head.content) == (200, b"")
    assert (head.headers["content-length"], head.headers["accept-ranges"]) == (str(len(WORDS)), "bytes")
    assert head.headers["etag"] == whole.headers["etag"]


@pytest.mark.parametrize(("header", "question"), [("etag", "If-None-Match"), ("last-modified", "If-Modified-Since")])
async def test_who_has_it_is_told_so(stored: Stored, web: httpx.AsyncClient, header: str, question: str) -> None:
    known = (await web.get(stored.url)).headers[header]

    again = await web.get(stored.url, headers={question: known})

    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("asked", "status", "content"),
    [
        ("bytes=0-4", 206, WORDS[:5]),
        ("bytes=6-", 206, WORDS[6:]),
        ("bytes=-5", 206, WORDS[-5:]),
        ("bytes=0-9999", 206, WORDS),
        ("bytes=11-", 416, None),
        ("bytes=9-3", 416, None),
    ],
)
async def test_ranges_are_answered(
    stored: Stored, web: httpx.AsyncClient, asked: str, status: int, content: bytes | None
) -> None:
    answer = await web.get(stored.url, headers={"Range": asked})

    assert answer.status_code == status
    assert content is None or answer.content == content
    assert answer.headers["content-range"].endswith(f"/{len(WORDS)}")


async def test_nothing_but_files_is_found(address: str, file: Path, root: Path, web: httpx.AsyncClient) -> None:
    tenant, job, name = file.relative_to(root).parts
    (root / "plain.txt").write_text("not ours")
    (file.parent / "0123456789abcdef-unknown.txt").write_text("without a note")

    for path in [
        "/",
        "/files",
        "/files/",
        f"/files/{tenant}",
        f"/files/{tenant}/",
        f"/files/{tenant}/{job}/",
        f"/files/{tenant}/{job}/.{name}.json",
        f"/files/{tenant}/{job}/{name}.json",
        f"/files/{tenant}/{job}/{name}/",
        f"/files/{tenant}/{job}/0123456789abcdef-unknown.txt",
        f"/files/other/{job}/{name}",
        f"/files/{tenant}//{job}/{name}",
        "/files/plain.txt",
        "/files/.lock",
        f"/{tenant}/{job}/{name}",
    ]:
        answer = await web.get(f"http://{address}{path}")
        assert (path, answer.status_code) == (path, 404)
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "target",
    [
        "/files/../../../../etc/passwd",
        "/files/%2e%2e/%2e%2e/etc/passwd",
        "/files/..%2f..%2fetc%2fpasswd",
        "/files//etc/passwd",
        "/files/%00",
        "/files/a\\..\\b",
        "//etc/passwd",
        "/files/" + "a/" * 3000,
    ],
)
async def test_no_path_leads_out_of_the_folder(address: str, stored: Stored, target: str) -> None:
    assert await raw(address, target) in {400, 404}


async def test_an_escaped_address_of_a_file_is_the_file(address: str, stored: Stored) -> None:
    assert await raw(address, urlsplit(stored.url).path.replace("-note", "%2Dnote")) == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_nothing_can_be_changed(address: str, stored: Stored, method: str) -> None:
    assert await raw(address, urlsplit(stored.url).path, method=method) == 405


@pytest.mark.parametrize("part", ["file", "note", "job", "tenant"])
async def test_links_are_not_followed(
    stored: Stored, file: Path, tmp_path: Path, web: httpx.AsyncClient, part: str
) -> None:
    linked = {"file": file, "note": note_beside(file), "job": file.parent, "tenant": file.parent.parent}[part]
    linked.rename(tmp_path / "elsewhere")
    linked.symlink_to(tmp_path / "elsewhere")

    assert (await web.get(stored.url)).status_code == 404


async def test_a_folder_that_is_a_link_itself_is_served(
    tmp_path: Path, root: Path, stored: Stored, web: httpx.AsyncClient
) -> None:
    (tmp_path / "link").symlink_to(root)
    async with serving_files(settings_of(tmp_path / "link")) as address:
        assert (await web.get(f"http://{address}{urlsplit(stored.url).path}")).content == WORDS


async def test_what_has_expired_is_not_served(stored: Stored, file: Path, web: httpx.AsyncClient) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    note_beside(file).write_text(Note(content_type="a/b", expire_time=past, sha256="").to_json())

    answer = await web.get(stored.url)

    assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store")


async def test_a_file_is_not_kept_by_others_beyond_its_life(stored: Stored, file: Path, web: httpx.AsyncClient) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1000)
    note_beside(file).write_text(Note(content_type="a/b", expire_time=soon, sha256="").to_json())

    assert (await web.get(stored.url)).headers["cache-control"] in {
        f"private, max-age={left}, immutable" for left in range(900, 1001)
    }


async def test_nothing_is_served_unless_asked(root: Path) -> None:
    async with serving_files(Settings()) as address:
        assert address is None


async def test_a_taken_port_is_told(root: Path, address: str) -> None:
    with pytest.raises(CannotListenError, match=address):
        async with serving_files(settings_of(root, files_listen=address)):
            pass


async def test_processes_share_the_port(root: Path) -> None:
    with kept_port() as port:
        settings = settings_of(root, files_listen=f"127.0.0.1:{port}", so_reuseport=True)

        async with serving_files(settings) as one, serving_files(settings) as other:
            assert one == other


async def test_the_missing_package_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)

    with pytest.raises(CannotListenError, match=r"segue\[folder\]"):
        async with serving_files(settings_of(root)):
            pass


async def test_a_reader_who_never_reads_on_does_not_hold_up_the_end(root: Path, tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(bytes(64 << 20))
    store = FolderStore(root, base_url="http://127.0.0.1:1/files")
    stored = await store.put(large, name="large.bin", content_type="a/b", job=job_of())

    async def stopped() -> float:
        async with serving_files(settings_of(root, grace_seconds=10)) as address:
            assert address is not None
            host, _, port = address.rpartition(":")
            reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
            writer.write(f"GET {urlsplit(stored.url).path} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            stopping = time.monotonic()
        took = time.monotonic() - stopping
        writer.close()
        return took

    assert await quickest(stopped, enough=5) < 6  # of the grace, 10 s, twice its part at worst: 1.6 s


@pytest.fixture
def own_address() -> Iterator[str]:
    with kept_port() as port:
        yield f"127.0.0.1:{port}"


async def test_the_server_process_serves_them(
    tmp_path: Path, root: Path, clean_redis_url: str, own_address: str, web: httpx.AsyncClient
) -> None:
    process = ChildProcess(
        "server",
        [sys.executable, "-m", "server"],
        log_path=tmp_path / "server.log",
        environment={
            "SEGUE_LISTEN": "127.0.0.1:0",
            "SEGUE_REDIS_URL": clean_redis_url,
            "SEGUE_FILES_LISTEN": own_address,
            "SEGUE_ARTIFACT_FOLDER": str(root),
        },
    )
    path = tmp_path / "film.mp4"
    path.write_bytes(bytes(range(256)) * 4000)
    stored = await FolderStore(root, base_url=f"http://{own_address}/files").put(
        path, name="film.mp4", content_type="video/mp4", job=job_of()
    )
    try:
        await process.start(r"^server ready on (\S+)$", timeout=90)
        whole = await web.get(stored.url)
        part = await web.get(stored.url, headers={"Range": "bytes=256-511"})
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            returncode = await process.wait()
    finally:
        await process.stop()

    assert (whole.content == path.read_bytes(), part.content) == (True, bytes(range(256)))
    assert returncode == 0
    told = [line for line in process.output().splitlines() if "files.listening" in line]
    assert len(told) == 1
    assert own_address in told[0]
