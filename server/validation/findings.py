"""What is wrong with a request."""

from __future__ import annotations

from core.errors import InvalidRequestError, Violation


class Findings:
    """Collects the faults of a request."""

    def __init__(self) -> None:
        self._violations: list[Violation] = []

    def add(self, path: str, message: str) -> None:
        """Note a fault."""
        self._violations.append(Violation(path, message))

    def merge(self, other: Findings) -> None:
        """Note all that another one has noted."""
        self._violations += other._violations

    def without(self, beginning: str) -> Findings:
        """Return the same without the faults whose messages begin so."""
        kept = Findings()
        kept._violations = [one for one in self._violations if not one.message.startswith(beginning)]
        return kept

    def error(self) -> InvalidRequestError | None:
        """Return what the caller is to be told; None: nothing was found."""
        return InvalidRequestError(self._violations) if self._violations else None

    def raise_if_any(self) -> None:
        """Raise the error, if there is one.

        Raises:
            InvalidRequestError: there are faults.
        """
        if error := self.error():
            raise error
