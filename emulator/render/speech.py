"""Real words, said by eSpeak NG, where the package `espeakng-loader` is installed.

It carries the library and its data for Linux, macOS and Windows. Without it, or when it fails, nobody speaks here; the
caller has another sound. Both have the same length, so that a job takes as long either way.
"""

import asyncio
import contextlib
import importlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from emulator.render.tongues import voices_of

log = structlog.get_logger()

#: The program that speaks.
PROGRAM: Final = Path(__file__).with_name("espeak.py")
#: Seconds after which it is stopped; it says ten minutes of text in about three.
_TIMEOUT: Final = 30.0
#: Characters that are said; models of fal take 5,000 to 10,000.
_LONGEST: Final = 20_000
#: The bytes in front of the samples.
_HEADER: Final = 4


@dataclass(frozen=True)
class Speech:
    """Samples of 16 bits, one channel."""

    samples: bytes
    samples_per_second: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / 2 / self.samples_per_second


def library() -> tuple[str, str] | None:
    """Return the paths of the library and of the folder of its data; None: it is not installed."""
    try:
        loader = importlib.import_module("espeakng_loader")
        return str(loader.get_library_path()), str(Path(loader.get_data_path()).parent)
    except (ImportError, RuntimeError):
        return None


async def said(text: str, language: str, seconds: float) -> Speech | None:
    """Say *text* in about *seconds*; None: nobody can."""
    found = await asyncio.to_thread(library)
    if found is None or len(text) > _LONGEST:
        return None
    wanted = {
        "library": found[0],
        "data": found[1],
        "voices": voices_of(language),
        "text": text.replace("\0", " "),
        "seconds": seconds,
    }
    answer = await _run(json.dumps(wanted).encode())
    speech = Speech(answer[_HEADER:], int.from_bytes(answer[:_HEADER], "little")) if len(answer) > _HEADER else None
    return speech if speech and any(speech.samples) else None


async def _run(wanted: bytes) -> bytes:
    """Run the program; empty when it failed or took too long."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", str(PROGRAM),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(_TIMEOUT):
            answer, complaint = await process.communicate(wanted)
    except TimeoutError:
        log.warning("speech.timeout", seconds=_TIMEOUT)
        return b""
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        log.warning("speech.failed", code=process.returncode, complaint=complaint.decode(errors="replace")[-300:])
        return b""
    return answer
