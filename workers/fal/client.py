"""fal_client's asynchronous client on our own transport, so that it can be pointed, bounded and closed.

fal_client 1.0.3 has no option for any of this: `_client`, `_cdn_client` and `_token_manager` are private,
the version is pinned and `tests/unit/fal/test_fal_client_seams.py` watches them.
"""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

import fal_client
import httpx
from fal_client import auth as fal_auth
from fal_client import client as fal_impl

from workers.fal.transport import QUEUE_HOSTS, FalTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from workers.fal.limits import Timeouts

#: Renew an upload token this long before it ends, so that it does not end under way.
_TOKEN_LEEWAY: Final = timedelta(seconds=30)
_T = TypeVar("_T")
_KEY: Final = re.compile(r"[!-~]+")


class FalClient(fal_client.AsyncClient):
    """The official client; belongs to the event loop that first awaits it."""

    def __init__(self, *, key: str, transport: FalTransport, timeouts: Timeouts) -> None:
        """Prepare the client; nothing is connected yet.

        Raises:
            ValueError: the key could not stand in a header, or fal_client was pointed elsewhere.
        """
        if httpx.URL(fal_impl.QUEUE_URL_FORMAT).host not in QUEUE_HOSTS:
            raise ValueError("Unset FAL_RUN_HOST and FAL_QUEUE_RUN_HOST: the base URL says where fal is.")
        if not _KEY.fullmatch(key):
            raise ValueError("The fal key is empty or holds characters that no key has.")
        super().__init__(key=key, default_timeout=timeouts.submit.total_seconds())
        credentials = fal_auth.AuthCredentials("Key", key)
        agent = {"User-Agent": fal_impl.USER_AGENT}
        self.headers = {**agent, **credentials.as_headers()}
        """What every request to the queue carries; the key is in it."""
        self._api = httpx.AsyncClient(
            transport=transport,
            headers=self.headers,
            timeout=timeouts.http(timeouts.submit),
        )
        # The storage is shown a token of its own, never the key.
        self._storage = httpx.AsyncClient(transport=transport, headers=agent, timeout=timeouts.http(timeouts.upload))
        self._tokens = _StorageTokens(credentials, self._storage)

    # The parent makes each of these on first use, without limits and without a way to close them.
    @property
    def _client(self) -> Awaitable[httpx.AsyncClient]:
        return _ready(self._api)

    @property
    def _token_manager(self) -> Awaitable[fal_impl.AsyncCDNTokenManager]:
        return _ready(self._tokens)

    @asynccontextmanager
    async def _cdn_client(self) -> AsyncIterator[httpx.AsyncClient]:
        yield self._storage

    async def aclose(self) -> None:
        """Close every connection."""
        await self._api.aclose()
        await self._storage.aclose()


class _StorageTokens(fal_impl.AsyncCDNTokenManager):
    """Fetches the tokens for uploads over our transport; the parent opens a client of its own for each."""

    def __init__(self, auth: fal_auth.AuthCredentials, client: httpx.AsyncClient) -> None:
        super().__init__(auth)
        self._http = client

    async def _refresh_token(self) -> fal_impl.CDNToken:
        response = await self._http.post(self._url, headers=self._headers, json={})
        response.raise_for_status()
        fields = response.json()
        expires_at = datetime.fromisoformat(fields["expires_at"])
        if expires_at.tzinfo is None:
            expires_at = expires_at.replace(tzinfo=UTC)
        return fal_impl.CDNToken(
            token=fields["token"],
            token_type=fields["token_type"],
            base_upload_url=fields["base_url"],
            expires_at=expires_at - _TOKEN_LEEWAY,
        )


async def _ready(value: _T) -> _T:
    return value
