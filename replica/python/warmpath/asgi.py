"""A middleware for ASGI: FastAPI, Starlette, `fal.App`, and everything else that speaks it.

    app.add_middleware(WarmpathMiddleware, replica=Replica(app="any-model", hints=models.keys))

The replica joins when the application has started and its server listens, drains on SIGTERM, and leaves when the server is done.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Awaitable, Iterable, MutableMapping
from typing import Any, Callable
from urllib.parse import quote

from . import _limits, _settings, signature
from .replica import Replica

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

log = logging.getLogger("warmpath")

HINTS_HEADER = b"x-fal-runner-hints"


class WarmpathMiddleware:
    """Says on each answer which hints the replica holds, counts its requests, and starts and stops it with the application.

    replica: it is started here; its heartbeats need no more.
    signing_key: the router's `ORIGIN_SIGNING_KEY`, or a list of keys while it is changed; None: `WARMPATH_SIGNING_KEY`. With a
        key every request without a good signature is answered 403. Without one all requests are admitted.
    exempt: paths, such as `/health`, that are neither verified nor counted, because they are not the router's.

    An `X-Fal-Runner-Hints` that the application sets itself, as a `fal.App` does, stays as it is. Bodies, WebSockets and
    lifespan messages pass untouched. Raises ValueError for a bad argument.
    """

    def __init__(
        self,
        app: App,
        replica: Replica,
        *,
        signing_key: str | list[str] | tuple[str, ...] | None = None,
        exempt: Iterable[str] = (),
    ) -> None:
        if not isinstance(replica, Replica):
            raise ValueError(f"replica must be a Replica, not {replica!r}")
        if isinstance(exempt, str):
            raise ValueError(f"exempt must be a list of paths, not {exempt!r}")
        self._app = app
        self._replica = replica
        self._keys = _settings.signing_keys(signing_key)
        self._exempt = frozenset(exempt)
        self._said: set[str] = set()
        replica._requests.counted = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            await self._live(scope, receive, send)
        elif kind not in ("http", "websocket") or scope["path"] in self._exempt:
            await self._app(scope, receive, send)
        else:
            fault = self._fault(scope)
            if fault is None:
                await self._serve(scope, receive, send)
            else:
                await _refuse(kind, fault, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        # OPTIONS takes no slot at the router.
        request = None if scope.get("method") == "OPTIONS" else self._replica._requests.begin()

        async def sending(message: Message) -> None:
            kind = message["type"]
            if kind == "http.response.start":
                message = self._with_hints(message)
            elif request is not None and _is_last(kind, message):
                request.answered()
            await send(message)

        try:
            await self._app(scope, receive, sending if scope["type"] == "http" else send)
        finally:
            if request is not None:
                request.end()

    def _with_hints(self, start: Message) -> Message:
        hints = self._replica.hints
        headers = list(start.get("headers", ()))
        if hints is None or any(bytes(name).lower() == HINTS_HEADER for name, _ in headers):
            return start
        value = ",".join(hints).encode()
        if len(value) > _limits.HINTS_HEADER_BYTES_MAX:
            # A part of the list would deny the rest.
            self._once("long", f"the hints take {len(value)} bytes, too many for a header: heartbeats alone tell them")
            return start
        return {**start, "headers": [*headers, (HINTS_HEADER, value)]}

    def _fault(self, scope: Scope) -> str | None:
        if not self._keys:
            return None
        header = next((value for name, value in scope["headers"] if name.lower() == b"x-warmpath-signature"), None)
        method = scope.get("method", "GET")
        text = None if header is None else header.decode("latin-1")
        fault = signature.fault(self._keys, text, method, _targets(scope), self._replica.replica)
        if fault is not None:
            self._once(re.sub(r"\d+", "", fault), f"refused {method} {scope['path']!r}: {fault}; further ones are not logged")
        return fault

    def _once(self, key: str, message: str) -> None:
        if key not in self._said:
            self._said.add(key)
            log.warning("%s", message)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The replica is `starting` while the application starts, and gone before the application's shutdown."""
        started = over = False

        def start() -> None:
            nonlocal started
            if not started:
                started = True
                self._replica.start(ready=False)

        def stop() -> None:
            nonlocal over
            if started and not over:
                # Blocks for a moment. The server has served its last request, so nothing waits for this loop.
                self._replica.stop()
            over = True

        async def receiving() -> Message:
            message = await receive()
            if message["type"] == "lifespan.startup":
                start()
            elif message["type"] == "lifespan.shutdown":
                stop()
            return message

        async def sending(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed":
                stop()
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                self._replica.ready()

        try:
            await self._app(scope, receiving, sending)
        except Exception:
            self._without_lifespan(start, over)
            raise
        self._without_lifespan(start, over)

    def _without_lifespan(self, start: Callable[[], None], over: bool) -> None:
        """An application that knows no lifespan ends here at once. Servers serve it all the same, and say no shutdown."""
        if not over:
            start()
            self._replica.ready()


def _is_last(kind: str, message: Message) -> bool:
    return (kind == "http.response.body" and not message.get("more_body", False)) or kind == "http.response.pathsend"


def _targets(scope: Scope) -> list[str]:
    """What may have stood in the request line. ASGI does not tell `/run?` from `/run`, and servers put `root_path` before."""
    raw = scope.get("raw_path")
    path = quote(scope["path"], safe="/!$&'()*+,;=:@-._~") if raw is None else raw.decode("latin-1")
    query = scope.get("query_string", b"").decode("latin-1")
    root = scope.get("root_path", "")
    paths = [path, path[len(root) :]] if root and path.startswith(root + "/") else [path]
    return [each for its in paths for each in ([f"{its}?{query}"] if query else [its, f"{its}?"])]


async def _refuse(kind: str, fault: str, receive: Receive, send: Send) -> None:
    if kind == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": ""})
        return
    body = json.dumps({"detail": f"This replica takes requests from its router alone: {fault}."}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})
