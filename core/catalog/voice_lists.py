"""The languages and voices of the models that speak, as their makers list them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What ElevenLabs Multilingual v2 speaks, each with every voice.
ELEVENLABS_LANGUAGES: Final = (
    "en", "ja", "zh", "de", "hi", "fr", "ko", "pt", "it", "es", "id", "nl", "tr", "fil", "pl", "sv", "bg", "ro", "ar",
    "cs", "el", "fi", "hr", "ms", "sk", "da", "ta", "uk", "ru",
)  # fmt: skip
#: What MiniMax Speech-02 speaks, and what its ``language_boost`` calls it.
MINIMAX_LANGUAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "en": "English",
        "zh": "Chinese",
        "zh-HK": "Chinese,Yue",
        "yue": "Chinese,Yue",
        "ar": "Arabic",
        "ru": "Russian",
        "es": "Spanish",
        "fr": "French",
        "pt": "Portuguese",
        "de": "German",
        "tr": "Turkish",
        "nl": "Dutch",
        "uk": "Ukrainian",
        "vi": "Vietnamese",
        "id": "Indonesian",
        "ja": "Japanese",
        "it": "Italian",
        "ko": "Korean",
        "th": "Thai",
        "pl": "Polish",
        "ro": "Romanian",
        "el": "Greek",
        "cs": "Czech",
        "fi": "Finnish",
        "hi": "Hindi",
        "bg": "Bulgarian",
        "da": "Danish",
        "he": "Hebrew",
        "ms": "Malay",
        "sk": "Slovak",
        "sv": "Swedish",
        "hr": "Croatian",
        "hu": "Hungarian",
        "no": "Norwegian",
        "nb": "Norwegian",
        "nn": "Nynorsk",
        "sl": "Slovenian",
        "ca": "Catalan",
        "af": "Afrikaans",
    }
)
#: What Kokoro speaks: the last part of the endpoint, and its voices with the default first.
KOKORO_SPEAKERS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = MappingProxyType(
    {
        "en-US": (
            "american-english",
            (
                "af_heart", "af_alloy", "af_aoede", "af_bella", "af_jessica", "af_kore", "af_nicole", "af_nova",
                "af_river", "af_sarah", "af_sky", "am_adam", "am_echo", "am_eric", "am_fenrir", "am_liam",
                "am_michael", "am_onyx", "am_puck", "am_santa",
            ),
        ),
        "en-GB": (
            "british-english",
            (
                "bf_alice", "bf_emma", "bf_isabella", "bf_lily", "bm_daniel", "bm_fable", "bm_george", "bm_lewis",
            ),
        ),
        "es": ("spanish", ("ef_dora", "em_alex", "em_santa")),
        "fr": ("french", ("ff_siwis",)),
        "hi": ("hindi", ("hf_alpha", "hf_beta", "hm_omega", "hm_psi")),
        "it": ("italian", ("if_sara", "im_nicola")),
        "ja": ("japanese", ("jf_alpha", "jf_gongitsune", "jf_nezumi", "jf_tebukuro", "jm_kumo")),
        "zh": (
            "mandarin-chinese",
            (
                "zf_xiaobei", "zf_xiaoni", "zf_xiaoxiao", "zf_xiaoyi", "zm_yunjian", "zm_yunxi", "zm_yunxia",
                "zm_yunyang",
            ),
        ),
        "pt-BR": ("brazilian-portuguese", ("pf_dora", "pm_alex", "pm_santa")),
    }
)  # fmt: skip
#: The voices of Gemini's speech, each of which speaks every language.
GEMINI_VOICES: Final = (
    "Kore", "Zephyr", "Puck", "Charon", "Fenrir", "Leda", "Orus", "Aoede", "Callirrhoe", "Autonoe", "Enceladus",
    "Iapetus", "Umbriel", "Algieba", "Despina", "Erinome", "Algenib", "Rasalgethi", "Laomedeia", "Achernar", "Alnilam",
    "Schedar", "Gacrux", "Pulcherrima", "Achird", "Zubenelgenubi", "Vindemiatrix", "Sadachbia", "Sadaltager",
    "Sulafat",
)  # fmt: skip
