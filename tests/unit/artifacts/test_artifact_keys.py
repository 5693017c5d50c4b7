from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.artifacts import (
    UNKNOWN_TYPE,
    Note,
    disposition_of,
    is_key,
    key_of,
    name_of,
    note_beside,
    plain_name,
    plain_type,
)
from core.job import JobId, Tenant

SHA = "0123456789abcdef" * 4
ACME = Tenant("acme")
JOB = JobId("0198c0de-1111-7abc-8def-0123456789ab")


def test_a_key_names_tenant_job_bytes_and_file() -> None:
    assert key_of(ACME, JOB, name="video.mp4", sha256=SHA) == f"acme/{JOB}/0123456789abcdef-video.mp4"


@given(st.text(), st.text(), st.text())
def test_whatever_the_names_are_a_key_is_plain(tenant: str, job: str, name: str) -> None:
    key = key_of(Tenant(tenant), JobId(job), name=name, sha256=SHA)

    assert is_key(key, tenant=Tenant(tenant))
    assert len(Path(key).parts) == 3
    assert not any(part.startswith(".") for part in Path(key).parts)


@given(st.text(max_size=5), st.text(max_size=5))
def test_tenants_never_share_a_folder(one: str, other: str) -> None:
    key = key_of(Tenant(one), JOB, name="a", sha256=SHA)

    assert is_key(key, tenant=Tenant(other)) == (one == other)


def test_tenants_that_differ_in_case_differ_where_file_names_do_not() -> None:
    keys = {key_of(Tenant(name), JOB, name="a", sha256=SHA).lower() for name in ("acme", "Acme", "ACME")}

    assert len(keys) == 3


@pytest.mark.parametrize(
    "text",
    [
        "",
        "acme",
        f"acme/{JOB}",
        f"acme/{JOB}/",
        f"acme/{JOB}/video.mp4",
        f"acme/{JOB}/.0123456789abcdef-video.mp4.json",
        f"../{JOB}/0123456789abcdef-video.mp4",
        f"acme/../{JOB}/0123456789abcdef-video.mp4",
        f"acme/{JOB}/0123456789abcdef-../x",
        f"acme/{JOB}/0123456789abcdef-a%2fb",
        f"acme/{JOB}/0123456789abcdef-a\n",
        f"/acme/{JOB}/0123456789abcdef-video.mp4",
        f".incoming/{JOB}/0123456789abcdef-video.mp4",
    ],
)
def test_what_leads_elsewhere_is_no_key(text: str) -> None:
    assert not is_key(text)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("video.mp4", "video.mp4"),
        ("../../etc/passwd", ".._.._etc_passwd"),
        ('a "b"\r\nX: 1', "a_b_X_1"),
        ("影片.mp4", "_.mp4"),
        ("", "file"),
        ("x" * 200 + ".mp4", "x" * 96 + ".mp4"),
    ],
)
def test_a_name_loses_what_means_something_elsewhere(name: str, plain: str) -> None:
    assert plain_name(name) == plain
    assert name_of(key_of(ACME, JOB, name=name, sha256=SHA)) == plain


@pytest.mark.parametrize(
    "content_type", ["video/mp4", "text/vtt; charset=utf-8", "image/svg+xml", "application/vnd.apple.mpegurl"]
)
def test_a_content_type_is_passed_on(content_type: str) -> None:
    assert plain_type(content_type) == content_type


@pytest.mark.parametrize(
    "content_type", ["", "video", "video/mp4\r\nX: 1", "video/mp4; a=\r\n", "a/" + "b" * 500, "視/頻"]
)
def test_what_is_no_content_type_becomes_the_unknown_one(content_type: str) -> None:
    assert plain_type(content_type) == UNKNOWN_TYPE


@pytest.mark.parametrize(
    ("content_type", "verb"),
    [
        ("video/mp4", "inline"),
        ("image/png", "inline"),
        ("text/vtt; charset=utf-8", "inline"),
        ("image/svg+xml", "attachment"),
        ("IMAGE/SVG+XML", "attachment"),
        ("text/html", "attachment"),
        ("application/octet-stream", "attachment"),
    ],
)
def test_only_media_is_shown(content_type: str, verb: str) -> None:
    key = key_of(ACME, JOB, name="video.mp4", sha256=SHA)

    assert disposition_of(key, content_type) == f'{verb}; filename="video.mp4"'


def test_a_note_comes_back_as_it_was_written() -> None:
    note = Note(content_type="video/mp4", expire_time=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC), sha256=SHA)

    assert Note.from_json(note.to_json()) == note


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "7", '{"content_type": "a/b", "expire_time": 7, "sha256": ""}'])
def test_what_is_no_note_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not the note"):
        Note.from_json(text)


def test_a_note_is_hidden_beside_its_file() -> None:
    assert note_beside(Path("/a/b/c-video.mp4")) == Path("/a/b/.c-video.mp4.json")
