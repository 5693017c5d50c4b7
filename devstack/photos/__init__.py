"""The demo's two photographs (see README.md here) and their way to fal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from devstack.errors import DevstackError
from workers.fal.errors import ProviderError
from workers.fal.gateway import FalGateway

if TYPE_CHECKING:
    from devstack.stack import Stack

COFFEE: Final = Path(__file__).with_name("coffee.jpg")
ROCKET: Final = Path(__file__).with_name("rocket.jpg")


async def upload(stack: Stack) -> tuple[str, str]:
    """Store both where the stack's fal finds them, and return their URLs: first frame, last frame.

    Raises:
        DevstackError: fal did not take them, or the key is no key.
    """
    try:
        gateway = FalGateway(key=stack.fal_key, base_url=stack.fal_base_url)
        try:
            first = await gateway.upload(COFFEE.read_bytes(), "image/jpeg", COFFEE.name)
            last = await gateway.upload(ROCKET.read_bytes(), "image/jpeg", ROCKET.name)
        finally:
            await gateway.aclose()
    except (ProviderError, ValueError) as error:
        message = f"The photographs could not be uploaded: {error}"
        raise DevstackError(message) from error
    return first, last
