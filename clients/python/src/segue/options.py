"""How a client behaves: addresses, deadlines, retries, keepalive. Pure: it opens nothing."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import metadata
from typing import TYPE_CHECKING, Final, TypeAlias, TypedDict

from segue.values import seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import grpc

#: One address, several joined by commas, or a list of them. Each is "host:port" or any target that gRPC knows,
#: such as "dns:///segue.example:443".
Addresses: TypeAlias = "str | Iterable[str]"
Metadata: TypeAlias = "Mapping[str, str | bytes] | Iterable[tuple[str, str | bytes]]"

#: Targets in which gRPC itself gives a meaning to commas.
_SCHEMES_WITH_COMMAS: Final = ("ipv4:", "ipv6:", "unix:", "unix-abstract:", "xds:")

#: Three missed heartbeats mean that the stream is dead, whatever TCP believes.
MISSED_HEARTBEATS: Final = 3

#: Seconds that a server lets WaitJob wait.
LONGEST_WAIT: Final = 600.0

_CHANNEL_OPTIONS: Final[tuple[tuple[str, str | int], ...]] = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # keepalive_timeout below 60 s has no effect in C-core unless this is set beside it
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    # the channel must be ready again about as soon as the client's own backoff is over
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.min_reconnect_backoff_ms", 5_000),  # in fact the time limit of one attempt to connect
    # channels with equal options would share a connection, and unary calls would queue behind watches
    ("grpc.use_local_subchannel_pool", 1),
    # a job's spec may hold images as data: URIs; gRPC's own limit is 4 MB
    ("grpc.max_receive_message_length", 32 << 20),
    ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}'),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often and how patiently is tried again."""

    attempts: int = 4
    """How often a unary call is tried in all, within its deadline. A watch is reopened without a limit."""
    initial: timedelta = timedelta(milliseconds=200)
    """The longest wait after the first failure; it doubles with each further one."""
    maximum: timedelta = timedelta(seconds=5)
    """The longest wait of all; a longer one is kept only where the server asks for it."""

    def delay(self, failures: int, retry_after: timedelta | None = None) -> float:
        """Return how many seconds to wait after so many failures in a row.

        The wait is drawn from zero upwards: one lost server interrupts hundreds of watches at the same moment, and
        they must not come back at the same moment. A wait that the server asked for is never cut short.
        """
        ceiling = min(self.maximum, self.initial * 2 ** min(failures - 1, 16))
        wait = random.uniform(0, ceiling.total_seconds())  # noqa: S311 - jitter is no secret
        if retry_after is None:
            return wait
        spread = random.uniform(0, self.initial.total_seconds())  # noqa: S311 - jitter is no secret
        return max(wait, retry_after.total_seconds() + spread)


class ClientOptions(TypedDict, total=False):
    """What both clients take beside the addresses."""

    credentials: grpc.ChannelCredentials | None
    """TLS (``grpc.ssl_channel_credentials(...)``); None: plain text, for loopback and meshes."""
    metadata: Metadata
    """Sent with every call, for example ``{"authorization": "Bearer ..."}``; keys in lower case."""
    timeout: timedelta | float
    """The deadline of a unary call with all its retries; 30 s."""
    heartbeat_interval: timedelta | float
    """How long a watch may be silent before the server sends a heartbeat, 5 s to 60 s; 15 s. After three missed
    ones the client takes the stream for dead and opens it anew."""
    retry: Retry
    channel_options: Iterable[tuple[str, str | int]]
    """Further gRPC channel arguments; they win over the client's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options of a client, checked and with every default filled in."""

    addresses: tuple[str, ...]
    credentials: grpc.ChannelCredentials | None = None
    metadata: tuple[tuple[str, str | bytes], ...] = ()
    timeout: float = 30.0
    """In seconds."""
    heartbeat_interval: timedelta = timedelta(seconds=15)
    retry: Retry = field(default_factory=Retry)
    channel_options: tuple[tuple[str, str | int], ...] = ()

    @property
    def longest_wait(self) -> float:
        """How many seconds one WaitJob waits at most: a second one still fits into the deadline of the call."""
        return min(self.timeout / 2, LONGEST_WAIT)

    @property
    def silence(self) -> float:
        """After how many seconds without a message a stream is dead."""
        return self.heartbeat_interval.total_seconds() * MISSED_HEARTBEATS


def settings(
    addresses: Addresses,
    *,
    credentials: grpc.ChannelCredentials | None = None,
    metadata: Metadata = (),
    timeout: timedelta | float = 30.0,
    heartbeat_interval: timedelta | float = 15.0,
    retry: Retry | None = None,
    channel_options: Iterable[tuple[str, str | int]] = (),
) -> Settings:
    """Check the options of a client; see `ClientOptions`.

    Raises:
        ValueError: there is no address.
    """
    own = {**dict(_CHANNEL_OPTIONS), "grpc.primary_user_agent": f"segue-client/{_version()}"}
    pairs = metadata.items() if hasattr(metadata, "items") else metadata
    return Settings(
        addresses=parse_addresses(addresses),
        credentials=credentials,
        metadata=tuple(pairs),
        timeout=seconds(timeout),
        heartbeat_interval=timedelta(seconds=seconds(heartbeat_interval)),
        retry=retry or Retry(),
        channel_options=tuple({**own, **dict(channel_options)}.items()),
    )


def parse_addresses(addresses: Addresses) -> tuple[str, ...]:
    """Return each address once, in the order given.

    Raises:
        ValueError: there is none.
    """
    if isinstance(addresses, str):
        addresses = [addresses] if addresses.startswith(_SCHEMES_WITH_COMMAS) else addresses.split(",")
    found = tuple(dict.fromkeys(address.strip() for address in addresses if address.strip()))
    if not found:
        raise ValueError("a client needs at least one address, for example '127.0.0.1:50051'")
    return found


def _version() -> str:
    try:
        return metadata.version("segue-client")
    except metadata.PackageNotFoundError:  # vendored: imported from a copied folder
        return "unknown"
