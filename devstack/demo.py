"""`make demo`: starts everything, makes one video, shows how it comes to be, and stops everything."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import mimetypes
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx

import segue
from devstack import console, media, progress
from devstack.errors import DemoFailedError
from devstack.kinds import KINDS
from devstack.settings import Settings
from devstack.stack import Stack
from segue import aio

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from segue.v1.job_pb2 import Artifact

#: Seconds for the download of the result.
DOWNLOAD_SECONDS: Final = 120.0
#: Seconds that Ctrl-C leaves for cancelling the job, so that fal does not go on and bill it.
CANCEL_SECONDS: Final = 5.0


async def demo(kind: str, settings: Settings) -> None:
    """Make one job of *kind* on a stack of its own and keep its result under `dev_dir`/demo.

    Raises:
        DevstackError: something did not start, or the job failed; the message says why.
    """
    began = time.monotonic()
    with _run_dir(settings) as run_dir:
        async with Stack(settings.model_copy(update={"dev_dir": run_dir})) as stack:
            await asyncio.gather(stack.start_server(), stack.start_worker())
            console.say(
                f"{_fal_in_words(stack)} Server on {stack.address}, started in {time.monotonic() - began:.1f} s."
            )
            path = await stack.while_alive(_make(kind, stack, settings.dev_dir / "demo"))
            facts = await media.probe(path)
    console.say(f"\n{path}\n  {facts}\n  all stopped after {time.monotonic() - began:.1f} s")


@contextlib.contextmanager
def _run_dir(settings: Settings) -> Iterator[Path]:
    """Give this run a folder of its own, which is kept when it fails: the logs are in it."""
    settings.dev_dir.mkdir(parents=True, exist_ok=True)
    run_dir = Path(tempfile.mkdtemp(prefix="demo-", dir=settings.dev_dir))
    try:
        yield run_dir
    except Exception:
        console.complain(f"The logs are in {run_dir / 'logs'}.")
        raise
    except BaseException:
        shutil.rmtree(run_dir)
        raise
    shutil.rmtree(run_dir)


def _fal_in_words(stack: Stack) -> str:
    if stack.fal_base_url is None:
        return "FAL_KEY is set: this runs on fal itself, and fal bills it."
    return f"No FAL_KEY: this runs on a local emulator of fal ({stack.fal_base_url}) and costs nothing."


async def _make(kind: str, stack: Stack, folder: Path) -> Path:
    async with aio.Client(stack.address) as client:
        job = await client.submit(await KINDS[kind](stack), owner="demo", labels={"from": "make-demo"})
        console.say(f"Job {job.id} ({kind}) is accepted.")
        try:
            finished = await _follow(client, job.id)
        except asyncio.CancelledError:
            await _cancel(client, job.id)
            raise
    return await _download(finished.result.artifacts, folder / kind)


async def _follow(client: aio.Client, job_id: str) -> segue.Job:
    """Show the job's events until its end and return it."""
    reporter, view = progress.Reporter(), progress.view()
    try:
        async for event in client.watch(job_id):
            news = reporter.news(event)
            if news is not None:
                view.show(news)
    finally:
        view.close()
    job = await client.get(job_id)
    if segue.state_name(job.state) != "succeeded":
        message = f"The job ended as {segue.state_name(job.state)}: {job.error.reason} {job.error.message}".rstrip(": ")
        raise DemoFailedError(message)
    return job


async def _cancel(client: aio.Client, job_id: str) -> None:
    """Take the job back, as nobody waits for it any more, and give fal a moment to hear of it."""
    console.say("Cancelling the job ...")
    with contextlib.suppress(segue.SegueError, segue.errors.JobEnded):
        await client.cancel(job_id, timeout=CANCEL_SECONDS)
        await client.result(job_id, timeout=CANCEL_SECONDS)


async def _download(artifacts: Sequence[Artifact], target: Path) -> Path:
    """Fetch the first artifact to *target* with the suffix of its type."""
    if not artifacts:
        message = "The job succeeded, but its result names no file."
        raise DemoFailedError(message)
    artifact = artifacts[0]
    suffix = mimetypes.guess_extension(artifact.content_type) or Path(urlsplit(artifact.url).path).suffix
    path = target.with_suffix(suffix)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        async with (
            httpx.AsyncClient(timeout=DOWNLOAD_SECONDS, follow_redirects=True) as client,
            client.stream("GET", artifact.url) as answer,
        ):
            answer.raise_for_status()
            with path.open("wb") as file:
                async for piece in answer.aiter_bytes():
                    file.write(piece)
    except httpx.HTTPError as error:
        message = f"The result could not be downloaded from {artifact.url}: {type(error).__name__} {error}"
        raise DemoFailedError(message) from error
    return path


def main() -> int:
    """Read the command line, make the demo, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m devstack.demo", description=__doc__)
    parser.add_argument("--kind", choices=sorted(KINDS), default="transition", help="what to make (%(default)s)")
    kind = parser.parse_args().kind
    return console.run(lambda: demo(kind, Settings()))


if __name__ == "__main__":
    sys.exit(main())
