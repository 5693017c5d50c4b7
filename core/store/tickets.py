"""Tickets: what the scripts push into Dramatiq's queue. The one place that knows how Dramatiq keeps a message.

A ticket is a Dramatiq message that says "a slot is wanted" and names no job. The submit script writes it in the same
step as the job, as Dramatiq's own enqueue would: the id at the tail of the list ``<namespace>:<queue>``, the message
in the hash ``<namespace>:<queue>.msgs`` (dramatiq 2.2.1, brokers/redis/dispatch.lua; tested against the real broker).
"""

from __future__ import annotations

import json
from typing import Final

#: The Dramatiq queue and actor that tickets are for.
QUEUE: Final = "segue"
ACTOR: Final = "work"
#: Most tickets that wait at a time. Each wakes one slot, and a woken slot takes jobs while there are any.
MOST_WAITING: Final = 10_000


def namespace(prefix: str) -> str:
    """Return the namespace of the RedisBroker for keys under *prefix*."""
    return f"{prefix}:dramatiq"


def template() -> str:
    """Return a message with @TICKET@ and @NOW@ where the script puts the ticket's id and the time (ms)."""
    message = {
        "queue_name": QUEUE,
        "actor_name": ACTOR,
        "args": [],
        "kwargs": {},
        "options": {"redis_message_id": "@TICKET@"},
        "message_id": "@TICKET@",
        "message_timestamp": "@NOW@",
    }
    # The timestamp is a number: its placeholder loses the quotes.
    return json.dumps(message, separators=(",", ":")).replace('"@NOW@"', "@NOW@")
