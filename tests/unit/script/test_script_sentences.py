from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.script.errors import ScriptError
from core.script.language import is_speakable, language_of, speech_length
from core.script.sentences import clauses, sentences

LANGUAGES = ("en", "de", "fr", "es", "pt", "it", "ru", "el", "zh", "ja", "ko", "hi", "ar", "ur", "th", "my", "tlh")


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Dr. Smith paid $3.50 to J. R. R. Tolkien at 5 p.m. on Jan. 5.| He left."),
        ("en", '"Really?" she asked.| Wait... what?| It has 3.50 or 4.|'),
        ("en", "The U.S. Army came, i.e. all of it.| We met at 5 p.m.| Then it rained."),
        ("en", "See example.com.| Version 2.0 is out!| Cats, dogs, etc.| All came."),
        ("en", "1. Wash it.| 2. Dry it.| (Or not.)| He said no.| See no. 5 there."),
        ("de", "Am 3. Oktober kam Dr. Müller, z. B. mit 3,5 Mio. Euro.| Er ging."),
        ("de", "Die 2. Auflage erschien 1990.| Sie war gut.| „Gut.“| Er lachte."),
        ("fr", "M. Dupont est là.| Il a dit : « Ça va ? »| Puis il partit."),
        ("es", "¿Cómo estás?| ¡Bien!| El Sr. López llegó a las 5 p. m. y se fue.| ¿Y tú?"),
        ("pt-BR", "A Sra. Souza chegou.| Ela disse: “Olá!”| E o Dr. Lima?"),
        ("it", "Il sig. Rossi e la dott.ssa Bianchi sono qui.| Bene!"),
        ("ru", "А. С. Пушкин родился в г. Москва.| Это так.| Правда?"),
        ("el", "Τι κάνεις;| Καλά.| Εσύ;"),
        ("zh", "你好。|今天天气很好！|他说：“走吧。”|我们走了。|真的吗？"),
        ("zh-Hans-CN", "太好了!|我们走吧。"),
        ("ja", "「行こう。」と彼は言った。|今日はいい天気です。"),
        ("ko", "안녕하세요.| 오늘 날씨가 좋네요!| 갈까요?"),
        ("hi", "यह पहला वाक्य है।| यह दूसरा है।|क्या यह तीसरा है?"),
        ("ar", "كيف حالك؟| أنا بخير.| شكرا."),
        ("ur", "آپ کیسے ہیں؟| میں ٹھیک ہوں۔| شکریہ"),
        ("th", "สวัสดีครับ| วันนี้อากาศดี| เราซื้อ iPhone 15 Pro แล้ว"),
        ("my", "မင်္ဂလာပါ။| နေကောင်းလား။"),
        ("tlh", "Heghlu'meH QaQ jajvam.| Qapla'!"),
    ],
)
def test_sentences_end_where_the_language_ends_them(language: str, text: str) -> None:
    found = sentences(text.replace("|", ""), language_of(language))

    assert found == [part for part in _with_spaces_behind(text) if part]


def _with_spaces_behind(text: str) -> list[str]:
    """Move the spaces after each bar in front of it, where segments have them."""
    return text.replace("| ", " |").split("|")


@given(st.text(alphabet="aZ é字あक1.!?…。।؟;,、\"'”»)「」 \u00a0-", max_size=80), st.sampled_from(LANGUAGES))
def test_segments_together_are_the_text(text: str, language: str) -> None:
    rules = language_of(language)

    found = sentences(text, rules)
    for words in (False, True):
        assert "".join(clauses(text, words=words)) == text

    assert "".join(found) == text
    assert all(is_speakable(segment) for segment in found) or len(found) == 1


@pytest.mark.parametrize(
    ("tag", "code", "region", "known"),
    [
        ("", "en", None, True),
        ("pt-BR", "pt", "BR", True),
        ("PT_br", "pt", "BR", True),
        ("zh-Hant-TW", "zh", "TW", True),
        ("cmn", "zh", None, True),
        ("es-419", "es", "419", True),
        ("nb", "no", None, True),
        ("tlh", "tlh", None, False),
    ],
)
def test_a_tag_is_read_by_its_primary_subtag(tag: str, code: str, region: str | None, known: bool) -> None:
    language = language_of(tag)

    assert (language.code, language.region, language.known) == (code, region, known)


@pytest.mark.parametrize("tag", ["e", "english please", "12", "en;DROP", "-", "en--US", "x" * 50])
def test_what_is_no_tag_is_refused(tag: str) -> None:
    with pytest.raises(ScriptError, match="is not a language tag"):
        language_of(tag)


@pytest.mark.parametrize(
    ("language", "text", "low", "high"),
    [
        # Words of the usual 4.3 letters, 150 of them to a minute or a few more.
        ("en", "This narrator reads about fifteen plain words of the usual length in these few seconds. ", 5, 7.5),
        ("de", "Der Sprecher liest diese fünfzehn gewöhnlichen Wörter in nur wenigen Sekunden ruhig vor. ", 6, 8.5),
        ("zh", "播音员大约用六秒钟的时间读完这二十五个普通的汉字。", 5, 7),
        ("ja", "アナウンサーはこの三十文字ほどの文をおよそ六秒で読みます。", 4.5, 7),
        ("en", "1984", 0.8, 1.5),
        ("en", "… — 🎉 !", 0, 0),
    ],
)
def test_speech_takes_as_long_as_a_narrator_needs(language: str, text: str, low: float, high: float) -> None:
    assert low <= speech_length(text, language_of(language)).total_seconds() <= high
