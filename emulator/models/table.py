"""The models the emulator offers, copied from fal's schemas (see `docs.fal.ai`); data, no code.

To offer one more model, add a row. Inputs a model has but that change nothing here may be left out:
unknown names are ignored, by fal as well.
"""

from typing import Final

from emulator.models.fields import Input, choice, flag, integer, number, text, url
from emulator.models.plans import ImagePlan, Model, MusicPlan, Plan, SpeechPlan, VideoPlan

_PROMPT: Final = text("prompt", required=True)
_SEED: Final = integer("seed")
_KLING_NEGATIVE: Final = text("negative_prompt", default="blur, distort, and low quality")
_CFG_SCALE: Final = number("cfg_scale", 0.5, ge=0, le=1)
_SHORT_OR_LONG: Final = choice("duration", ("5", "10"), "5")
_UP_TO_15: Final = choice("duration", tuple(str(seconds) for seconds in range(3, 16)), "5")
_AUDIO: Final = flag("generate_audio", default=True)
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
_IMAGE_SIZES: Final = (
    "square_hd",
    "square",
    "portrait_4_3",
    "portrait_16_9",
    "landscape_4_3",
    "landscape_16_9",
)


def _model(endpoint: str, plan: Plan, *inputs: Input) -> Model:
    return Model(endpoint=endpoint, inputs=inputs, plan=plan)


def _flux(endpoint: str, *, steps: int, most_steps: int) -> Model:
    return _model(
        endpoint,
        ImagePlan(),
        _PROMPT,
        Input(name="image_size", kinds=("string", "object"), default="landscape_4_3", one_of=_IMAGE_SIZES),
        integer("num_inference_steps", steps, ge=1, le=most_steps),
        number("guidance_scale", 3.5, ge=1, le=20),
        integer("num_images", 1, ge=1, le=4),
        _SEED,
        flag("enable_safety_checker", default=True),
        choice("output_format", ("jpeg", "png"), "jpeg"),
        choice("acceleration", ("none", "regular", "high"), "none"),
        flag("sync_mode", default=False),
    )


def _kling_v2(endpoint: str, *, tail: bool) -> Model:
    inputs = (_PROMPT, url("image_url", required=True), _SHORT_OR_LONG, _KLING_NEGATIVE, _CFG_SCALE)
    if not tail:
        return _model(endpoint, VideoPlan(), *inputs)
    return _model(endpoint, VideoPlan(end="tail_image_url"), *inputs, url("tail_image_url"))


def _elevenlabs_speech(endpoint: str) -> Model:
    return _model(
        endpoint, SpeechPlan(), text("text", required=True, min_length=1), text("voice", default="Rachel"),
        *_VOICE_SETTINGS,
    )  # fmt: skip


_VIDEO: Final = (
    _kling_v2("fal-ai/kling-video/v2.1/pro/image-to-video", tail=True),
    _kling_v2("fal-ai/kling-video/v2.1/standard/image-to-video", tail=False),
    _kling_v2("fal-ai/kling-video/v2.1/master/image-to-video", tail=False),
    _kling_v2("fal-ai/kling-video/v2.5-turbo/pro/image-to-video", tail=True),
    _kling_v2("fal-ai/kling-video/v1.6/pro/image-to-video", tail=True),
    _model(
        "fal-ai/kling-video/v2.6/pro/image-to-video",
        VideoPlan(start="start_image_url", end="end_image_url", audio="generate_audio"),
        _PROMPT,
        url("start_image_url", required=True),
        url("end_image_url"),
        _SHORT_OR_LONG,
        _AUDIO,
        _KLING_NEGATIVE,
    ),
    _model(
        "fal-ai/kling-video/v3/pro/image-to-video",
        VideoPlan(start="start_image_url", end="end_image_url", audio="generate_audio"),
        text("prompt"),
        Input(name="multi_prompt", kinds=("array",)),
        url("start_image_url", required=True),
        url("end_image_url"),
        _UP_TO_15,
        _AUDIO,
        _KLING_NEGATIVE,
        _CFG_SCALE,
    ),
    _model(
        "fal-ai/veo3.1/first-last-frame-to-video",
        VideoPlan(start="first_frame_url", end="last_frame_url", audio="generate_audio"),
        _PROMPT,
        url("first_frame_url", required=True),
        url("last_frame_url", required=True),
        choice("duration", ("4s", "6s", "8s"), "8s"),
        choice("resolution", ("720p", "1080p", "4k"), "720p"),
        choice("aspect_ratio", ("auto", "16:9", "9:16"), "auto"),
        _AUDIO,
        text("negative_prompt"),
        _SEED,
    ),
    _model(
        "fal-ai/pixverse/v5/transition",
        VideoPlan(start="first_image_url", end="end_image_url"),
        _PROMPT,
        url("first_image_url", required=True),
        url("end_image_url", required=True),
        choice("aspect_ratio", ("16:9", "4:3", "1:1", "3:4", "9:16"), "16:9"),
        choice("duration", ("5", "8"), "5"),
        choice("resolution", ("360p", "540p", "720p", "1080p"), "720p"),
        choice("style", ("anime", "3d_animation", "clay", "comic", "cyberpunk")),
        text("negative_prompt", default=""),
        _SEED,
    ),
    _model(
        "fal-ai/minimax/hailuo-02/standard/image-to-video",
        VideoPlan(end="end_image_url"),
        _PROMPT,
        url("image_url", required=True),
        url("end_image_url"),
        choice("duration", ("6", "10"), "6"),
        choice("resolution", ("512P", "768P"), "768P"),
        flag("prompt_optimizer", default=True),
    ),
    _model(
        "fal-ai/wan-flf2v",
        VideoPlan(
            start="start_image_url",
            end="end_image_url",
            seconds=None,
            frames="num_frames",
            rate="frames_per_second",
            seed=True,
        ),
        _PROMPT,
        url("start_image_url", required=True),
        url("end_image_url", required=True),
        integer("num_frames", 81, ge=81, le=100),
        integer("frames_per_second", 16, ge=5, le=24),
        choice("resolution", ("480p", "720p"), "720p"),
        integer("num_inference_steps", 30, ge=2, le=40),
        number("guide_scale", 5.0, ge=1, le=10),
        number("shift", 5.0, ge=0, le=10),
        flag("enable_safety_checker", default=False),
        text("aspect_ratio", default="auto"),
        _SEED,
    ),
    _model(
        "fal-ai/luma-dream-machine/ray-2/image-to-video",
        VideoPlan(end="end_image_url", fixed_seconds=5.0),
        _PROMPT,
        url("image_url"),
        url("end_image_url"),
        choice("duration", ("5s", "9s"), "5s"),
        choice("resolution", ("540p", "720p", "1080p"), "540p"),
        choice("aspect_ratio", ("16:9", "9:16", "4:3", "3:4", "21:9", "9:21"), "16:9"),
        flag("loop", default=False),
    ),
)

