"""Pictures: reading the given ones, fitting them into a frame, and drawing a prompt."""

import hashlib
import io
import random
import textwrap
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError

Size = tuple[int, int]

#: Width and height of the named sizes, in pixels.
NAMED_SIZES: Final[dict[str, Size]] = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}
#: The longest side a video can have, in pixels; see `Behaviour.video_width`.
_LARGEST_SIDE: Final = 1920


class UnreadablePictureError(Exception):
    """The bytes are no picture Pillow can read to its end."""


def normalize(data: bytes, path: Path) -> None:
    """Decode a picture completely and write it as an upright RGB PNG no larger than a video can be.

    Raises:
        UnreadablePictureError: it is no picture, or a broken one.
    """
    try:
        with Image.open(io.BytesIO(data)) as picture:
            upright = ImageOps.exif_transpose(picture).convert("RGB")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError) as error:
        raise UnreadablePictureError from error
    upright.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE), Image.Resampling.LANCZOS)
    upright.save(path, compress_level=1)


def plain(path: Path) -> None:
    """Write the picture that stands for a missing one."""
    Image.new("RGB", (640, 360), (40, 60, 90)).save(path)


def frame_size(
    path: Path, *, longer: int | None = None, shorter: int | None = None, ratio: float | None = None
) -> Size:
    """Return the even size of a video that begins with the picture at *path*.

    Args:
        longer: about how many pixels its longer side has; or
        shorter: about how many its shorter side has.
        ratio: its width by its height; None: as the picture.
    """
    if ratio is None:
        with Image.open(path) as picture:
            ratio = picture.width / picture.height
    width, height = max(1.0, ratio), max(1.0, 1 / ratio)  # the shorter side is 1
    scale = shorter if shorter is not None else (longer or _LARGEST_SIDE) / max(width, height)
    return _even(width * scale), _even(height * scale)


def write_frame(source: Path, size: Size, path: Path) -> None:
    """Write the picture at *source*, scaled and cropped to fill *size*, as a PNG."""
    with Image.open(source) as picture:
        ImageOps.fit(picture, size, Image.Resampling.LANCZOS).save(path, compress_level=1)


def draw_prompt(prompt: str, size: Size, seed: int, path: Path) -> None:
    """Draw *prompt*, wrapped and centred, on a gradient whose colours follow from prompt and seed."""
    digest = hashlib.sha256(f"{seed}:{prompt}".encode()).digest()
    dark = tuple(channel // 3 for channel in digest[:3])
    light = tuple(60 + channel // 3 for channel in digest[3:6])
    mask = Image.linear_gradient("L").rotate(random.Random(digest).choice((0, 90, 180, 270)))  # noqa: S311 - a picture
    picture = Image.composite(Image.new("RGB", size, light), Image.new("RGB", size, dark), mask.resize(size))
    _write_centred(picture, prompt)
    picture.save(path, quality=88)


def _even(side: float) -> int:
    return max(2, round(side / 2) * 2)


def _write_centred(picture: Image.Image, prompt: str) -> None:
    """Write the text in the largest of a few sizes at which all of it fits."""
    draw = ImageDraw.Draw(picture)
    width, height = picture.size
    for lines_wanted in range(3, 24):
        font = ImageFont.load_default(size=max(8, height / (lines_wanted * 1.6)))
        columns = max(4, int(width * 0.9 / (font.getlength("n") or 1)))
        wrapped = textwrap.fill(prompt or " ", columns, max_lines=lines_wanted, placeholder=" ...")
        box = draw.multiline_textbbox((width / 2, height / 2), wrapped, font=font, anchor="mm", align="center")
        if (box[2] - box[0] <= width * 0.95 and box[3] - box[1] <= height * 0.9 and "..." not in wrapped) or (
            lines_wanted == 23
        ):
            break
    shadow = (width / 2 + 2, height / 2 + 2)
    draw.multiline_text(shadow, wrapped, font=font, anchor="mm", align="center", fill=(0, 0, 0))
    draw.multiline_text((width / 2, height / 2), wrapped, font=font, anchor="mm", align="center", fill=(255, 255, 255))
