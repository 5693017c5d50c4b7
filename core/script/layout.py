"""What of a script is spoken: paragraphs without headings, stage directions, speakers' names and markup.

Dropped are only things that scripts mark as unspoken: `# headings`, `[brackets]`, lines wholly in parentheses,
"Scene 3: the beach", "INT. HOUSE - DAY", "CUT TO:", "Visual: ...", "NARRATOR:" before the words. A name in capitals
that stands once, as in "WARNING: do not touch", is spoken; one that comes again and again is a speaker.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

from core.script.labels import DIRECTIONS, SCENE_WORDS, SPEAKERS
from core.script.language import is_speakable

#: Lines without a word to speak: a heading, a rule or a fence, an aside, a slug line, a cut, the name of a scene.
_UNSPOKEN: Final = re.compile(
    rf"""\#{{1,6}}\s.*
    | [-*_=~`\s]{{3,}} | (?:```|~~~)\w*
    | \([^()]{{1,200}}\) | （[^（）]{{1,200}}）
    | (?:INT|EXT|INT\.?/EXT)\b\.?[ ].* | (?:FADE|CUT|DISSOLVE|SMASH[ ]CUT)[ ](?:IN|OUT|TO)\b[^a-z]*
    | (?i:{"|".join(sorted(SCENE_WORDS))})\s*[#№]?(?:\d{{1,3}}|[ivxIVX]{{1,5}})\b[.)]?(?:\s*[:：.–—-]\s*[^.!?]{{0,60}})?
    | (?:场景|場景|場面|シーン|第)\s*[\d一二三四五六七八九十]{{1,3}}\s*[场場幕章]?(?:\s*[:：.–—-].{{0,40}})?
    | 장면\s*\d{{1,3}}.{{0,30}}
    """,
    re.VERBOSE,
)
_TIME: Final = r"\d{1,2}:\d{2}(?::\d{2})?"
#: Marks before the words of a line: a quotation, a bullet, a range of times.
_PREFIX: Final = re.compile(rf"(?:>\s?){{1,3}}|[-*+•·]\s+|[(\[]?{_TIME}\s*[–—-]\s*{_TIME}[)\]]?\s*:?\s*")
_LABEL: Final = re.compile(r"([^\W_][^:：\n]{0,29}?)\s*(?:\([^()]{1,20}\))?\s*[:：]\s*(?!//)")
_LINK: Final = re.compile(r"(!?)\[([^\[\]]{0,500})\]\([^()\s]{0,2000}\)")
_BRACKETS: Final = re.compile(r"\s?(?:\[[^\[\]]{0,300}\]|【[^【】]{0,300}】)")
_ELEMENT: Final = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")
_EMPHASIS: Final = re.compile(r"(?<![\w*])(?:\*{1,3}|_{1,3}|`)(?=[^\s*_`])|(?<=[^\s*_`])(?:\*{1,3}|_{1,3}|`)(?![\w*])")
_HEADING: Final = re.compile(r"={3,}\s*")
#: Other line ends, and characters that no voice and no file should get.
_LINE_ENDS: Final = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028]")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff]")
#: Shorter lines end where their writer ended them; longer ones were wrapped.
_WRAPPED: Final = 60


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Words that belong together."""

    text: str
    opens: bool
    """Whether a heading or a direction stands before it, so that a scene begins here if any does."""


def paragraphs(script: str) -> list[Paragraph]:
    """Return the spoken paragraphs of *script*, in order."""
    lines = _lines_of(script)
    labels = Counter(_label_of(line) for line in lines)
    found: list[Paragraph] = []
    block: list[str] = []
    opens = False
    for line in [*lines, ""]:
        spoken = _spoken(line, labels)
        if block and (not spoken or not _goes_on(block[-1], spoken)):
            found.append(Paragraph(" ".join(block), opens))
            block, opens = [], False
        if spoken:
            block.append(spoken)
        opens |= bool(line) and not spoken
    return [paragraph for paragraph in found if is_speakable(paragraph.text)]


def _lines_of(script: str) -> list[str]:
    text = _LINE_ENDS.sub("\n", script.replace("\u2029", "\n\n"))
    lines = [line.strip() for line in _CONTROLS.sub("", _without_comments(text)).split("\n")]
    return [
        "" if index + 1 < len(lines) and line and _HEADING.fullmatch(lines[index + 1]) else line
        for index, line in enumerate(lines)
    ]


def _without_comments(text: str) -> str:
    """Drop `<!-- comments -->`; with `str.find`, since an expression would search to the end from every opening."""
    kept = []
    start = 0
    while (opening := text.find("<!--", start)) >= 0 and (closing := text.find("-->", opening)) >= 0:
        kept.append(text[start:opening])
        start = closing + 3
    return "".join(kept) + text[start:]


def _label_of(line: str) -> str:
    label = _LABEL.match(_EMPHASIS.sub("", line))
    return label[1] if label else ""


def _spoken(line: str, labels: Counter[str]) -> str:
    """Return what is spoken of one line."""
    if not line or _UNSPOKEN.fullmatch(line):
        return ""
    line = _LINK.sub(lambda link: "" if link[1] else link[2], line)
    line = _ELEMENT.sub("", _BRACKETS.sub("", _PREFIX.sub("", line.strip(), count=1) if _PREFIX.match(line) else line))
    line = _EMPHASIS.sub("", line).strip()
    if _UNSPOKEN.fullmatch(line):
        return ""
    label = _LABEL.match(line)
    if label is None:
        return _tidy(line)
    name = label[1].lower().rstrip("0123456789 ")
    if name in DIRECTIONS:
        return ""
    if name in SPEAKERS or (label[1].isupper() and labels[label[1]] > 1) or _UNSPOKEN.fullmatch(label[1]):
        line = line[label.end() :]
    return _tidy(line)


def _tidy(line: str) -> str:
    return " ".join(line.split())


def _goes_on(line: str, following: str) -> bool:
    """Whether a line break is none: the line was wrapped, or the next goes on in lower case."""
    return len(line) >= _WRAPPED or following[0].islower()
