"""The sound of a finished video: what a spec gives or asks for, mixed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from core.catalog.music import music, music_prompt
from core.catalog.voices import speech
from workers.media.mix import Voice, mix
from workers.media.sniff import MediaKind
from workers.recipes.artifacts import artifacts_of
from workers.recipes.together import together

if TYPE_CHECKING:
    from pathlib import Path

    from core.catalog.calls import Call
    from segue.v1.spec_pb2 import Music, Voiceover
    from workers.media.ffmpeg import Report
    from workers.progress import Stage
    from workers.recipes.bench import Bench
    from workers.run import Run

#: How much faster a voice-over is played at most so that it ends with its video.
FASTEST: Final = 1.5


@dataclass(slots=True)
class Sound:
    """What is heard in a video; nothing by itself."""

    voices: list[Voice] = field(default_factory=list)
    music: Path | None = None

    def __bool__(self) -> bool:
        return bool(self.voices) or self.music is not None

    async def mixed(self, bench: Bench, *, length: timedelta, own: Path | None, report: Report) -> Path:
        """Return the sound as a file of exactly *length*.

        Args:
            own: a video whose own sound is kept under it; None: it has none.

        Raises:
            MediaError: it cannot be mixed.
        """
        into = bench.path("sound.m4a")
        await mix(bench.ffmpeg, into, length=length, voices=self.voices, music=self.music, own=own, report=report)
        return into


async def generated_sound(
    run: Run,
    bench: Bench,
    *,
    length: timedelta,
    wanted: Music,
    spoken: Voiceover | None = None,
    stage: Stage | None = None,
) -> Sound:
    """Let models make the music and the voice-over that a spec asks for, both at once.

    Args:
        length: of the video.
        stage: what people see meanwhile; None: nothing.

    Raises:
        JobFailedError: a model failed.
        MediaError: what it made cannot be used.
    """
    sound = Sound()

    async def made(step: str, call: Call) -> Path:
        output = await run.generate(step, call.endpoint, call.arguments, stage=stage, quiet=stage is None)
        bench.deposit(artifacts_of(output))
        return await bench.answered(call, output, name=step, wanted=MediaKind.AUDIO)

    async def add_music() -> None:
        sound.music = await made("music", music(wanted.model, music_prompt(wanted.type, wanted.prompt), length))

    async def add_voice(text: Voiceover) -> None:
        path = await made("voiceover", speech(text.provider, text.language, text.voice, text.text))
        info = await bench.probe(path)
        # A text that is too long for its video is spoken faster; what is left of it then is cut with the picture.
        tempo = max(1.0, min(FASTEST, (info.audio_duration or length) / length))
        sound.voices.append(Voice(path, timedelta(), tempo))

    await together(
        [*([add_music()] if wanted.enabled else []), *([add_voice(spoken)] if spoken and spoken.enabled else [])]
    )
    return sound
