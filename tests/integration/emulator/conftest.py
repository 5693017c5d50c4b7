from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageDraw

from emulator.app import start
from emulator.settings import Settings
from emulator.testing import EmulatorClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from emulator.app import Emulator


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """An emulator in this process that answers at once."""
    emulator = await start(Settings(port=0, queue_seconds=0, run_seconds=0))
    yield emulator
    await emulator.close()


@pytest.fixture
async def fal(emulator: Emulator) -> AsyncIterator[EmulatorClient]:
    """A raw client of it."""
    async with EmulatorClient(emulator.url) as client:
        yield client


def picture(colour: str, *, size: tuple[int, int] = (1280, 720), kind: str = "PNG") -> bytes:
    """Draw a picture that can be told from others and from its own mirror image."""
    image = Image.new("RGB", size, colour)
    draw = ImageDraw.Draw(image)
    width, height = size
    draw.rectangle((0, 0, width // 4, height // 4), fill="white")
    draw.ellipse((width // 2, height // 2, width * 3 // 4, height * 3 // 4), fill="black")
    data = io.BytesIO()
    image.save(data, kind)
    return data.getvalue()


@pytest.fixture
def first_picture() -> bytes:
    """The picture a video begins with."""
    return picture("firebrick")


@pytest.fixture
def last_picture() -> bytes:
    """The picture a video ends with, of another shape."""
    return picture("navy", size=(700, 700), kind="JPEG")
