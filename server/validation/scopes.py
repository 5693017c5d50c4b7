"""Checks of what shall be paused or resumed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.translate.enums import KIND_FROM_PROTO
from server.validation.fields import check_known
from server.validation.findings import Findings

if TYPE_CHECKING:
    from segue.v1.system_service_pb2 import SchedulingScope


def check_scope(scope: SchedulingScope) -> None:
    """Require exactly one scope. A false one would be easily taken for its opposite, so it is refused.

    Raises:
        InvalidRequestError: with every fault.
    """
    found = Findings()
    match scope.WhichOneof("scope"):
        case None:
            found.add("scope", "is required: set one of everything, tenant, kind")
        case "kind":
            check_known(found, "scope.kind", scope.kind, KIND_FROM_PROTO)
        case "everything" if not scope.everything:
            found.add("scope.everything", "must be true where it is set")
        case "tenant" if not scope.tenant:
            found.add("scope.tenant", "must be true where it is set")
    found.raise_if_any()
