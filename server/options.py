"""The options of gRPC's core, each set for a reason that was measured or read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.watch import JITTER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.settings import Settings

#: A connection is sent elsewhere after this, in seconds, so that balancers and new DNS entries get to see clients.
CONNECTION_AGE: Final = 1800
#: An idle connection is closed after this, in seconds.
CONNECTION_IDLE: Final = 900
#: A silent peer is asked whether it lives after this, and given up after that much more, in milliseconds.
KEEPALIVE: Final = 30_000
PING_TIMEOUT: Final = 10_000
#: Bytes of a call's metadata above which it is refused now and then, and always above twice as much (C-core's own
#: values, said aloud). The trailers of our errors stay below.
METADATA: Final = 8192
#: Clients may ask as often as this, in milliseconds; well below what they are told to set (30 s).
CLIENT_PINGS: Final = 10_000


def server_options(settings: Settings) -> Sequence[tuple[str, int]]:
    """Return the options of a server."""
    # No watch is cut by the age of its connection: each has ended by its own age before.
    age_grace = settings.watch_max_age_seconds * (1 + JITTER) + 60
    return [
        ("grpc.so_reuseport", int(settings.so_reuseport)),
        ("grpc.max_receive_message_length", settings.max_request_bytes),
        ("grpc.max_metadata_size", METADATA),
        ("grpc.absolute_max_metadata_size", 2 * METADATA),
        ("grpc.max_concurrent_streams", settings.max_streams_per_connection),
        # By default a burst of more than 1000 calls that wait for their acceptance is refused as CANCELLED.
        ("grpc.server.max_pending_requests", settings.max_pending_requests),
        ("grpc.server.max_pending_requests_hard_limit", 2 * settings.max_pending_requests),
        ("grpc.keepalive_time_ms", KEEPALIVE),
        ("grpc.keepalive_timeout_ms", PING_TIMEOUT),
        # Without this one, a keepalive timeout below a minute does nothing.
        ("grpc.http2.ping_timeout_ms", PING_TIMEOUT),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", CLIENT_PINGS),
        ("grpc.max_connection_age_ms", CONNECTION_AGE * 1000),
        ("grpc.max_connection_age_grace_ms", round(age_grace * 1000)),
        ("grpc.max_connection_idle_ms", CONNECTION_IDLE * 1000),
    ]
