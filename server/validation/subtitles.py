"""Checks of subtitles."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from core.catalog.languages import is_language
from core.catalog.subtitles import SUBTITLE_STYLES
from segue.v1 import spec_pb2
from server.limits import CUE_CHARACTERS, CUES, LONGEST_VIDEO
from server.validation.fields import check_duration, check_known, check_length, seconds_of

if TYPE_CHECKING:
    from server.validation.findings import Findings

_POSITIONS: Final = frozenset(spec_pb2.SubtitlePosition.values())


def check_subtitles(
    found: Findings,
    path: str,
    subtitles: spec_pb2.Subtitles,
    *,
    length: timedelta | None = None,
    made_from_script: bool = False,
) -> None:
    """Check subtitles that are wanted.

    Args:
        length: of the video, where it is known: a cue that begins at its end or later is never seen. One that only
            ends later is cut by the worker.
        made_from_script: whether they may come without cues.
    """
    if subtitles.style and subtitles.style not in SUBTITLE_STYLES:
        found.add(f"{path}.style", f"must be one of {', '.join(SUBTITLE_STYLES)}")
    check_known(found, f"{path}.position", subtitles.position, _POSITIONS)
    check_language(found, f"{path}.language", subtitles.language)
    if not subtitles.cues and not made_from_script:
        found.add(f"{path}.cues", "is required: at least one cue")
    if len(subtitles.cues) > CUES:
        found.add(f"{path}.cues", f"must be at most {CUES} cues; are {len(subtitles.cues)}")
        return
    latest = -math.inf
    for index, cue in enumerate(subtitles.cues):
        _check_cue(found, f"{path}.cues[{index}]", cue, length)
        if seconds_of(cue.start) < latest:
            found.add(f"{path}.cues[{index}].start", "must not be before the start of the cue before it")
        latest = max(latest, seconds_of(cue.start))


def check_language(found: Findings, path: str, language: str) -> None:
    """Require the form of a BCP 47 tag, if any."""
    if language and not is_language(language):
        found.add(path, "must be a BCP 47 tag, for example en or pt-BR")


def _check_cue(found: Findings, path: str, cue: spec_pb2.SubtitleCue, length: timedelta | None) -> None:
    if not cue.text.strip():
        found.add(f"{path}.text", "is required")
    check_length(found, f"{path}.text", cue.text, CUE_CHARACTERS)
    check_duration(found, f"{path}.start", cue.start, timedelta(0), LONGEST_VIDEO)
    if not cue.HasField("end"):
        found.add(f"{path}.end", "is required")
        return
    start, end = seconds_of(cue.start), seconds_of(cue.end)
    if end <= start:
        found.add(f"{path}.end", f"must be after start, which is {start:.10g} s; is {end:.10g} s")
    else:
        check_duration(found, f"{path}.end", cue.end, timedelta(0), LONGEST_VIDEO)
    if length is not None and start >= length.total_seconds():
        found.add(f"{path}.start", f"must be before the end of the video, {length.total_seconds():.10g} s")
