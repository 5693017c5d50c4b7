"""What goes over the wire in the benchmarks: of the size that callers see, and the same in every run."""

from __future__ import annotations

import struct
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from core.events.event import ProgressMade
from core.events.feed import Snapshot
from core.job import DEFAULT_TENANT, JobId, JobState, Progress
from core.store.records import new_job
from segue.v1 import job_service_pb2, spec_pb2
from server.translate.events import watched_to_proto
from server.translate.jobs import job_to_proto
from server.translate.requests import submission_from_proto

if TYPE_CHECKING:
    from core.job import Job
    from server.settings import Settings

#: As long as a real id.
SOME_ID: Final = JobId("0198c2f4-0000-7000-8000-000000000000")
#: What workers report in the benchmarks.
PROGRESS: Final = Progress(fraction=0.5, stage="generating", message="Frame 60 of 120")


def transition_request() -> job_service_pb2.SubmitJobRequest:
    """Return the submission of a transition with an owner and a label, about 500 bytes long, without a request_id."""
    transition = spec_pb2.TransitionSpec(
        name="Harbour at dawn to harbour at night",
        front_image_url="https://images.example.com/projects/0198c2f4/frames/harbour-at-dawn-1920x1080.jpg",
        tail_image_url="https://images.example.com/projects/0198c2f4/frames/harbour-at-night-1920x1080.jpg",
        transition_type=spec_pb2.TRANSITION_TYPE_CINEMATIC,
        prompt="The sun crosses the sky, shadows wander over the quay, boats come and go, then lamps light up one by "
        "one and are mirrored in the still water while the camera glides slowly along the pier towards the lighthouse",
        negative_prompt="text, watermark, flicker",
    )
    transition.video_length.seconds = 5
    return job_service_pb2.SubmitJobRequest(
        spec=spec_pb2.JobSpec(transition=transition), owner="customer-4711", labels={"project": "harbour"}
    )


def batch_request(jobs: int) -> job_service_pb2.BatchSubmitRequest:
    """Return the submission of so many jobs together."""
    return job_service_pb2.BatchSubmitRequest(jobs=[transition_request()] * jobs, display_name="Harbour")


def some_job(settings: Settings) -> Job:
    """Return a job that runs, as GetJob and a watch show it."""
    job = new_job(
        DEFAULT_TENANT, SOME_ID, None, submission_from_proto(transition_request(), settings), datetime.now(UTC)
    )
    return replace(job, state=JobState.STARTED, attempt=1, start_time=job.create_time, sequence=2)


def job_answer(settings: Settings) -> bytes:
    """Return what GetJob answers."""
    return job_service_pb2.GetJobResponse(job=job_to_proto(some_job(settings))).SerializeToString()


def page_answer(settings: Settings, jobs: int) -> bytes:
    """Return what ListJobs answers."""
    shown = job_to_proto(some_job(settings), with_spec=False)
    return job_service_pb2.ListJobsResponse(jobs=[shown] * jobs, next_page_token="0" * 32).SerializeToString()


def snapshot_message(settings: Settings) -> bytes:
    """Return the first message of a watch."""
    return watched_to_proto(SOME_ID, Snapshot(some_job(settings))).SerializeToString()


def progress_message() -> bytes:
    """Return the message of a watch that tells of progress."""
    event = ProgressMade(sequence=100, time=datetime.now(UTC), progress=PROGRESS)
    return watched_to_proto(SOME_ID, event).SerializeToString()


def framed(message: bytes) -> bytes:
    """Return a message as the body of a gRPC request: not compressed, and its length before it."""
    return struct.pack(">BI", 0, len(message)) + message
