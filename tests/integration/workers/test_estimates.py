"""What generations cost and how long they take, as far as it is known beforehand."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from core.job import JobState
from segue.v1.job_pb2 import JobResult
from tests.integration.workers.rig import ECHO
from workers import generations
from workers.polling import progress_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tests.integration.workers.rig import Recipe, Rig
    from workers.run import Run


class TestEstimates:
    """What generations cost and how long they take."""

    async def test_a_row_tells_what_it_probably_costs(
        self, rig: Rig, performed: Callable[[Recipe], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def priced(endpoint: str, arguments: dict[str, Any]) -> int | None:
            return 350_000 if arguments.get("prompt") == "dear" else None

        async def two(run: Run, spec: Any) -> JobResult:
            await run.generate("dear", ECHO, {"prompt": "dear"})
            await run.generate("unknown", ECHO, {"prompt": "unknown"})
            return JobResult()

        monkeypatch.setattr(generations, "estimated_cost", priced)
        performed(two)
        rig.worker().start()

        done = await rig.until(await rig.submit())

        assert [row.estimated_cost for row in done.generations] == [350_000, None]

    async def test_progress_goes_by_how_long_the_endpoints_last_generations_took(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        supposed: list[timedelta] = []

        def spy(status: Any, *, elapsed: timedelta, usual: timedelta) -> Any:
            supposed.append(usual)
            return progress_of(status, elapsed=elapsed, usual=usual)

        monkeypatch.setattr(generations, "progress_of", spy)
        rig.behave(run_seconds=0.3)
        first = rig.worker().start()
        await rig.until(await rig.submit())
        first.takes_no_more()
        assert set(supposed) == {generations.USUAL}
        supposed.clear()

        rig.worker().start()  # which has not asked yet
        await rig.until(await rig.submit(), JobState.SUCCEEDED)

        assert supposed
        assert all(timedelta(seconds=0.3) <= usual < generations.USUAL / 2 for usual in supposed)
