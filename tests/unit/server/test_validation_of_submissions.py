from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from google.protobuf.json_format import ParseDict

from core.catalog.transitions import DEFAULT_TRANSITION_MODEL, TRANSITION_MODELS
from core.errors import InvalidRequestError
from core.job import JobKind
from segue.v1 import job_service_pb2 as pb
from segue.v1 import spec_pb2
from server.limits import BATCH_JOBS
from server.settings import Settings
from server.validation.requests import check_batch_submit, check_submit_job
from tests.unit.server.asked import right, submit, transition

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.errors import SegueError

SETTINGS = Settings()
STANDARD = "fal-ai/kling-video/v2.1/standard/image-to-video"
V16 = "fal-ai/kling-video/v1.6/pro/image-to-video"
V26 = "fal-ai/kling-video/v2.6/pro/image-to-video"
PIXVERSE = "fal-ai/pixverse/v5/transition"
HAILUO = "fal-ai/minimax/hailuo-02/standard/image-to-video"
HAILUO_PRO = "fal-ai/minimax/hailuo-02/pro/image-to-video"
VIDU = "fal-ai/vidu/start-end-to-video"


def violations_of(request: pb.SubmitJobRequest) -> dict[str, str]:
    with pytest.raises(InvalidRequestError) as caught:
        check_submit_job(request, SETTINGS)
    return {violation.path: violation.message for violation in caught.value.violations}


def paths_in(error: SegueError) -> list[str]:
    assert isinstance(error, InvalidRequestError)
    return [violation.path for violation in error.violations]


