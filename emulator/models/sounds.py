"""The models that speak and play, copied from fal's schemas (see `docs.fal.ai`); data, no code."""

from typing import Final

from emulator.models.fields import Input, choice, flag, integer, number, text
from emulator.models.plans import Model, MusicPlan, SpeechPlan
from emulator.models.rows import PROMPT, SEED, model

_TEXT: Final = text("text", required=True, min_length=1)
_SPEED: Final = number("speed", 1.0, ge=0.1, le=5)
_VOICE_SETTINGS: Final = (
    number("stability", 0.5, ge=0, le=1),
    number("similarity_boost", 0.75, ge=0, le=1),
    number("style", ge=0, le=1),
    number("speed", 1.0, ge=0.7, le=1.2),
    flag("timestamps", default=False),
    text("previous_text"),
    text("next_text"),
    text("language_code"),
)
#: The voices of Kokoro by the accent in its endpoint: the two letters before the name are language and sex.
_KOKORO: Final = {
    "american-english": (
        "af_heart af_alloy af_aoede af_bella af_jessica af_kore af_nicole af_nova af_river af_sarah af_sky "
        "am_adam am_echo am_eric am_fenrir am_liam am_michael am_onyx am_puck am_santa"
    ),
    "british-english": "bf_alice bf_emma bf_isabella bf_lily bm_daniel bm_fable bm_george bm_lewis",
    "spanish": "ef_dora em_alex em_santa",
    "french": "ff_siwis",
    "hindi": "hf_alpha hf_beta hm_omega hm_psi",
    "italian": "if_sara im_nicola",
    "japanese": "jf_alpha jf_gongitsune jf_nezumi jf_tebukuro jm_kumo",
    "mandarin-chinese": "zf_xiaobei zf_xiaoni zf_xiaoxiao zf_xiaoyi zm_yunjian zm_yunxi zm_yunxia zm_yunyang",
    "brazilian-portuguese": "pf_dora pm_alex pm_santa",
}
_GEMINI: Final = (
    "Achernar Achird Algenib Algieba Alnilam Aoede Autonoe Callirrhoe Charon Despina Enceladus Erinome Fenrir Gacrux "
    "Iapetus Kore Laomedeia Leda Orus Pulcherrima Puck Rasalgethi Sadachbia Sadaltager Schedar Sulafat Umbriel "
    "Vindemiatrix Zephyr Zubenelgenubi"
)


def _kokoro(accent: str, voices: str) -> Model:
    return model(
        f"fal-ai/kokoro/{accent}",
        SpeechPlan(text="prompt", format="wav"),
        text("prompt", default="Welcome to the local fal."),
        choice("voice", voices.split(), voices.split(maxsplit=1)[0]),
        _SPEED,
    )


def _elevenlabs(name: str) -> Model:
    return model(
        f"fal-ai/elevenlabs/tts/{name}", SpeechPlan(), _TEXT, text("voice", default="Rachel"), *_VOICE_SETTINGS
    )


def _minimax(name: str) -> Model:
    return model(
        f"fal-ai/minimax/{name}",
        SpeechPlan(milliseconds=True),
        text("text", required=True, min_length=1, max_length=5000),
        Input(name="voice_setting", kinds=("object",)),
        Input(name="audio_setting", kinds=("object",)),
        text("language_boost"),
        choice("output_format", ("url", "hex"), "hex"),
    )


SPEECH: Final = (
    *(_kokoro(accent, voices) for accent, voices in _KOKORO.items()),
    _elevenlabs("multilingual-v2"),
    _elevenlabs("turbo-v2.5"),
    _minimax("speech-02-hd"),
    _minimax("speech-02-turbo"),
    model(
        "fal-ai/gemini-tts",
        SpeechPlan(text="prompt", format_field="output_format"),
        text("prompt", required=True, min_length=1),
        choice("voice", _GEMINI.split(), "Kore"),
        choice("model", ("gemini-2.5-flash-tts", "gemini-2.5-pro-tts"), "gemini-2.5-flash-tts"),
        Input(name="speakers", kinds=("array",)),
        text("style_instructions"),
        text("language_code"),
        number("temperature", 1.0, ge=0, le=2),
        choice("output_format", ("mp3", "wav", "ogg_opus"), "mp3"),
    ),
)

MUSIC: Final = (
    model(
        "fal-ai/stable-audio",
        MusicPlan(answer="audio_file", seconds="seconds_total"),
        PROMPT,
        integer("seconds_start", 0, ge=0, le=47),
        integer("seconds_total", 30, ge=0, le=47),
        integer("steps", 100, ge=1, le=1000),
    ),
    model(
        "fal-ai/stable-audio-25/text-to-audio",
        MusicPlan(seconds="seconds_total", seed=True),
        PROMPT,
        integer("seconds_total", 190, ge=1, le=190),
        integer("num_inference_steps", 8, ge=4, le=8),
        number("guidance_scale", 1.0, ge=1, le=25),
        SEED,
    ),
    model("fal-ai/lyria2", MusicPlan(), PROMPT, text("negative_prompt", default="low quality"), SEED),
    model(
        "cassetteai/music-generator",
        MusicPlan(answer="audio_file", seconds="duration"),
        PROMPT,
        integer("duration", required=True, ge=10, le=180),
    ),
    model(
        "fal-ai/elevenlabs/music",
        MusicPlan(seconds="music_length_ms", per_second=1000.0, format="mp3"),
        text("prompt", max_length=2000),
        Input(name="composition_plan", kinds=("object",)),
        integer("music_length_ms", ge=3_000, le=600_000),
        flag("force_instrumental"),
        text("output_format", default="mp3_44100_128"),
    ),
)
