from __future__ import annotations

import pytest

from core.artifacts import key_of
from core.job import JobId, Tenant
from workers.artifacts.store import own_key

ACME = Tenant("acme")
KEY = key_of(ACME, JobId("j-1"), name="video.mp4", sha256="0123456789abcdef" * 4)
BASE = "http://10.0.0.5:8080/files"


def found(url: str, tenant: Tenant = ACME) -> str | None:
    return own_key(url, tenant=tenant, address=lambda key: f"{BASE}/{key}")


@pytest.mark.parametrize("url", [f"{BASE}/{KEY}", f"{BASE}/{KEY}?X-Amz-Signature=abc&X-Amz-Date=1"])
def test_an_address_of_ours_leads_to_its_key(url: str) -> None:
    assert found(url) == KEY


def test_the_same_address_is_not_another_tenants() -> None:
    assert found(f"{BASE}/{KEY}", Tenant("other")) is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        KEY,
        f"/{KEY}",
        f"http://10.0.0.5:8081/files/{KEY}",
        f"https://10.0.0.5:8080/files/{KEY}",
        f"http://10.0.0.5:8080/files/x/{KEY}",
        f"http://10.0.0.5:8080/files/../files/{KEY}",
        f"http://10.0.0.5:8080/{KEY}",
        f"http://user@10.0.0.5:8080/files/{KEY}",
        f"http://10.0.0.5:8080/files@evil.example/{KEY}",
        f"http://evil.example/?{BASE}/{KEY}",
        f"{BASE}/{KEY}#x",
        f"{BASE}/{KEY}/",
        f"{BASE}/{KEY.replace('-video', '%2dvideo')}",
        f"{BASE}/{KEY.replace('acme', '..')}",
        f"{BASE}/other/../{KEY}",
    ],
)
def test_what_is_not_exactly_an_address_of_ours_has_no_key(url: str) -> None:
    assert found(url) is None
