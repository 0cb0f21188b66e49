"""What stands before the routes of a service: who may ask, how much, how long it may take, and what is noted of it.

What is refused here is refused before it is read, routed or parsed: it costs little when there is much of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from edgetext.serve.batching import QueueFullError, Room
from edgetext.serve.guard import App, Message, Receive, Send, refused_by_name
from edgetext.serve.keys import is_known
from edgetext.serve.log import Log
from edgetext.serve.metrics import Metrics
from edgetext.serve.protocols import RequestError, as_json
from edgetext.serve.settings import Limits

VISIT = "edgetext"
"""Where a scope holds its ``Visit``."""
FREE = frozenset({"/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"})
"""What is answered without a key."""

_OTHER = "other"
_LINGER_S = 5.0  # for the rest of a body that is too long: a client that is cut off does not read why


@dataclass
class Visit:
    """What is told of a request.

    Attributes:
        route: The path of the route that took it, with names in place of what varies.
        status: Of the answer; 0 where none was given.
        texts: How many it held.
        batch: How many texts the largest batch had that they came in.
        shown: The texts, where the log is to hold them.
    """

    route: str = _OTHER
    status: int = 0
    texts: int = 0
    batch: int = 0
    shown: list[Any] | None = None


@dataclass
class State:
    """What a service is doing.

    Attributes:
        room: Where texts wait.
        keys: The API keys; anybody may ask where there are none.
        ready: Whether it answers, and was not told to stop.
        came: How many requests came.
        open: How many of them are not yet answered.
    """

    room: Room
    keys: tuple[bytes, ...] = ()
    ready: bool = True
    came: int = 0
    open: int = 0


class Record:
    """An ASGI application that counts and logs what another one answers.

    Once the service was told to stop, each answer ends its connection.

    Args:
        app: The other one.
        state: Of the service.
        metrics: Counts the requests.
        log: Has a line for each.
    """

    def __init__(self, app: App, state: State, metrics: Metrics, log: Log) -> None:
        self._app = app
        self._state = state
        self._metrics = metrics
        self._log = log

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Hands a request on, and notes what came of it."""
        if scope["type"] != "http":
            await self._other(scope, receive, send)
            return
        begun, visit, state = perf_counter(), Visit(), self._state
        scope[VISIT] = visit

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                visit.status = message["status"]
                if not state.ready:
                    message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            await send(message)

        state.came += 1
        state.open += 1
        try:
            await self._app(scope, receive, noted)
        finally:
            state.open -= 1
            self._note(scope, visit, perf_counter() - begun)

    def _note(self, scope: Message, visit: Visit, seconds: float) -> None:
        self._metrics.request(visit.route, visit.status, seconds)
        self._metrics.queue(self._state.room.taken)
        said = {"method": scope["method"], "route": visit.route, "status": visit.status}
        said |= {"ms": round(1e3 * seconds, 2), "texts": visit.texts, "batch": visit.batch}
        self._log.request(**said, **({} if visit.shown is None else {"shown": visit.shown}))

    async def _other(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        else:  # a WebSocket
            await send({"type": "websocket.close", "code": 1008})


class Entrance:
    """An ASGI application that lets through what another one should see, with its whole body.

    Args:
        app: The other one.
        state: Of the service.
        metrics: Counts what is refused because too much waits.
        is_own: Tells whether the service goes by a name.
        limits: Of requests.
    """

    def __init__(
        self, app: App, state: State, metrics: Metrics, *, is_own: Callable[[str], bool], limits: Limits
    ) -> None:
        self._app = app
        self._state = state
        self._metrics = metrics
        self._is_own = is_own
        self._limits = limits

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers with a status of its own, or hands the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        route = predicting_route(scope["path"])
        scope[VISIT].route = route or _OTHER
        try:
            self._check(scope)
            if route:
                self._state.room.check()
            handed: Message = {"type": "http.request", "body": await self._body(receive), "more_body": False}
        except RequestError as error:
            await refuse(send, error.status, str(error), receive if error.status == 413 else None)
            return
        except QueueFullError as error:
            self._metrics.refused()
            await refuse(send, 503, str(error))
            return

        async def hand() -> Message:
            nonlocal handed
            message, handed = handed, {"type": "http.disconnect"}
            return message

        await self._app(scope, hand, send)

    def _check(self, scope: Message) -> None:
        """Raises where a request is refused before its body is read."""
        refused = refused_by_name(scope["headers"], self._is_own)
        if refused is not None:
            raise RequestError(*refused)
        headers = dict(scope["headers"])
        if self._state.keys and scope["path"] not in FREE and not is_known(self._state.keys, headers):
            raise RequestError(401, "this needs an API key: send it as 'Authorization: Bearer KEY'")
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise RequestError(415, "compressed bodies are not read: send the body as it is")
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length[:20]) > self._limits.body_bytes:
            raise self._too_long()

    async def _body(self, receive: Receive) -> bytes:
        """Reads the body.

        Raises:
            RequestError: It is too long, takes too long, or breaks off.
        """
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._limits.read_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise RequestError(400, "the body broke off")
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > self._limits.body_bytes:
                        raise self._too_long()
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            raise RequestError(408, f"the body took longer than {self._limits.read_s:g} seconds to come") from None

    def _too_long(self) -> RequestError:
        return RequestError(413, f"a body may have {self._limits.body_bytes} bytes, and this one has more")


def predicting_route(path: str) -> str:
    """Names the route of a path that has texts classified, and is refused while too many wait; empty for others."""
    if path.startswith("/v2/models/") and path.endswith("/infer"):
        return "/v2/models/{name}/infer"
    return path if path in ("/v1/predict", "/predict") else ""


async def refuse(send: Send, status: int, sentence: str, receive: Receive | None = None) -> None:
    """Answers with an error, and ends the connection where the body was not read.

    Args:
        send: To the client.
        status: Of the answer.
        sentence: What is wrong.
        receive: Where the rest of the body comes from, which is thrown away for some seconds.
    """
    body = as_json({"error": sentence})
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *headers_of(status)]
    if status in (408, 413):
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": receive is not None})
    if receive is not None:
        try:
            async with asyncio.timeout(_LINGER_S):
                while (await receive()).get("more_body", False):
                    pass
        except TimeoutError:
            pass
        await send({"type": "http.response.body", "body": b""})


def headers_of(status: int) -> list[tuple[bytes, bytes]]:
    """Lists the headers that belong to the status of an error."""
    if status == 503:
        return [(b"retry-after", b"1")]
    return [(b"www-authenticate", b"Bearer")] if status == 401 else []
