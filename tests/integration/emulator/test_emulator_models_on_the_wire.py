from __future__ import annotations

import asyncio
import base64
import io
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageChops, ImageStat

from emulator.app import start
from emulator.render.ffmpeg import Ffmpeg
from emulator.settings import Settings
from emulator.testing import EmulatorClient

if TYPE_CHECKING:
    from pathlib import Path

KLING = "fal-ai/kling-video/v2.1/pro/image-to-video"


async def described(path: Path) -> str:
    """Return what ffmpeg says about a file, after decoding all of it."""
    process = await asyncio.create_subprocess_exec(
        Ffmpeg().binary, "-nostdin", "-i", str(path), "-af", "volumedetect", "-f", "null", "-",
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, said = await process.communicate()
    assert process.returncode == 0, said
    return said.decode()


async def frames_of(path: Path) -> list[Path]:
    """Decode a video, and return its frames as pictures in the order of time."""
    pattern = path.with_name("frame-%04d.png")
    await Ffmpeg().make(pattern, "-i", str(path), "-fps_mode", "passthrough")
    return sorted(path.parent.glob("frame-*.png"))


def loaded(source: Path | bytes) -> Image.Image:
    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as picture:
        return picture.convert("RGB")


def difference(one: Image.Image, other: Image.Image) -> float:
    """Return the mean difference of two pictures' channels, 0 to 255."""
    return max(ImageStat.Stat(ImageChops.difference(one, other.resize(one.size))).mean)


async def generated(fal: EmulatorClient, endpoint: str, arguments: dict[str, Any]) -> dict[str, Any]:
    result = await fal.finished(await fal.accepted(endpoint, arguments))
    assert result.status_code == 200, result.text
    body: dict[str, Any] = result.json()
    return body


async def saved(fal: EmulatorClient, file: dict[str, Any], folder: Path) -> Path:
    """Download a File of an answer, as it says it is."""
    response = await fal.http.get(file["url"])
    assert response.headers["content-type"] == file["content_type"]
    assert len(response.content) == file["file_size"]
    path = folder / str(file["file_name"])
    path.write_bytes(response.content)
    return path


async def test_a_transition_goes_from_exactly_the_first_picture_to_exactly_the_second(
    fal: EmulatorClient, first_picture: bytes, last_picture: bytes, tmp_path: Path
) -> None:
    first = await fal.upload(first_picture, name="first.png", content_type="image/png")
    last = f"data:image/jpeg;base64,{base64.b64encode(last_picture).decode()}"

    output = await generated(fal, KLING, {"prompt": "x", "image_url": first, "tail_image_url": last})

    assert output["video"]["content_type"] == "video/mp4"
    frames = await frames_of(await saved(fal, output["video"], tmp_path))
    assert len(frames) == 120
    start, middle, end = (loaded(frames[number]) for number in (0, 60, 119))
    assert start.size == (640, 360)
    assert difference(start, loaded(first_picture)) < 6
    assert difference(end, loaded(last_picture).crop((0, 153, 700, 547))) < 6
    assert difference(start, middle) > 20
    assert difference(end, middle) > 20


async def test_one_picture_alone_is_moved_slowly(fal: EmulatorClient, last_picture: bytes, tmp_path: Path) -> None:
    url = await fal.upload(last_picture, name="last.jpg", content_type="image/jpeg")

    output = await generated(fal, "fal-ai/minimax/hailuo-02/standard/image-to-video", {"prompt": "x", "image_url": url})

    said = await described(await saved(fal, output["video"], tmp_path))
    assert "Duration: 00:00:06.00" in said
    assert re.search(r"h264.*yuv420p.*640x640.*24 fps", said)


async def test_a_video_with_sound_has_sound(fal: EmulatorClient, last_picture: bytes, tmp_path: Path) -> None:
    await fal.change(render="tiny")
    url = await fal.upload(last_picture, name="last.jpg", content_type="image/jpeg")
    arguments = {"prompt": "x", "first_frame_url": url, "last_frame_url": url, "duration": "4s"}

    output = await generated(fal, "fal-ai/veo3.1/first-last-frame-to-video", arguments)

    said = await described(await saved(fal, output["video"], tmp_path))
    assert "Duration: 00:00:04.0" in said
    assert "Audio: aac" in said


async def test_a_frame_count_sets_the_length(fal: EmulatorClient, last_picture: bytes, tmp_path: Path) -> None:
    url = await fal.upload(last_picture, name="last.jpg", content_type="image/jpeg")
    arguments = {"prompt": "x", "start_image_url": url, "end_image_url": url, "seed": 7}

    output = await generated(fal, "fal-ai/wan-flf2v", arguments)

    assert output["seed"] == 7
    assert len(await frames_of(await saved(fal, output["video"], tmp_path))) == 81


async def test_a_video_has_the_shape_and_resolution_that_are_asked_for(
    fal: EmulatorClient, last_picture: bytes, tmp_path: Path
) -> None:
    url = await fal.upload(last_picture, name="last.jpg", content_type="image/jpeg")
    arguments = {"prompt": "x", "first_image_url": url, "end_image_url": url}

    asked = {**arguments, "aspect_ratio": "9:16", "resolution": "540p", "duration": "5"}
    tall = await generated(fal, "fal-ai/pixverse/v5/transition", asked)
    usual = await generated(fal, "fal-ai/pixverse/v5/transition", arguments)

    assert re.search(r"h264.* 540x960", await described(await saved(fal, tall["video"], tmp_path)))
    assert re.search(r"h264.* 640x360", await described(await saved(fal, usual["video"], tmp_path)))


async def test_a_file_is_described_as_fully_as_the_model_does_it(fal: EmulatorClient, last_picture: bytes) -> None:
    await fal.change(render="tiny")
    url = await fal.upload(last_picture, name="last.jpg", content_type="image/jpeg")

    output = await generated(fal, "fal-ai/ltx-2.3/image-to-video", {"prompt": "x", "image_url": url, "duration": 8})

    told = {name: output["video"][name] for name in ("width", "height", "fps", "num_frames", "duration")}
    assert told == {"width": 64, "height": 36, "fps": 24, "num_frames": 192, "duration": 8.0}


async def test_a_language_model_writes_the_list_that_is_asked_for(fal: EmulatorClient) -> None:
    arguments = {
        "prompt": '{"scenes": ["Ships come home.", "The harbour sleeps."]}',
        "system_prompt": "Answer with a JSON array of strings.",
    }

    plain = await generated(fal, "fal-ai/any-llm", arguments)
    routed = await generated(fal, "openrouter/router", {**arguments, "model": "google/gemini-2.5-flash"})

    assert (len(json.loads(plain["output"])), plain["error"], plain["partial"]) == (2, None, False)
    assert routed["output"] == plain["output"]
    assert routed["usage"]["total_tokens"] > 0


@pytest.mark.parametrize(
    ("endpoint", "arguments", "field", "kind"),
    [
        ("fal-ai/kokoro/japanese", {"prompt": "x", "voice": "af_heart"}, "voice", "one_of"),
        ("fal-ai/gemini-tts", {"text": "x"}, "prompt", "missing"),
        ("fal-ai/vidu/q1/start-end-to-video", {"prompt": "p" * 1501}, "prompt", "string_too_long"),
        ("openrouter/router", {"prompt": "x"}, "model", "missing"),
        ("fal-ai/elevenlabs/music", {"prompt": "x", "music_length_ms": 100}, "music_length_ms", "greater_than_equal"),
    ],
)
async def test_wrong_fields_are_refused(
    fal: EmulatorClient, endpoint: str, arguments: dict[str, Any], field: str, kind: str
) -> None:
    result = await fal.finished(await fal.accepted(endpoint, arguments))

    assert result.status_code == 422
    assert (result.json()["detail"][0]["loc"], result.json()["detail"][0]["type"]) == (["body", field], kind)


async def test_a_prompt_is_drawn_at_the_size_asked_for(fal: EmulatorClient, tmp_path: Path) -> None:
    arguments = {
        "prompt": "a quiet harbour " * 12,
        "image_size": {"width": 512, "height": 288},
        "num_images": 2,
        "output_format": "png",
    }

    output = await generated(fal, "fal-ai/flux/dev", arguments)

    assert (len(output["images"]), output["has_nsfw_concepts"]) == (2, [False, False])
    one, other = [loaded(await saved(fal, image, tmp_path)) for image in output["images"]]
    assert one.size == (512, 288)
    assert one.getpixel((0, 0)) != other.getpixel((0, 0))
    assert (255, 255, 255) in {colour for _, colour in one.getcolors(1_000_000) or []}


@pytest.mark.parametrize(
    ("endpoint", "arguments", "answer", "seconds"),
    [
        ("fal-ai/kokoro/american-english", {"prompt": "x" * 45}, "audio", "03.0"),
        ("fal-ai/kokoro/american-english", {"prompt": "x" * 45, "speed": 3}, "audio", "01.0"),
        ("fal-ai/elevenlabs/tts/turbo-v2.5", {"text": "x" * 30}, "audio", "02.0"),
        ("fal-ai/minimax/speech-02-hd", {"text": "x" * 30, "output_format": "url"}, "audio", "02.0"),
        ("fal-ai/gemini-tts", {"prompt": "x" * 30, "output_format": "wav"}, "audio", "02.0"),
        ("fal-ai/stable-audio", {"prompt": "calm", "seconds_total": 4}, "audio_file", "04.0"),
        ("fal-ai/elevenlabs/music", {"prompt": "calm", "music_length_ms": 3000}, "audio", "03.0"),
        ("cassetteai/music-generator", {"prompt": "calm", "duration": 10}, "audio_file", "10.0"),
    ],
)
async def test_speech_and_music_are_audible_and_of_the_right_length(
    fal: EmulatorClient,
    tmp_path: Path,
    endpoint: str,
    arguments: dict[str, Any],
    answer: str,
    seconds: str,
) -> None:
    output = await generated(fal, endpoint, arguments)

    said = await described(await saved(fal, output[answer], tmp_path))
    assert f"Duration: 00:00:{seconds}" in said
    loudness = re.search(r"mean_volume: (-?[\d.]+) dB", said)
    assert loudness is not None
    assert -35 < float(loudness[1]) < -5


@pytest.mark.parametrize(
    ("arguments", "field", "kind"),
    [
        ({}, "image_url", "missing"),
        ({"image_url": "https://example.com/a.png"}, "image_url", "file_download_error"),
        ({"image_url": "http://127.0.0.1:1/a.png"}, "image_url", "file_download_error"),
        ({"image_url": "https://v3.fal.media/files/no/file.png"}, "image_url", "file_download_error"),
        ({"image_url": "file:///etc/passwd"}, "image_url", "file_download_error"),
        ({"image_url": "data:image/png;base64,AAAA"}, "image_url", "image_load_error"),
    ],
)
async def test_wrong_input_is_accepted_and_refused_at_the_result(
    fal: EmulatorClient, arguments: dict[str, Any], field: str, kind: str
) -> None:
    path = await fal.accepted(KLING, {"prompt": "x", **arguments})

    status = await fal.until(path, "COMPLETED")
    result = await fal.result(path)

    assert status["error_type"] == kind
    assert result.status_code == 422
    (fault,) = result.json()["detail"]
    assert (fault["loc"], fault["type"]) == (["body", field], kind)
    assert (await fal.ledger())["billed"] == 0


async def test_a_picture_is_read_from_another_server_of_this_machine(fal: EmulatorClient, last_picture: bytes) -> None:
    other = await start(Settings(port=0))
    async with EmulatorClient(other.url) as elsewhere:
        url = await elsewhere.upload(last_picture, name="last.jpg", content_type="image/jpeg")
    await fal.change(render="tiny")

    assert await generated(fal, KLING, {"prompt": "x", "image_url": url})
    await other.close()


async def test_the_magic_words_are_refused_as_content(fal: EmulatorClient) -> None:
    path = await fal.accepted("fal-ai/flux/schnell", {"prompt": "Please refuse this, emulator"})

    result = await fal.finished(path)

    assert (result.status_code, result.json()["detail"][0]["type"]) == (422, "content_policy_violation")


async def test_tiny_videos_share_one_rendering_and_keep_the_length(
    fal: EmulatorClient, first_picture: bytes, last_picture: bytes, tmp_path: Path
) -> None:
    await fal.change(render="tiny")
    pictures = [
        await fal.upload(data, name="a.png", content_type="image/png") for data in (first_picture, last_picture)
    ]

    outputs = [await generated(fal, KLING, {"prompt": "x", "image_url": url}) for url in pictures]

    assert outputs[0]["video"]["url"] != outputs[1]["video"]["url"]
    assert outputs[0]["video"]["file_size"] == outputs[1]["video"]["file_size"] < 50_000
    assert "Duration: 00:00:05.00" in await described(await saved(fal, outputs[0]["video"], tmp_path))
