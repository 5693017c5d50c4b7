from __future__ import annotations

import unicodedata
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.subtitles.cues import normalised
from workers.subtitles.split import split

START, END = timedelta(seconds=2), timedelta(seconds=22)

TEXTS = {
    "en": "Every morning, the city wakes up slowly. Dr. Smith looks at the sky, and nobody notices that the light has "
    "changed over the last few years because of the new towers near the river. Why? No one knows.",
    "zh": "人工智能正在改变我们制作视频的方式。过去，一个团队需要几个星期才能完成的工作，现在只要几分钟。你相信吗？",
    "ja": "字幕は、読みやすくなければならない。一行は十六文字までが目安で、"
    "句読点の位置で区切ると、読みやすくなります。",
    "ko": "한국어 자막은 읽기 쉬워야 합니다. 한 줄에 열여섯 글자 정도가 적당하고, 띄어쓰기에서 나누는 것이 좋습니다.",
    "ar": "في كل صباح تستيقظ المدينة ببطء، ولا أحد يلاحظ أن الضوء قد تغير خلال السنوات الأخيرة. لماذا؟ لا أحد يعرف.",
    "th": "สวัสดีชาวโลก นี่คือคำบรรยายที่ยาวมากเพื่อทดสอบการตัดคำในภาษาไทยซึ่งไม่มีช่องว่างระหว่างคำและยังยาวต่อไปอีกเรื่อยๆจนเกินสองบรรทัด",
}


def texts(text: str, language: str = "", characters: int | None = None) -> list[str]:
    return [cue.text for cue in split(text, START, END, language=language, characters_per_line=characters)]


def columns(text: str) -> int:
    visible = (one for one in text if unicodedata.category(one) not in {"Mn", "Me", "Cf"})
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in visible)


@pytest.mark.parametrize("language", TEXTS)
def test_cues_hold_the_whole_text_in_order_and_at_most_two_lines_each(language: str) -> None:
    found = texts(TEXTS[language], language)

    room = 64 if language in {"zh", "ja", "ko"} else 84
    assert len(found) > 1
    assert max(columns(text) for text in found) <= room
    assert "".join(found).replace(" ", "") == TEXTS[language].replace(" ", "")


def test_sentences_go_before_clauses_and_clauses_before_words() -> None:
    assert texts(TEXTS["en"], "en") == [
        "Every morning, the city wakes up slowly.",
        "Dr. Smith looks at the sky, and nobody notices that the light",
        "has changed over the last few years because of the new towers near the river.",
        "Why? No one knows.",
    ]
    assert texts(TEXTS["ja"], "ja") == [
        "字幕は、読みやすくなければならない。",
        "一行は十六文字までが目安で、",
        "句読点の位置で区切ると、読みやすくなります。",
    ]


def test_numbers_and_abbreviations_end_no_sentence() -> None:
    assert texts("It costs 3.5 million, e.g. for Mr. J. Doe, but not for anyone else here.") == [
        "It costs 3.5 million, e.g. for Mr. J. Doe, but not for anyone else here."
    ]


def test_cues_follow_one_another_and_last_as_long_as_they_are_spoken() -> None:
    cues = split(
        "Short one here, at last. " + "This sentence is about three times as long as the one before it.",
        START,
        END,
        language="en",
    )

    assert cues[0].start == START
    assert cues[-1].end == END
    assert all(before.end == after.start for before, after in pairwise(cues))
    first, second = (cue.end - cue.start for cue in cues)
    assert 2 < second / first < 3.5


def test_paragraphs_are_not_joined() -> None:
    assert texts("One\nTwo") == ["One", "Two"]


def test_a_narrow_picture_takes_shorter_lines() -> None:
    assert max(len(text) for text in texts(TEXTS["en"], "en", 20)) <= 40


def test_a_word_longer_than_two_lines_is_parted() -> None:
    found = texts("https://example.com/" + "a" * 200)

    assert max(len(text) for text in found) <= 84
    assert sum(len(text) for text in found) == 220


def test_nothing_comes_of_nothing() -> None:
    assert split(" \n ", START, END) == []
    assert split("text", END, START) == []


@given(st.text(max_size=300), st.sampled_from(["", "en", "zh", "th"]))
def test_no_character_is_lost_or_made_up(text: str, language: str) -> None:
    assert "".join(texts(text, language)).replace(" ", "") == normalised(text).replace("\n", "").replace(" ", "")
