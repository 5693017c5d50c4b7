"""Fetching the files that arguments point to, as far as loopback and the emulator's own files go."""

import asyncio
import base64
import binascii
import ipaddress
from typing import Final
from urllib.parse import unquote_to_bytes, urlsplit

import aiohttp

from emulator import outcomes
from emulator.hosts import FILE_HOSTS
from emulator.outcomes import ModelError
from emulator.storage import FileStore

#: The largest input that is read, in bytes.
_LARGEST: Final = 64 * 1024 * 1024
_TIMEOUT: Final = aiohttp.ClientTimeout(total=20)


class Downloads:
    """Turns URLs of arguments into bytes. Never leaves the machine."""

    def __init__(self, files: FileStore, client: aiohttp.ClientSession) -> None:
        self._files = files
        self._client = client
        self.own_origins: set[str] = set()
        """Origins, such as `127.0.0.1:9000`, whose `/files/` are this emulator's own."""

    async def fetch(self, url: str, *, field: str) -> bytes:
        """Return the bytes behind *url*.

        Raises:
            ModelError: `file_download_error` for anything that could not be had.
        """
        try:
            return await self._bytes(url)
        except (OSError, ValueError, TimeoutError, aiohttp.ClientError) as error:
            message = "Failed to download the file. Please check if the URL is accessible and try again."
            fault = outcomes.detail([field], message, "file_download_error", input=url[:200])
            raise ModelError(fault) from error

    async def _bytes(self, url: str) -> bytes:
        if url.startswith("data:"):
            return _decoded(url)
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            raise ValueError("not a web address")
        if (parts.hostname in FILE_HOSTS or parts.netloc in self.own_origins) and "/files/" in parts.path:
            file = self._files.find(parts.path.partition("/files/")[2])
            if file is None:
                raise FileNotFoundError(parts.path)
            return await asyncio.to_thread(file.path.read_bytes)
        if not _is_loopback(parts.hostname or ""):
            raise ConnectionError("the emulator has no way out of this machine")
        async with self._client.get(url, timeout=_TIMEOUT, allow_redirects=False) as response:
            if response.status != 200:
                raise ConnectionError(f"status {response.status}")
            data = bytearray()
            async for chunk in response.content.iter_chunked(64 * 1024):
                data += chunk
                if len(data) > _LARGEST:
                    raise ValueError("too large")
            return bytes(data)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _decoded(uri: str) -> bytes:
    header, comma, payload = uri.partition(",")
    if not comma:
        raise ValueError("a data URI without data")
    if not header.endswith(";base64"):
        return unquote_to_bytes(payload)
    try:
        return base64.b64decode(unquote_to_bytes(payload), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
