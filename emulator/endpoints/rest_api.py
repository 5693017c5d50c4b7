"""rest.fal.ai: tokens for storage and realtime, and the older way to begin an upload."""

import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Final, TypedDict

from aiohttp import web

from emulator import answers
from emulator.context import Context, lifecycle_seconds
from emulator.endpoints.cdn_api import TOKEN_PREFIX
from emulator.storage import content_type_of

_TOKEN_LIFE: Final = timedelta(hours=1)


class RestApi:
    """The handlers of the account's own services."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def routes(self) -> list[web.RouteDef]:
        """List the routes."""
        return [
            web.post("/storage/auth/token", self._storage_token),
            web.post("/storage/upload/initiate", self._initiate),
            web.post("/storage/upload/initiate-multipart", self._initiate_multipart),
            web.post("/tokens/", self._realtime_token),
        ]

    async def _storage_token(self, request: web.Request) -> web.StreamResponse:
        if not self._context.is_authorized(request):
            return answers.unauthorized("storage/auth")
        body = {
            "token": f"{TOKEN_PREFIX}{secrets.token_urlsafe(24)}",
            "token_type": "Bearer",
            "base_url": self._context.media_base(request),
            "expires_at": (datetime.now(UTC) + _TOKEN_LIFE).isoformat(),
        }
        return answers.from_fal(body)

    async def _initiate(self, request: web.Request) -> web.StreamResponse:
        if not self._context.is_authorized(request):
            return answers.unauthorized("storage/upload")
        key = self._context.files.announce(**await _announced_file(request))
        url = f"{self._context.media_base(request)}/files/{key}"
        return answers.from_fal({"upload_url": f"{url}?upload=1", "file_url": url})

    async def _initiate_multipart(self, request: web.Request) -> web.StreamResponse:
        """Begin the JavaScript client's upload in parts; its URL is the permission."""
        if not self._context.is_authorized(request):
            return answers.unauthorized("storage/upload")
        key, upload_id = self._context.files.begin_multipart(**await _announced_file(request))
        url = f"{self._context.media_base(request)}/files/{key}"
        return answers.from_fal({"upload_url": f"{url}/multipart/{upload_id}", "file_url": url})

    async def _realtime_token(self, request: web.Request) -> web.StreamResponse:
        if not self._context.is_authorized(request):
            return answers.unauthorized("tokens")
        return answers.from_fal(secrets.token_urlsafe(24))


class _AnnouncedFile(TypedDict):
    name: str
    content_type: str
    file_seconds: float | None


async def _announced_file(request: web.Request) -> _AnnouncedFile:
    """Read what kind of file is going to be uploaded."""
    try:
        wanted = json.loads(await request.read() or b"{}")
    except ValueError:
        wanted = {}
    if not isinstance(wanted, dict):
        wanted = {}
    name = str(wanted.get("file_name") or "file")
    return {
        "name": name,
        "content_type": content_type_of(name, wanted.get("content_type")),
        "file_seconds": lifecycle_seconds(request.headers),
    }
