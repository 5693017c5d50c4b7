"""v3.fal.media: uploads in one piece or in parts, and downloads."""

import hashlib
import json
from typing import Final

from aiohttp import web

from emulator import answers
from emulator.context import Context, lifecycle_seconds
from emulator.storage import MissingPartError, content_type_of

#: What every storage token begins with; tokens stay good when the emulator is restarted.
TOKEN_PREFIX: Final = "emulated-"  # noqa: S105 - marks a token, is none
_FILE: Final = "/files/{folder}/{name}"


class CdnApi:
    """The handlers of the file storage."""

    def __init__(self, context: Context) -> None:
        self._files = context.files
        self._context = context

    def routes(self) -> list[web.RouteDef]:
        """List the routes."""
        return [
            web.post("/files/upload", self._upload),
            web.post("/files/upload/multipart", self._begin),
            web.put(f"{_FILE}/multipart/{{upload_id}}/{{number:[0-9]+}}", self._part),
            web.post(f"{_FILE}/multipart/{{upload_id}}/complete", self._complete),
            web.put(_FILE, self._announced),
            web.get(_FILE, self._download),
        ]

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        if not _has_token(request):
            return _no_token()
        name = request.headers.get("X-Fal-File-Name") or "file"
        key = await self._files.save(
            await request.read(),
            name=name,
            content_type=content_type_of(name, request.headers.get("Content-Type")),
            file_seconds=lifecycle_seconds(request.headers),
        )
        return answers.from_fal({"access_url": self._url(request, key)})

    async def _begin(self, request: web.Request) -> web.StreamResponse:
        if not _has_token(request):
            return _no_token()
        name = request.headers.get("X-Fal-File-Name") or "file"
        key, upload_id = self._files.begin_multipart(
            name=name,
            content_type=content_type_of(name, request.headers.get("Content-Type")),
            file_seconds=lifecycle_seconds(request.headers),
        )
        return answers.from_fal({"access_url": self._url(request, key), "uploadId": upload_id})

    async def _part(self, request: web.Request) -> web.StreamResponse:
        """Take one part; the upload's unguessable id is permission enough, as with a signed URL."""
        number = int(request.match_info["number"])
        etag = await self._files.add_part(request.match_info["upload_id"], number, await request.read())
        if etag is None:
            return _gone()
        # The Python client reads the header, the JavaScript client the body.
        return answers.from_fal({"partNumber": number, "etag": etag}, headers={"ETag": etag})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        try:
            named = json.loads(await request.read())["parts"]
            parts = {int(part["partNumber"]): str(part["etag"]) for part in named}
            found = await self._files.complete_multipart(request.match_info["upload_id"], _key(request), parts)
        except (ValueError, TypeError, KeyError, MissingPartError):
            return answers.from_fal({"detail": "Invalid parts"}, status=400)
        return answers.from_fal({"access_url": self._url(request, _key(request))}) if found else _gone()

    async def _announced(self, request: web.Request) -> web.StreamResponse:
        data = await request.read()
        if not await self._files.receive(_key(request), data):
            return _gone()
        etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        return web.Response(headers={"ETag": f'"{etag}"'})

    async def _download(self, request: web.Request) -> web.StreamResponse:
        file = self._files.find(_key(request))
        if file is None:
            return _gone()
        headers = {"Content-Type": file.content_type, "Access-Control-Allow-Origin": "*"}
        return web.FileResponse(file.path, headers=headers)

    def _url(self, request: web.Request, key: str) -> str:
        return f"{self._context.media_base(request)}/files/{key}"


def _key(request: web.Request) -> str:
    return f"{request.match_info['folder']}/{request.match_info['name']}"


def _has_token(request: web.Request) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return scheme == "Bearer" and token.startswith(TOKEN_PREFIX)


def _no_token() -> web.Response:
    return answers.from_fal({"detail": "Invalid or missing token"}, status=401)


def _gone() -> web.Response:
    return answers.from_fal({"detail": "File not found"}, status=404)
