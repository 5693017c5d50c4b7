"""What can go wrong with media, in words for the people whose job it is."""

from __future__ import annotations

import re
from typing import ClassVar, Final

#: Characters of a program's last words that an error carries.
STDERR_TAIL: Final = 2000

#: The folders of an absolute path: they tell of this machine, the file's name is enough.
_FOLDERS: Final = re.compile(r"(?<![\w./:])(?:file:)?/(?:[^\s/:'\"]+/)+")


class MediaError(Exception):
    """Work on media failed."""

    is_transient: ClassVar[bool] = False
    """Whether the same work may go better later."""

    def __init__(self, message: str | None = None, *, stderr: str = "") -> None:
        """Say what failed.

        Args:
            message: for people; None: the class's own.
            stderr: what the program wrote; its end is kept, without the folders of this machine.
        """
        super().__init__(message or self.__doc__)
        self.stderr = tail_of(stderr)
        """The last words of the program that failed, at most 2 KB; empty: there was none."""


class InputMediaError(MediaError):
    """A file or an address that was given cannot be used; only its giver can change that."""


class UnreachableMediaError(MediaError):
    """A file could not be fetched now."""

    is_transient = True


class NoRoomError(MediaError):
    """There is no room for more media on this machine now."""

    is_transient = True


def tail_of(stderr: str) -> str:
    """Return the end of a program's words, fit to be shown outside."""
    text = _FOLDERS.sub("", stderr.strip())
    return text.encode()[-STDERR_TAIL:].decode(errors="ignore")
