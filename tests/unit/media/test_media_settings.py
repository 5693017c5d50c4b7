"""The settings reach the tools."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from workers.media.errors import InputMediaError
from workers.media.settings import MediaSettings
from workers.media.sniff import MediaKind
from workers.media.tools import media_tools

if TYPE_CHECKING:
    from pathlib import Path


def test_limits_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"MEDIA_SECONDS": "7", "MEDIA_OUTPUT_BYTES": "2000000", "DOWNLOAD_BYTES": "9"}.items():
        monkeypatch.setenv(f"SEGUE_{name}", value)

    settings = MediaSettings()

    assert settings.media_limits.time == timedelta(seconds=7)
    assert settings.media_limits.output_bytes == 2_000_000
    assert settings.fetch_limits.bytes == 9
    assert settings.cores >= 1
    assert not settings.allow_private_urls


async def test_private_addresses_are_refused_unless_they_are_allowed(tmp_path: Path) -> None:
    for allowed, message in ((False, "not on the public internet"), (True, "could not be fetched")):
        settings = MediaSettings(media_folder=tmp_path / "rooms", allow_private_urls=allowed, download_seconds=5)
        with media_tools(settings, fal_base_url=None) as tools:
            with pytest.raises(Exception, match=message) as failed:
                # Nobody listens on port 1.
                await tools.fetcher.fetch("http://127.0.0.1:1/a.png", tmp_path / "a", wanted=MediaKind.IMAGE)

            assert isinstance(failed.value, InputMediaError) is not allowed


def test_the_tools_leave_an_empty_folder(tmp_path: Path) -> None:
    with media_tools(MediaSettings(media_folder=tmp_path / "rooms"), fal_base_url="http://127.0.0.1:9000"):
        assert len(list((tmp_path / "rooms").iterdir())) == 2

    assert list((tmp_path / "rooms").iterdir()) == []
