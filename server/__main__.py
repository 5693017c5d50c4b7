"""`python -m server`: serve segue.v1 until SIGTERM or SIGINT. `--help` tells what can be set."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from core.logs import configure
from core.settings import read_settings
from server.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

#: How the process is started.
PROGRAM: Final = "python -m server"


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the settings, serve, and return after a signal."""
    settings = read_settings(
        Settings,
        program=PROGRAM,
        summary="Serves segue.v1 over gRPC.",
        options=("processes",),
        arguments=arguments,
    )
    configure(settings)
    # gRPC is imported by processes that serve, never by one that only looks after them.
    if settings.processes > 1:
        from server.processes import CannotServeError, serve_together  # noqa: PLC0415

        try:
            serve_together(settings)
        except CannotServeError as error:
            sys.exit(f"{PROGRAM}: {error}")
    else:
        from server.process import CannotListenError, serve_alone  # noqa: PLC0415

        try:
            serve_alone(settings)
        except CannotListenError as error:
            sys.exit(f"{PROGRAM}: {error}")


if __name__ == "__main__":
    main()
