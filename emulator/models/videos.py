"""The models that make videos, copied from fal's schemas (see `docs.fal.ai`); data, no code."""

from typing import Final

from emulator.models.fields import Input, choice, flag, integer, number, text, url
from emulator.models.plans import Model, VideoPlan
from emulator.models.rows import GENERATE_AUDIO, PROMPT, SEED, model

_NEGATIVE: Final = text("negative_prompt", default="blur, distort, and low quality", max_length=2500)
_KLING_PROMPT: Final = text("prompt", required=True, max_length=2500)
_CFG_SCALE: Final = number("cfg_scale", 0.5, ge=0, le=1)
_FIVE_OR_TEN: Final = choice("duration", ("5", "10"), "5")
_START: Final = url("start_image_url", required=True)
_IMAGE: Final = url("image_url", required=True)
_END: Final = url("end_image_url")


def _seconds(first: int, last: int) -> Input:
    return choice("duration", tuple(str(seconds) for seconds in range(first, last + 1)), "5")


def _kling_2(version: str, *, tail: bool = True, aspect: bool = False) -> Model:
    inputs = (_KLING_PROMPT, _IMAGE, _FIVE_OR_TEN, _NEGATIVE, _CFG_SCALE)
    plan = VideoPlan(end="tail_image_url" if tail else None, aspect="aspect_ratio" if aspect else None)
    more = (
        *([url("tail_image_url")] if tail else []),
        *([choice("aspect_ratio", ("16:9", "9:16", "1:1"), "16:9")] if aspect else []),
    )
    return model(f"fal-ai/kling-video/{version}/image-to-video", plan, *inputs, *more)


def _kling_3(version: str) -> Model:
    return model(
        f"fal-ai/kling-video/{version}/image-to-video",
        VideoPlan(start="start_image_url", end="end_image_url", audio="generate_audio"),
        text("prompt", max_length=2500),
        Input(name="multi_prompt", kinds=("array",)),
        _START,
        _END,
        _seconds(3, 15),
        GENERATE_AUDIO,
        _NEGATIVE,
        _CFG_SCALE,
    )


def _kling_o1(version: str) -> Model:
    plan = VideoPlan(start="start_image_url", end="end_image_url")
    return model(f"fal-ai/kling-video/{version}/image-to-video", plan, _KLING_PROMPT, _START, _END, _seconds(3, 10))


def _kling_o3(version: str) -> Model:
    return model(
        f"fal-ai/kling-video/{version}/image-to-video",
        VideoPlan(end="end_image_url", audio="generate_audio"),
        text("prompt", max_length=2500),
        Input(name="multi_prompt", kinds=("array",)),
        _IMAGE,
        _END,
        _seconds(3, 15),
        GENERATE_AUDIO,
    )


def _veo(endpoint: str) -> Model:
    return model(
        endpoint,
        VideoPlan(
            start="first_frame_url",
            end="last_frame_url",
            audio="generate_audio",
            aspect="aspect_ratio",
            resolution="resolution",
        ),
        PROMPT,
        url("first_frame_url", required=True),
        url("last_frame_url", required=True),
        choice("duration", ("4s", "6s", "8s"), "8s"),
        choice("resolution", ("720p", "1080p", "4k"), "720p"),
        choice("aspect_ratio", ("auto", "16:9", "9:16"), "auto"),
        GENERATE_AUDIO,
        text("negative_prompt"),
        SEED,
        flag("auto_fix"),
        choice("safety_tolerance", ("1", "2", "3", "4", "5", "6"), "4"),
    )


def _vidu(endpoint: str, *, seconds: float) -> Model:
    return model(
        endpoint,
        VideoPlan(start="start_image_url", end="end_image_url", seconds=None, fixed_seconds=seconds),
        text("prompt", required=True, max_length=1500),
        _START,
        url("end_image_url", required=True),
        choice("movement_amplitude", ("auto", "small", "medium", "large"), "auto"),
        SEED,
    )


