"""The guide to recipes tells the truth: its lines, applied to a copy of the source, make a kind that works."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STUBS = "clients/python/src"
COPIED = ("core", "server", "workers", "emulator", "devstack", "clients/python/src", "protos")
MOST_LINES = 80

#: Runs in the copy: starts the stack, has it make a poster, and prints what came of it.
DRIVER = """
import asyncio, json, sys
from pathlib import Path
from devstack.settings import Settings
from devstack.stack import Stack
from google.protobuf.duration_pb2 import Duration
from segue import JobSpec, aio
from segue.v1.spec_pb2 import PosterSpec

async def main():
    async with Stack(Settings(dev_dir=Path(sys.argv[1])), environment={"SEGUE_POLL_SECONDS": "0.2"}) as stack:
        await stack.emulator.settings(queue_seconds=0.1, run_seconds=0.1)
        await asyncio.gather(stack.start_server(), stack.start_worker())
        async with aio.Client(stack.address) as client:
            try:
                await client.submit(JobSpec(poster=PosterSpec()))
            except Exception as error:
                paths = [violation.path for violation in error.violations]
            poster = PosterSpec(subject="A lighthouse at dawn", length=Duration(seconds=2))
            job = await client.submit(JobSpec(poster=poster))
            finished = await client.result(job.id)
            (video,) = finished.result.artifacts
            print(json.dumps({"paths": paths, "seconds": video.duration.seconds, "codec": video.video_codec}))

asyncio.run(main())
"""


async def run(*command: str, cwd: Path, environment: dict[str, str] | None = None) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-3000:]
    return output.decode()


@pytest.mark.timeout(180)
async def test_the_lines_of_the_guide_make_a_kind_that_works(tmp_path: Path) -> None:
    found = re.search(r"```diff\n(.*?)```", (ROOT / "docs/recipes.md").read_text(), re.DOTALL)
    assert found
    added = [line for line in found[1].splitlines() if line.startswith("+") and not line.startswith("+++")]
    copy = tmp_path / "copy"
    for folder in COPIED:
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "guide.diff").write_text(found[1])

    await run("git", "apply", "guide.diff", cwd=copy)
    protos = [str(path.relative_to(copy / "protos")) for path in (copy / "protos/segue/v1").glob("*.proto")]
    compiler = (sys.executable, "-m", "grpc_tools.protoc", "-Iprotos", "-Iprotos/third_party")
    await run(*compiler, f"--python_out={STUBS}", f"--grpc_python_out={STUBS}", *protos, cwd=copy)
    output = await run(
        *(sys.executable, "-c", DRIVER, str(tmp_path / "stack")),
        cwd=copy,
        environment={"PYTHONPATH": f"{copy}:{copy / STUBS}"},
    )

    assert len(added) < MOST_LINES
    assert json.loads(output) == {
        "paths": ["spec.poster.subject", "spec.poster.length"],
        "seconds": 2,
        "codec": "h264",
    }
