"""What a request may ask for, and what it gets where it is silent: the numbers that no setting changes.

Validation refuses by them and GetCapabilities tells them, so that the two cannot differ.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from core.script import pacing

#: Jobs of one batch, and ids of one ReleaseJob.
BATCH_JOBS: Final = 1000
#: The lowest and the highest priority (1 goes first), and the one of a job that says none.
PRIORITIES: Final = (1, 10)
DEFAULT_PRIORITY: Final = 5
#: The fewest and the most attempts of a job, and those of a job that says none.
ATTEMPTS: Final = (1, 10)
DEFAULT_ATTEMPTS: Final = 3
#: The shortest time limit and retention; the longest are settings.
SHORTEST: Final = timedelta(seconds=1)
#: How far ahead a job may be scheduled.
SCHEDULE_AHEAD: Final = timedelta(days=365)
#: How long a job may wait for its start before it fails; times are kept in milliseconds.
START_WAITS: Final = (timedelta(milliseconds=1), timedelta(days=30))
#: How long a watch may be silent, and is if nothing is said.
HEARTBEATS: Final = (timedelta(seconds=5), timedelta(seconds=60))
DEFAULT_HEARTBEAT: Final = timedelta(seconds=15)
#: How long WaitJob may wait, and does if nothing is said.
WAITS: Final = (timedelta(0), timedelta(minutes=10))
DEFAULT_WAIT: Final = timedelta(seconds=30)
#: Jobs of a page: of a request that says none, and of one that asks for more.
DEFAULT_PAGE: Final = 20
LARGEST_PAGE: Final = 100

NAME_CHARACTERS: Final = 200
PROMPT_CHARACTERS: Final = 2500
ENDPOINT_CHARACTERS: Final = 256
#: Bytes of a script.
SCRIPT_BYTES: Final = 1 << 20
#: Characters of the scripts of a batch together: they are looked into, which takes a second or so.
SCRIPTS_CHARACTERS: Final = 500_000
#: The seeds that every model with a seed takes.
SEEDS: Final = (0, 2**32 - 1)
#: Cues of a video's subtitles, and characters of one.
CUES: Final = 500
CUE_CHARACTERS: Final = 500
#: No cue is looked for beyond this.
LONGEST_VIDEO: Final = timedelta(hours=6)
#: Characters of a voice-over's text, and of a voice's name.
SPOKEN_CHARACTERS: Final = 5000
VOICE_CHARACTERS: Final = 100
#: Characters of a prompt for music and of a kind of music; the models take no longer prompts.
MUSIC_PROMPT_CHARACTERS: Final = 2000
MUSIC_TYPE_CHARACTERS: Final = 200
#: The fewest and the most clips of a composition; one alone may get a sound track or subtitles.
CLIPS: Final = (1, 50)
#: How long one clip may fade into the next.
CROSSFADES: Final = (timedelta(0), timedelta(seconds=2))
#: How long a script video may be asked to be.
SCRIPT_VIDEO_LENGTHS: Final = (pacing.SHORTEST_VIDEO, pacing.LONGEST_VIDEO)
IMAGE_STYLE_CHARACTERS: Final = 500
#: Bytes of a model's arguments, serialised, and their levels.
ARGUMENTS_BYTES: Final = 1 << 20
ARGUMENTS_DEPTH: Final = 32
#: Characters of an http(s) URL, and of a data: URI.
URL_CHARACTERS: Final = 4096
DATA_CHARACTERS: Final = 8 << 20
#: Characters of a job's or batch's id; ours have 36.
ID_CHARACTERS: Final = 64
#: Characters of a page token; ours have 32.
TOKEN_CHARACTERS: Final = 256
LABELS: Final = 32
#: Different owners and labels of one batch: each is an index of its own, and all are written in one step that must not
#: hold Redis up.
BATCH_INDEXES: Final = 3000
LABEL_VALUE_CHARACTERS: Final = 255
OWNER_CHARACTERS: Final = 128
