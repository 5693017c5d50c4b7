"""Puts an emulator together, starts it and stops it."""

import asyncio
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

import aiohttp
from aiohttp import web

from emulator import hosts, proxy
from emulator.context import Context
from emulator.downloads import Downloads
from emulator.endpoints.cdn_api import CdnApi
from emulator.endpoints.control import ControlApi
from emulator.endpoints.queue_api import QueueApi
from emulator.endpoints.rest_api import RestApi
from emulator.endpoints.run_api import RunApi
from emulator.faults import Faults
from emulator.ledger import Ledger
from emulator.models.artists import Artists
from emulator.models.catalog import Catalog
from emulator.queue import FalQueue
from emulator.render.ffmpeg import Ffmpeg
from emulator.render.studio import Studio
from emulator.settings import LiveBehaviour, Settings
from emulator.storage import FileStore

#: The largest body that is read, in bytes: a single upload has up to 100 MiB.
_LARGEST_BODY: Final = 256 * 1024 * 1024
#: How long open connections may live on when the emulator stops, in seconds.
_GRACE: Final = 0.2
#: Connections that may wait to be accepted: a load test opens many at once.
_BACKLOG: Final = 1024


class _Face(Protocol):
    def routes(self) -> list[web.RouteDef]:
        """List the routes of one host."""


@dataclass(frozen=True, kw_only=True)
class Emulator:
    """A running emulator. `close()` stops it and removes its files."""

    url: str
    """The address of plain HTTP, without a slash at the end."""
    tls_url: str | None
    """The address of the TLS front, to be used as HTTPS_PROXY."""
    ca_pem: bytes | None
    """The certificate of the front's authority."""
    context: Context
    resources: AsyncExitStack

    async def close(self) -> None:
        """Stop serving, cancel what runs, and remove temporary files."""
        await self.resources.aclose()


async def start(settings: Settings | None = None) -> Emulator:
    """Start an emulator in the running loop."""
    async with AsyncExitStack() as stack:
        emulator = await _start(settings or Settings(), stack)
        return replace(emulator, resources=stack.pop_all())


async def _start(settings: Settings, stack: AsyncExitStack) -> Emulator:
    root = settings.data_dir or Path(
        stack.enter_context(tempfile.TemporaryDirectory(prefix="segue-emulator-", ignore_cleanup_errors=True))
    )
    context, downloads = await _assemble(settings, root, stack)
    runner = web.AppRunner(_application(context), access_log=None, handler_cancellation=True, shutdown_timeout=_GRACE)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, settings.host, settings.port, backlog=_BACKLOG)
    await site.start()
    port = int(runner.addresses[0][1])
    host = _reachable(settings.host)
    url = f"http://{host}:{port}"
    context.url = (settings.public_url or url).rstrip("/")
    downloads.own_origins |= {f"{host}:{port}", context.url.partition("://")[2]}
    front = None
    if settings.tls_port is not None:
        front = await proxy.start(runner, host=settings.host, port=settings.tls_port)
        stack.push_async_callback(front.close)
        if settings.ca_file is not None:
            await asyncio.to_thread(settings.ca_file.write_bytes, front.ca_pem)
    return Emulator(
        url=url,
        tls_url=front.url if front else None,
        ca_pem=front.ca_pem if front else None,
        context=context,
        resources=stack,
    )


def _reachable(host: str) -> str:
    """Return how this machine reaches a listener on *host*: one on all addresses by loopback."""
    return "127.0.0.1" if host in ("", "0.0.0.0", "::") else host  # noqa: S104 - compared, not bound


async def _assemble(settings: Settings, root: Path, stack: AsyncExitStack) -> tuple[Context, Downloads]:
    behaviour = LiveBehaviour(settings.behaviour)
    files, faults, ledger = FileStore(root), Faults(), Ledger()
    client = await stack.enter_async_context(aiohttp.ClientSession(trust_env=False))
    downloads = Downloads(files, client)
    studio = Studio(files)
    stack.push_async_callback(studio.close)
    artists = Artists(
        files=files,
        downloads=downloads,
        studio=studio,
        ffmpeg=Ffmpeg(settings.ffmpeg),
        behaviour=behaviour,
    )
    queue = FalQueue(behaviour=behaviour, faults=faults, ledger=ledger, models=Catalog(artists))
    stack.push_async_callback(queue.close)
    context = Context(settings=settings, behaviour=behaviour, faults=faults, ledger=ledger, queue=queue, files=files)
    return context, downloads


def _application(context: Context) -> web.Application:
    """Route by fal's host names, and on the own host by prefix."""
    queue, run, rest, cdn = QueueApi(context), RunApi(context), RestApi(context), CdnApi(context)
    root = web.Application(client_max_size=_LARGEST_BODY)
    faces: tuple[tuple[tuple[str, ...], str, _Face], ...] = (
        (hosts.QUEUE_HOSTS, "/queue", queue),
        (hosts.RUN_HOSTS, "/run", run),
        (hosts.REST_HOSTS, "/rest", rest),
        (hosts.FILE_HOSTS, "/cdn", cdn),
    )
    for names, prefix, face in faces:
        for name in names:
            root.add_domain(name, _face(face))
        root.add_subapp(prefix, _face(face))
    root.add_routes([*ControlApi(context).routes(), *cdn.routes(), *queue.routes()])
    return root


def _face(face: _Face) -> web.Application:
    application = web.Application(client_max_size=_LARGEST_BODY)
    application.add_routes(face.routes())
    return application
