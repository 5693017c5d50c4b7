"""What a job probably costs is known where every part of it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.json_format import ParseDict

from segue.v1 import spec_pb2
from server.settings import Settings
from server.translate.costs import estimated_cost_of, model_of
from server.translate.requests import submission_from_proto
from tests.unit.server.asked import right, submit, submit_model, transition

if TYPE_CHECKING:
    from segue.v1 import job_service_pb2 as pb

KOKORO = {"enabled": True, "provider": "kokoro", "text": "x" * 100}


def transition_with(**fields: Any) -> spec_pb2.JobSpec:
    spec = transition()
    ParseDict(fields, spec)
    return spec_pb2.JobSpec(transition=spec)


@pytest.mark.parametrize(
    ("fields", "micros"),
    [
        ({}, 490_000),
        ({"videoLength": "10s"}, 980_000),
        ({"model": "fal-ai/wan-flf2v", "videoLength": "6s", "resolution": "480p"}, 250_000),
        ({"model": "fal-ai/veo3.1/fast/first-last-frame-to-video", "videoLength": "4s"}, 600_000),
        ({"model": "fal-ai/veo3.1/fast/first-last-frame-to-video", "generateAudio": False}, 800_000),
        ({"model": "fal-ai/vidu/start-end-to-video"}, None),
        ({"voiceover": KOKORO}, 492_000),
        ({"voiceover": KOKORO, "music": {"enabled": True}}, 692_000),
        ({"music": {"enabled": True, "model": "fal-ai/lyria2"}}, None),
        ({"voiceover": {**KOKORO, "enabled": False}, "subtitles": {"enabled": True}}, 490_000),
    ],
)
def test_a_transition_costs_what_its_parts_cost_together(fields: dict[str, Any], micros: int | None) -> None:
    assert estimated_cost_of(transition_with(**fields)) == micros


def test_any_model_of_the_list_has_a_price_and_others_do_not() -> None:
    known, odd = submit_model(num_images="two").spec, submit_model("fal-ai/flux/other").spec
    image = submit_model().spec
    image.model.arguments.update({"image_size": {"width": 1920, "height": 1080}, "num_images": 2})

    assert [estimated_cost_of(spec) for spec in (image, known, odd)] == [18_000, None, None]


def test_a_composition_costs_nothing() -> None:
    assert estimated_cost_of(right("composition")) == 0


#: Two scenes, 165 characters in all.
SCRIPT = (
    "# One\n"
    + "Ships come home and the harbour sleeps under its cranes until six o'clock. "
    + "\n\n# Two\n"
    + ("Then the first trucks roll in, lamps go on and the gulls begin to complain. ")
)


@pytest.mark.parametrize(
    ("fields", "micros"),
    [
        ({}, 28_500),
        ({"voiceProvider": "kokoro"}, 15_300),
        ({"imageModel": "fal-ai/flux/dev"}, 116_500),
        ({"music": {"enabled": True}}, 228_500),
        ({"scriptModel": "fal-ai/any-llm"}, None),
        ({"voiceProvider": "minimax"}, None),
    ],
)
def test_a_script_costs_a_voice_and_an_image_for_each_scene(fields: dict[str, Any], micros: int | None) -> None:
    spec = spec_pb2.ScriptVideoSpec(script_content=SCRIPT)
    ParseDict(fields, spec)

    assert estimated_cost_of(spec_pb2.JobSpec(script_video=spec)) == micros


@pytest.mark.parametrize(
    ("request_", "model"),
    [
        (submit(), "fal-ai/kling-video/v2.1/pro/image-to-video"),
        (submit_model("fal-ai/flux/dev"), "fal-ai/flux/dev"),
    ],
)
def test_estimates_of_time_go_by_the_model(request_: pb.SubmitJobRequest, model: str) -> None:
    assert submission_from_proto(request_, Settings()).model == model
    assert model_of(right("composition")) == ""


def test_a_submission_tells_its_template_and_which_jobs_it_awaits() -> None:
    request = submit()
    request.spec.CopyFrom(right("composition"))
    request.spec.composition.clips.add(job_id="job-2")
    request.spec.composition.clips.add(job_id="job-1")
    request.template_id = "mine"

    submission = submission_from_proto(request, Settings())

    assert submission.awaits == ("job-1", "job-2")
    assert (submission.template_id, submission.estimated_cost) == ("mine", 0)
