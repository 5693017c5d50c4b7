"""Templates through both faces of the client, against a real server."""

from __future__ import annotations

import asyncio

import pytest

import segue
from segue import aio, errors
from server.settings import Settings
from tests.integration.server.conftest import running

FRONT, TAIL = "https://example.com/front.jpg", "https://example.com/tail.jpg"


@pytest.fixture
def settings(clean_redis_url: str) -> Settings:
    return Settings.model_validate(
        {
            "listen": "127.0.0.1:0",
            "redis_url": clean_redis_url,
            "redis_timeout_seconds": 30,
            "drain_seconds": 0.1,
            "grace_seconds": 40,
        }
    )


async def test_templates_are_saved_used_and_forgotten_from_asyncio(settings: Settings) -> None:
    async with running(settings) as server, aio.Client(server.address) as client:
        made = await client.templates.create("calm", segue.transition(FRONT, "", prompt="slowly"), display_name="Calm")
        with pytest.raises(errors.TemplateExists):
            await client.templates.create("calm", segue.transition(FRONT, ""))
        with pytest.raises(errors.TemplateChanged):
            await client.templates.update("calm", made.spec, revision=7)
        updated = await client.templates.update("calm", made.spec, display_name="Calmer", revision=1)
        job = await client.submit(segue.transition("", TAIL), template_id="calm")
        listed = [template.template_id async for template in client.templates.list()]
        await client.templates.delete("calm")
        with pytest.raises(errors.TemplateNotFound):
            await client.templates.get("calm")

    assert (updated.revision, updated.display_name) == (2, "Calmer")
    assert listed == ["calm"]
    transition = job.spec.transition
    assert (transition.front_image_url, transition.tail_image_url, transition.prompt) == (FRONT, TAIL, "slowly")


async def test_templates_are_saved_and_listed_from_threads(settings: Settings) -> None:
    names = [f"t-{number:03}" for number in range(101)]

    def work(address: str) -> tuple[list[str], str]:
        with segue.Client(address) as client:
            for name in names:
                client.templates.create(name, segue.model("fal-ai/flux/schnell"))
            updated = client.templates.update(names[0], segue.model("fal-ai/flux/dev"))
            client.templates.delete(names[-1])
            kept = client.templates.get(names[0])
            assert kept == updated
            return [template.template_id for template in client.templates.list()], kept.spec.model.endpoint

    async with running(settings) as server:
        listed, endpoint = await asyncio.to_thread(work, server.address)

    assert (listed, endpoint) == (names[:-1], "fal-ai/flux/dev")
