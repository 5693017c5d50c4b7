"""Templates: saved, found, replaced, forgotten, and used by submissions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from grpc import StatusCode, aio

from segue.v1 import job_service_pb2 as pb
from segue.v1 import spec_pb2
from segue.v1 import template_service_pb2 as templates_pb
from segue.v1.template_service_pb2_grpc import TemplateServiceStub
from server.translate.templates import lay_over
from tests.integration.server.answers import refused

if TYPE_CHECKING:
    from segue.v1.job_service_pb2_grpc import JobServiceAsyncStub
    from segue.v1.template_service_pb2_grpc import TemplateServiceAsyncStub

TAIL = "https://example.com/tail.jpg"
CALM = spec_pb2.JobSpec(
    transition=spec_pb2.TransitionSpec(
        front_image_url="https://example.com/front.jpg",
        transition_type=spec_pb2.TRANSITION_TYPE_CALM,
        prompt="slowly",
        video_length=Duration(seconds=10),
    )
)


@pytest.fixture
def templates(channel: aio.Channel) -> TemplateServiceAsyncStub:
    return TemplateServiceStub(channel)


def calm(template_id: str = "calm") -> templates_pb.CreateTemplateRequest:
    return templates_pb.CreateTemplateRequest(template_id=template_id, display_name="Calm ones", spec=CALM)


def with_template(template_id: str = "calm", **fields: object) -> pb.SubmitJobRequest:
    transition = spec_pb2.TransitionSpec(tail_image_url=TAIL, **fields)  # type: ignore[arg-type]
    return pb.SubmitJobRequest(spec=spec_pb2.JobSpec(transition=transition), template_id=template_id)


async def test_a_template_is_saved_found_replaced_and_forgotten(templates: TemplateServiceAsyncStub) -> None:
    created = (await templates.CreateTemplate(calm())).template
    found = (await templates.GetTemplate(templates_pb.GetTemplateRequest(template_id="calm"))).template
    update = templates_pb.UpdateTemplateRequest(template_id="calm", display_name="Calmer", spec=CALM, revision=1)
    updated = (await templates.UpdateTemplate(update)).template
    stale = await refused(templates.UpdateTemplate(update))
    await templates.DeleteTemplate(templates_pb.DeleteTemplateRequest(template_id="calm"))
    gone = await refused(templates.GetTemplate(templates_pb.GetTemplateRequest(template_id="calm")))
    never = await refused(templates.DeleteTemplate(templates_pb.DeleteTemplateRequest(template_id="calm")))

    assert created == found
    assert (found.revision, found.spec, found.display_name) == (1, CALM, "Calm ones")
    assert (updated.revision, updated.display_name, updated.create_time) == (2, "Calmer", created.create_time)
    assert (stale.code, stale.reason) == (StatusCode.ABORTED, "TEMPLATE_CHANGED")
    assert [(gone.code, gone.reason), (never.code, never.reason)] == [(StatusCode.NOT_FOUND, "TEMPLATE_NOT_FOUND")] * 2


async def test_a_taken_name_is_refused_and_a_repeated_creation_is_not(templates: TemplateServiceAsyncStub) -> None:
    first = await templates.CreateTemplate(calm())
    again = await templates.CreateTemplate(calm())
    other = calm()
    other.display_name = "Others"

    refusal = await refused(templates.CreateTemplate(other))

    assert again == first
    assert (refusal.code, refusal.reason) == (StatusCode.ALREADY_EXISTS, "TEMPLATE_EXISTS")


async def test_templates_are_listed_by_their_ids_page_by_page(templates: TemplateServiceAsyncStub) -> None:
    names = [f"t-{number}" for number in range(5)]
    for name in reversed(names):
        await templates.CreateTemplate(calm(name))

    seen, token = [], ""
    while True:
        page = await templates.ListTemplates(templates_pb.ListTemplatesRequest(page_size=2, page_token=token))
        seen += [template.template_id for template in page.templates]
        token = page.next_page_token
        if not token:
            break
    refusal = await refused(templates.ListTemplates(templates_pb.ListTemplatesRequest(page_token="nonsense")))

    assert seen == names
    assert refusal.paths == ["page_token"]


async def test_a_template_may_leave_fields_open_but_not_say_wrong_things(templates: TemplateServiceAsyncStub) -> None:
    wrong = templates_pb.CreateTemplateRequest(
        template_id="Calm!",
        spec=spec_pb2.JobSpec(
            transition=spec_pb2.TransitionSpec(
                cfg_scale=7, front_image_url="ftp://x/y.png", video_length=Duration(seconds=7)
            )
        ),
    )

    refusal = await refused(templates.CreateTemplate(wrong))
    empty = await refused(templates.CreateTemplate(templates_pb.CreateTemplateRequest(template_id="calm")))

    prefix = "spec.transition"
    assert set(refusal.paths) == {
        "template_id",
        f"{prefix}.cfg_scale",
        f"{prefix}.front_image_url",
        f"{prefix}.video_length",
    }
    assert empty.paths == ["spec"]


async def test_a_submission_stands_before_its_template(
    templates: TemplateServiceAsyncStub, jobs: JobServiceAsyncStub
) -> None:
    await templates.CreateTemplate(calm())

    job = (await jobs.SubmitJob(with_template(prompt="quickly"))).job
    kindless = pb.SubmitJobRequest(template_id="calm", validate_only=True)
    open_field = await refused(jobs.SubmitJob(kindless))

    transition = job.spec.transition
    assert (transition.prompt, transition.tail_image_url) == ("quickly", TAIL)
    assert transition.front_image_url == CALM.transition.front_image_url
    assert transition.video_length.seconds == 10
    assert transition.transition_type == spec_pb2.TRANSITION_TYPE_CALM
    assert open_field.paths == ["spec.transition.tail_image_url"]


async def test_the_job_stays_as_it_was_when_its_template_changes(
    templates: TemplateServiceAsyncStub, jobs: JobServiceAsyncStub
) -> None:
    await templates.CreateTemplate(calm())
    request = with_template()
    request.request_id = "once"
    first = await jobs.SubmitJob(request)
    changed = templates_pb.UpdateTemplateRequest(template_id="calm", spec=CALM)
    changed.spec.transition.prompt = "otherwise"
    await templates.UpdateTemplate(changed)

    again = await jobs.SubmitJob(request)

    assert again.deduplicated
    assert again.job.id == first.job.id
    assert again.job.spec.transition.prompt == "slowly"


async def test_a_reference_that_fits_nothing_is_named_with_its_path(
    templates: TemplateServiceAsyncStub, jobs: JobServiceAsyncStub
) -> None:
    await templates.CreateTemplate(calm())
    model = pb.SubmitJobRequest(
        spec=spec_pb2.JobSpec(model=spec_pb2.ModelSpec(endpoint="fal-ai/flux/schnell")), template_id="calm"
    )

    missing = await refused(jobs.SubmitJob(with_template("other")))
    unlike = await refused(jobs.SubmitJob(model))
    batch = pb.BatchSubmitRequest(jobs=[with_template(), with_template("other")])
    whole = await refused(jobs.BatchSubmit(batch))
    batch.allow_partial_success = True
    partial = await jobs.BatchSubmit(batch)

    assert missing.paths == ["template_id"]
    assert unlike.paths == ["spec"]
    assert whole.paths == ["jobs[1].template_id"]
    assert (len(partial.jobs), list(partial.failures)) == (1, [1])


def test_what_a_template_turns_on_a_submission_can_turn_off() -> None:
    base = json_format.ParseDict(
        {"transition": {"thumbnail": True, "probe": True, "music": {"enabled": True, "type": "ambient"}}},
        spec_pb2.JobSpec(),
    )
    over = json_format.ParseDict({"transition": {"thumbnail": False, "music": {"enabled": False}}}, spec_pb2.JobSpec())

    lay_over(base, over)

    assert json_format.MessageToDict(base) == {
        "transition": {"thumbnail": False, "probe": True, "music": {"enabled": False, "type": "ambient"}}
    }


def test_what_is_laid_over_replaces_values_lists_and_arguments_by_name() -> None:
    base = json_format.ParseDict(
        {
            "transition": {
                "prompt": "a",
                "videoLength": "10s",
                "subtitles": {"enabled": True, "style": "bold", "cues": [{"text": "one"}, {"text": "two"}]},
            }
        },
        spec_pb2.JobSpec(),
    )
    over = json_format.ParseDict(
        {"transition": {"videoLength": "5.5s", "cfgScale": 0, "subtitles": {"cues": [{"text": "three"}]}}},
        spec_pb2.JobSpec(),
    )
    model = spec_pb2.ModelSpec(endpoint="fal-ai/x")
    model.arguments.update({"prompt": "a", "seed": 1})
    wanted = spec_pb2.ModelSpec()
    wanted.arguments.update({"seed": 2})

    lay_over(base, over)
    lay_over(model, wanted)

    assert json_format.MessageToDict(base) == {
        "transition": {
            "prompt": "a",
            "videoLength": "5.500s",
            "cfgScale": 0.0,
            "subtitles": {"enabled": True, "style": "bold", "cues": [{"text": "three"}]},
        }
    }
    assert json_format.MessageToDict(model) == {"endpoint": "fal-ai/x", "arguments": {"prompt": "a", "seed": 2.0}}
