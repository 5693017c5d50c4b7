"""Sends a request to the very address that was checked, whatever its host's name means a moment later."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

import httpx

from workers.media.addresses import checked_addresses

if TYPE_CHECKING:
    import ssl

    from workers.media.addresses import Allows, Resolve

Route: TypeAlias = Callable[[httpx.URL], httpx.URL | None]
"""Says where a URL that is trusted is really reached; None: it is a stranger's, and is checked."""

#: Addresses of one host that are tried.
_TRIED: Final = 3
_PORTS: Final = {"http": 80, "https": 443}


class PinnedTransport(httpx.AsyncBaseTransport):
    """Looks a host up itself, refuses addresses that may not be called, and connects to one that may.

    Name and certificate are still checked for the host's name. Every request has a connection of its own: two hosts
    behind one address must not share it. It knows no proxy.
    """

    def __init__(self, *, tls: ssl.SSLContext, resolve: Resolve, allows: Allows, route: Route) -> None:
        self._resolve = resolve
        self._allows = allows
        self._route = route
        self._inner = httpx.AsyncHTTPTransport(
            verify=tls, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request*, and return the answer with its body still to be read.

        Raises:
            InputMediaError: its host may not be called, or there is none.
            UnreachableMediaError: its host could not be looked up.
            httpx.TransportError: the exchange failed.
        """
        trusted = self._route(request.url)
        if trusted is not None:
            return await self._inner.handle_async_request(_sent_to(request, trusted))
        url = request.url
        port = url.port or _PORTS[url.scheme]
        addresses = await checked_addresses(_host(url), port, resolve=self._resolve, allows=self._allows)
        *others, last = addresses[:_TRIED]
        for address in others:
            try:
                return await self._inner.handle_async_request(_sent_to(request, url.copy_with(host=address)))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._inner.handle_async_request(_sent_to(request, url.copy_with(host=last)))

    async def aclose(self) -> None:
        """Close its connections."""
        await self._inner.aclose()


def _sent_to(request: httpx.Request, there: httpx.URL) -> httpx.Request:
    """Return *request* on its way to another address, still for the host it names."""
    return httpx.Request(
        request.method,
        there,
        headers=request.headers,  # Host among them
        extensions={**request.extensions, "sni_hostname": _host(request.url)},
    )


def _host(url: httpx.URL) -> str:
    """Return the name as the network knows it: in ASCII, also where people write ü."""
    return url.raw_host.decode("ascii")
