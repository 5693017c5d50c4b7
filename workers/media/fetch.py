"""Fetches the files that a job names: from strangers' servers, so bounded, checked and never believed."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import httpx

from workers.media.addresses import SystemResolver, public_web
from workers.media.errors import InputMediaError, UnreachableMediaError
from workers.media.limits import FetchLimits
from workers.media.pinning import PinnedTransport
from workers.media.routes import no_route
from workers.media.sink import Sink, new_file
from workers.media.urls import bytes_of_data_url, is_data_url, parsed, shown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from workers.media.addresses import Allows, Resolve
    from workers.media.pinning import Route
    from workers.media.sniff import Format, MediaKind

#: Seconds before the second try; doubled with each further one.
_PAUSE: Final = 0.5
#: Answers of servers that may do better later, beside all from 500 on.
_TRANSIENT: Final = frozenset({408, 425, 429})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
#: No encoding: what unpacks to a thousand times its size would have to be counted while it unpacks.
_HEADERS: Final = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "segue"}


class Fetcher:
    """Fetches files from http, https and data URLs."""

    def __init__(
        self,
        *,
        limits: FetchLimits | None = None,
        allows: Allows = public_web,
        route: Route = no_route,
        resolve: Resolve | None = None,
    ) -> None:
        """Prepare; nothing is connected.

        Args:
            limits: of each file.
            allows: which addresses may be called; see `addresses`.
            route: which URLs are trusted, and where they lead; see `routes.fal_files`.
            resolve: looks the names of hosts up; None: the system does.
        """
        self._limits = limits or FetchLimits()
        self._allows = allows
        self._route = route
        self._resolve = resolve or SystemResolver()
        self._tls = httpx.create_ssl_context()

    async def fetch(self, url: str, into: Path, *, wanted: MediaKind) -> Path:
        """Fetch the file at *url*, and return where it is: *into* with the suffix of what it turned out to be.

        The names that the other side gives it are never used, nor is what it claims to be.

        Raises:
            InputMediaError: the URL leads nowhere it may, or to no such file; fetching it again is in vain.
            UnreachableMediaError: its server failed or was too slow, and again when it was tried again.
            NoRoomError: the disk is full.
        """
        part = into.with_name(f"{into.name}.part")
        try:
            async with asyncio.timeout(self._limits.time.total_seconds()) as clock:
                found = await self._receive(url, part, wanted)
            return part.replace(into.with_suffix(found.suffix))
        except TimeoutError as error:
            if not clock.expired():
                raise
            raise UnreachableMediaError(f"{shown(url)} took longer than {self._limits.time}.") from error
        finally:
            part.unlink(missing_ok=True)

    async def _receive(self, url: str, part: Path, wanted: MediaKind) -> Format:
        """Bring the file to *part*, in as many tries as it takes."""
        if is_data_url(url):
            async with self._sink(url, part, wanted) as sink:
                await sink.add(await asyncio.to_thread(bytes_of_data_url, url, most=self._limits.bytes))
                return await sink.finish()
        address = parsed(url)
        failures = 0
        while True:
            try:
                return await self._download(address, part, wanted)
            except UnreachableMediaError:
                failures += 1
                if failures >= self._limits.tries:
                    raise
            await asyncio.sleep(_PAUSE * 2 ** (failures - 1))

    async def _download(self, url: httpx.URL, part: Path, wanted: MediaKind) -> Format:
        try:
            async with self._answer(url) as answer, self._sink(str(url), part, wanted) as sink:
                _check(answer, sink, shown(str(url)))
                async for piece in answer.aiter_raw():
                    await sink.add(piece)
                return await sink.finish()
        except httpx.TransportError as error:
            raise UnreachableMediaError(f"{shown(str(url))} could not be fetched ({type(error).__name__}).") from error

    @asynccontextmanager
    async def _answer(self, url: httpx.URL) -> AsyncIterator[httpx.Response]:
        """Ask for *url*, following redirects: each leads to an address that is checked like the first."""
        transport = PinnedTransport(tls=self._tls, resolve=self._resolve, allows=self._allows, route=self._route)
        timeout = httpx.Timeout(self._limits.idle.total_seconds()).as_dict()
        async with transport:
            there = url
            for _ in range(self._limits.redirects + 1):
                request = httpx.Request("GET", there, headers=_HEADERS, extensions={"timeout": timeout})
                answer = await transport.handle_async_request(request)
                try:
                    if answer.status_code not in _REDIRECTS:
                        yield answer
                        return
                    there = parsed(answer.headers.get("location", ""), base=there)
                finally:
                    await answer.aclose()
        raise InputMediaError(f"{shown(str(url))} redirects more than {self._limits.redirects} times.")

    @asynccontextmanager
    async def _sink(self, url: str, part: Path, wanted: MediaKind) -> AsyncIterator[Sink]:
        async with new_file(part) as file:
            yield Sink(file, name=shown(url), wanted=wanted, most=self._limits.bytes)


def _check(answer: httpx.Response, sink: Sink, name: str) -> None:
    """Refuse an answer by its head, before any of its body is read."""
    status = answer.status_code
    if status in _TRANSIENT or status >= 500:
        raise UnreachableMediaError(f"{name} could not be fetched: its server answered {status}.")
    if status != 200:
        raise InputMediaError(f"{name} cannot be fetched: its server answered {status}.")
    if answer.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise InputMediaError(f"{name} comes packed, though that was not asked for.")
    length = answer.headers.get("content-length", "")
    if length.isdecimal():
        sink.expect(int(length))
