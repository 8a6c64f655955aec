"""Which hosts the chat answers for."""

import re

from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, Scope, WWWScope

from quart_chat.log import SampledLog

LONGEST_NAME = 253  # characters (RFC 1035, section 2.3.4, without the root's own)
HOST = re.compile(
    rb"(?P<name>[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?",
)
HEALTH = "/healthz"  # platforms ask for it by whatever name the process has for them
BAD_REQUEST = 400
ANSWER = b"This host is not served here.\n"


def name_of_host(host: bytes) -> str | None:
    """The name in a Host header, in small letters and without port or last dot; None for what is no host."""
    match = HOST.fullmatch(host)
    if match is None or len(match["name"]) > LONGEST_NAME:
        return None
    return match["name"].decode("ascii").lower().removesuffix(".")


class KnownHosts:
    """ASGI middleware: requests for what is no host, or none of the allowed ones, are answered with 400.

    Without a list any host will do. An entry that begins with a dot stands for all names that end with it. The check
    stands before the app since Quart itself fails on some hosts, before any code of an app is asked.
    """

    def __init__(self, app: ASGIFramework, allowed: frozenset[str], refusals: SampledLog) -> None:
        self.app = app
        self._names = frozenset(name for name in allowed if not name.startswith("."))
        self._endings = tuple(allowed - self._names)
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Call the app, or refuse."""
        if scope["type"] == "lifespan" or self._is_ours(scope):
            await self.app(scope, receive, send)
        else:
            self._refusals.info("request refused", status=BAD_REQUEST, why="unknown host")
            await _refuse(scope, send)

    def _is_ours(self, scope: WWWScope) -> bool:
        hosts = [value for name, value in scope["headers"] if name.lower() == b"host"]
        if hosts in ([], [b""]):  # as HTTP/1.0 has it
            return self._is_allowed("", scope["path"])
        name = name_of_host(hosts[0])
        return len(hosts) == 1 and name is not None and self._is_allowed(name, scope["path"])

    def _is_allowed(self, name: str, path: str) -> bool:
        if path == HEALTH or not (self._names or self._endings):
            return True
        return name in self._names or name.endswith(self._endings)


async def _refuse(scope: WWWScope, send: ASGISendCallable) -> None:
    """A handshake gets the same answer as a request, or 403 from a server that can give no other."""
    kind = "http.response" if scope["type"] == "http" else "websocket.http.response"
    if scope["type"] == "websocket" and kind not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": None})
        return
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(ANSWER)).encode())]
    await send({"type": f"{kind}.start", "status": BAD_REQUEST, "headers": headers})  # type: ignore[arg-type, misc]
    await send({"type": f"{kind}.body", "body": ANSWER, "more_body": False})  # type: ignore[arg-type, misc]
