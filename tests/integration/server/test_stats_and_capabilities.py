from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import metadata
from typing import TYPE_CHECKING

from core.job import JobKind
from segue.v1 import job_pb2, spec_pb2
from segue.v1 import system_service_pb2 as pb
from server.translate.enums import KIND_TO_PROTO
from tests.integration.server import life
from tests.unit.server.asked import submit

if TYPE_CHECKING:
    from core.store.attempts import AttemptStore
    from segue.v1.job_service_pb2_grpc import JobServiceAsyncStub
    from segue.v1.system_service_pb2_grpc import SystemServiceAsyncStub


async def test_stats_count_the_jobs_by_state_and_tell_what_is_paused(
    jobs: JobServiceAsyncStub, system: SystemServiceAsyncStub, worker: AttemptStore
) -> None:
    for _ in range(3):
        await jobs.SubmitJob(submit())
    await life.ended(worker)
    scope = pb.SchedulingScope(kind=spec_pb2.JOB_KIND_MODEL)
    await system.PauseScheduling(pb.PauseSchedulingRequest(scope=scope))

    stats = await system.GetStats(pb.GetStatsRequest())

    assert {count.state: count.count for count in stats.state_counts} == {
        job_pb2.JOB_STATE_PENDING: 2,
        job_pb2.JOB_STATE_SUCCEEDED: 1,
    }
    assert stats.job_count == 3
    now = datetime.now(UTC)
    assert now - stats.count_time.ToDatetime(UTC) < timedelta(minutes=1)
    (pause,) = stats.pauses
    assert pause.scope == scope
    assert timedelta(seconds=-1) < now - pause.pause_time.ToDatetime(UTC) < timedelta(minutes=1)


async def test_stats_of_nothing_are_empty(system: SystemServiceAsyncStub) -> None:
    stats = await system.GetStats(pb.GetStatsRequest())

    assert (stats.job_count, len(stats.state_counts), len(stats.pauses)) == (0, 0, 0)


async def test_the_server_tells_what_it_can_do(system: SystemServiceAsyncStub) -> None:
    capabilities = await system.GetCapabilities(pb.GetCapabilitiesRequest())

    assert capabilities.version == metadata.version("segue")
    assert list(capabilities.kinds) == [KIND_TO_PROTO[kind] for kind in JobKind]
    assert capabilities.limits.batch_jobs == 1000
    assert capabilities.defaults.transition_model == capabilities.transition_models[0].endpoint
