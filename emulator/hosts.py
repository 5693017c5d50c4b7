"""The names of fal's hosts, as clients spell them."""

from typing import Final

QUEUE: Final = "queue.fal.run"
RUN: Final = "fal.run"
REST: Final = "rest.fal.ai"
CDN: Final = "v3.fal.media"

QUEUE_HOSTS: Final = (QUEUE, "queue.falrun.com")
RUN_HOSTS: Final = (RUN, "falrun.com")
REST_HOSTS: Final = (REST,)
FILE_HOSTS: Final = (CDN, "v3b.fal.media")

ALL: Final = (*QUEUE_HOSTS, *RUN_HOSTS, *REST_HOSTS, *FILE_HOSTS)
