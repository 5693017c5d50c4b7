"""What can be set for a server."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from core.settings import ProcessSettings


class Settings(ProcessSettings):
    """Everything a server process is started with."""

    listen: str = Field(default="127.0.0.1:50051", pattern=r"^(\[[0-9a-fA-F:.]+\]|[^:\[\]/\s]+):\d{1,5}$")
    """host:port to listen on; port 0 takes a free one."""
    auth: Literal["none"] = "none"
    """How callers prove who they are. "none": not at all, and everybody is the same tenant."""
    allow_unauthenticated: bool = False
    """Listen on an address that others reach although auth is "none": something else keeps strangers out."""
    reflection: bool = True
    """Let grpcurl and others ask for the contract."""
    processes: int = Field(default=1, ge=1, le=64)
    """Server processes that share the port, about one for each core and a half; also --processes."""
    so_reuseport: bool = False
    """Share the port with other server processes on this host; otherwise a taken port is an error."""
    max_request_bytes: int = Field(default=16 << 20, ge=1 << 20, le=256 << 20)
    """The largest request that is read at all. Fields have their own limits, refused with their paths."""
    max_streams_per_connection: int = Field(default=1000, ge=1)
    """RPCs at once on one connection; a client's further ones wait in the client."""
    max_pending_requests: int = Field(default=10_000, ge=1000)
    """RPCs that may wait for their acceptance, in a burst; further ones are refused."""
    time_limit_default_seconds: float = Field(default=25 * 60, ge=1)
    """The time limit of a job that asks for none."""
    time_limit_max_seconds: float = Field(default=30 * 60, ge=1)
    """The longest time limit a job may ask for."""
    retention_default_seconds: float = Field(default=24 * 3600, ge=1)
    """How long a finished job is kept that does not say."""
    retention_max_seconds: float = Field(default=30 * 86_400, ge=1)
    """The longest that a finished job may ask to be kept."""
    watch_max_age_seconds: float = Field(default=30 * 60, gt=0)
    """After about this (give or take 20 %) a watch is sent to another server, to spread the load anew."""
    watch_stuck_seconds: float = Field(default=60, gt=0)
    """A watch whose client has taken nothing for so long, although there is something, is ended."""
    drain_seconds: float = Field(default=2, ge=0, le=60)
    """Over this span the clients of a stopping server are told to come back elsewhere."""
    shutdown_delay_seconds: float = Field(default=0, ge=0, le=120)
    """How long a stopping server still serves while its health says NOT_SERVING, for balancers to notice."""
    grace_seconds: float = Field(default=10, gt=0, le=600)
    """After that delay, a stopping server is gone within this."""
    artifact_folder: Path | None = None
    """The folder of artifacts (SEGUE_ARTIFACTS=folder), the same as the workers'."""
    files_listen: str = Field(default="", pattern=r"^((\[[0-9a-fA-F:.]+\]|[^:\[\]/\s]+):\d{1,5})?$")
    """host:port on which it is served over HTTP to all who know a file's address, under /files/. Empty: it is not."""

    @model_validator(mode="after")
    def _closed_to_strangers(self) -> Self:
        # "none" is the only value of auth yet.
        if not self.allow_unauthenticated and not _is_loopback(self.host):
            raise ValueError(
                f"SEGUE_LISTEN={self.listen} can be reached by others, but SEGUE_AUTH={self.auth} lets everybody in: "
                "listen on 127.0.0.1, or set SEGUE_ALLOW_UNAUTHENTICATED=true where a network keeps strangers out"
            )
        return self

    @model_validator(mode="after")
    def _defaults_within_limits(self) -> Self:
        if self.time_limit_default_seconds > self.time_limit_max_seconds:
            raise ValueError("SEGUE_TIME_LIMIT_DEFAULT_SECONDS is above SEGUE_TIME_LIMIT_MAX_SECONDS")
        if self.retention_default_seconds > self.retention_max_seconds:
            raise ValueError("SEGUE_RETENTION_DEFAULT_SECONDS is above SEGUE_RETENTION_MAX_SECONDS")
        return self

    @model_validator(mode="after")
    def _files_are_somewhere(self) -> Self:
        if self.files_listen and self.artifact_folder is None:
            raise ValueError("SEGUE_FILES_LISTEN needs SEGUE_ARTIFACT_FOLDER: it says what is served")
        if self.files_listen.endswith(":0") and self.processes > 1:
            raise ValueError("SEGUE_FILES_LISTEN needs a port other than 0: the processes share it")
        return self

    @property
    def host(self) -> str:
        """The host to listen on, an IPv6 address without its brackets."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def time_limit_default(self) -> timedelta:
        """The time limit of a job that asks for none."""
        return timedelta(seconds=self.time_limit_default_seconds)

    @property
    def time_limit_max(self) -> timedelta:
        """The longest time limit a job may ask for."""
        return timedelta(seconds=self.time_limit_max_seconds)

    @property
    def retention_max(self) -> timedelta:
        """The longest that a finished job may ask to be kept."""
        return timedelta(seconds=self.retention_max_seconds)

    @property
    def retention_default(self) -> timedelta:
        """How long a finished job is kept that does not say."""
        return timedelta(seconds=self.retention_default_seconds)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
