"""fal.run: synchronous calls, and their streamed form."""

from aiohttp import web

from emulator import answers
from emulator.context import Context
from emulator.endpoints.submits import read_submission
from emulator.records import FalRequest, Outcome


class RunApi:
    """The handlers of direct calls. Whoever hangs up cancels, unlike in the queue."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def routes(self) -> list[web.RouteDef]:
        """List the routes."""
        return [web.post("/{endpoint:.+}/stream", self._stream), web.post("/{endpoint:.+}", self._run)]

    async def _run(self, request: web.Request) -> web.StreamResponse:
        finished = await self._finished(request)
        if isinstance(finished, web.Response):
            return finished
        return answers.from_outcome(*finished)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        finished = await self._finished(request)
        if isinstance(finished, web.Response):
            return finished
        accepted, outcome = finished
        if outcome.status != 200:
            return answers.from_outcome(accepted, outcome)
        body = b"data: " + answers.encoded(outcome.body) + b"\n\n"
        headers = {"Content-Type": "text/event-stream", "x-fal-request-id": accepted.id}
        return web.Response(body=body, headers=headers)

    async def _finished(self, request: web.Request) -> tuple[FalRequest, Outcome] | web.Response:
        self._context.ledger.posts += 1
        submission = await read_submission(self._context, request)
        if isinstance(submission, web.Response):
            return submission
        queue = self._context.queue
        if queue.slots_free <= 0:
            return answers.too_many()
        accepted = queue.accept(submission, direct=True)
        try:
            await accepted.done.wait()
        finally:
            queue.cancel(accepted)
        if accepted.outcome is None:
            return answers.unknown_request()
        return accepted, accepted.outcome
