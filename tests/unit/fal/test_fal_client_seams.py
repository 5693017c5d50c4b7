"""What of fal_client we lean on without its promise. If a new version fails here, read its client.py again."""

from __future__ import annotations

import importlib.metadata
import inspect
import re

import fal_client
import pytest
from fal_client import client as fal_impl

from workers.fal.client import FalClient
from workers.fal.endpoints import NAMESPACES
from workers.fal.limits import Timeouts
from workers.fal.transport import CDN_HOSTS, FAL_HOSTS, QUEUE_HOSTS, REST_HOSTS, RUN_HOSTS, FalTransport

KEY = "key-id-0123456789:key-secret-0123456789"


def test_the_version_is_the_one_that_was_read() -> None:
    assert importlib.metadata.version("fal-client") == "1.0.3"


@pytest.mark.parametrize("name", ["_client", "_token_manager", "_cdn_client"])
def test_each_overridden_seam_exists_in_the_parent(name: str) -> None:
    assert name in vars(fal_client.AsyncClient)
    assert name in vars(FalClient)


def test_the_client_opens_connections_nowhere_else() -> None:
    """Once in each of `_client`, `_cdn_client` and the token manager; our subclass replaces all three."""
    assert inspect.getsource(fal_client.AsyncClient).count("httpx.AsyncClient(") == 2
    assert inspect.getsource(fal_impl.AsyncCDNTokenManager).count("httpx.AsyncClient(") == 1
    assert "httpx.AsyncClient(" in inspect.getsource(fal_impl.AsyncCDNTokenManager._refresh_token)


async def test_the_seams_lead_to_our_transport() -> None:
    transport = FalTransport()
    client = FalClient(key=KEY, transport=transport, timeouts=Timeouts())

    api = await client._client
    async with client._cdn_client() as storage:
        assert api._transport is storage._transport is transport
    assert (await client._token_manager)._refresh_token.__func__ is not (  # type: ignore[attr-defined]  # a method
        fal_impl.AsyncCDNTokenManager._refresh_token
    )
    await client.aclose()


async def test_a_handle_has_the_public_parts_that_requests_are_built_from() -> None:
    client = FalClient(key=KEY, transport=FalTransport(), timeouts=Timeouts())

    handle = await client.get_handle("fal-ai/kling-video/v2.1/pro/image-to-video", "r-1")

    assert handle.response_url == "https://queue.fal.run/fal-ai/kling-video/requests/r-1"
    assert handle.status_url == f"{handle.response_url}/status"
    assert handle.cancel_url == f"{handle.response_url}/cancel"
    assert handle.client is await client._client
    await client.aclose()


def test_the_retry_loop_catches_nothing_but_http_errors_and_its_own() -> None:
    """What our transport raises passes through it because it is neither."""
    loop = inspect.getsource(fal_impl._async_maybe_retry_request)

    assert loop.count("except ") == 1
    assert "except (httpx.HTTPError, FalClientHTTPError) as exc:" in loop


def test_submit_demands_exactly_the_keys_that_our_acceptance_provides() -> None:
    demanded = set(re.findall(r'data\["(\w+)"\]', inspect.getsource(fal_client.AsyncClient.submit)))

    assert demanded == {"request_id", "response_url", "status_url", "cancel_url"}


def test_namespaces_are_the_same() -> None:
    assert list(NAMESPACES) == fal_impl.APP_NAMESPACES


def test_hosts_are_the_same() -> None:
    assert set(fal_impl._BACKUP_DOMAINS) | set(fal_impl._BACKUP_DOMAINS.values()) == QUEUE_HOSTS | RUN_HOSTS
    named = {fal_impl.QUEUE_URL_FORMAT, fal_impl.RUN_URL_FORMAT, fal_impl.REST_URL, fal_impl.CDN_URL}
    assert {url.removeprefix("https://").strip("/") for url in named} <= FAL_HOSTS
    assert REST_HOSTS | CDN_HOSTS < FAL_HOSTS


def test_a_redirected_queue_host_is_not_overlooked(monkeypatch: pytest.MonkeyPatch) -> None:
    """fal_client reads FAL_QUEUE_RUN_HOST when it is imported; a submit there would not be known as one."""
    monkeypatch.setattr(fal_impl, "QUEUE_URL_FORMAT", "https://localhost:8443/")

    with pytest.raises(ValueError, match="FAL_QUEUE_RUN_HOST"):
        FalClient(key=KEY, transport=FalTransport(), timeouts=Timeouts())
