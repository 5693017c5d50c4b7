"""What a job that fails leaves of what was paid for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from core.job import AttemptOutcome, ErrorReason, JobError, JobState
from segue.v1.job_pb2 import Artifact, JobResult
from tests.integration.fal.leap import leap
from tests.integration.workers.rig import ECHO, PATIENCE, result_of
from workers.errors import JobFailedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.workers.rig import Recipe, Rig
    from workers.run import Run


class TestSalvage:
    """What is paid stays with a job that fails."""

    @staticmethod
    def recipe(*, retryable: bool) -> Recipe:
        async def film_and_fail(run: Run, spec: Any) -> JobResult:
            await run.generate("video", ECHO, {"prompt": "a boat"})
            run.salvage(JobResult(artifacts=[Artifact(url="https://v3.fal.media/video.mp4")]))
            await run.progress("compositing", "Compositing", fraction=0.9)
            if run.job.attempt > 1 and run.job.rounds > 1:
                return JobResult(artifacts=[Artifact(url="https://v3.fal.media/whole.mp4")])
            raise JobFailedError(JobError(reason=ErrorReason.MEDIA_FAILED, message="no room", retryable=retryable))

        return film_and_fail

    async def test_a_failed_job_carries_it_and_a_retry_pays_nothing(
        self, rig: Rig, performed: Callable[[Recipe], None]
    ) -> None:
        performed(self.recipe(retryable=False))
        rig.worker().start()
        job = await rig.submit()

        failed = await rig.until(job)
        await rig.control.retry(job.tenant, job.id, request_id="", digest="", resubmit_unknown=False)
        done = await rig.until(job, JobState.SUCCEEDED)

        assert failed.error is not None
        assert failed.error.reason is ErrorReason.MEDIA_FAILED
        assert result_of(failed).artifacts[0].url == "https://v3.fal.media/video.mp4"
        assert [artifact.url for artifact in result_of(done).artifacts] == ["https://v3.fal.media/whole.mp4"]
        assert rig.books == (1, 1)

    async def test_it_comes_with_the_last_failure_of_several(
        self, rig: Rig, performed: Callable[[Recipe], None]
    ) -> None:
        performed(self.recipe(retryable=True))
        rig.sweeping()
        rig.worker().start()
        job = await rig.submit(max_attempts=2)

        failed = await rig.until(job)

        assert [attempt.outcome for attempt in failed.attempts] == [
            AttemptOutcome.RETRIED,
            AttemptOutcome.FAILED,
        ]
        assert result_of(failed).artifacts[0].url == "https://v3.fal.media/video.mp4"

    @pytest.mark.parametrize("end", ["time limit", "worker lost"])
    async def test_it_survives_whatever_ends_the_work_after_it(
        self, rig: Rig, performed: Callable[[Recipe], None], end: str
    ) -> None:
        working = asyncio.Event()

        async def endless(run: Run, spec: Any) -> JobResult:
            await run.generate("video", ECHO, {"prompt": "a boat"})
            run.salvage(JobResult(artifacts=[Artifact(url="https://v3.fal.media/video.mp4")]))
            await run.progress("compositing", "Compositing", fraction=0.9)
            working.set()
            await asyncio.Event().wait()
            return JobResult()

        performed(endless)
        worker = rig.worker().start()
        job = await rig.submit(max_attempts=1)
        await asyncio.wait_for(working.wait(), PATIENCE)
        if end == "worker lost":
            await worker.died()
            await rig.lost(job)
            rig.sweeping()
        else:
            leap(job.time_limit)

        failed = await rig.until(job)

        assert failed.error is not None
        assert failed.error.reason == ("TIME_LIMIT" if end == "time limit" else "WORKER_LOST")
        assert result_of(failed).artifacts[0].url == "https://v3.fal.media/video.mp4"
