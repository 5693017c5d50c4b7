"""The emulator's own face, on its own host: the ledger, the settings and the faults on order."""

import json
from collections.abc import Sequence
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel, ValidationError

from emulator.context import Context
from emulator.faults import Fault, FaultOrder
from emulator.ledger import entry
from emulator.settings import Behaviour

_CALLS: Final = (
    "GET /emulator/health",
    "GET /emulator/ledger",
    "DELETE /emulator/ledger",
    "GET /emulator/settings",
    "PUT /emulator/settings",
    "GET /emulator/faults",
    "POST /emulator/faults",
    "DELETE /emulator/faults",
)


class ControlApi:
    """The handlers for tests and people. No key is asked for: bind it to loopback."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def routes(self) -> list[web.RouteDef]:
        """List the routes."""
        return [
            web.get("/emulator/health", self._health),
            web.get("/emulator/ledger", self._ledger),
            web.delete("/emulator/ledger", self._forget),
            web.get("/emulator/settings", self._settings),
            web.put("/emulator/settings", self._change),
            web.get("/emulator/faults", self._faults),
            web.post("/emulator/faults", self._order),
            web.delete("/emulator/faults", self._withdraw),
            web.route("*", "/emulator/{call:.*}", self._unknown),
        ]

    async def _health(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response({"status": "ok"})

    async def _ledger(self, request: web.Request) -> web.StreamResponse:
        """Answer the counts, and the requests unless `?requests=0` asks for the counts alone."""
        ledger = self._context.ledger
        endpoint = request.query.get("endpoint")
        body: dict[str, Any] = dict(ledger.counts())
        if request.query.get("requests") != "0":
            listed = [found for found in ledger.requests if endpoint in (None, found.endpoint)]
            body["requests"] = [entry(found) for found in listed]
        return web.json_response(body)

    async def _forget(self, _request: web.Request) -> web.StreamResponse:
        await self._context.queue.forget_all()
        return web.Response(status=204)

    async def _settings(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(self._context.behaviour.current.model_dump())

    async def _change(self, request: web.Request) -> web.StreamResponse:
        try:
            changed = self._context.behaviour.change(await _json_object(request))
        except ValidationError as error:
            return _refused(error, Behaviour)
        except ValueError as error:
            return _bad(str(error), allowed=list(Behaviour.model_fields))
        return web.json_response(changed.model_dump())

    async def _faults(self, _request: web.Request) -> web.StreamResponse:
        orders = [order.model_dump(mode="json", exclude_none=True) for order in self._context.faults.open_orders()]
        return web.json_response({"faults": orders, "known": list(Fault)})

    async def _order(self, request: web.Request) -> web.StreamResponse:
        try:
            order = FaultOrder.model_validate(await _json_object(request))
        except ValidationError as error:
            return _refused(error, FaultOrder)
        except ValueError as error:
            return _bad(str(error), allowed=list(FaultOrder.model_fields))
        self._context.faults.add(order)
        return web.json_response(order.model_dump(mode="json", exclude_none=True))

    async def _withdraw(self, _request: web.Request) -> web.StreamResponse:
        self._context.faults.clear()
        return web.Response(status=204)

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        message = f"no such call: {request.method} {request.path}"
        return web.json_response({"error": message, "allowed": _CALLS}, status=404)


async def _json_object(request: web.Request) -> dict[str, Any]:
    """Read the body, or raise ValueError with a sentence for the caller."""
    try:
        body = json.loads(await request.read())
    except ValueError:
        body = None
    if isinstance(body, dict):
        return body
    raise ValueError("the body is not a JSON object")


def _refused(error: ValidationError, model: type[BaseModel]) -> web.Response:
    """Name every wrong value, and what would be right."""
    faults = [
        f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_context=False)
    ]
    return _bad("; ".join(faults), allowed=list(model.model_fields))


def _bad(message: str, *, allowed: Sequence[str]) -> web.Response:
    return web.json_response({"error": message, "allowed": allowed}, status=400)
