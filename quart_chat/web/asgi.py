"""The edges of the app as an ASGI server sees it: a socket that cannot be flooded, and who is behind a proxy."""

import asyncio
import re
from typing import TYPE_CHECKING

from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGISendCallable,
    ASGISendEvent,
    Scope,
    WebsocketReceiveEvent,
    WebsocketScope,
    WWWScope,
)
from quart.asgi import ASGIWebsocketConnection
from quart.wrappers import Websocket

from quart_chat.delivery.close_codes import CloseCode
from quart_chat.domain.addresses import read_address
from quart_chat.web.hosts import name_of_host

if TYPE_CHECKING:
    from quart import Quart

STORED_MESSAGES = 64  # messages a handler may lag behind; a page never sends more than its frame burst at once
SERVER_SEND = "quart_chat.server_send"  # in a WebSocket scope's extensions

WEBSOCKET_SCHEMES = {"http": "ws", "https": "wss"}
ADDRESS_AND_PORT = re.compile(r"(?:\[(?P<v6>[^]]*)\]|(?P<v4>[^:]*))(?::\d*)?")


class FloodError(Exception):
    """The client sends faster than its handler takes; close it with 1008."""


class Inbox(asyncio.Queue[str | bytes]):
    """What a client has sent and its handler has not taken yet. Bounded, and it never keeps the sender waiting."""

    overflowed = False

    def __init__(self) -> None:
        super().__init__(STORED_MESSAGES)

    async def put(self, message: str | bytes) -> None:
        """Keep this message; once there are too many, keep nothing any more."""
        if self.full():
            await asyncio.sleep(0)  # many may come in one read: the handler gets a turn before it is judged
        if self.full():
            self._overflow()
        if not self.overflowed:
            self.put_nowait(message)

    async def get(self) -> str | bytes:
        """The next message; raises FloodError from the moment there were too many."""
        if self.overflowed:
            raise FloodError
        return await super().get()

    def _overflow(self) -> None:
        self.overflowed = True
        while not self.empty():
            self.get_nowait()


class GuardedWebsocket(ASGIWebsocketConnection):
    """One WebSocket of the app, for `app.asgi_websocket_class`.

    - It always takes what the server has, so that no end of either side leaves the other waiting, and stores at
      most STORED_MESSAGES; beyond that `websocket.receive()` raises FloodError.
    - An empty binary message is `b""`; Quart's own class makes it None.
    - A handler that ends without closing its socket, be it by an exception, has failed: the client gets 1011 (1008
      after a flood) and so comes back. 1000 means "do not come back" to a client; it is sent only when a handler
      closes with it.
    - Quart's signal `websocket_received` is not sent.
    """

    def __init__(self, app: "Quart", scope: WebsocketScope) -> None:
        super().__init__(app, scope)
        self.queue: Inbox = Inbox()
        self._closing = False

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Run the handler until it ends, the client is gone or the server cancels this; nothing runs on after it.

        Quart's own leaves the handler behind, waiting for ever, when the server cancels.
        """
        self.scope.setdefault("extensions", {})[SERVER_SEND] = send  # type: ignore[assignment] # a key of our own
        hearing = asyncio.create_task(self.handle_messages(receive))
        handling = asyncio.create_task(self.handle_websocket(self._create_websocket_from_scope(send), send))
        try:
            await asyncio.wait({hearing, handling}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            hearing.cancel()
            handling.cancel()
            await asyncio.gather(hearing, handling, return_exceptions=True)
            del self.scope["extensions"][SERVER_SEND]  # it makes a circle through the server's stream
        if not handling.cancelled():
            handling.result()

    async def handle_messages(self, receive: ASGIReceiveCallable) -> None:
        """Take the client's messages until it is gone."""
        while (event := await receive())["type"] != "websocket.disconnect":
            if event["type"] == "websocket.receive":
                await self.queue.put(_message(event))

    async def handle_websocket(self, websocket: Websocket, send: ASGISendCallable) -> None:
        """Run the handler; whatever it sends goes to the server's own `send`, only the last close is ours."""

        async def end(event: ASGISendEvent) -> None:
            if event["type"] == "websocket.close":
                if self._closing:
                    return
                event["code"] = CloseCode.POLICY if self.queue.overflowed else CloseCode.INTERNAL_ERROR
            await send(event)

        await super().handle_websocket(websocket, end)

    async def close_connection(self, send: ASGISendCallable, code: int, reason: str) -> None:
        """Close; from now on, not from when the client has taken it, the handler may end."""
        self._closing = True
        await super().close_connection(send, code, reason)


def _message(event: WebsocketReceiveEvent) -> str | bytes:
    text = event.get("text")
    return text if text is not None else event.get("bytes") or b""


class TrustedProxies:
    """ASGI middleware: what the last of `hops` proxies in front says of the visitor becomes the scope.

    Each proxy appends the address it was called from to X-Forwarded-For, so the entry `hops` from the right is the
    visitor, and all before it is hearsay. With 0 hops nothing is believed. `receive` and `send` pass untouched.
    """

    def __init__(self, app: ASGIFramework, hops: int) -> None:
        self.app = app
        self.hops = hops

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Call the app with the visitor's address, scheme and host."""
        if self.hops > 0 and scope["type"] != "lifespan":
            scope = _as_the_visitor_sent_it(scope, self.hops)
        await self.app(scope, receive, send)


def _as_the_visitor_sent_it(scope: WWWScope, hops: int) -> WWWScope:
    seen = scope.copy()
    seen["client"] = _visitor_address(_forwarded(scope, b"for"), hops) or scope["client"]
    seen["scheme"] = _visitor_scheme(scope, hops)
    seen["headers"] = _headers_for_host(scope, hops)
    return seen


def _forwarded(scope: WWWScope, what: bytes) -> list[bytes]:
    """All entries of X-Forwarded-<what>, which may be spread over several headers."""
    lines = [value for name, value in scope["headers"] if name.lower() == b"x-forwarded-" + what]
    return [entry.strip() for line in lines for entry in line.split(b",")]


def _visitor_address(entries: list[bytes], hops: int) -> tuple[str, int] | None:
    """The address `hops` from the right, in its one canonical form; the port is not known and 0."""
    if len(entries) < hops:
        return None
    address = read_address(_without_port(entries[-hops].decode("latin-1")))
    return (str(address), 0) if address else None


def _without_port(text: str) -> str:
    match = ADDRESS_AND_PORT.fullmatch(text)
    return match["v6"] or match["v4"] or "" if match else text


def _visitor_scheme(scope: WWWScope, hops: int) -> str:
    scheme = _spoken_by(_forwarded(scope, b"proto"), hops).decode("latin-1").lower()
    if scheme not in WEBSOCKET_SCHEMES:
        return scope["scheme"]
    return WEBSOCKET_SCHEMES[scheme] if scope["type"] == "websocket" else scheme


def _headers_for_host(scope: WWWScope, hops: int) -> list[tuple[bytes, bytes]]:
    headers = list(scope["headers"])
    host = _spoken_by(_forwarded(scope, b"host"), hops)
    if name_of_host(host) is None:
        return headers
    return [(b"host", host), *((name, value) for name, value in headers if name.lower() != b"host")]


def _spoken_by(entries: list[bytes], hops: int) -> bytes:
    """The entry of the outermost trusted proxy; most overwrite these headers, so that there is only one."""
    return entries[-min(hops, len(entries))] if entries else b""
