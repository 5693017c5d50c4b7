from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.fal.leap import PATIENT
from tests.integration.fal.raw_fal import KEY, raw_fal
from workers.fal.gateway import FalGateway
from workers.fal.limits import Limits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.fal.raw_fal import RawFal


@pytest.fixture
async def fal() -> AsyncIterator[RawFal]:
    """A raw server in fal's place."""
    async with raw_fal() as server:
        yield server


@pytest.fixture
async def gateway(fal: RawFal) -> AsyncIterator[FalGateway]:
    """A gateway that takes short answers only."""
    opened = FalGateway(key=KEY, base_url=fal.url, limits=Limits(answer_bytes=10_000), timeouts=PATIENT)
    yield opened
    await opened.aclose()
