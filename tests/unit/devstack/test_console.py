from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

from devstack import console
from devstack.errors import DevstackError

if TYPE_CHECKING:
    import pytest


def test_a_signal_lets_the_command_clean_up_and_is_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    cleaned = []

    async def main() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()
        finally:
            cleaned.append(True)

    assert console.run(main) == 128 + signal.SIGTERM
    assert cleaned
    assert "Stopping" in capsys.readouterr().out


def test_an_expected_error_is_one_message_and_exit_code_one(capsys: pytest.CaptureFixture[str]) -> None:
    async def main() -> None:
        raise DevstackError("There is no Redis here.")

    assert console.run(main) == 1
    assert capsys.readouterr().err == "There is no Redis here.\n"
