"""What the commands of the dev stack share: their output, and how they end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from devstack.errors import DevstackError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


def say(text: str = "") -> None:
    """Write a line for the person at the terminal, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """Write a line about something that went wrong."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Run *main* until it returns or a signal comes, and return the exit code of the command.

    A signal (Ctrl-C, SIGTERM, a closed terminal) cancels *main*, which so stops what it has started; the
    code is then 128 plus its number. A second one shortens that.
    """
    received: list[int] = []

    async def supervised() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def interrupt(number: signal.Signals) -> None:
            received.append(number)
            if task is not None:
                task.cancel()
            say("\nStopping ..." if len(received) == 1 else "At once ...")

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, interrupt, number)
        await main()

    try:
        asyncio.run(supervised())
    except asyncio.CancelledError:
        return 128 + received[0]
    except DevstackError as error:
        complain(str(error))
        return 1
    except BrokenPipeError:  # nobody reads on (`make run | head`)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    return 0