def bent(change: Callable[[pb.SubmitJobRequest], object]) -> pb.SubmitJobRequest:
    request = submit()
    change(request)
    return request


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"videoLength": "5s"},
        {"videoLength": "10s"},
        {"transitionType": "TRANSITION_TYPE_CALM", "prompt": "p" * 2500, "negativePrompt": "n" * 2500},
        {"cfgScale": 0},
        {"cfgScale": 1},
        {"frontImageUrl": "http://127.0.0.1:8080/front.png?x=1#y"},
        {"frontImageUrl": "https://[::1]/front.png"},
        {"frontImageUrl": "https://bücher.example/front.png"},
        {"frontImageUrl": "data:image/png;base64,AAAA"},
        {"frontImageUrl": "DATA:image/svg+xml;charset=utf-8;base64,AAAA"},
        {"model": V16, "aspectRatio": "9:16"},
        {"model": V26, "negativePrompt": "blur", "generateAudio": True},
        {"generateAudio": False},
        {"model": PIXVERSE, "resolution": "1080p", "videoLength": "5s", "seed": "0", "aspectRatio": "3:4"},
        {"model": VIDU, "seed": "4294967295", "prompt": "p" * 1500},
        {"subtitles": {"enabled": False, "style": "bold"}, "music": {"enabled": False}, "voiceover": {}},
    ],
)
def test_a_right_transition_is_accepted(fields: dict[str, object]) -> None:
    spec = transition()
    ParseDict(fields, spec)

    check_submit_job(submit(spec), SETTINGS)


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"frontImageUrl": ""}, "front_image_url", "is required"),
        ({"tailImageUrl": ""}, "tail_image_url", "is required"),
        ({"frontImageUrl": "ftp://images.example/x.png"}, "front_image_url", "must be an https, http or data: URL"),
        ({"frontImageUrl": "images.example/x.png"}, "front_image_url", "must be an https, http or data: URL"),
        ({"frontImageUrl": "https:///x.png"}, "front_image_url", "must have a host"),
        ({"frontImageUrl": "https://h:0/x.png"}, "front_image_url", "must have a host"),
        ({"frontImageUrl": "https://h:99999/x.png"}, "front_image_url", "is not a URL"),
        ({"frontImageUrl": "https://[::1/x.png"}, "front_image_url", "is not a URL"),
        ({"frontImageUrl": "https://h/a b"}, "front_image_url", "must not contain blanks"),
        ({"frontImageUrl": "https://h/a\nb"}, "front_image_url", "must not contain blanks"),
        ({"frontImageUrl": "https://me:pw@h/x.png"}, "front_image_url", "must not contain a user name"),
        ({"frontImageUrl": "https://me@h/x.png"}, "front_image_url", "must not contain a user name"),
        ({"frontImageUrl": "http://169.254.169.254/latest"}, "front_image_url", "is not link-local"),
        ({"frontImageUrl": "http://[::ffff:169.254.169.254]/"}, "front_image_url", "is not link-local"),
        ({"frontImageUrl": "http://[fd00:ec2::254]/latest"}, "front_image_url", "is not link-local"),
        ({"frontImageUrl": "http://0.0.0.0/x.png"}, "front_image_url", "is not link-local"),
        ({"frontImageUrl": "http://2852039166/latest"}, "front_image_url", "a whole IP address"),
        ({"frontImageUrl": "http://0xA9FEA9FE/latest"}, "front_image_url", "a whole IP address"),
        ({"frontImageUrl": "http://0251.0376.0251.0376/"}, "front_image_url", "a whole IP address"),
        ({"frontImageUrl": "http://127.1/x.png"}, "front_image_url", "a whole IP address"),
        ({"frontImageUrl": "https://h/" + "x" * 4096}, "front_image_url", "at most 4096"),
        ({"frontImageUrl": "data:text/html,hello"}, "front_image_url", "must be a data: URI of type image/*"),
        ({"frontImageUrl": "data:image/png;base64,"}, "front_image_url", "must be a data: URI of type image/*"),
        ({"frontImageUrl": "data:image/png,A" + "A" * (8 << 20)}, "front_image_url", "at most 8388608"),
        ({"transitionType": 99}, "transition_type", "is not a known value: 99"),
        ({"videoLength": "7s"}, "video_length", "must be 5 s or 10 s"),
        ({"videoLength": "0s"}, "video_length", "must be 5 s or 10 s"),
        ({"videoLength": "5.5s"}, "video_length", "is 5.5 s"),
        ({"videoLength": "-5s"}, "video_length", "is -5 s"),
        ({"name": "n" * 201}, "name", "at most 200"),
        ({"prompt": "p" * 2501}, "prompt", "at most 2500 characters long; has 2501"),
        ({"negativePrompt": "p" * 2501}, "negative_prompt", "at most 2500"),
        ({"cfgScale": 1.01}, "cfg_scale", "must be 0 to 1"),
        ({"cfgScale": -0.01}, "cfg_scale", "must be 0 to 1"),
        ({"cfgScale": "NaN"}, "cfg_scale", "must be 0 to 1; is nan"),
        ({"model": "fal-ai/other"}, "model", DEFAULT_TRANSITION_MODEL.endpoint),
        ({"model": STANDARD}, "model", "cannot end with a given image"),
        ({"aspectRatio": "16:9"}, "aspect_ratio", "follows the first image"),
        ({"aspectRatio": "4:3", "model": V16}, "aspect_ratio", "must be one of 16:9, 9:16, 1:1"),
        ({"cfgScale": 0.5, "model": V26}, "cfg_scale", "is not taken by"),
        ({"videoLength": "15s"}, "video_length", "fal-ai/kling-video/v3/pro/image-to-video"),
        ({"videoLength": "8s", "resolution": "1080p", "model": PIXVERSE}, "video_length", "at most 5 s at 1080p"),
        ({"videoLength": "7s", "model": HAILUO_PRO}, "video_length", "must be 6 s"),
        ({"videoLength": "4s", "model": VIDU}, "video_length", "must be unset"),
        ({"prompt": "p" * 1501, "model": VIDU}, "prompt", "at most 1500"),
        ({"resolution": "720p"}, "resolution", "is not taken by"),
        ({"resolution": "720p", "model": HAILUO}, "resolution", "must be one of 512P, 768P"),
        ({"seed": "1"}, "seed", "is not taken by"),
        ({"seed": "-1", "model": VIDU}, "seed", "must be 0 to 4294967295"),
        ({"generateAudio": True}, "generate_audio", "fal-ai/kling-video/v2.6/pro/image-to-video"),
        ({"negativePrompt": "rain", "model": HAILUO}, "negative_prompt", "is not taken by"),
    ],
)
def test_a_wrong_field_of_a_transition_is_named_with_its_path(
    fields: dict[str, object], field: str, message: str
) -> None:
    spec = transition()
    ParseDict(fields, spec)

    violations = violations_of(submit(spec))

    assert list(violations) == [f"spec.transition.{field}"]
    assert message in violations[f"spec.transition.{field}"]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        pytest.param(lambda request: request.ClearField("spec"), "spec", id="no spec"),
        pytest.param(lambda request: setattr(request, "priority", 0), "priority", id="priority 0"),
        pytest.param(lambda request: setattr(request, "priority", 11), "priority", id="priority 11"),
        pytest.param(lambda request: setattr(request, "owner", "o" * 129), "owner", id="long owner"),
        pytest.param(lambda request: setattr(request, "request_id", "a b"), "request_id", id="blank in request_id"),
        pytest.param(lambda request: setattr(request, "request_id", "ü"), "request_id", id="umlaut in request_id"),
        pytest.param(lambda request: setattr(request, "request_id", "r" * 129), "request_id", id="long request_id"),
        pytest.param(lambda request: setattr(request, "max_attempts", 0), "max_attempts", id="no attempts"),
        pytest.param(lambda request: setattr(request, "max_attempts", 11), "max_attempts", id="11 attempts"),
        pytest.param(
            lambda request: setattr(request, "on_unknown_submission", 9), "on_unknown_submission", id="unknown policy"
        ),
        pytest.param(lambda request: request.labels.update({f"k{i}": "" for i in range(33)}), "labels", id="33 labels"),
        pytest.param(lambda request: request.labels.update({"Key": ""}), "labels['Key']", id="upper case in label"),
        pytest.param(lambda request: request.labels.update({"": ""}), "labels['']", id="empty label"),
        pytest.param(lambda request: request.labels.update({"key": "v" * 256}), "labels['key']", id="long label"),
        pytest.param(lambda request: request.time_limit.FromSeconds(0), "time_limit", id="no time"),
        pytest.param(lambda request: request.time_limit.FromSeconds(1801), "time_limit", id="long time_limit"),
        pytest.param(
            lambda request: setattr(request.time_limit, "nanos", 2 * 10**9), "time_limit", id="two s of nanos"
        ),
        pytest.param(lambda request: setattr(request.time_limit, "seconds", 2**62), "time_limit", id="endless time"),
        pytest.param(lambda request: request.retention.FromSeconds(0), "retention", id="no retention"),
        pytest.param(
            lambda request: request.schedule_time.FromDatetime(datetime.now(UTC) + timedelta(days=365, minutes=1)),
            "schedule_time",
            id="more than a year ahead",
        ),
        pytest.param(
            lambda request: setattr(request.schedule_time, "seconds", 2**60), "schedule_time", id="no time at all"
        ),
        pytest.param(
            lambda request: request.expire_if_not_started_after.FromMicroseconds(999),
            "expire_if_not_started_after",
            id="no wait",
        ),
        pytest.param(
            lambda request: request.expire_if_not_started_after.FromSeconds(30 * 86_400 + 1),
            "expire_if_not_started_after",
            id="long wait",
        ),
        pytest.param(lambda request: request.retention.FromSeconds(30 * 86_400 + 1), "retention", id="long retention"),
    ],
)
def test_a_wrong_field_of_a_submission_is_named_with_its_path(
    change: Callable[[pb.SubmitJobRequest], object], path: str
) -> None:
    assert list(violations_of(bent(change))) == [path]


