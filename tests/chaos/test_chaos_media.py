"""P3: a worker dies at work on media, after all is paid; another one does that work again, and pays for nothing."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING

import pytest

from segue.v1.job_pb2 import ArtifactRole
from tests.chaos.crashing import Crash
from tests.chaos.matrix import cell

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chaos.scene import Scene

#: The job uploads its video, a still of it and two files of subtitles.
UPLOADED = Crash(method="Uploads.data", when="after", call=2)

pytestmark = pytest.mark.chaos


@cell("10", "during work on media")
async def test_work_on_media_is_done_again_and_nothing_is_left_of_the_dead(scene: Scene, tmp_path: Path) -> None:
    rooms, endless = tmp_path / "rooms", tmp_path / "endless"
    endless.write_text(f"#!{sys.executable}\nimport signal\nsignal.pause()\n")
    endless.chmod(0o700)
    settings = {"SEGUE_MEDIA_FOLDER": str(rooms)}
    doomed = await scene.worker(settings={**settings, "SEGUE_FFMPEG": str(endless)})
    job = await scene.client.submit(scene.film_spec())
    ffmpeg = await scene.until_runs(doomed, str(endless))
    (left,) = rooms.glob("worker-*/")

    hit = time.time()
    await doomed.kill()
    await scene.worker(settings=settings)
    finished = await scene.ended(job)

    row = await scene.note(finished, hit=hit)
    assert (row.outcome, row.submits, row.billed, row.attempts) == ("SUCCEEDED", 1, 1, 2)
    assert not ffmpeg.is_running()
    assert not left.exists()


@cell("11", "between the uploads of two artifacts")
async def test_uploads_are_made_again_and_the_job_names_the_files_of_one_attempt(scene: Scene, tmp_path: Path) -> None:
    settings = {"SEGUE_MEDIA_FOLDER": str(tmp_path / "rooms")}
    doomed = await scene.worker(UPLOADED, settings=settings)
    job = await scene.client.submit(scene.film_spec())

    assert await asyncio.wait_for(doomed.wait(), 60) == -9
    hit = time.time()
    await scene.worker(settings=settings)
    finished = await scene.ended(job)

    row = await scene.note(finished, hit=hit)
    assert (row.outcome, row.submits, row.billed, row.attempts) == ("SUCCEEDED", 1, 1, 2)
    assert [artifact.role for artifact in finished.result.artifacts] == [
        ArtifactRole.ARTIFACT_ROLE_VIDEO,
        ArtifactRole.ARTIFACT_ROLE_THUMBNAIL,
        *[ArtifactRole.ARTIFACT_ROLE_SUBTITLES] * 2,
    ]
    assert len({artifact.url for artifact in finished.result.artifacts}) == 4
