"""Finished jobs with their files on this disk, and what is seen in them."""

from __future__ import annotations

from base64 import b64encode
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self, cast

import av
import httpx
from google.protobuf.json_format import MessageToDict
from PIL import Image, ImageChops, ImageStat

from devstack import photos
from devstack.settings import Settings
from devstack.stack import Stack
from segue import aio
from segue.v1.job_pb2 import ArtifactRole, JobState
from tests.e2e.evidence import difference

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from av.video.frame import VideoFrame

    import segue
    from segue.v1.job_pb2 import Artifact
    from segue.v1.job_service_pb2 import WatchJobResponse

VIDEO: Final = ArtifactRole.ARTIFACT_ROLE_VIDEO
THUMBNAIL: Final = ArtifactRole.ARTIFACT_ROLE_THUMBNAIL
SUBTITLES: Final = ArtifactRole.ARTIFACT_ROLE_SUBTITLES

#: Seconds that one film may take on a busy machine.
PATIENCE: Final = 150
#: The longer side of what is looked at, in pixels.
SMALL: Final = 480
#: Short polls and a lease that a busy machine keeps; files on loopback may be named.
QUICK: Final = {
    "SEGUE_LEASE_SECONDS": "30",
    "SEGUE_POLL_SECONDS": "0.1",
    "SEGUE_POLL_MAX_SECONDS": "0.3",
    "SEGUE_QUEUE_POLL_MILLISECONDS": "50",
    "SEGUE_ALLOW_PRIVATE_URLS": "true",
}


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stack with a server, a client of it, and the demo's photographs at its fal."""

    stack: Stack
    client: aio.Client
    first: str
    last: str
    folder: Path
    """Of all its files; the rooms of its workers are in `rooms`."""

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, folder: Path, *, environment: Mapping[str, str] | None = None, workers: int = 1
    ) -> AsyncIterator[Self]:
        """Start it, with files in *folder* and further settings of its processes."""
        media = {"SEGUE_MEDIA_FOLDER": str(folder / "rooms")}
        settings = Settings(dev_dir=folder)
        async with Stack(settings, environment={**QUICK, **media, **(environment or {})}) as stack:
            await stack.emulator.settings(queue_seconds=0.1, run_seconds=0.5, concurrency=20)
            await stack.start_server()
            for _ in range(workers):
                await stack.start_worker()
            first, last = await photos.upload(stack)
            async with aio.Client(stack.address) as client:
                yield cls(stack=stack, client=client, first=first, last=last, folder=folder)

    async def submits_for(self, job: segue.Job) -> dict[str, int]:
        """Return how many submits fal accepted for each step of a job, by fal's own books."""
        job = await self.client.get(job.id)
        accepted = [request["request_id"] for request in (await self.stack.emulator.ledger()).requests]
        return {row.step: accepted.count(row.provider_request_id) for row in job.generations}


@dataclass(frozen=True, kw_only=True)
class Film:
    """A job that has succeeded, what was heard of it, and its files."""

    job: segue.Job
    events: list[WatchJobResponse]
    files: list[Path]
    """Of its artifacts, in their order."""

    @property
    def roles(self) -> list[ArtifactRole.ValueType]:
        """What its files are."""
        return [artifact.role for artifact in self.job.result.artifacts]

    @property
    def video(self) -> Path:
        """The video."""
        return self.files[self.roles.index(VIDEO)]

    @property
    def video_artifact(self) -> Artifact:
        """What the job says of the video."""
        return self.job.result.artifacts[self.roles.index(VIDEO)]

    @property
    def told(self) -> list[tuple[float, str, str]]:
        """The fractions, stages and messages that watchers were told, in order."""
        progress = [event.progress for event in self.events if event.WhichOneof("event") == "progress"]
        return [(each.fraction, each.stage, each.message) for each in progress]

    @property
    def model_url(self) -> str:
        """Where the video is that the model itself has made."""
        return str(MessageToDict(self.job.result.output)["video"]["url"])


async def filmed(stage: Stage, job: segue.Job, folder: Path) -> Film:
    """Watch a job to its end, and fetch what it has made. One that its test holds starts when it is watched.

    Raises:
        segue.errors.JobFailed: it failed.
    """
    events = []
    async for event in stage.client.watch(job.id, after_sequence=0, timeout=PATIENCE):
        events.append(event)
        found = event.snapshot.job
        if found.state == JobState.JOB_STATE_HELD and not found.awaited_job_count:
            await stage.client.release(job.id)
    finished = await stage.client.result(job.id)
    files = []
    for number, artifact in enumerate(finished.result.artifacts):
        files.append(folder / f"{number}-{artifact.url.rpartition('/')[2]}")
        files[-1].write_bytes(await fetched(artifact.url))
    return Film(job=finished, events=events, files=files)


def data_url(path: Path, content_type: str) -> str:
    """Return a file as a URL that holds it."""
    return f"data:{content_type};base64,{b64encode(path.read_bytes()).decode()}"


async def fetched(url: str) -> bytes:
    """Return the file at a URL of the emulator."""
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        return (await http.get(url)).raise_for_status().content


def seen(video: Path, *seconds: float) -> list[Image.Image]:
    """Return what is seen at each time, small; one beyond the end is the last picture."""
    found: dict[float, VideoFrame] = {}
    with av.open(str(video)) as container:
        for frame in container.decode(video=0):
            for second in seconds:
                if second not in found or (frame.time or 0) <= second:
                    found[second] = frame
    return [_small(found[second]) for second in seconds]


def _small(frame: VideoFrame) -> Image.Image:
    scale = SMALL / max(frame.width, frame.height)
    image = frame.to_image(width=round(frame.width * scale), height=round(frame.height * scale))  # type: ignore[no-untyped-call]
    return cast("Image.Image", image)


def changed_thirds(one: Image.Image, other: Image.Image) -> tuple[float, float, float]:
    """Return how far two pictures of a size are apart in their upper, middle and lower third: colour values, 0 to 255.

    Of the pixels that differ most: letters cover little of a third.
    """
    apart = ImageChops.difference(one, other.resize(one.size)).convert("L")
    width, height = apart.size
    thirds = (apart.crop((0, height * third // 3, width, height * (third + 1) // 3)) for third in range(3))
    top, middle, bottom = (_percentile(third, 0.995) for third in thirds)
    return top, middle, bottom


def _percentile(image: Image.Image, share: float) -> float:
    left = share * image.size[0] * image.size[1]
    for value, count in enumerate(image.histogram()):
        left -= count
        if left <= 0:
            return float(value)
    return 255.0


def is_black(image: Image.Image) -> bool:
    """Whether nothing is seen."""
    return max(ImageStat.Stat(image.convert("L")).mean) < 16


def shows(image: Image.Image, photograph: Path, *, by: float = 12.0) -> bool:
    """Whether a picture is that photograph; another one is 60 away."""
    with Image.open(photograph) as wanted:
        return difference(image, wanted) < by
