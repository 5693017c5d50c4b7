"""Asks a server for its health and exits 0 when it serves: what compose and Kubernetes run in the container.

    python healthcheck.py [HOST:PORT]

It speaks grpc.health.v1 in raw bytes (one empty message there, one enum back), so it needs only grpcio.
"""

from __future__ import annotations

import sys
from typing import Final

import grpc

#: Seconds; a server that cannot answer this within them is not healthy.
TIMEOUT_SECONDS: Final = 3.0
#: HealthCheckResponse{status: SERVING}.
SERVING: Final = b"\x08\x01"


def main(address: str) -> None:
    """Exit 0 when the server at *address* says SERVING, otherwise 1 with the reason on stderr."""
    with grpc.insecure_channel(address) as channel:
        check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/grpc.health.v1.Health/Check")
        try:
            answer = check(b"", timeout=TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            sys.exit(f"{address}: {error.code().name} {error.details()}")
    if answer != SERVING:
        sys.exit(f"{address}: not serving")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051")
