"""One HTTP answer of fal, read with care: what it says, who said it, and nothing that must not be repeated.

fal's errors come as `{"detail": "...", "error_type": ...}` (its infrastructure), as a list of
`{"loc", "msg", "type", "input"}` (models), or as HTML of the ingress in front of it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from workers.fal.endpoints import is_request_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

#: Characters of an error's text that are kept.
MAX_MESSAGE: Final = 500

#: Faults of an input that are listed in a message.
_MAX_FAULTS: Final = 5
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]+")
_RETRY_HEADERS: Final = ("x-fal-needs-retry", "x-fal-retryable")


@dataclass(frozen=True)
class Answer:
    """fal's answer to one request; its body has been read."""

    status: int
    """The HTTP status code."""
    headers: Mapping[str, str]
    """By their names in lower case."""
    body: bytes
    """Decoded."""
    secrets: tuple[str, ...]
    """What must not appear in any text taken from it."""

    @classmethod
    def of(cls, response: httpx.Response, request: httpx.Request) -> Answer:
        """Read *response* as the answer to *request*, whose credentials are kept out of every text."""
        secrets = secrets_of(request.headers.get("Authorization", ""))
        return cls(response.status_code, response.headers, response.content, secrets)

    @property
    def is_success(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300

    @cached_property
    def json(self) -> Any:
        """The decoded body; None if it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def fields(self) -> dict[str, Any]:
        """The decoded body if it is a JSON object, else an empty one."""
        body = self.json
        return body if isinstance(body, dict) else {}

    @property
    def is_fals_own(self) -> bool:
        """Whether fal itself wrote it, not an ingress or a proxy in front of it."""
        if "x-fal-request-id" in self.headers:
            return True
        return not self.fields.keys().isdisjoint({"detail", "error_type", "error", "status"})

    @property
    def error_type(self) -> str:
        """The class of an infrastructure error (`runner_disconnected` ...), or empty."""
        found = self.fields.get("error_type") or self.headers.get("x-fal-error-type")
        return clean(found, self.secrets) if isinstance(found, str) else ""

    @property
    def fault_types(self) -> tuple[str, ...]:
        """The classes of a model's errors (`content_policy_violation` ...)."""
        found = (fault.get("type") for fault in self._faults())
        return tuple(clean(kind, self.secrets) for kind in found if isinstance(kind, str))

    @property
    def retry_advice(self) -> bool | None:
        """Whether fal says that a repetition may help; None: it does not say."""
        for header in _RETRY_HEADERS:
            word = self.headers.get(header, "").strip().lower()
            if word:
                return word in {"1", "true", "yes"}
        return None

    @property
    def retry_after(self) -> timedelta | None:
        """The wait that the answer asks for."""
        return _retry_after(self.headers.get("retry-after", ""))

    @property
    def message(self) -> str:
        """Fal's words in one line, without the caller's input; a general sentence if it used none."""
        detail = self.fields.get("detail") or self.fields.get("error") or self.fields.get("message")
        if isinstance(detail, str):
            words = detail
        else:
            words = "; ".join(_fault_text(fault) for fault in self._faults()[:_MAX_FAULTS])
        return clean(words, self.secrets) or f"fal answered with HTTP status {self.status}."

    @property
    def metadata(self) -> dict[str, str]:
        """What `ProviderError.metadata` holds of it."""
        request_id = self.headers.get("x-fal-request-id", "")
        known = {
            "http_status": str(self.status),
            "error_type": self.error_type,
            "type": self.fault_types[0] if self.fault_types else "",
            "provider_request_id": request_id if is_request_id(request_id) else "",
        }
        return {name: value for name, value in known.items() if value}

    def _faults(self) -> list[dict[str, Any]]:
        detail = self.fields.get("detail")
        if isinstance(detail, dict):
            detail = [detail]
        return [fault for fault in detail if isinstance(fault, dict)] if isinstance(detail, list) else []


def secrets_of(authorization: str) -> tuple[str, ...]:
    """Return the parts of an Authorization header that no text may show."""
    credentials = authorization.partition(" ")[2]
    parts = (credentials, *credentials.split(":"))
    return tuple(part for part in parts if len(part) >= 8)


def clean(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Return *text* as one bounded line without *secrets*."""
    for secret in secrets:
        text = text.replace(secret, "[key]")
    text = _CONTROL.sub(" ", text).strip()
    return text if len(text) <= MAX_MESSAGE else f"{text[: MAX_MESSAGE - 1]}…"


def _fault_text(fault: dict[str, Any]) -> str:
    # Only place and message: `input` and `ctx` repeat what the caller sent.
    place = fault.get("loc")
    steps = [str(step) for step in place if step != "body"] if isinstance(place, list) else []
    words = str(fault.get("msg") or fault.get("type") or "")
    return f"{'.'.join(steps)}: {words}" if steps else words


def _retry_after(value: str) -> timedelta | None:
    value = value.strip()
    if re.fullmatch(r"\d{1,6}", value):
        return timedelta(seconds=int(value))
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(moment - datetime.now(UTC), timedelta())
