"""The endpoints that ask a language model, and what each has to be told besides the question."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Endpoints that insist on the name of a model, and a quick one that follows instructions. ``fal-ai/any-llm`` has a
#: default of its own, but is marked as deprecated by the provider in favour of this router.
ROUTED_MODELS: Final[Mapping[str, str]] = MappingProxyType({"openrouter/router": "google/gemini-2.5-flash"})


def asked_model(endpoint: str) -> str | None:
    """Return which model an endpoint is to ask; None: it has one of its own."""
    return ROUTED_MODELS.get(endpoint)
