from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.subtitles.pictures import Screen

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def screen(tmp_path: Path) -> Screen:
    """Where scripts are shown."""
    return Screen(tmp_path)