@pytest.mark.parametrize("ahead", [timedelta(days=-20_000), timedelta(0), timedelta(days=365)])
def test_a_job_may_be_scheduled_for_any_time_up_to_a_year_ahead(ahead: timedelta) -> None:
    request = submit()
    request.schedule_time.FromDatetime(datetime.now(UTC) + ahead)
    request.expire_if_not_started_after.FromSeconds(30 * 86_400)

    check_submit_job(request, SETTINGS)


def test_bounds_are_told_in_whole_numbers() -> None:
    request = submit()
    request.retention.FromSeconds(2_592_001)

    assert violations_of(request)["retention"] == "must be 1 s to 2592000 s; is 2592001 s"


def test_every_fault_is_named_at_once() -> None:
    request = submit(spec_pb2.TransitionSpec(prompt="p" * 3000))
    request.spec.transition.transition_type = 99  # type: ignore[assignment]  # what a newer client may send
    request.spec.transition.video_length.FromSeconds(7)
    request.priority = 11

    assert set(violations_of(request)) == {
        "spec.transition.front_image_url",
        "spec.transition.tail_image_url",
        "spec.transition.transition_type",
        "spec.transition.prompt",
        "spec.transition.video_length",
        "priority",
    }


@pytest.mark.parametrize("endpoint", [name for name, model in TRANSITION_MODELS.items() if model.tail_field])
def test_every_model_that_takes_two_images_makes_transitions(endpoint: str) -> None:
    spec = transition()
    spec.model = endpoint

    check_submit_job(submit(spec), SETTINGS)


