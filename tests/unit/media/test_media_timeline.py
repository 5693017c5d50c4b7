"""The arithmetic of joined videos, and how paths are written in filters."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.media.errors import InputMediaError
from workers.media.graphs import escaped
from workers.media.timeline import overlap, spans_of

RATES = st.sampled_from([Fraction(24), Fraction(25), Fraction(30), Fraction(30000, 1001), Fraction(60)])
LENGTHS = st.lists(st.timedeltas(timedelta(seconds=2), timedelta(seconds=20)), min_size=1, max_size=40)
FADES = st.timedeltas(timedelta(0), timedelta(seconds=0.9))


@given(LENGTHS, FADES, RATES)
def test_no_boundary_is_more_than_half_a_frame_off(lengths: list[timedelta], fade: timedelta, rate: Fraction) -> None:
    spans = spans_of(lengths, crossfade=fade, rate=rate)

    for number, span in enumerate(spans):
        start = sum(lengths[:number], timedelta()) - number * fade
        assert span.start == pytest.approx(start.total_seconds() * rate, abs=0.501)
        assert span.end == pytest.approx((start + lengths[number]).total_seconds() * rate, abs=0.501)
        assert abs(overlap(spans, number) - (fade.total_seconds() * rate if number else 0)) <= 1


@given(LENGTHS, RATES)
def test_hard_cuts_leave_no_frame_out_and_show_none_twice(lengths: list[timedelta], rate: Fraction) -> None:
    spans = spans_of(lengths, crossfade=timedelta(0), rate=rate)

    assert spans[0].start == 0
    assert all(overlap(spans, number) == 0 for number in range(len(spans)))


def test_a_clip_that_would_fade_in_and_out_at_once_is_refused() -> None:
    lengths = [timedelta(seconds=5), timedelta(seconds=1), timedelta(seconds=5)]

    assert len(spans_of(lengths, crossfade=timedelta(seconds=0.5), rate=Fraction(30))) == 3
    with pytest.raises(InputMediaError, match=r"^Clip 2 lasts 1\.00 s"):
        spans_of(lengths, crossfade=timedelta(seconds=0.6), rate=Fraction(30))


def test_a_clip_shorter_than_half_a_frame_is_refused() -> None:
    with pytest.raises(InputMediaError, match=r"^Clip 1 lasts 0\.01 s: too short to be seen\.$"):
        spans_of([timedelta(seconds=0.01)], crossfade=timedelta(0), rate=Fraction(30))


def test_a_path_is_written_so_that_a_filter_reads_it_whole() -> None:
    # The two levels of ffmpeg-filters(1), "Notes on filtergraph escaping", after its own example.
    assert escaped(Path("/this is a 'string': may contain one, or more")) == (
        r"/this is a \\\'string\\\'\\: may contain one\, or more"
    )
    assert escaped(Path(r"/a\b[c];")) == r"/a\\\\b\[c\]\;"
