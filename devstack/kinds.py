"""What `make demo` can make: one function per kind of job, found by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import segue
from devstack import photos
from segue import aio

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


async def composition(stack: Stack) -> segue.JobSpec:
    """Submit two transitions, there and back, and describe the video that joins them when both are done."""
    first, last = await photos.upload(stack)
    there = segue.transition(first, last, name="There", transition_type="energetic", video_length=5)
    back = segue.transition(last, first, name="Back", transition_type="calm", video_length=5)
    async with aio.Client(stack.address) as client:
        batch = await client.submit_batch([there, back], display_name="The parts of the demo")
    return segue.composition(
        batch.jobs,
        name="There and back",
        crossfade=0.5,
        subtitles=[(0.5, 4.0, "From a cup of coffee to a rocket …"), (5.5, 9.0, "… and home again.")],
    )


async def script(stack: Stack) -> segue.JobSpec:
    """Describe a narrated video of three scenes, with subtitles and music."""
    del stack
    return segue.script_video(
        "Every rocket begins with a cup of coffee. Long before the first engine is lit, somebody sits at a desk at "
        "dawn and draws a line.\n\n"
        "The line becomes a curve, and the curve becomes a plan. Hundreds of people bend metal and weld tanks until "
        "the plan stands on its pad.\n\n"
        "Then the countdown ends. The line that was drawn at dawn is now a trail of light across the evening sky.",
        title="From a coffee to a rocket",
        subtitles=True,
        music="ambient",
        image_style="warm cinematic photograph",
    )


async def model(stack: Stack) -> segue.JobSpec:
    """Describe one call of a fal endpoint, as any other could be."""
    del stack
    return segue.model("fal-ai/flux/schnell", prompt="A red espresso cup on a launch pad at dusk", num_images=1)


KINDS: Final[Mapping[str, Callable[[Stack], Awaitable[segue.JobSpec]]]] = {
    "transition": transition,
    "composition": composition,
    "script": script,
    "model": model,
}
