"""rest.fal.ai: tokens for storage and realtime, and the older way to begin an upload."""

import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, Final

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
        wanted = await _json_object(request)
        name = str(wanted.get("file_name") or "file")
        content_type = content_type_of(name, wanted.get("content_type"))
        key = self._context.files.announce(
            name=name, content_type=content_type, file_seconds=lifecycle_seconds(request.headers)
        )
        url = f"{self._context.media_base(request)}/files/{key}"
        return answers.from_fal({"upload_url": f"{url}?upload=1", "file_url": url})

    async def _realtime_token(self, request: web.Request) -> web.StreamResponse:
        if not self._context.is_authorized(request):
            return answers.unauthorized("tokens")
        return answers.from_fal(secrets.token_urlsafe(24))


async def _json_object(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read() or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
