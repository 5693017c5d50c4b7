"""Artifacts as workers store them and servers serve them: what they are called, and what is known of them.

An artifact's *key* is `<tenant>/<job>/<digest>-<name>`: the same bytes under the same name of the same job have the
same key. Nobody can guess it: 62 bits of the job's id are random, and 64 bits tell the bytes, which only its owner has.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from pathlib import Path

    from core.job import JobId, Tenant

#: The type of bytes of which nothing else is known.
UNKNOWN_TYPE: Final = "application/octet-stream"
#: Hexadecimal digits of the SHA-256 that stand in a key.
DIGITS: Final = 16
#: Characters of a name that stand in a key.
MAX_NAME: Final = 100
#: The longest content type that is passed on, in characters.
_MAX_TYPE: Final = 200

_PLAIN: Final = r"[a-z0-9][a-z0-9_.-]{0,63}"
_PART: Final = rf"(?:{_PLAIN}|~[0-9a-f]{{32}})"
_KEY: Final = re.compile(rf"({_PART})/{_PART}/[0-9a-f]{{{DIGITS}}}-([A-Za-z0-9._-]{{1,{MAX_NAME}}})")
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_TYPE: Final = re.compile(r"[a-z0-9.+*-]+/[a-z0-9.+*-]+( *; *[a-z0-9-]+=\"?[a-z0-9 .,_+-]+\"?)*", re.IGNORECASE)
#: What a browser shows without running anything in it.
_SHOWN: Final = re.compile(r"(video|audio)/.+|image/(?!svg).+|text/(plain|vtt)\b.*", re.IGNORECASE)


def key_of(tenant: Tenant, job_id: JobId, *, name: str, sha256: str) -> str:
    """Return the key of an artifact: three plain parts that may stand in a path and in a URL as they are.

    Args:
        name: what people call the file, with its extension.
        sha256: of its bytes, in hexadecimal.
    """
    return f"{_part(tenant)}/{_part(job_id)}/{sha256[:DIGITS]}-{plain_name(name)}"


def is_key(text: str, *, tenant: Tenant | None = None) -> bool:
    """Whether *text* is the key of an artifact, and of that tenant if one is given."""
    match = _KEY.fullmatch(text)
    return match is not None and (tenant is None or match[1] == _part(tenant))


def name_of(key: str) -> str:
    """Return what people call the file of a key."""
    return key.rpartition("/")[2][DIGITS + 1 :]


def plain_name(name: str) -> str:
    """Return *name* without what paths, URLs and headers give a meaning to; its end, with the extension, is kept."""
    return _UNSAFE.sub("_", name)[-MAX_NAME:] or "file"


def plain_type(content_type: str) -> str:
    """Return *content_type* if it is one, else the unknown type: models say many things."""
    is_one = len(content_type) <= _MAX_TYPE and _TYPE.fullmatch(content_type)
    return content_type if is_one else UNKNOWN_TYPE


def disposition_of(key: str, content_type: str) -> str:
    """Return the Content-Disposition of an artifact: media is shown, anything that could run is saved."""
    verb = "inline" if _SHOWN.fullmatch(content_type) else "attachment"
    return f'{verb}; filename="{name_of(key)}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What the folder of artifacts knows of a file beside its bytes; kept in a hidden file beside it."""

    content_type: str
    expire_time: datetime
    """When the file may be removed, and is no longer served."""
    sha256: str
    """Of its bytes, in hexadecimal."""

    def to_json(self) -> str:
        """Return it as it is kept."""
        return json.dumps(
            {
                "content_type": self.content_type,
                "expire_time": self.expire_time.isoformat(),
                "sha256": self.sha256,
            }
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is something else.
        """
        try:
            fields = json.loads(text)
            return cls(
                content_type=str(fields["content_type"]),
                expire_time=datetime.fromisoformat(fields["expire_time"]).astimezone(UTC),
                sha256=str(fields["sha256"]),
            )
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError("not the note of an artifact") from error


def note_beside(file: Path) -> Path:
    """Return where the note of *file* is."""
    return file.with_name(f".{file.name}.json")


def _part(identifier: str) -> str:
    """Return an identifier as one part of a key; what is not plain in lower case, as a digest that no plain one is."""
    if re.fullmatch(_PLAIN, identifier):
        return identifier
    return f"~{hashlib.sha256(identifier.encode()).hexdigest()[:32]}"
