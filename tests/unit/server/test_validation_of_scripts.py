"""Scripts of which no video can be made are refused at once, and by themselves never hold up the loop."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from core.errors import InvalidRequestError
from segue.v1 import job_service_pb2 as pb
from segue.v1 import spec_pb2
from server.settings import Settings
from server.validation.requests import check_batch_submit, check_submit_job
from server.validation.scripts import checked
from tests.unit.server.asked import submit

SETTINGS = Settings()
TEN_MINUTES = "More words than ten minutes hold, as everybody can see. " * 250


def asked(script: str, **fields: Any) -> pb.SubmitJobRequest:
    spec = spec_pb2.ScriptVideoSpec(script_content=script)
    ParseDict(fields, spec)
    return pb.SubmitJobRequest(spec=spec_pb2.JobSpec(script_video=spec))


def faults_of(request: pb.SubmitJobRequest) -> dict[str, str]:
    with pytest.raises(InvalidRequestError) as refused:
        check_submit_job(request, SETTINGS)
    return {violation.path: violation.message for violation in refused.value.violations}


@pytest.mark.parametrize(
    ("script", "fields", "field", "message"),
    [
        ("# Only a heading\n\n[a stage direction]", {}, "script_content", "Nothing in the script is spoken"),
        ("?! ...", {}, "script_content", "neither letters nor numbers"),
        (TEN_MINUTES, {}, "script_content", "more than the longest video"),
        ("word " * 210_000, {}, "script_content", "must be at most 1048576 bytes"),
        ("So many words! " * 65_000, {}, "script_content", "more than the longest video"),
        (
            "A very short script.",
            {"videoLength": "60s"},
            "video_length",
            "1 min is too long for it. Lengths that work: none",
        ),
        ("One sentence of many words. " * 40, {"videoLength": "10s"}, "video_length", "10 s is too short for it"),
        ("A very short script.", {"videoLength": "3600s"}, "video_length", "must be"),
        ("Words.", {"language": "e n"}, "language", "must be a BCP 47 tag"),
    ],
)
def test_a_hopeless_script_is_refused_with_one_reason(
    script: str, fields: dict[str, Any], field: str, message: str
) -> None:
    faults = faults_of(asked(script, **fields))

    assert list(faults) == [f"spec.script_video.{field}"]
    assert message in faults[f"spec.script_video.{field}"]


def test_its_fault_is_told_together_with_others() -> None:
    request = asked("?!", imageModel="none")
    request.priority = 1000

    assert set(faults_of(request)) == {"spec.script_video.script_content", "spec.script_video.image_model", "priority"}


def test_a_hopeless_script_of_a_batch_is_named_and_the_others_are_accepted() -> None:
    jobs = [asked("Ships come home."), asked("?!"), submit()]

    refused = check_batch_submit(pb.BatchSubmitRequest(jobs=jobs, allow_partial_success=True), SETTINGS)

    assert list(refused) == [1]
    assert isinstance(refused[1], InvalidRequestError)
    assert [violation.path for violation in refused[1].violations] == ["jobs[1].spec.script_video.script_content"]


def test_the_scripts_of_a_batch_have_a_bound_together() -> None:
    batch = pb.BatchSubmitRequest(jobs=[asked("word " * 2000)] * 51)

    with pytest.raises(InvalidRequestError) as refused:
        check_batch_submit(batch, SETTINGS)

    (violation,) = refused.value.violations
    assert violation.path == "jobs"
    assert violation.message == "must have at most 500000 characters of scripts together; have 510000"


@pytest.mark.parametrize(
    ("request_", "beside"),
    [
        (asked("Ships come home."), True),
        (pb.BatchSubmitRequest(jobs=[submit(), asked("Ships come home.")]), True),
        (submit(), False),
        (pb.BatchSubmitRequest(jobs=[submit()]), False),
    ],
)
async def test_only_a_request_with_scripts_is_checked_beside_the_loop(
    request_: pb.SubmitJobRequest | pb.BatchSubmitRequest, beside: bool
) -> None:
    def which(_request: object, _settings: Settings) -> threading.Thread:
        return threading.current_thread()

    assert (await checked(which, request_, SETTINGS) is not threading.main_thread()) == beside


def test_a_script_is_accepted_at_any_length_that_it_can_have() -> None:
    script = "One sentence of many words. " * 40

    for length in (timedelta(seconds=75), timedelta(seconds=90)):
        check_submit_job(asked(script, videoLength=f"{length.total_seconds():.0f}s"), SETTINGS)
    check_submit_job(asked(script), SETTINGS)
