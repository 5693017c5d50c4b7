from __future__ import annotations

import shutil
import subprocess

import pytest

from devstack.calls import BufCurl, Grpcurl, Tool, lines

BASH = shutil.which("bash") or "sh"


@pytest.mark.parametrize("tool", [Grpcurl(), BufCurl()])
def test_every_line_is_proper_shell(tool: Tool) -> None:
    script = "\n".join(line for _, line in lines(tool, "127.0.0.1:1", first="http://a/1.jpg", last="http://a/2.jpg"))

    checked = subprocess.run([BASH, "-n"], input=script, text=True, capture_output=True, check=False)

    assert checked.stderr == ""


ANSWERS = ['{\n  "job": {\n    "id": "a-1",\n    "spec": {"x": 1}\n', '{"job":{"id":"a-1","requestId":"b"}}']


@pytest.mark.parametrize("answer", ANSWERS)
def test_the_id_of_the_job_is_picked_from_any_spelling_of_the_answer(answer: str) -> None:
    submit = dict(lines(Grpcurl(), "h:1", first="", last=""))["a transition between two photographs"]
    pick = submit.partition("SubmitJob | ")[2].removesuffix("); echo $JOB")

    picked = subprocess.run([BASH, "-c", pick], input=answer, text=True, capture_output=True, check=True)

    assert picked.stdout == "a-1\n"
