"""What the development stack is told by the environment, and what it tells its processes by theirs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

if TYPE_CHECKING:
    from collections.abc import Mapping


class Settings(BaseSettings):
    """What a person may choose; an empty variable counts as not set."""

    model_config = SettingsConfigDict(
        env_prefix="SEGUE_", env_ignore_empty=True, extra="ignore", frozen=True, populate_by_name=True
    )

    listen: str = "127.0.0.1:50051"
    """Where `make run` has its server listen; a free port is taken when this one is not free."""
    redis_url: str | None = None
    """The Redis to use; when not set: one of our own, in the folder of SEGUE_DEV_DIR."""
    fal_key: SecretStr | None = Field(default=None, validation_alias=AliasChoices("fal_key", "FAL_KEY"))
    """The key of a fal account. With it fal itself is used, and paid; without it the emulator."""
    fal_base_url: str | None = None
    """Where fal is looked for instead, for example an emulator that runs already; then none is started."""
    dev_workers: int = Field(default=1, ge=0, le=64)
    """How many worker processes `make run` starts."""
    dev_dir: Path = Path("var")
    """Where our own Redis keeps its data, the processes their logs, and the demo its videos."""

    @property
    def wants_emulator(self) -> bool:
        """Whether a local fal is to be started."""
        return self.fal_key is None and self.fal_base_url is None


def child_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """Return our own environment with *changes*: what a person set reaches every process."""
    return {
        **os.environ,  # noqa: TID251 - passed on, not read
        "PYTHONUNBUFFERED": "1",  # the line that says "ready" must not wait in a buffer
        **changes,
    }
