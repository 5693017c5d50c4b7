from __future__ import annotations

import pytest

from core.script.layout import Paragraph, paragraphs


@pytest.mark.parametrize(
    "line",
    [
        "# The beach",
        "[Scene 1]",
        "[MUSIC SWELLS]",
        "**[Scene 1: the beach]**",
        "(pause)",
        "*(beat)*",
        "Scene 2: The sun",
        "SCENE 2 - THE SUN",
        "**Scene 3**",
        "Szene 4",
        "场景三：海滩",
        "第1場",
        "INT. HOUSE - DAY",
        "CUT TO:",
        "---",
        "* * *",
        "```",
        "Visual: the sun over the sea.",
        "SFX: waves",
        "![a beach](https://example.com/beach.png)",
    ],
)
def test_a_line_that_scripts_mark_as_unspoken_is_not_spoken(line: str) -> None:
    assert paragraphs(f"Before.\n{line}\nAfter.") == [
        Paragraph("Before.", opens=False),
        Paragraph("After.", opens=True),
    ]


@pytest.mark.parametrize(
    ("line", "spoken"),
    [
        ("NARRATOR: Waves roll in.", "Waves roll in."),
        ("Narrator (V.O.): Waves roll in.", "Waves roll in."),
        ("**Erzähler:** Wellen.", "Wellen."),
        ("旁白：海浪。", "海浪。"),
        ("Waves *roll* in, **slowly**, `softly`.", "Waves roll in, slowly, softly."),
        ("- Waves roll in.", "Waves roll in."),
        ("> Waves roll in.", "Waves roll in."),
        ("0:05-0:10 Waves roll in.", "Waves roll in."),
        ("[0:05 - 0:10] Waves roll in.", "Waves roll in."),
        ("Waves [softly] roll in.", "Waves roll in."),
        ("See [the sea](https://example.com/sea).", "See the sea."),
        ("Waves<br/> roll <b>in</b>.", "Waves roll in."),
        # What only looks like markup is spoken.
        ("WARNING: do not touch.", "WARNING: do not touch."),
        ("Remember: 2 * 3 * 4 < 30 and 5 > 3.", "Remember: 2 * 3 * 4 < 30 and 5 > 3."),
        ("7:30 was early.", "7:30 was early."),
        ("snake_case_names stay.", "snake_case_names stay."),
        ("Scene 3 was the best of all.", "Scene 3 was the best of all."),
        ("3. Oktober ist Feiertag.", "3. Oktober ist Feiertag."),
        ("Interest grows (slowly) here.", "Interest grows (slowly) here."),
    ],
)
def test_words_are_spoken_without_their_markup(line: str, spoken: str) -> None:
    assert paragraphs(line) == [Paragraph(spoken, opens=False)]


def test_a_name_in_capitals_that_comes_again_is_a_speaker() -> None:
    found = paragraphs("ANNA: Where is it?\nBEN: Here.\nANNA: Thanks.")

    assert [paragraph.text for paragraph in found] == ["Where is it?", "BEN: Here.", "Thanks."]


def test_wrapped_lines_are_joined_and_ended_lines_are_not() -> None:
    wrapped = "This line was wrapped by an editor at about sixty characters, so\nIt goes on here, and\nhere."

    assert [paragraph.text for paragraph in paragraphs(f"{wrapped}\nA verse\nAnother verse\r\n\r\nThe end")] == [
        wrapped.replace("\n", " "), "A verse", "Another verse", "The end",
    ]  # fmt: skip


def test_control_characters_reach_no_voice() -> None:
    assert [paragraph.text for paragraph in paragraphs("\ufeffOne\x00 two\x07.\x0bThree.")] == ["One two.", "Three."]


def test_an_underlined_line_is_a_heading() -> None:
    assert paragraphs("The beach\n=========\nWaves.") == [Paragraph("Waves.", opens=True)]


def test_comments_are_not_spoken_and_an_open_one_is_text() -> None:
    script = "Waves <!-- not\n\nfor the voice -->roll. <!-- Not -->In they come. <!-- they said"

    assert paragraphs(script) == [Paragraph("Waves roll. In they come. <!-- they said", opens=False)]
