"""One stack for all cells, a scene for each, and the table at the end."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from devstack.settings import Settings
from devstack.stack import Stack
from segue import aio
from tests.chaos.matrix import MATRIX, Matrix, Row
from tests.chaos.scene import Scene

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterator


#: Where the table of the long form goes.
_FILE: Final = Path("var/crash-matrix.md")


def pytest_configure(config: pytest.Config) -> None:
    """Begin an empty table."""
    config.stash[MATRIX] = Matrix()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let `make chaos` run the cells of the short form too: to it, all of them are chaos."""
    if config.getoption("markexpr") == "chaos":
        for item in items:
            if item.path.is_relative_to(Path(__file__).parent):
                item.add_marker("chaos")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say of each cell whether the promise was kept."""
    report = yield
    row = item.config.stash[MATRIX].rows.get(item.nodeid)
    if row is not None and call.when == "call":
        row.promise = "kept" if report.passed else "BROKEN"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table, and keep that of the long form."""
    matrix = config.stash[MATRIX]
    if not matrix.rows:
        return
    is_long = config.getoption("markexpr") == "chaos" and not config.getoption("keyword")
    if is_long:
        matrix.write(config.rootpath / _FILE, command=[Path(sys.argv[0]).name, *config.invocation_params.args])
    terminalreporter.section("crash matrix")
    terminalreporter.write("\n".join([*matrix.remarks, matrix.table(), ""]))


@pytest.fixture(scope="session")
def shared_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Redis with an append-only file, an emulator and a server; no cell leaves a worker behind."""
    stack = Stack(Settings(dev_dir=tmp_path_factory.mktemp("chaos")), appendfsync="always")

    async def start() -> None:
        await stack.__aenter__()
        try:
            await stack.start_server()
        except BaseException:
            await stop()
            raise

    async def stop() -> None:
        await stack.__aexit__(None, None, None)

    asyncio.run(start())
    yield stack
    asyncio.run(stop())


@pytest.fixture
async def redis(shared_stack: Stack) -> AsyncIterator[Redis]:
    """A client of the Redis of all, empty."""
    # It is cut off and kept waiting on purpose, and must not repeat what did that.
    async with Redis.from_url(shared_stack.redis_url, socket_timeout=30, retry=Retry(NoBackoff(), 0)) as client:
        await client.flushall()
        yield client


@pytest.fixture
async def scene(
    request: pytest.FixtureRequest, shared_stack: Stack, redis: Redis, cell: tuple[str, str], tmp_path: Path
) -> AsyncIterator[Scene]:
    """A scene on an empty Redis, with a quick fal and no worker yet; *cell* comes by parametrisation."""
    assert redis is not None
    row = Row(cell=cell[0], title=cell[1])
    request.config.stash[MATRIX].rows[request.node.nodeid] = row
    await shared_stack.emulator.clear_faults()
    await shared_stack.emulator.settings(queue_seconds=0.1, run_seconds=0.3, concurrency=40, render="tiny")
    async with aio.Client(shared_stack.address) as client:
        scene = Scene(shared_stack, client, tmp_path, row)
        yield scene
        await scene.close()
