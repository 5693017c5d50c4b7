"""A saved spec that submissions can refer to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NewType

if TYPE_CHECKING:
    from datetime import datetime

    from core.job import Tenant

TemplateId = NewType("TemplateId", str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A spec under a name, as Redis remembers it."""

    tenant: Tenant
    id: TemplateId
    """Chosen by its maker, unique within the tenant."""
    display_name: str
    spec: bytes
    """The spec's bytes; required fields may be open in it."""
    revision: int
    """Grows with each update, from 1."""
    create_time: datetime
    update_time: datetime
