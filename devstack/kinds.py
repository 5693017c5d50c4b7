"""What `make demo` can make: one function per kind of job, found by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import segue
from devstack import photos

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from devstack.stack import Stack


async def transition(stack: Stack) -> segue.JobSpec:
    """Describe a video that begins with the first photograph and ends with the second."""
    first, last = await photos.upload(stack)
    return segue.transition(
        first,
        last,
        name="From a coffee to a rocket",
        transition_type="cinematic",
        prompt="The camera rises from the cup; the wood turns into the evening sky behind a rocket on its pad.",
        video_length=5,
    )


async def model(stack: Stack) -> segue.JobSpec:
    """Describe one call of a fal endpoint, as any other could be."""
    del stack
    return segue.model("fal-ai/flux/schnell", prompt="A red espresso cup on a launch pad at dusk", num_images=1)


KINDS: Final[Mapping[str, Callable[[Stack], Awaitable[segue.JobSpec]]]] = {
    "transition": transition,
    "model": model,
}
