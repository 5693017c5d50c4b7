"""What the emulated language models write: plain answers, and lists of shots where a list is asked for."""

import json
import re
import zlib
from collections.abc import Iterator
from typing import Any, Final

_SHOTS: Final = ("Wide shot", "Close-up", "Aerial view", "Low-angle view", "View over the shoulder", "Tracking shot")
_LIGHTS: Final = ("soft morning light", "golden evening light", "cool moonlight", "bright midday sun", "a grey sky")
#: Words of a scene that its shot repeats.
_WORDS: Final = 14
_WANTS_LIST: Final = re.compile(r"\bJSON (array|list)\b", re.IGNORECASE)
#: A scene that stands on a line of its own: "1. ...", "2) ...", "Scene 3: ...".
_NUMBERED: Final = re.compile(r"^\s*(?:scene\s+)?\d+\s*[.:)]\s*(.+)$", re.IGNORECASE | re.MULTILINE)
_COUNT: Final = re.compile(r"\b(\d{1,3})\b")


def answer_to(prompt: str, system_prompt: str) -> str:
    """Write an answer: a JSON array of shots where one is asked for, with an item for each scene of the prompt."""
    if not _WANTS_LIST.search(f"{system_prompt}\n{prompt}"):
        return f"{_shot(prompt)}."
    return json.dumps([_shot(scene) for scene in _scenes(prompt)], ensure_ascii=False)


def _scenes(prompt: str) -> list[str]:
    for value in _json_in(prompt):
        found = next((item for item in value.values() if isinstance(item, list)), None) if _is_object(value) else value
        if isinstance(found, list) and found:
            return [_text_of(item) for item in found]
    if numbered := _NUMBERED.findall(prompt):
        return [str(line) for line in numbered]
    count = _COUNT.search(prompt)
    return [prompt] * (int(count[1]) if count else 1)


def _json_in(prompt: str) -> Iterator[Any]:
    decoder = json.JSONDecoder()
    for opening in re.finditer(r"[\[{]", prompt):
        try:
            value, _ = decoder.raw_decode(prompt, opening.start())
        except ValueError:
            continue
        yield value


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _text_of(item: Any) -> str:
    if _is_object(item):
        return next((value for value in item.values() if isinstance(value, str)), "")
    return str(item)


def _shot(scene: str) -> str:
    seed = zlib.crc32(scene.encode())
    words = " ".join(scene.split()[:_WORDS]).rstrip(".,;:!?")
    return f"{_SHOTS[seed % len(_SHOTS)]}: {words}, {_LIGHTS[seed // 7 % len(_LIGHTS)]}"
