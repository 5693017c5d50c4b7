"""`make run`: keeps the whole stack up until Ctrl-C and prints the calls to try."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys

from devstack import calls, console, photos
from devstack.ports import LOOPBACK, free_port, is_free
from devstack.settings import Settings
from devstack.stack import Stack


async def keep_up(settings: Settings) -> None:
    """Start one server and the wanted workers, say where they are, and wait until one dies or a signal comes.

    Raises:
        DevstackError: something did not start, or died; the message says what it wrote last.
    """
    async with Stack(settings) as stack:
        await asyncio.gather(
            stack.start_server(listen=_listen(settings)),
            *(stack.start_worker() for _ in range(settings.dev_workers)),
        )
        _show_addresses(stack, settings)
        first, last = await photos.upload(stack)
        _show_calls(stack.address, first, last)
        await stack.while_alive(asyncio.Event().wait())


def _listen(settings: Settings) -> str:
    host, _, port = settings.listen.rpartition(":")
    if port.isdecimal() and is_free(host.strip("[]"), int(port)):
        return settings.listen
    other = f"{LOOPBACK}:{free_port()}"
    console.say(f"{settings.listen} is taken; the server listens on {other} instead.")
    return other


def _show_addresses(stack: Stack, settings: Settings) -> None:
    console.say(f"server    {stack.address}  (gRPC, plain text)")
    console.say(f"workers   {len(stack.workers)}  (SEGUE_DEV_WORKERS)")
    console.say(f"redis     {stack.redis_url if stack.redis else 'the one of SEGUE_REDIS_URL'}")
    if stack.fal_base_url is None:
        console.say("fal       FAL_KEY is set: fal itself. Every job costs money.")
    else:
        console.say(f"fal       a local emulator, no FAL_KEY: nothing is billed; {stack.fal_base_url}/emulator/ledger")
    console.say(f"logs      {settings.dev_dir / 'logs'}")


def _show_calls(address: str, first: str, last: str) -> None:
    for name, tool in (("grpcurl", calls.Grpcurl()), ("buf curl", calls.BufCurl())):
        missing = name == "grpcurl" and shutil.which("grpcurl") is None
        console.say(f"\n# With {name}{' (not installed here)' if missing else ''}, in another terminal:")
        for words, line in calls.lines(tool, address, first=first, last=last):
            console.say(f"# {words}\n{line}")
    console.say("\nCtrl-C stops everything.")


def main() -> int:
    """Run until a signal and return the exit code; Ctrl-C is the ordinary end."""
    code = console.run(lambda: keep_up(Settings()))
    return 0 if code == 128 + signal.SIGINT else code


if __name__ == "__main__":
    sys.exit(main())
