"""What every artifact store promises, and what the three of them share."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

from core.artifacts import is_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta
    from pathlib import Path

    from core.job import Job, Tenant

#: Files that one process puts into its store or takes out of it at once; each needs a thread or memory meanwhile.
TRANSFERS: Final = 4


class StoreError(Exception):
    """An artifact could not be put into the store, or not be taken out of it. The message names no secret and no path.

    Putting the same artifact again does no harm.
    """

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable
        """Whether it may go well later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An artifact that its store has for certain."""

    url: str
    """Where anybody who knows it can fetch the file."""
    expire_time: datetime | None
    """Until when that is certain; None: not known."""
    sha256: str
    """Of its bytes, in hexadecimal."""
    size_bytes: int


class ArtifactStore(Protocol):
    """Keeps the files that jobs make, and tells where they can be fetched."""

    async def put(self, path: Path, *, name: str, content_type: str, job: Job) -> Stored:
        """Keep a copy of the file at *path*; it is safe when this returns.

        The same bytes under the same name of the same job, put again after a crash or a retry, are kept once and under
        the same URL where the store allows it.

        Args:
            name: what people call it, with its extension; the name of the file at *path* does not matter.

        Raises:
            StoreError: it is not kept, or not known to be.
        """

    async def take(self, url: str, into: Path, *, tenant: Tenant, max_bytes: int) -> bool:
        """Copy an artifact of *tenant* to *into*, without asking the network where *url* leads.

        Recipes take the artifacts of earlier jobs as inputs. Their addresses are often private ones (a server in the
        same network, an S3 endpoint), which are rightly refused to be fetched on a caller's word.

        Returns:
            False, with nothing written: the URL is not exactly that of an artifact of this tenant in this store.

        Raises:
            StoreError: it is one, but is gone, larger than *max_bytes*, or could not be read.
        """

    async def sweep(self) -> int:
        """Remove what has expired, where the store does not do so by itself; return how many files that were."""


def digest_of(path: Path) -> tuple[str, int]:
    """Return the SHA-256 (hexadecimal) and the size of a file. Reads all of it: call it in a thread.

    Raises:
        StoreError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()
    except OSError as error:
        raise StoreError(f"The file to keep cannot be read: {error.strerror}.") from error


def life_of(job: Job) -> timedelta:
    """Return how long an artifact must be kept to outlive the record of its job.

    A job is kept for its retention from its end on, and an attempt ends within the time limit. A later attempt puts its
    artifacts anew.
    """
    return job.time_limit + job.retention


def expiry(life: timedelta) -> datetime:
    """Return when something that is kept for *life* from now on may be removed, in whole seconds."""
    return (datetime.now(UTC) + life).replace(microsecond=0)


def own_key(url: str, *, tenant: Tenant, address: Callable[[str], str]) -> str | None:
    """Return the key of *tenant*'s artifact that has the URL; None: there can be none.

    What looks like a key in the URL is turned into an address again, which must be the URL itself: no prefix, user,
    port, escape or dot leads elsewhere.

    Args:
        address: tells the URL of a key.
    """
    bare = url.partition("?")[0]  # signatures stand behind it
    key = "/".join(bare.rsplit("/", 3)[1:])
    return key if is_key(key, tenant=tenant) and address(key) == bare else None