_KLING: Final = (
    _kling_2("v2.1/pro"),
    _kling_2("v2.1/standard", tail=False),
    _kling_2("v2.1/master", tail=False),
    _kling_2("v2.5-turbo/pro"),
    _kling_2("v1.6/pro", aspect=True),
    model(
        "fal-ai/kling-video/v2.6/pro/image-to-video",
        VideoPlan(start="start_image_url", end="end_image_url", audio="generate_audio"),
        _KLING_PROMPT,
        _START,
        _END,
        _FIVE_OR_TEN,
        GENERATE_AUDIO,
        _NEGATIVE,
    ),
    _kling_3("v3/pro"),
    _kling_3("v3/standard"),
    _kling_o1("o1"),
    _kling_o1("o1/standard"),
    _kling_o3("o3/pro"),
    _kling_o3("o3/standard"),
)
_OTHERS: Final = (
    _veo("fal-ai/veo3.1/first-last-frame-to-video"),
    _veo("fal-ai/veo3.1/fast/first-last-frame-to-video"),
    model(
        "fal-ai/pixverse/v5/transition",
        VideoPlan(start="first_image_url", end="end_image_url", aspect="aspect_ratio", resolution="resolution"),
        PROMPT,
        url("first_image_url", required=True),
        url("end_image_url", required=True),
        choice("aspect_ratio", ("16:9", "4:3", "1:1", "3:4", "9:16"), "16:9"),
        choice("duration", ("5", "8"), "5"),
        choice("resolution", ("360p", "540p", "720p", "1080p"), "720p"),
        choice("style", ("anime", "3d_animation", "clay", "comic", "cyberpunk")),
        text("negative_prompt", default=""),
        SEED,
    ),
    model(
        "fal-ai/minimax/hailuo-02/standard/image-to-video",
        VideoPlan(end="end_image_url", resolution="resolution"),
        PROMPT,
        _IMAGE,
        _END,
        choice("duration", ("6", "10"), "6"),
        choice("resolution", ("512P", "768P"), "768P"),
        flag("prompt_optimizer", default=True),
    ),
    model(
        "fal-ai/minimax/hailuo-02/pro/image-to-video",
        VideoPlan(end="end_image_url", seconds=None, fixed_seconds=6.0),
        PROMPT,
        _IMAGE,
        _END,
        flag("prompt_optimizer", default=True),
    ),
    model(
        "fal-ai/wan-flf2v",
        VideoPlan(
            start="start_image_url",
            end="end_image_url",
            seconds=None,
            frames="num_frames",
            rate="frames_per_second",
            aspect="aspect_ratio",
            resolution="resolution",
            seed=True,
        ),
        PROMPT,
        _START,
        url("end_image_url", required=True),
        integer("num_frames", 81, ge=81, le=100),
        integer("frames_per_second", 16, ge=5, le=24),
        choice("resolution", ("480p", "720p"), "720p"),
        choice("aspect_ratio", ("auto", "16:9", "9:16", "1:1"), "auto"),
        text("negative_prompt"),
        integer("num_inference_steps", 30, ge=2, le=40),
        number("guide_scale", 5.0, ge=1, le=10),
        number("shift", 5.0, ge=0, le=10),
        flag("enable_safety_checker", default=False),
        SEED,
    ),
    model(
        "fal-ai/luma-dream-machine/ray-2/image-to-video",
        VideoPlan(end="end_image_url", fixed_seconds=5.0, aspect="aspect_ratio", resolution="resolution"),
        PROMPT,
        url("image_url"),
        _END,
        choice("duration", ("5s", "9s"), "5s"),
        choice("resolution", ("540p", "720p", "1080p"), "540p"),
        choice("aspect_ratio", ("16:9", "9:16", "4:3", "3:4", "21:9", "9:21"), "16:9"),
        flag("loop", default=False),
    ),
    _vidu("fal-ai/vidu/start-end-to-video", seconds=4.0),
    _vidu("fal-ai/vidu/q1/start-end-to-video", seconds=5.0),
    model(
        "fal-ai/bytedance/seedance/v1/pro/image-to-video",
        VideoPlan(end="end_image_url", aspect="aspect_ratio", resolution="resolution", seed=True),
        PROMPT,
        _IMAGE,
        _END,
        _seconds(2, 12),
        choice("resolution", ("480p", "720p", "1080p"), "1080p"),
        choice("aspect_ratio", ("auto", "21:9", "16:9", "4:3", "1:1", "3:4", "9:16"), "auto"),
        flag("camera_fixed", default=False),
        SEED,
    ),
    model(
        "fal-ai/ltx-2.3/image-to-video",
        VideoPlan(end="end_image_url", detailed=True),
        PROMPT,
        _IMAGE,
        _END,
        choice("duration", (6, 8, 10), 6),
    ),
)

VIDEOS: Final = (*_KLING, *_OTHERS)
