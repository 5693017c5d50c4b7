"""What players read in the files of subtitles; ffmpeg stands for them."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING

import imageio_ffmpeg
import pytest

from workers.subtitles.cues import Cue
from workers.subtitles.files import srt_of, vtt_of

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = [
    "<b>bold</b>",
    "a --> b & c < d",
    r"{\an8}up \N down",
    "two\nlines",
    "00:00:01.000 --> 00:00:09.000",
    "字幕 😀",
]


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_players_find_every_cue_with_its_letters(tmp_path: Path, form: str) -> None:
    seconds = [timedelta(seconds=number) for number in range(len(TEXTS) + 1)]
    cues = [Cue(seconds[number], seconds[number + 1], text) for number, text in enumerate(TEXTS)]
    path = tmp_path / f"cues.{form}"
    path.write_text((srt_of if form == "srt" else vtt_of)(cues), encoding="utf-8")

    read = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-i", path, "-c:s", "ass", "-f", "ass", "-"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout

    events = [line.split(",", 9)[9] for line in read.splitlines() if line.startswith("Dialogue:")]
    assert [plain(event) for event in events] == [text.replace("-->", "→") if form == "srt" else text for text in TEXTS]


def plain(event: str) -> str:
    r"""Undo how ffmpeg writes texts in ASS (``\N`` for newlines, more around braces), and drop joiners."""
    return event.replace(r"\{{}", "{").replace(r"\N", "\n").replace("\u2060", "")
