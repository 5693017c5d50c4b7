"""A worker looks at a script before it pays, whoever has accepted it."""

from __future__ import annotations

import pytest
from google.protobuf.duration_pb2 import Duration

from core.job import ErrorReason
from segue.v1.spec_pb2 import ScriptVideoSpec
from workers.errors import JobFailedError
from workers.recipes.scenes import planned


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (ScriptVideoSpec(script_content="?!"), "script_content"),
        (ScriptVideoSpec(script_content="Words.", language="e n"), "language"),
        (ScriptVideoSpec(script_content="Few words.", video_length=Duration(seconds=60)), "video_length"),
    ],
)
def test_a_hopeless_script_fails_its_job_and_names_the_field(spec: ScriptVideoSpec, field: str) -> None:
    with pytest.raises(JobFailedError) as failed:
        planned(spec)

    assert failed.value.error.reason is ErrorReason.INVALID_INPUT
    assert failed.value.error.metadata == {"field": f"spec.script_video.{field}"}


def test_each_scene_gets_a_voice() -> None:
    texts = [
        "Ships come home and the harbour sleeps under its cranes until six o'clock.",
        "Then the first trucks roll in, lamps go on and the gulls begin to complain.",
    ]

    plan = planned(ScriptVideoSpec(script_content="# One\n{}\n\n# Two\n{}".format(*texts)))

    assert [scene.text for scene in plan.scenes] == texts
    assert [voice.arguments["text"] for voice in plan.voices] == texts
