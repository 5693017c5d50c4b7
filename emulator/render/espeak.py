"""A program that says one text with eSpeak NG; run by `emulator.render.speech`, alone in a process.

The library keeps its state in globals, and leaves the process when it does not find its data; hence the process.

Reads JSON from its input: `library` (path), `data` (the folder that has `espeak-ng-data`), `voices` (names, best
first), `text` and `seconds` (how long the speech shall be). Writes 4 bytes, the number of samples per second (little
endian), and then the samples: 16 bits, one channel. The speech comes as near to the length as a voice can; exit code 1:
it cannot speak.
"""

import ctypes
import json
import os
import sys
from typing import Any, Final

#: From `speak_lib.h`: AUDIO_OUTPUT_SYNCHRONOUS, espeakINITIALIZE_DONT_EXIT, espeakRATE, espeakCHARS_UTF8.
_SYNCHRONOUS: Final = 2
_DONT_EXIT: Final = 0x8000
_RATE: Final = 1
_UTF8: Final = 1
#: Words per minute: as the voices are made for, and between what they remain words.
_USUAL_RATE: Final = 160
_SLOWEST: Final = 90
_FASTEST: Final = 420
#: How often the rate is set anew; length is not quite proportional to it.
_TRIES: Final = 3


class Voice:
    """The library with one voice chosen."""

    def __init__(self, wanted: dict[str, Any]) -> None:
        # A path of ours would have to be shorter than the library's buffer of 160 bytes.
        os.chdir(wanted["data"])
        self._library = ctypes.CDLL(wanted["library"])
        self.samples_per_second = int(self._library.espeak_Initialize(_SYNCHRONOUS, 0, b".", _DONT_EXIT))
        if self.samples_per_second <= 0:
            raise OSError("eSpeak NG does not find its data")
        self._samples = bytearray()
        # The library keeps no reference of its own.
        self._collect = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(self._take)
        self._library.espeak_SetSynthCallback(self._collect)
        if not any(self._library.espeak_SetVoiceByName(name.encode()) == 0 for name in wanted["voices"]):
            raise OSError("eSpeak NG has none of the voices")

    def say(self, text: bytes, rate: int) -> bytes:
        """Say the text at *rate* words per minute."""
        self._samples.clear()
        self._library.espeak_SetParameter(_RATE, rate, 0)
        size = ctypes.c_size_t(len(text) + 1)
        if self._library.espeak_Synth(text, size, 0, 1, 0, _UTF8, None, None) != 0:
            raise OSError("eSpeak NG cannot speak")
        return bytes(self._samples)

    def say_within(self, text: bytes, seconds: float) -> bytes:
        """Say the text at the rate that takes about *seconds*."""
        rate = _USUAL_RATE
        for _ in range(_TRIES):
            samples = self.say(text, rate)
            taken = len(samples) / 2 / self.samples_per_second
            better = min(_FASTEST, max(_SLOWEST, round(rate * taken / seconds)))
            if better == rate:
                break
            rate = better
        return samples

    def _take(self, samples: int | None, number: int, _events: int | None) -> int:
        if samples and number > 0:
            self._samples += ctypes.string_at(samples, number * 2)
        return 0


def main() -> int:
    """Say what the input asks for."""
    wanted = json.load(sys.stdin)
    try:
        voice = Voice(wanted)
        samples = voice.say_within(wanted["text"].encode(), wanted["seconds"])
    except (OSError, AttributeError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.buffer.write(voice.samples_per_second.to_bytes(4, "little") + samples)
    return 0


if __name__ == "__main__":
    sys.exit(main())
