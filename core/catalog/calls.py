"""A call of a model, ready to be sent: pure data that the adapters of the catalog make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of one endpoint, and where its answer holds the file."""

    endpoint: str
    """The provider's name of the model."""
    arguments: dict[str, Any]
    """What it is called with."""
    answer: str
    """The key of the answer that holds the file, or a list of files of which the first counts."""

    def url_in(self, output: Mapping[str, Any]) -> str:
        """Return where the file of an answer to this call lies.

        Raises:
            LookupError: the answer holds none.
        """
        file = output.get(self.answer)
        if isinstance(file, list):
            file = file[0] if file else None
        url = file.get("url") if isinstance(file, dict) else None
        if not isinstance(url, str) or not url:
            message = f"{self.endpoint} answered without a file under {self.answer!r}"
            raise LookupError(message)
        return url
