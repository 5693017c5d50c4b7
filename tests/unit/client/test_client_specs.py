from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.json_format import MessageToDict

import segue
from segue.v1 import job_pb2, spec_pb2
from segue.values import duration, enum_value, timestamp


def test_a_transition_takes_plain_values() -> None:
    spec = segue.transition(
        front_image_url="https://a.example/1.png",
        tail_image_url="https://a.example/2.png",
        prompt="a walk",
        transition_type="energetic",
        video_length=timedelta(seconds=5),
        cfg_scale=0.0,
        subtitles=[(0, 1.5, "hello")],
        music="ambient",
        voiceover="hello",
    )

    assert MessageToDict(spec.transition, preserving_proto_field_name=True) == {
        "front_image_url": "https://a.example/1.png",
        "tail_image_url": "https://a.example/2.png",
        "prompt": "a walk",
        "transition_type": "TRANSITION_TYPE_ENERGETIC",
        "video_length": "5s",
        "cfg_scale": 0.0,
        "subtitles": {"enabled": True, "cues": [{"start": "0s", "end": "1.500s", "text": "hello"}]},
        "music": {"enabled": True, "type": "ambient"},
        "voiceover": {"enabled": True, "text": "hello"},
    }


def test_a_transition_says_nothing_that_its_caller_did_not() -> None:
    spec = segue.transition("a", "b")

    assert {field.name for field, _ in spec.transition.ListFields()} == {"front_image_url", "tail_image_url"}


def test_what_a_template_turns_on_is_turned_off_by_false() -> None:
    spec = segue.transition("a", "b", subtitles=False, music=False, voiceover=False, thumbnail=False, probe=False)

    off = {"subtitles": {"enabled": False}, "music": {"enabled": False}, "voiceover": {"enabled": False}}
    assert MessageToDict(spec.transition) == {
        "frontImageUrl": "a",
        "tailImageUrl": "b",
        "thumbnail": False,
        "probe": False,
        **off,
    }


def test_a_transition_takes_full_messages() -> None:
    subtitles = spec_pb2.Subtitles(enabled=True, style="bold")

    assert segue.transition("a", "b", subtitles=subtitles).transition.subtitles == subtitles


def test_a_model_takes_arguments_by_name_and_as_a_mapping() -> None:
    spec = segue.model("fal-ai/flux/schnell", {"image-size": {"width": 64}, "seed": 1}, seed=2, endpoint="x")

    assert spec.model.endpoint == "fal-ai/flux/schnell"
    assert MessageToDict(spec.model.arguments) == {"image-size": {"width": 64}, "seed": 2, "endpoint": "x"}


def test_an_integer_that_json_would_round_is_refused() -> None:
    with pytest.raises(ValueError, match=r"arguments\.loras\[0\]\.id: 9007199254740993"):
        segue.model("fal-ai/flux", loras=[{"id": 2**53 + 1}])


def test_enums_go_by_name_in_any_case() -> None:
    assert enum_value(job_pb2.JobState, "Succeeded") == job_pb2.JOB_STATE_SUCCEEDED
    assert enum_value(job_pb2.JobState, job_pb2.JOB_STATE_HELD) == job_pb2.JOB_STATE_HELD
    assert enum_value(job_pb2.JobState, "") == job_pb2.JOB_STATE_UNSPECIFIED


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'fast' is none of: energetic, calm, smooth"):
        segue.transition("a", "b", transition_type="fast")


def test_a_duration_may_be_seconds() -> None:
    assert duration(1.5) == duration(timedelta(seconds=1.5))
    assert duration(None) is None


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        timestamp(datetime(2026, 1, 1))  # noqa: DTZ001 - the fault under test

    assert timestamp(datetime(2026, 1, 1, tzinfo=UTC)) is not None


def test_a_state_has_a_name_and_may_be_final() -> None:
    assert segue.state_name(job_pb2.JOB_STATE_PROCESSING) == "processing"
    assert segue.is_final(job_pb2.JOB_STATE_CANCELLED)
    assert not segue.is_final(job_pb2.JOB_STATE_CANCELLING)


def test_a_state_that_is_newer_than_the_client_is_not_final() -> None:
    newer = job_pb2.Job.FromString(b"\x40\x63").state  # field 8, value 99

    assert segue.state_name(newer) == "99"
    assert not segue.is_final(newer)


def test_every_exported_name_is_there() -> None:
    assert all(getattr(segue, name) is not None for name in segue.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = segue.nothing  # type: ignore[attr-defined]


def test_a_composition_takes_jobs_ids_and_addresses() -> None:
    spec = segue.composition(
        [segue.Job(id="0192-job"), "0193-job", "https://example.com/a.mp4"], crossfade=0.5, platform="tiktok"
    ).composition

    assert [clip.WhichOneof("source") for clip in spec.clips] == ["job_id", "job_id", "video_url"]
    assert (spec.clips[0].job_id, spec.crossfade.nanos, spec.platform) == (
        "0192-job",
        500_000_000,
        spec_pb2.PLATFORM_TIKTOK,
    )


def test_a_script_video_says_only_what_it_is_told() -> None:
    plain = segue.script_video("Hello.").script_video
    full = segue.script_video("Hello.", subtitles=True, music="ambient", video_length=20, platform="instagram")

    assert plain == spec_pb2.ScriptVideoSpec(script_content="Hello.")
    assert full.script_video.subtitles.enabled
    assert full.script_video.music.type == "ambient"
    assert full.script_video.video_length.seconds == 20
