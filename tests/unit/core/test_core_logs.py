from __future__ import annotations

import json
import logging

import pytest
import structlog

from core.logs import configure
from core.settings import ProcessSettings


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_traceback_tells_no_values(capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    configure(ProcessSettings.model_validate({"log_format": log_format}))
    secret = "fal-key-" + "0123456789"
    try:
        _fail_with(secret)
    except ValueError:
        structlog.get_logger("test_a_traceback").exception("recipe.failed")
    finally:
        structlog.reset_defaults()
        root.handlers[:], root.level = handlers, level

    told = capsys.readouterr().err
    assert "ValueError" in told
    assert "_fail_with" in told
    assert secret not in told
    if log_format == "json":
        assert json.loads(told)["event"] == "recipe.failed"


def _fail_with(secret: str) -> None:
    held = {"key": secret}
    if held:
        raise ValueError("no")
