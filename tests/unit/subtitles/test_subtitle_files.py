from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.subtitles.cues import Cue, normalised
from workers.subtitles.files import srt_of, vtt_of

_TIMES = re.compile(r"(\d+):(\d\d):(\d\d)[.,](\d{3}) --> (\d+):(\d\d):(\d\d)[.,](\d{3})")

HOSTILE = [
    "two\nlines",
    "a --> b",
    "00:00:01.000 --> 00:00:09.000",
    "blank\n\n\nlines",
    "<b>bold</b> & <i>more</i> &amp; <00:01.000>",
    "NOTE\nSTYLE",
    "1\n00:00:00,000 --> 00:00:09,000\nanother",
    r"{\an8}top \N {y:i}slanted",
]


def milliseconds(number: int) -> timedelta:
    return timedelta(milliseconds=number)


def read(file: str) -> list[Cue]:
    """Read either format as its definition says: blocks between blank lines, a line of times, then the text."""
    cues = []
    for block in re.split(r"\n{2,}", file.strip()):
        lines = block.split("\n")
        found = next((index for index, line in enumerate(lines) if _TIMES.fullmatch(line)), None)
        if found is None:
            continue
        match = _TIMES.fullmatch(lines[found])
        assert match is not None
        hours, minutes, seconds, rest, *end = (int(part) for part in match.groups())
        start = timedelta(hours=hours, minutes=minutes, seconds=seconds, milliseconds=rest)
        stop = timedelta(hours=end[0], minutes=end[1], seconds=end[2], milliseconds=end[3])
        cues.append(Cue(start, stop, "\n".join(lines[found + 1 :])))
    return cues


@given(
    st.lists(
        st.builds(
            lambda start, length, text: Cue(milliseconds(start), milliseconds(start + length), text),
            st.integers(0, 10**8),
            st.integers(1, 10**6),
            st.one_of(st.text(), st.sampled_from(HOSTILE)),
        ),
        max_size=5,
    )
)
def test_webvtt_gives_back_what_was_put_in(cues: list[Cue]) -> None:
    expected = [Cue(cue.start, cue.end, normalised(cue.text)) for cue in cues if normalised(cue.text)]

    found = [Cue(cue.start, cue.end, html.unescape(cue.text)) for cue in read(vtt_of(cues))]

    # unescape knows entities of HTML that WebVTT does not; only ours can be in the file
    assert [(cue.start, cue.end) for cue in found] == [(cue.start, cue.end) for cue in expected]
    assert [cue.text for cue in found] == [cue.text for cue in expected]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_breaks_subrip(text: str) -> None:
    cues = [Cue(milliseconds(0), milliseconds(500), text), Cue(milliseconds(500), milliseconds(900), "next")]

    found = read(srt_of(cues))

    assert [(cue.start, cue.end) for cue in found] == [(cue.start, cue.end) for cue in cues]
    assert found[0].text.replace("\u2060", "").replace("→", "-->") == normalised(text)


def test_subrip_has_numbers_commas_and_no_tags() -> None:
    file = srt_of([Cue(milliseconds(1500), milliseconds(3_723_004), "<b>x</b>")])

    assert file == "1\n00:00:01,500 --> 01:02:03,004\n<\u2060b>x<\u2060/b>\n\n"


def test_webvtt_escapes_its_own_signs() -> None:
    file = vtt_of([Cue(milliseconds(1500), milliseconds(2000), "1 < 2 & 3 --> 4")])

    assert file == "WEBVTT\n\n00:00:01.500 --> 00:00:02.000\n1 &lt; 2 &amp; 3 --&gt; 4\n\n"


def test_cues_that_no_file_can_hold_are_left_out() -> None:
    cues = [Cue(milliseconds(1), timedelta(microseconds=1100), "too short"), Cue(milliseconds(1), milliseconds(9), " ")]

    assert srt_of(cues) == ""
    assert vtt_of(cues) == "WEBVTT\n\n"
