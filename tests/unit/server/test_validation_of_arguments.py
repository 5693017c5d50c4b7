"""Any endpoint may be called with any JSON, within bounds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from core.errors import InvalidRequestError
from server.settings import Settings
from server.validation.requests import check_submit_job
from tests.unit.server.asked import submit_model

if TYPE_CHECKING:
    from segue.v1 import job_service_pb2 as pb

SETTINGS = Settings()


def violations_of(request: pb.SubmitJobRequest) -> dict[str, str]:
    with pytest.raises(InvalidRequestError) as caught:
        check_submit_job(request, SETTINGS)
    return {violation.path: violation.message for violation in caught.value.violations}


@pytest.mark.parametrize("endpoint", ["fal-ai/flux/schnell", "fal-ai/wan-flf2v", "owner/app/v1.5/image_to_video"])
def test_any_endpoint_of_the_right_form_is_accepted(endpoint: str) -> None:
    check_submit_job(submit_model(endpoint, prompt="a"), SETTINGS)


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "flux",
        "/flux",
        "fal-ai/",
        "fal-ai//x",
        "Fal-ai/x",
        "fal-ai/../x",
        "https://fal.run/a",
        "a/b?c",
        "a/" + "b" * 256,
    ],
)
def test_an_endpoint_of_another_form_is_refused(endpoint: str) -> None:
    assert list(violations_of(submit_model(endpoint))) == ["spec.model.endpoint"]


def test_arguments_that_json_cannot_say_are_refused() -> None:
    request = submit_model()
    arguments = request.spec.model.arguments
    arguments.update({"nested": {"list": [1.0]}})
    arguments.fields["scale"].number_value = math.inf
    arguments.fields["nested"].struct_value.fields["list"].list_value.values[0].number_value = math.nan
    arguments.fields["empty"].ClearField("number_value")

    assert set(violations_of(request)) == {
        "spec.model.arguments.scale",
        "spec.model.arguments.nested.list[0]",
        "spec.model.arguments.empty",
    }


def test_arguments_are_bounded_in_depth_and_size() -> None:
    deep, large = submit_model(), submit_model(prompt="p" * (1 << 20))
    struct = deep.spec.model.arguments
    for _ in range(32):
        struct = struct.fields["a"].struct_value
    struct.fields["a"].bool_value = True

    assert "32 levels" in next(iter(violations_of(deep).values()))
    assert "1048576 bytes" in violations_of(large)["spec.model.arguments"]


def test_lists_count_as_levels_of_arguments() -> None:
    request = submit_model()
    value = request.spec.model.arguments.fields["a"]
    for _ in range(32):
        value = value.list_value.values.add()
    value.bool_value = True

    assert "32 levels" in next(iter(violations_of(request).values()))
