"""A place for one attempt to work with media, where every fault becomes one that the job's caller understands.

Faults of what the caller gave (an address, a file) are INVALID_INPUT and name the field; all others are MEDIA_FAILED.
What was paid before is in the result then (`Run.salvage`), and RetryJob does only the rest again.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from core.errors import JobNotFoundError
from core.job import ErrorReason, JobError, JobState
from segue.v1.job_pb2 import Artifact, ArtifactRole, JobResult
from workers.artifacts.publish import described, publish
from workers.artifacts.store import StoreError
from workers.errors import JobFailedError
from workers.media.errors import InputMediaError, MediaError
from workers.media.probe import probe
from workers.media.sniff import MediaKind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping
    from pathlib import Path

    from google.protobuf.struct_pb2 import Struct

    from core.catalog.calls import Call
    from core.job import JobId
    from workers.media.ffmpeg import Ffmpeg, Report
    from workers.media.probe import MediaInfo
    from workers.run import Run


@asynccontextmanager
async def workbench(run: Run) -> AsyncIterator[Bench]:
    """Give a recipe a bench; clear it away at the end.

    Raises:
        JobFailedError: work on media failed.
    """
    try:
        async with run.studio.media.rooms.room(run.job.id) as room:
            yield Bench(run, room)
    except MediaError as error:
        raise JobFailedError(_media_failed(error, retryable=error.is_transient, stderr=error.stderr)) from error
    except StoreError as error:
        raise JobFailedError(_media_failed(error, retryable=error.retryable)) from error


class Bench:
    """A private directory and the tools to work in it."""

    def __init__(self, run: Run, room: Path) -> None:
        self._run = run
        self._room = room
        self._studio = run.studio
        self._paid = JobResult()

    @property
    def ffmpeg(self) -> Ffmpeg:
        """Runs ffmpeg."""
        return self._studio.media.ffmpeg

    def path(self, name: str) -> Path:
        """Return where a file of this name lies on the bench."""
        return self._room / name

    def deposit(self, artifacts: Iterable[Artifact], output: Struct | None = None) -> None:
        """Note what is paid for and kept by the provider: the result of the job if its work here fails.

        Args:
            output: the answer of the model that makes the most of it.
        """
        self._paid.artifacts.extend(artifacts)
        if output is not None:
            self._paid.output.CopyFrom(output)
        self._run.salvage(self._paid)

    async def generated(self, url: str, *, name: str, wanted: MediaKind) -> Path:
        """Fetch what a model has made.

        Raises:
            MediaError: it cannot be fetched, or is not what is wanted.
        """
        return await self._studio.media.fetcher.fetch(url, self.path(name), wanted=wanted)

    async def answered(self, call: Call, output: Mapping[str, Any], *, name: str, wanted: MediaKind) -> Path:
        """Fetch the file of an answer to a call.

        Raises:
            MediaError: there is none, it cannot be fetched, or is not what is wanted.
        """
        try:
            url = call.url_in(output)
        except LookupError as error:
            raise MediaError(str(error)) from error
        return await self.generated(url, name=name, wanted=wanted)

    async def given(self, url: str, *, field: str, name: str, wanted: MediaKind) -> Path:
        """Fetch what the caller has given: a file of an earlier job of the tenant, or one from anywhere.

        It is looked into at once: what cannot be used is better known before anything is paid.

        Args:
            field: of the spec that names it.

        Raises:
            JobFailedError: it cannot be used; INVALID_INPUT, naming the field.
            MediaError: it cannot be fetched now.
            StoreError: it cannot be taken out of the store now.
        """
        try:
            file = await self._brought(url, self.path(name), wanted)
            check_kind(await probe(file), wanted, name=file.name)
        except InputMediaError as error:
            raise invalid_input(f"{field}: {error}", field=field) from error
        except StoreError as error:
            if error.retryable:
                raise
            raise invalid_input(f"{field}: {error}", field=field) from error
        return file

    async def _brought(self, url: str, into: Path, wanted: MediaKind) -> Path:
        most = self._studio.download_bytes
        if await self._studio.store.take(url, into, tenant=self._run.job.tenant, max_bytes=most):
            return into
        return await self._studio.media.fetcher.fetch(url, into, wanted=wanted)

    async def video_of(self, job_id: JobId, *, field: str) -> str:
        """Return the URL of the video that another job of the tenant has made.

        Raises:
            JobFailedError: there is none; INVALID_INPUT, naming the field.
        """
        try:
            job = await self._studio.jobs.get(self._run.job.tenant, job_id)
        except JobNotFoundError as error:
            raise invalid_input(f"{field}: job {job_id} is no longer kept", field=field) from error
        if job.state is not JobState.SUCCEEDED:
            why = f": {job.error.reason}: {job.error.message}" if job.error else ""
            raise invalid_input(f"{field}: job {job_id} has {job.state}{why}", field=field)
        for artifact in JobResult.FromString(job.result or b"").artifacts:
            if artifact.role == ArtifactRole.ARTIFACT_ROLE_VIDEO:
                return artifact.url
        raise invalid_input(f"{field}: job {job_id} made no video", field=field)

    async def publish(
        self, path: Path, *, role: ArtifactRole.ValueType, name: str, content_type: str, info: MediaInfo | None = None
    ) -> Artifact:
        """Keep a file as an artifact of the job.

        Raises:
            StoreError: it is not kept.
        """
        return await publish(
            self._studio.store, path, role=role, name=name, content_type=content_type, job=self._run.job, info=info
        )

    async def described(self, artifact: Artifact, path: Path) -> Artifact:
        """Return an artifact that is kept elsewhere with all that its bytes tell.

        Raises:
            MediaError: it cannot be read.
        """
        return await described(artifact, path, info=await probe(path))

    async def probe(self, path: Path) -> MediaInfo:
        """Look into a file.

        Raises:
            MediaError: it cannot be read.
        """
        return await probe(path)

    def report(self, stage: str, low: float, high: float) -> Report:
        """Return what tells the watchers how far a piece of work is that takes the job from *low* to *high*.

        They hear of each further hundredth of the job, not of each of the many words of ffmpeg.
        """
        told = -1.0

        async def tell(done: float) -> None:
            nonlocal told
            fraction = round(low + (high - low) * done, 2)
            if fraction > told:
                told = fraction
                await self._run.progress(stage, stage.capitalize(), fraction=fraction)

        return tell


def check_kind(info: MediaInfo, wanted: MediaKind, *, name: str) -> None:
    """Refuse a file that does not hold what it is wanted for.

    Raises:
        InputMediaError: it does not.
    """
    if wanted is MediaKind.VIDEO and info.video_duration is None:
        raise InputMediaError(f"{name} is no video.")
    if wanted is MediaKind.AUDIO and not info.has_audio:
        raise InputMediaError(f"{name} has no sound.")


def invalid_input(message: str, *, field: str) -> JobFailedError:
    """Return the failure of a job whose caller has given something that cannot be used."""
    return JobFailedError(JobError(reason=ErrorReason.INVALID_INPUT, message=message, metadata={"field": field}))


def _media_failed(error: Exception, *, retryable: bool, stderr: str = "") -> JobError:
    metadata = {"stderr": stderr} if stderr else {}
    return JobError(reason=ErrorReason.MEDIA_FAILED, message=str(error), retryable=retryable, metadata=metadata)
