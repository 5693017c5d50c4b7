"""The settings of a worker process."""

from __future__ import annotations

import socket
from datetime import timedelta
from typing import Annotated, Self

from pydantic import AliasChoices, Field, HttpUrl, SecretStr, model_validator

from core.job import JobKind
from core.settings import ProcessSettings
from workers.artifacts.settings import ArtifactSettings
from workers.media.settings import MediaSettings


class WorkerSettings(ArtifactSettings, MediaSettings, ProcessSettings):
    """How a worker process works. Read from SEGUE_* environment variables, and FAL_KEY."""

    fal_key: SecretStr = Field(default=SecretStr(""), validation_alias=AliasChoices("FAL_KEY", "SEGUE_FAL_KEY"))
    """The key of the fal account that pays."""
    fal_base_url: HttpUrl | None = None
    """Where an emulator stands in for fal; unset: fal itself."""
    fal_concurrency: int = Field(default=20, ge=1, le=10_000)
    """Generations that run at fal at once, over all workers: the account's own limit (fal: 2 for new accounts, up to
    40)."""
    tenant_concurrency: int = Field(default=0, ge=0)
    """Jobs that one tenant runs at once, over all workers; 0: as many as there are slots."""
    kind_concurrency: dict[JobKind, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    """Jobs of a kind that run at once, over all workers and tenants: a JSON object such as {"model": 10}."""
    lower_class_every: int = Field(default=20, ge=3, le=1000)
    """Of so many jobs one is taken from each lower priority class in which jobs wait, so that nothing starves."""
    worker_slots: int = Field(default=100, ge=1, le=20_000)
    """Jobs that this process runs at once. A job that waits for fal costs about 10 KB and no thread."""
    worker_name: str = Field(default_factory=socket.gethostname, max_length=100)
    """What this process is called in logs; a random part is added."""
    lease_seconds: float = Field(default=15, ge=1, le=300)
    """How long a job stays with a worker that is not heard of; heartbeats come three times as often."""
    poll_seconds: float = Field(default=1, ge=0.05, le=60)
    """How soon a generation is asked after at first."""
    poll_max_seconds: float = Field(default=5, ge=0.05, le=300)
    """How seldom it is asked after at last."""
    retry_delay_seconds: float = Field(default=60, ge=0, le=3600)
    """How long a job waits after a failed attempt; doubled with each further one."""
    retry_delay_max_seconds: float = Field(default=900, ge=0, le=86_400)
    """The longest such wait."""
    grace_seconds: float = Field(default=20, ge=0, le=600)
    """How long a stopping process waits for calls that must not be cut off, above all submits."""
    queue_poll_milliseconds: int = Field(default=250, ge=10, le=5000)
    """How seldom an idle process looks for tickets."""

    @model_validator(mode="after")
    def _somebody_pays(self) -> Self:
        if self.fal_base_url is None and not self.fal_key.get_secret_value():
            raise ValueError("FAL_KEY is not set, and SEGUE_FAL_BASE_URL names no emulator that would take any key")
        return self

    @property
    def key(self) -> str:
        """What is shown to fal; an emulator takes anything."""
        return self.fal_key.get_secret_value() or "emulator"

    @property
    def lease(self) -> timedelta:
        """The lease as a duration."""
        return timedelta(seconds=self.lease_seconds)
