"""What can be set: `Settings` once at start, `Behaviour` also while the emulator runs.

Both read the environment (prefix `SEGUE_EMULATOR_`); `PUT /emulator/settings` changes `Behaviour`.
"""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

LogLevel = Literal["debug", "info", "warning", "error"]


class Behaviour(BaseModel):
    """How the emulated account and its models behave; may be changed at any time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    queue_seconds: float = Field(default=0.5, ge=0, le=86_400)
    """How long every request waits in the queue before it may start, even when slots are free."""
    run_seconds: float = Field(default=3.0, ge=0, le=86_400)
    """How long a model runs at least; longer only when rendering takes longer."""
    concurrency: int = Field(default=40, ge=0, le=100_000)
    """Requests of the account IN_PROGRESS at once (fal: 2 for new accounts, 40 at most by self service)."""
    others_ahead: int = Field(default=0, ge=0, le=100_000)
    """Requests of other accounts a new request finds before it; they melt away over `queue_seconds`."""
    render: Literal["full", "tiny"] = "full"
    """`tiny` answers with one small cached file per kind and duration: for load tests."""
    video_width: int = Field(default=640, ge=32, le=1920)
    """The longer side of rendered videos, in pixels."""
    cancel_running: Literal["stops", "completes"] = "stops"
    """Whether a model obeys a cancellation while it runs, or finishes and bills all the same."""
    cancel_queued_status: Literal[200, 202] = 200
    """The HTTP status of cancelling a queued request; fal's documents disagree with each other."""
    bill_cancelled: bool = False
    """Whether a run stopped by cancellation is billed."""
    bill_refused: bool = False
    """Whether a run that ends with a 422 is billed."""
    result_seconds: float = Field(default=3600.0, gt=0)
    """How long a result can be read after completion."""
    large_result_seconds: float = Field(default=360.0, gt=0)
    """The same for results of `large_result_bytes` or more."""
    large_result_bytes: int = Field(default=10_000, ge=0)
    """From this size of its JSON body a result counts as large."""


class Settings(Behaviour, BaseSettings):
    """Everything a process of the emulator is started with."""

    model_config = SettingsConfigDict(
        env_prefix="SEGUE_EMULATOR_", extra="forbid", frozen=True, populate_by_name=True, env_ignore_empty=True
    )

    host: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, le=65_535)
    """The port of plain HTTP; 0 takes a free one."""
    tls_port: int | None = Field(default=None, ge=0, le=65_535)
    """The port of the TLS front (an HTTPS proxy for fal's hosts); 0 takes a free one, None starts none."""
    ca_file: Path | None = None
    """Where the certificate of the front's throwaway authority is written (PEM)."""
    public_url: str | None = None
    """How others reach the plain port, when that differs from host and port (containers)."""
    key: SecretStr | None = None
    """The only accepted fal key; without one, every non-empty key is accepted."""
    data_dir: Path | None = None
    """Where files are kept; a temporary folder, removed at the end, when not set."""
    ffmpeg: str | None = Field(default=None, validation_alias=AliasChoices("SEGUE_EMULATOR_FFMPEG", "SEGUE_FFMPEG"))
    """The ffmpeg binary; the one of the imageio-ffmpeg wheel when not set."""
    log_level: LogLevel = "warning"

    @property
    def behaviour(self) -> Behaviour:
        """The part that may change while running, as it stands at start."""
        return Behaviour.model_validate(self.model_dump(include=set(Behaviour.model_fields)))

    @property
    def numeric_log_level(self) -> int:
        """The level as the standard library counts it."""
        return logging.getLevelNamesMapping()[self.log_level.upper()]


class LiveBehaviour:
    """The behaviour in force now; tells its listeners about every change."""

    def __init__(self, initial: Behaviour) -> None:
        self._current = initial
        self._listeners: list[Callable[[], None]] = []

    @property
    def current(self) -> Behaviour:
        """The values in force."""
        return self._current

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call *listener* after every change."""
        self._listeners.append(listener)

    def change(self, values: Mapping[str, Any]) -> Behaviour:
        """Put *values* in force, keep all others, and return the result.

        Raises:
            pydantic.ValidationError: a name is unknown or a value is out of range; nothing changed.
        """
        self._current = Behaviour.model_validate({**self._current.model_dump(), **values})
        for listener in self._listeners:
            listener()
        return self._current