@pytest.mark.parametrize("kind", list(JobKind))
def test_an_empty_spec_of_any_kind_is_told_what_it_lacks(kind: str) -> None:
    request = pb.SubmitJobRequest()
    getattr(request.spec, kind).SetInParent()

    violations = violations_of(request)

    assert all(path.startswith(f"spec.{kind}.") for path in violations)
    assert all(message.startswith("is required") for message in violations.values())


@pytest.mark.parametrize("kind", list(JobKind))
def test_a_right_spec_of_any_kind_is_accepted(kind: str) -> None:
    check_submit_job(pb.SubmitJobRequest(spec=right(kind)), SETTINGS)


def test_all_that_stands_around_a_transition_is_accepted() -> None:
    spec = transition()
    spec.voiceover.enabled, spec.voiceover.text = True, "Once upon a time"
    spec.music.enabled = spec.thumbnail = spec.probe = True

    check_submit_job(submit(spec), SETTINGS)


@pytest.mark.parametrize("count", [0, BATCH_JOBS + 1])
def test_the_number_of_jobs_in_a_batch_is_bounded(count: int) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        check_batch_submit(pb.BatchSubmitRequest(jobs=[submit()] * count), SETTINGS)

    assert paths_in(caught.value) == ["jobs"]


def test_a_batch_names_the_faults_of_its_items_by_index() -> None:
    nested = submit()
    nested.request_id, nested.validate_only = "mine", True
    batch = pb.BatchSubmitRequest(jobs=[submit(), submit(spec_pb2.TransitionSpec()), nested], display_name="n" * 201)

    with pytest.raises(InvalidRequestError) as caught:
        check_batch_submit(batch, SETTINGS)

    assert paths_in(caught.value) == [
        "display_name",
        "jobs[1].spec.transition.front_image_url",
        "jobs[1].spec.transition.tail_image_url",
        "jobs[2].request_id",
        "jobs[2].validate_only",
    ]


def test_partial_success_returns_the_error_of_each_refused_item() -> None:
    urgent = submit()
    urgent.priority = 11
    batch = pb.BatchSubmitRequest(
        jobs=[submit(spec_pb2.TransitionSpec()), submit(), urgent], allow_partial_success=True
    )

    refused = check_batch_submit(batch, SETTINGS)

    assert sorted(refused) == [0, 2]
    assert paths_in(refused[0])[0] == "jobs[0].spec.transition.front_image_url"
    assert paths_in(refused[2]) == ["jobs[2].priority"]


def test_a_batch_with_nothing_good_is_refused_as_a_whole() -> None:
    batch = pb.BatchSubmitRequest(jobs=[submit(spec_pb2.TransitionSpec())], allow_partial_success=True)

    with pytest.raises(InvalidRequestError):
        check_batch_submit(batch, SETTINGS)


def test_a_batch_has_a_bounded_number_of_different_owners_and_labels() -> None:
    request = pb.BatchSubmitRequest(jobs=[submit() for _ in range(1000)])
    for index, job in enumerate(request.jobs):
        job.labels.update({f"k{number}": str(index) for number in range(4)})

    with pytest.raises(InvalidRequestError) as refusal:
        check_batch_submit(request, SETTINGS)

    assert [violation.path for violation in refusal.value.violations] == ["jobs"]
