"""How the files that fal made are reached when an emulator stands in for fal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.fal.transport import CDN_HOSTS, origin_of

if TYPE_CHECKING:
    import httpx

    from workers.media.pinning import Route


def no_route(url: httpx.URL) -> httpx.URL | None:
    """Trust nothing."""
    del url
    return None


def fal_files(base_url: str | None) -> Route:
    """Return the way to fal's files.

    Args:
        base_url: where an emulator stands in for fal. It usually is on a private address, and names itself in the URLs
            of its files. None: fal itself, whose addresses are public like everybody's.

    Raises:
        ValueError: the base URL is no plain `http(s)://host[:port]`.
    """
    if base_url is None:
        return no_route
    base = origin_of(base_url)
    own = (base.scheme, base.host, base.port)

    def route(url: httpx.URL) -> httpx.URL | None:
        if (url.scheme, url.host, url.port) == own and url.path.startswith("/files/"):
            return url
        if url.host in CDN_HOSTS and url.scheme == "https" and url.port is None:
            return url.copy_with(scheme=base.scheme, host=base.host, port=base.port)
        return None

    return route
