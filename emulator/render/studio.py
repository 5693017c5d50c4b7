"""Renders every wanted file once, and no more of them at a time than there are cores."""

import asyncio
import hashlib
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from emulator.storage import FileStore


class Studio:
    """A cache of renderings by the digest of what they are made from."""

    def __init__(self, files: FileStore) -> None:
        self._files = files
        self._cores = asyncio.Semaphore(os.cpu_count() or 1)
        self._made: dict[str, asyncio.Task[Path]] = {}

    async def produce(self, recipe: Any, name: str, make: Callable[[Path], Awaitable[None]]) -> Path:
        """Return the file *name* that *make* writes for *recipe*; equal recipes share one file.

        The recipe is everything the content depends on, as JSON. A caller that is cancelled does not
        stop the rendering: another may be waiting for it.
        """
        digest = hashlib.sha256(json.dumps([name, recipe], sort_keys=True).encode()).hexdigest()
        task = self._made.get(digest)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = asyncio.create_task(self._make(name, make))
            task.add_done_callback(_seen)
            self._made[digest] = task
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Stop all renderings under way."""
        tasks = [task for task in self._made.values() if not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _make(self, name: str, make: Callable[[Path], Awaitable[None]]) -> Path:
        async with self._cores:
            path = self._files.new_path(name)
            await make(path)
            return path


def _seen(task: asyncio.Task[Path]) -> None:
    """Take note of a failure, also when everybody who waited for it has gone."""
    if not task.cancelled():
        task.exception()
