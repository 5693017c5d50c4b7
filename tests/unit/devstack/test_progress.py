from __future__ import annotations

from typing import TYPE_CHECKING

from devstack.progress import Bar, Lines, News, Reporter
from segue.v1.event_pb2 import Heartbeat, Snapshot, StateChange
from segue.v1.job_pb2 import JOB_STATE_PENDING, JOB_STATE_PROCESSING, Job, Progress
from segue.v1.job_service_pb2 import WatchJobResponse

if TYPE_CHECKING:
    import pytest


def test_a_waiting_job_tells_its_place_in_our_queue() -> None:
    event = WatchJobResponse(snapshot=Snapshot(job=Job(state=JOB_STATE_PENDING, queue_position=4)))

    news = Reporter().news(event)

    assert news == News(state="pending", waiting="4 before it")
    assert news.words == "pending · 4 before it"


def test_progress_tells_stage_message_percent_and_the_place_at_fal() -> None:
    reporter = Reporter()
    reporter.news(WatchJobResponse(state_change=StateChange(job=Job(state=JOB_STATE_PROCESSING))))
    progress = Progress(fraction=0.25, stage="queued at fal", message="waiting", provider_queue_position=2)

    news = reporter.news(WatchJobResponse(progress=progress))

    assert news is not None
    assert (news.state, news.percent) == ("processing", "25%")
    assert news.words == "queued at fal · waiting · place 2 in fal's queue"


def test_a_heartbeat_is_no_news() -> None:
    assert Reporter().news(WatchJobResponse(heartbeat=Heartbeat())) is None


def test_lines_repeat_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()

    for fraction in (0.1, 0.1, 0.2):
        lines.show(News(state="processing", fraction=fraction, stage="generating"))

    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 2
    assert "\r" not in "".join(shown)
    assert "20%" in shown[1]
    assert "generating" in shown[1]


def test_the_bar_stays_on_one_line_however_long_the_message(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    bar = Bar()

    bar.show(News(fraction=0.5, stage="generating", message="a very long message " * 9))
    bar.close()

    drawn = capsys.readouterr().out
    assert drawn.startswith("\r")
    assert "█" * 14 + "░" * 14 in drawn
    assert len(drawn.strip("\r\n").removesuffix("\x1b[K")) == 59
