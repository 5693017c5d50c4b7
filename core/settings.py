"""Settings that every process of one installation must agree on."""

from __future__ import annotations

from typing import Final

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

#: Where Redis is when nobody says so: the devstack and docker compose always do.
DEFAULT_REDIS_URL: Final = "redis://127.0.0.1:6379/0"


class StoreSettings(BaseSettings):
    """How to reach the job store and what it keeps. Read from SEGUE_* environment variables."""

    model_config = SettingsConfigDict(
        env_prefix="SEGUE_", frozen=True, extra="ignore", populate_by_name=True, use_attribute_docstrings=True
    )

    redis_url: SecretStr = Field(default=SecretStr(DEFAULT_REDIS_URL))
    """redis:// or rediss:// URL, or unix:// socket; secret because it may hold a password."""
    key_prefix: str = Field(default="{segue}", pattern=r"^\{[A-Za-z0-9_.-]{1,32}\}$")
    """What every key begins with. The braces keep all keys in one slot."""
    events_per_job: int = Field(default=1000, ge=100, le=100_000)
    """Events of a job that are kept for watchers who come back, about; older ones are cut off."""
    redis_timeout_seconds: float = Field(default=5, gt=0, le=60)
    """How long one call to Redis may take."""
