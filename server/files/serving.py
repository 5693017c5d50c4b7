"""Starts the file server beside the gRPC server, in the same process and loop, and stops it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import structlog

from server.errors import CannotListenError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from server.settings import Settings

log = structlog.get_logger(__name__)

#: The part of the grace that downloads get after the calls; then clients go on elsewhere, with a range request.
#: aiohttp takes it twice at worst: to wait for a download, and to cut it off.
GRACE_OF_DOWNLOADS: Final = 0.08


@asynccontextmanager
async def serving_files(settings: Settings) -> AsyncIterator[str | None]:
    """Serve the folder of artifacts inside the block, if the settings ask for it; give host:port, or None.

    Raises:
        CannotListenError: the address is taken or not ours, or aiohttp is not installed.
    """
    if not settings.files_listen:
        yield None
        return
    try:
        from aiohttp import web  # noqa: PLC0415 - an extra

        from server.files.application import application  # noqa: PLC0415 - needs it
    except ModuleNotFoundError as error:
        raise CannotListenError("SEGUE_FILES_LISTEN needs aiohttp: pip install 'segue[folder]'") from error
    assert settings.artifact_folder, "settings are checked"  # noqa: S101 - for mypy
    runner = web.AppRunner(
        application(settings.artifact_folder),
        access_log=None,
        handler_cancellation=True,
        shutdown_timeout=settings.grace_seconds * GRACE_OF_DOWNLOADS,
    )
    await runner.setup()
    try:
        host, _, port = settings.files_listen.rpartition(":")
        site = web.TCPSite(runner, host.strip("[]"), int(port), reuse_port=settings.so_reuseport or None)
        try:
            await site.start()
        except OSError as error:
            raise CannotListenError(
                f"cannot listen on {settings.files_listen}: it is taken, or not an address of ours"
            ) from error
        address = f"{host}:{site.port}"
        log.info("files.listening", address=address)
        yield address
    finally:
        await runner.cleanup()
