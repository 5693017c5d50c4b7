"""The subtitles of a video on their way from a spec into the picture."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from typing import TYPE_CHECKING, Final

from core.catalog.subtitles import DEFAULT_SUBTITLE_STYLE, SUBTITLE_STYLES
from workers.media.finish import finish
from workers.recipes.bench import invalid_input
from workers.subtitles.ass import ass_of
from workers.subtitles.fonts import FONTS
from workers.subtitles.typefaces import uncovered

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from segue.v1.spec_pb2 import Subtitles
    from workers.media.ffmpeg import Report
    from workers.media.frame import Frame
    from workers.recipes.bench import Bench
    from workers.subtitles.cues import Cue

#: What stands behind the name of a script in the name of one of its letters.
_SCRIPT: Final = re.compile(" LETTER|-")


async def check_readable(texts: Sequence[str], *, field: str) -> None:
    """Refuse texts in letters that no bundled font has, before anything is paid; a missing symbol is drawn as a mark.

    Raises:
        JobFailedError: they cannot be shown; INVALID_INPUT, naming the field.
    """
    missing = await asyncio.to_thread(_missing, texts)  # of hundreds of long texts it takes half a second
    if missing:
        names = sorted({_SCRIPT.split(unicodedata.name(letter, "unknown"))[0] for letter in missing})
        raise invalid_input(
            f"{field}: no bundled font has {', '.join(missing[:20])} ({', '.join(names[:5])})", field=field
        )


def _missing(texts: Iterable[str]) -> list[str]:
    return sorted({letter for text in texts for letter in uncovered(text) if unicodedata.category(letter)[0] == "L"})


async def finished(
    bench: Bench,
    video: Path,
    *,
    sound: Path | None,
    cues: Sequence[Cue],
    look: Subtitles,
    frame: Frame,
    report: Report,
) -> Path:
    """Return a video with its sound and with its cues burned into the picture; no cues: the picture is only copied.

    Args:
        sound: what replaces the video's own; None: that is kept.

    Raises:
        MediaError: it cannot be made.
    """
    script = await written(bench, cues, look=look, frame=frame, name="subtitles.ass") if cues else None
    into = bench.path("finished.mp4")
    await finish(bench.ffmpeg, video, into, sound=sound, subtitles=script, fonts=FONTS, report=report)
    return into


async def written(bench: Bench, cues: Sequence[Cue], *, look: Subtitles, frame: Frame, name: str) -> Path:
    """Return cues as a file that ffmpeg burns into a picture."""
    style = SUBTITLE_STYLES.get(look.style, DEFAULT_SUBTITLE_STYLE)
    script = bench.path(name)

    def write() -> None:
        text = ass_of(cues, style=style, position=look.position, frame=frame, language=look.language)
        script.write_text(text, encoding="utf-8")

    await asyncio.to_thread(write)  # laying out hundreds of lines takes seconds
    return script
