from __future__ import annotations

import asyncio

import pytest

from server import probe
from server.health import Health
from server.probe import RedisProbe


@pytest.mark.parametrize("turns", range(40))
async def test_a_probe_closes_whatever_it_is_doing(
    clean_redis_url: str, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    monkeypatch.setattr(probe, "INTERVAL", 0)
    asking = RedisProbe(clean_redis_url, Health())
    asking.start()
    await asking.answered()
    for _ in range(turns):
        await asyncio.sleep(0)

    await asyncio.wait_for(asking.close(), 60)
