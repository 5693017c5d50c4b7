from __future__ import annotations

import pytest
from pydantic import ValidationError

from core.settings import usage
from server.settings import Settings


@pytest.mark.parametrize("listen", ["127.0.0.1:50051", "127.8.9.10:0", "localhost:1", "[::1]:50051"])
def test_loopback_needs_no_authentication(listen: str) -> None:
    assert Settings(listen=listen).listen == listen


@pytest.mark.parametrize("listen", ["0.0.0.0:50051", "10.0.0.1:50051", "[::]:50051", "segue.example:50051"])
def test_an_address_that_others_reach_is_refused_without_authentication(listen: str) -> None:
    with pytest.raises(ValidationError, match="SEGUE_ALLOW_UNAUTHENTICATED=true"):
        Settings(listen=listen)

    assert Settings(listen=listen, allow_unauthenticated=True).listen == listen


@pytest.mark.parametrize("listen", ["50051", ":50051", "127.0.0.1", "127.0.0.1:", "::1:50051", "a b:1"])
def test_an_address_needs_a_host_and_a_port(listen: str) -> None:
    with pytest.raises(ValidationError, match="listen"):
        Settings(listen=listen)


@pytest.mark.parametrize("name", ["time_limit", "retention"])
def test_a_default_cannot_be_above_its_limit(name: str) -> None:
    with pytest.raises(ValidationError, match=f"SEGUE_{name.upper()}_DEFAULT_SECONDS is above"):
        Settings.model_validate({f"{name}_default_seconds": 11, f"{name}_max_seconds": 10})


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_LISTEN", "127.0.0.1:7")
    monkeypatch.setenv("SEGUE_REDIS_URL", "redis://elsewhere:1/0")

    settings = Settings()

    assert settings.listen == "127.0.0.1:7"
    assert settings.redis_url.get_secret_value() == "redis://elsewhere:1/0"
    assert "elsewhere" not in repr(settings)


def test_the_help_tells_every_setting_with_its_meaning() -> None:
    text = usage(Settings, program="python -m server", summary="Serves.")

    for name, field in Settings.model_fields.items():
        assert f"SEGUE_{name.upper()}=" in text
        assert field.description
        assert field.description in text


def test_weights_of_tenants_are_a_json_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_TENANT_WEIGHTS", '{"acme": 3, "other": 0.5}')

    assert Settings().tenant_weights == {"acme": 3, "other": 0.5}


@pytest.mark.parametrize("weights", ["acme=3", "[]", '{"acme": 0}', '{"acme": 1001}', '{"acme": "much"}', '{"a": NaN}'])
def test_wrong_weights_are_refused(monkeypatch: pytest.MonkeyPatch, weights: str) -> None:
    monkeypatch.setenv("SEGUE_TENANT_WEIGHTS", weights)

    with pytest.raises(ValidationError, match="tenant_weights"):
        Settings()
