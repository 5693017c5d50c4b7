"""What answers `GET /files/<key>`: artifacts and nothing else. Whoever knows an address gets the file.

Keys cannot be guessed (`core/artifacts.py`). There is no list of what there is, and all that is no living artifact is
answered alike: 404. This module needs aiohttp, so it is imported only where files are served.
"""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from aiohttp import web

from core.artifacts import Note, disposition_of, is_key, note_beside

if TYPE_CHECKING:
    from pathlib import Path

#: The path that every address begins with.
PATH: Final = "/files/"
#: How long others may keep a file without asking again, in seconds at most: its bytes never change, but it goes.
MAX_AGE: Final = 86_400
#: What browsers are told with every answer: believe the type, run nothing, let any page show it.
HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; media-src 'self'; sandbox",
    "Referrer-Policy": "no-referrer",
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


def application(folder: Path) -> web.Application:
    """Return what serves the artifacts in *folder*. HEAD, ranges and conditional requests are answered as well."""
    files = _Files(folder)
    made = web.Application()
    made.router.add_get(f"{PATH}{{key:.+}}", files.get)
    made.on_response_prepare.append(_add_headers)
    return made


class _Files:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def get(self, request: web.Request) -> web.StreamResponse:
        key = request.match_info["key"]
        note = await asyncio.to_thread(self._note, key) if is_key(key) else None
        if note is None:
            return web.Response(status=404, text="There is no such file.\n", headers={"Cache-Control": "no-store"})
        left = int((note.expire_time - datetime.now(UTC)).total_seconds())
        headers = {
            "Content-Type": note.content_type,
            "Content-Disposition": disposition_of(key, note.content_type),
            "Cache-Control": f"private, max-age={max(0, min(left, MAX_AGE))}, immutable",
        }
        return web.FileResponse(self._folder / key, headers=headers)

    def _note(self, key: str) -> Note | None:
        """Return what is known of a file; None: it is not there, expired, or reached through a link."""
        file = self._folder / key
        beside = note_beside(file)
        try:
            root = os.path.realpath(self._folder)
            if any(
                os.path.realpath(path) != os.path.join(root, path.relative_to(self._folder)) for path in (file, beside)
            ):
                return None
            note = Note.from_json(beside.read_bytes())
        except (OSError, ValueError):
            return None
        return note if note.expire_time > datetime.now(UTC) and file.is_file() else None


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
    response.headers["Server"] = "segue"  # and no versions
