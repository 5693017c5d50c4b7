"""What is wrong with a request."""

from __future__ import annotations

from core.errors import InvalidRequestError, NotImplementedYetError, Violation


class Findings:
    """Collects the faults of a request, and those of its fields that this server does not serve yet."""

    def __init__(self) -> None:
        self._violations: list[Violation] = []
        self._unserved: list[str] = []

    def add(self, path: str, message: str) -> None:
        """Note a fault."""
        self._violations.append(Violation(path, message))

    def add_unserved(self, path: str) -> None:
        """Note a field that is right but not served yet."""
        self._unserved.append(path)

    def merge(self, other: Findings) -> None:
        """Note all that another one has noted."""
        self._violations += other._violations
        self._unserved += other._unserved

    def without(self, beginning: str) -> Findings:
        """Return the same without the faults whose messages begin so."""
        kept = Findings()
        kept._violations = [one for one in self._violations if not one.message.startswith(beginning)]
        kept._unserved = list(self._unserved)
        return kept

    def error(self) -> InvalidRequestError | NotImplementedYetError | None:
        """Return what the caller is to be told; None: nothing was found."""
        if self._violations:
            return InvalidRequestError(self._violations)
        if self._unserved:
            fields = ", ".join(self._unserved)
            return NotImplementedYetError(f"This server does not offer yet: {fields}.", metadata={"fields": fields})
        return None

    def raise_if_any(self) -> None:
        """Raise the error, if there is one.

        Raises:
            InvalidRequestError: there are faults.
            NotImplementedYetError: there are none, but fields that are not served yet.
        """
        if error := self.error():
            raise error
