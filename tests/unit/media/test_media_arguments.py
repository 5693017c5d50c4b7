"""What ffmpeg is told beside what our own code asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workers.media.arguments import spell
from workers.media.errors import InputMediaError
from workers.media.limits import MediaLimits

if TYPE_CHECKING:
    from pathlib import Path

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"
LIMITS = MediaLimits(threads=3, pixels=1000)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "concat:a|b.mp4"
    path.write_bytes(PNG)
    return path


def options_of_input(arguments: list[str], number: int = 0) -> dict[str, str]:
    """Return the options before an input, and the input as -i."""
    ends = [index for index, word in enumerate(arguments) if word == "-i"]
    start = arguments.index("-protocol_whitelist") if number == 0 else ends[number - 1] + 2
    words = arguments[start : ends[number] + 2]
    return dict(zip(words[::2], words[1::2], strict=True))


def test_an_input_is_read_by_the_demuxer_of_what_it_is(picture: Path, tmp_path: Path) -> None:
    options = options_of_input(spell(["-i", picture, tmp_path / "out.mp4"], limits=LIMITS))

    assert options == {
        "-protocol_whitelist": "file,pipe",
        "-threads": "3",
        "-format_whitelist": "png_pipe",
        "-f": "png_pipe",
        "-max_pixels": "1000",
        "-i": f"file:{picture}",
    }


def test_an_input_in_text_is_a_file_as_well(picture: Path) -> None:
    options = options_of_input(spell(["-i", str(picture), "-f", "null", "-"], limits=LIMITS))

    assert options["-f"] == "png_pipe"
    assert options["-i"] == f"file:{picture}"


def test_every_input_is_guarded(picture: Path) -> None:
    spelt = spell(["-i", picture, "-loop", "1", "-i", picture, "-f", "null", "-"], limits=LIMITS)

    assert options_of_input(spelt, 1)["-protocol_whitelist"] == "file,pipe"
    assert options_of_input(spelt, 1)["-loop"] == "1"


def test_a_list_of_clips_may_name_media_files_and_no_playlists(tmp_path: Path) -> None:
    spelt = spell(["-f", "concat", "-i", tmp_path / "list.txt", "-c", "copy", tmp_path / "o.mp4"], limits=LIMITS)

    allowed = spelt[spelt.index("-format_whitelist") + 1].split(",")
    assert {"concat", "mov", "matroska", "png_pipe"} <= set(allowed)
    assert {"hls", "dash", "image2", "lavfi"}.isdisjoint(allowed)


def test_what_our_own_code_makes_up_is_no_file() -> None:
    spelt = spell(["-f", "lavfi", "-i", "color=red:s=2x2", "-f", "null", "-"], limits=LIMITS)

    assert spelt[spelt.index("-format_whitelist") + 1] == "lavfi"
    assert spelt[spelt.index("-i") + 1] == "color=red:s=2x2"


def test_the_format_of_one_input_is_not_that_of_the_next(picture: Path) -> None:
    spelt = spell(["-f", "lavfi", "-i", "anullsrc", "-i", picture, "-f", "null", "-"], limits=LIMITS)

    assert options_of_input(spelt, 1)["-format_whitelist"] == "png_pipe"


@pytest.mark.parametrize("url", ["http://127.0.0.1/a.mp4", "concat:/etc/passwd", "pipe:0", "lavfi", "data:,x"])
def test_an_url_is_no_input(url: str) -> None:
    with pytest.raises(InputMediaError):
        spell(["-i", url, "-f", "null", "-"], limits=LIMITS)


def test_the_output_has_its_threads_and_stands_last(picture: Path, tmp_path: Path) -> None:
    spelt = spell(["-i", picture, "-c:v", "libx264", tmp_path / "-y.mp4"], limits=LIMITS)

    assert spelt[-3:] == ["-threads", "3", str(tmp_path / "-y.mp4")]
