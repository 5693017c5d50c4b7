"""Whatever a text holds is drawn as letters: nothing in it steers the picture, the file or the line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workers.media.frame import Frame
from workers.subtitles.breaks import clusters_of
from workers.subtitles.typefaces import runs_of, width_of

if TYPE_CHECKING:
    from tests.integration.subtitles.pictures import Screen

FRAME = Frame(1280, 360)
#: The em of the default style in that frame.
EM = 0.052 * 360

HOSTILE = [
    r"{\an8}word",
    r"{\pos(0,0)}{\fs99}word",
    r"{\p1}m 0 0 l 9 9{\p0}",
    r"{\alpha&HFF&}word",
    r"one\Ntwo\nthree\hfour",
    r"back\slash \\N \{ \} \\{\\}",
    r"C:\Users\None\home",
    "{}{ }}{",
    "{unclosed",
    "%{pts} ':,[];=\\'",
    "Dialogue: 0,0:00:00.00,0:00:09.00,Cue,,0,0,0,,x",
    "a,b,,c;!effect",
    "&lt;b&gt; <i>x</i> &amp; &#65;",
    "\\",
    "ends with \\",
    "ends with {",
]


def measured(text: str) -> float:
    """Return how wide the text is by the measures of its fonts, in pixels."""
    return EM * sum(width_of(run.text, run.family) for run in runs_of(clusters_of(text), ""))


@pytest.mark.parametrize("text", HOSTILE)
def test_every_character_is_drawn_as_itself(screen: Screen, text: str) -> None:
    # Bars at both ends make the width of what is between them exact, also of spaces.
    [nothing, picture] = screen.texts(["||", f"|{text}|"], frame=FRAME)

    # but for kerning
    assert len(picture.extent) - len(nothing.extent) == pytest.approx(measured(text), rel=0.02, abs=1.5)
    assert min(picture.rows) > 0.8 * FRAME.height


def test_a_newline_is_the_only_end_of_a_line(screen: Screen) -> None:
    [one, two] = screen.texts(["Ngyp Ngyp", "Ngyp\nNgyp"], frame=FRAME)

    assert max(one.rows) == max(two.rows)
    assert len(two.rows) == 2 * len(one.rows)


@pytest.mark.parametrize("unseen", ["\u200b", "\u200c", "\u200d", "\u200e", "\u2060", "\u2068", "\ufe0e"])
def test_unseen_characters_leave_no_mark(screen: Screen, unseen: str) -> None:
    [plain, marked] = screen.texts(["nono", f"no{unseen}no"])

    assert marked.pixels == plain.pixels


def test_a_text_of_unseen_characters_is_not_drawn(screen: Screen) -> None:
    assert screen.text("\u200b\u202e \u2060\n\x00").ink == 0