_IMAGES: Final = (
    _flux("fal-ai/flux/schnell", steps=4, most_steps=12),
    _flux("fal-ai/flux/dev", steps=28, most_steps=50),
)

_SPEECH: Final = (
    _model(
        "fal-ai/kokoro/american-english",
        SpeechPlan(text="prompt", format="wav"),
        text("prompt", default="Welcome to the local fal."),
        text("voice", default="af_heart"),
        _SPEED,
    ),
    _elevenlabs_speech("fal-ai/elevenlabs/tts/multilingual-v2"),
    _elevenlabs_speech("fal-ai/elevenlabs/tts/turbo-v2.5"),
    _model(
        "fal-ai/minimax/speech-02-hd",
        SpeechPlan(milliseconds=True),
        text("text", required=True, min_length=1),
        Input(name="voice_setting", kinds=("object",)),
        Input(name="audio_setting", kinds=("object",)),
        text("language_boost"),
        choice("output_format", ("url", "hex"), "hex"),
    ),
    _model(
        "fal-ai/gemini-tts",
        SpeechPlan(text="prompt", format_field="output_format"),
        text("prompt", required=True, min_length=1),
        text("voice", default="Kore"),
        choice("model", ("gemini-2.5-flash-tts", "gemini-2.5-pro-tts"), "gemini-2.5-flash-tts"),
        Input(name="speakers", kinds=("array",)),
        text("style_instructions"),
        text("language_code"),
        number("temperature", 1.0, ge=0, le=2),
        choice("output_format", ("mp3", "wav", "ogg_opus"), "mp3"),
    ),
)

_MUSIC: Final = (
    _model(
        "fal-ai/stable-audio",
        MusicPlan(answer="audio_file", seconds="seconds_total"),
        _PROMPT,
        integer("seconds_start", 0, ge=0, le=47),
        integer("seconds_total", 30, ge=0, le=47),
        integer("steps", 100, ge=1, le=1000),
    ),
    _model(
        "fal-ai/stable-audio-25/text-to-audio",
        MusicPlan(seconds="seconds_total", seed=True),
        _PROMPT,
        integer("seconds_total", 190, ge=1, le=190),
        integer("num_inference_steps", 8, ge=4, le=8),
        number("guidance_scale", 1.0, ge=1, le=25),
        _SEED,
    ),
    _model(
        "fal-ai/lyria2",
        MusicPlan(),
        _PROMPT,
        text("negative_prompt", default="low quality"),
        _SEED,
    ),
    _model(
        "cassetteai/music-generator",
        MusicPlan(answer="audio_file", seconds="duration"),
        _PROMPT,
        integer("duration", required=True, ge=10, le=180),
    ),
    _model(
        "fal-ai/elevenlabs/music",
        MusicPlan(seconds="music_length_ms", per_second=1000.0, format="mp3"),
        text("prompt"),
        Input(name="composition_plan", kinds=("object",)),
        integer("music_length_ms", ge=3_000, le=600_000),
        flag("force_instrumental"),
        text("output_format", default="mp3_44100_128"),
    ),
)

MODELS: Final = {model.endpoint: model for model in (*_VIDEO, *_IMAGES, *_SPEECH, *_MUSIC)}
