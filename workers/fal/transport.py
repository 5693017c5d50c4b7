"""The transport under fal_client: where requests may go, and that a submit goes there exactly once.

fal_client repeats a submit up to ten times on broken connections, timeouts, 408, 409, 429 and ingress
errors, and fal runs and bills each one that arrived. Its loop catches only `httpx.HTTPError` and its own
errors, so what must not be repeated leaves this transport as something else: a `ProviderError`.
"""

from __future__ import annotations

import enum
from typing import Final

import httpx

from core.job import ErrorReason
from workers.fal import verdicts
from workers.fal.answers import Answer
from workers.fal.endpoints import is_request_id
from workers.fal.errors import NotAcceptedError, RefusedError, SubmissionUnknownError
from workers.fal.lanes import AnswerTooLargeError, Lane
from workers.fal.limits import Limits

QUEUE_HOSTS: Final = frozenset({"queue.fal.run", "queue.falrun.com"})
RUN_HOSTS: Final = frozenset({"fal.run", "falrun.com"})
REST_HOSTS: Final = frozenset({"rest.fal.ai"})
CDN_HOSTS: Final = frozenset({"v3.fal.media", "v3b.fal.media"})
FAL_HOSTS: Final = QUEUE_HOSTS | RUN_HOSTS | REST_HOSTS | CDN_HOSTS

#: Failures that prove that not one byte of the request was sent.
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class HostRefusedError(RefusedError):
    """A request to a host that is not fal's was not sent: it would have carried the key there."""

    default_reason = ErrorReason.INTERNAL


class Purpose(enum.Enum):
    """What a request is for; each has a lane of its own. So have polls, which do not come this way (`polls`)."""

    SUBMIT = enum.auto()
    CANCEL = enum.auto()
    TRANSFER = enum.auto()


class FalTransport(httpx.AsyncBaseTransport):
    """Carries the requests of fal_client, within one event loop.

    A POST that fal may bill is sent exactly once. It ends with an accepted answer or raises:

    * `NotAcceptedError`: nothing was sent, or fal said "not now";
    * `RefusedError`: fal refuses it for good;
    * `SubmissionUnknownError`: anything else.

    All other requests behave as under httpx's own transport, except that answers are bounded.
    """

    def __init__(self, *, base_url: str | None = None, limits: Limits | None = None) -> None:
        """Prepare the lanes; nothing is connected yet.

        Args:
            base_url: `http://host:port` that stands in for all of fal's hosts (the emulator). The Host
                header keeps fal's name. None: fal itself, over https.

        Raises:
            ValueError: the base URL is no plain `http(s)://host[:port]`.
        """
        self._base = None if base_url is None else origin_of(base_url)
        limits = limits or Limits()
        self.tls = httpx.create_ssl_context()
        """What every connection to fal is checked by."""

        def lane(width: int, *, reuse: bool = True) -> Lane:
            return Lane(width, tls=self.tls, max_bytes=limits.answer_bytes, reuse=reuse)

        self._lanes = {
            Purpose.SUBMIT: lane(limits.submits, reuse=False),
            Purpose.CANCEL: lane(limits.cancels),
            Purpose.TRANSFER: lane(limits.transfers),
        }

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request* to fal and return the whole answer.

        Raises:
            HostRefusedError: it was to go elsewhere.
            ProviderError: a submit was not accepted, or nobody knows.
            httpx.RequestError: another request failed on its way.
            AnswerTooLargeError: another request's answer was too long.
        """
        lane = self._lanes[_purpose(request)]
        outgoing = self._addressed(request)
        if lane is not self._lanes[Purpose.SUBMIT]:
            return await lane.send(outgoing)
        try:
            response = await lane.send(outgoing)
        except _NOT_SENT as error:
            raise NotAcceptedError("fal could not be reached; nothing was sent.") from error
        except (httpx.HTTPError, AnswerTooLargeError) as error:
            raise SubmissionUnknownError(metadata={"type": type(error).__name__}) from error
        answer = Answer.of(response, request)
        if not response.is_success:
            raise verdicts.on_submit(answer)
        return _acceptance(answer) if request.url.host in QUEUE_HOSTS else response

    async def aclose(self) -> None:
        """Close every connection."""
        for lane in self._lanes.values():
            await lane.aclose()

    def _addressed(self, request: httpx.Request) -> httpx.Request:
        """Return *request* with the address it is really sent to."""
        url = request.url
        if self._is_own_file(url):
            return request
        if url.host not in FAL_HOSTS or url.port is not None or url.scheme != "https":
            raise HostRefusedError(metadata={"host": url.host})
        if self._base is None:
            return request
        there = url.copy_with(scheme=self._base.scheme, host=self._base.host, port=self._base.port)
        return httpx.Request(
            request.method,
            there,
            headers=request.headers,  # Host among them
            stream=request.stream,
            extensions=request.extensions,
        )

    def _is_own_file(self, url: httpx.URL) -> bool:
        """Whether it is a file of the stand-in's, which names itself in the addresses of uploads in parts."""
        base = self._base
        if base is None or not url.path.startswith("/files/"):
            return False
        return (url.scheme, url.host, url.port) == (base.scheme, base.host, base.port)


def _purpose(request: httpx.Request) -> Purpose:
    host = request.url.host
    if host not in QUEUE_HOSTS | RUN_HOSTS:
        return Purpose.TRANSFER
    match request.method:
        case "POST":
            return Purpose.SUBMIT
        case "PUT":
            return Purpose.CANCEL
        case _:
            return Purpose.TRANSFER


def _acceptance(answer: Answer) -> httpx.Response:
    """Return the answer to an accepted submit with only its request id.

    fal_client demands three URLs, and would follow them with the key; ours are built from the id, so an
    answer that lacks them is good enough and what it says in them is dropped.
    """
    request_id = answer.fields.get("request_id")
    if not is_request_id(request_id):
        raise SubmissionUnknownError("fal accepted the request without naming it.", metadata=answer.metadata)
    urls = dict.fromkeys(("response_url", "status_url", "cancel_url"), "")
    return httpx.Response(answer.status, headers=answer.headers, json={"request_id": request_id, **urls})


def origin_of(base_url: str) -> httpx.URL:
    """Return the origin that stands in for fal.

    Raises:
        ValueError: it is no plain `http(s)://host[:port]`.
    """
    url = httpx.URL(base_url)
    if url.scheme not in {"http", "https"} or not url.host or url.userinfo or url.query or url.path != "/":
        raise ValueError("The base URL of fal must look like http://127.0.0.1:9000.")
    return url
