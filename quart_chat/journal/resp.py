"""Connections to a Redis or Valkey. Commands are written as they come, answers come in the same order (RESP 3)."""

import asyncio
import re
import ssl
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

import hiredis

from quart_chat.domain.ports import StoreAway
from quart_chat.domain.timing import ANSWER_LIMIT, LEASE_EVERY
from quart_chat.journal.store import resolve

Done = Callable[[Any], None]
Pushed = Callable[[bytes, bytes], None]
NOTHING: Any = object()
# The server has lost our scripts, or does not keep the key any more: all begins again with a new connection.
STALE = re.compile(r"\b(MOVED|ASK|NOSCRIPT|READONLY)\b")


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server is and how it is entered. `path` is that of a unix socket."""

    host: str = "127.0.0.1"
    port: int = 6379
    path: str = ""
    username: str = "default"
    password: str = ""
    database: int = 0
    tls: bool = False
    self_signed: bool = False

    def at(self, host: str, port: int) -> "Server":
        """Another one that is entered in the same way."""
        return replace(self, host=host, port=port)


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """Servers to begin with, or one whose address is asked of sentinels, by the name of the master."""

    servers: tuple[Server, ...]
    sentinels: tuple[Server, ...] = ()
    master: str = ""


def read_url(url: str, self_signed: bool = False) -> StoreUrl:
    """Read redis://one:6379,other:6379, rediss:// (TLS), unix://path or redis+sentinel://one:26379,other:26379/name.

    Raises ValueError.
    """
    parts = urlsplit(url)
    user, _, hosts = parts.netloc.rpartition("@")
    username, _, password = map(unquote, user.partition(":"))
    tls = parts.scheme.startswith("rediss")
    server = Server(username=username or "default", password=password, tls=tls, self_signed=self_signed)
    first, _, second = parts.path.strip("/").partition("/")
    if parts.scheme == "unix" and parts.path:
        return StoreUrl((replace(server, path=parts.path, database=int(parse_qs(parts.query).get("db", ["0"])[0])),))
    if parts.scheme in ("redis+sentinel", "rediss+sentinel") and hosts and first:
        sentinels = tuple(server.at(*_host_and_port(host, 26379)) for host in hosts.split(","))
        return StoreUrl((replace(server, database=int(second or 0)),), sentinels, first)
    if parts.scheme in ("redis", "rediss") and hosts:
        server = replace(server, database=int(first or 0))
        return StoreUrl(tuple(server.at(*_host_and_port(host, 6379)) for host in hosts.split(",")))
    raise ValueError("no address of a store")


def _host_and_port(text: str, default: int) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    return parts.hostname or "127.0.0.1", parts.port or default


class Line(asyncio.Protocol):
    """One connection. `call` never waits: what becomes of a command is told to `done`, an exception if nothing.

    `pushed` is told what is published in the channels that the line has subscribed to.
    """

    def __init__(self, pushed: Pushed | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._pushed = pushed
        self._reader = hiredis.Reader(notEnoughData=NOTHING)
        self._waiting: deque[Done] = deque()
        self._unwritten: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._heard_at = self._loop.time()
        self.closed: asyncio.Future[None] = self._loop.create_future()

    def call(self, command: tuple[Any, ...], done: Done) -> None:
        """Send a command with all others of this turn of the loop."""
        if self._transport is None:
            done(StoreAway("not connected"))
            return
        if not self._waiting:
            self._heard_at = self._loop.time()  # it has not been asked anything before
        self._waiting.append(done)
        if not self._unwritten:
            self._loop.call_soon(self._write)
        self._unwritten.append(hiredis.pack_command(command))

    def subscribe(self, *command: Any) -> None:
        """Send a command that is answered by a push, for one channel at a time."""
        self.call(command, _subscribed)

    async def ask(self, *command: Any) -> Any:
        """Send one command and wait for its answer. Raises StoreAway, and hiredis.ReplyError for a refusal."""
        answered: asyncio.Future[Any] = self._loop.create_future()
        self.call(command, partial(resolve, answered))
        try:
            answer = await asyncio.wait_for(answered, ANSWER_LIMIT)
        except TimeoutError:
            raise StoreAway("no answer") from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def check(self) -> None:
        """Cut a line whose answers are overdue, and ask one that has been silent for something."""
        silent_for = self._loop.time() - self._heard_at
        if self._waiting and silent_for > ANSWER_LIMIT:
            self.cut()
        elif silent_for > LEASE_EVERY:
            self.call((b"PING",), _ignore)

    def cut(self) -> None:
        """End the connection now."""
        transport, self._transport = self._transport, None
        if transport:
            transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are none by their class

    def data_received(self, data: bytes) -> None:
        """Take in what has come, and pass each answer on."""
        self._heard_at = self._loop.time()
        self._reader.feed(data)
        while self._transport and (answer := self._reader.gets()) is not NOTHING:
            if isinstance(answer, hiredis.PushNotification):
                self._take_push(*answer)
            elif isinstance(answer, hiredis.ReplyError) and STALE.search(str(answer)):
                self.cut()
            elif self._waiting:
                self._waiting.popleft()(answer)

    def _take_push(self, kind: bytes, channel: bytes, data: Any) -> None:
        if kind.endswith(b"message"):
            if self._pushed:
                self._pushed(channel, data)
        elif self._waiting and self._waiting[0] is _subscribed:
            self._waiting.popleft()
        else:  # the channel has moved to another server
            self.cut()

    def connection_lost(self, error: Exception | None) -> None:
        """Tell all who wait that there will be no answer."""
        self._transport = None
        waiting, self._waiting = self._waiting, deque()
        for done in waiting:
            done(StoreAway("the connection is lost"))
        if not self.closed.done():
            self.closed.set_result(None)

    def _write(self) -> None:
        unwritten, self._unwritten = self._unwritten, []
        if self._transport:
            self._transport.write(b"".join(unwritten))


async def connect(server: Server, pushed: Pushed | None = None) -> Line:
    """Open a line and enter. Raises StoreAway."""
    try:
        line = await asyncio.wait_for(_opened(server, pushed), ANSWER_LIMIT)
    except (OSError, TimeoutError) as error:
        raise StoreAway(f"{type(error).__name__}: {error}") from None
    with cut_if_this_fails(line):
        await line.ask("HELLO", 3, *(("AUTH", server.username, server.password) if server.password else ()))
        if server.database:
            await line.ask("SELECT", server.database)
    return line


@contextmanager
def cut_if_this_fails(line: Line) -> Iterator[None]:
    """End a connection with which something cannot be begun. Raises StoreAway for what a server refuses."""
    try:
        yield
    except BaseException as error:
        line.cut()
        if isinstance(error, hiredis.ReplyError):
            raise StoreAway(str(error)) from None
        raise


async def _opened(server: Server, pushed: Pushed | None) -> Line:
    loop, make = asyncio.get_running_loop(), partial(Line, pushed)
    if server.path:
        return (await loop.create_unix_connection(make, server.path))[1]
    context = ssl.create_default_context() if server.tls else None
    if context and server.self_signed:  # as Heroku's certificates are
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return (await loop.create_connection(make, server.host, server.port, ssl=context))[1]


def _subscribed(answer: Any) -> None:
    """Marks where the answer to a subscription belongs; a refusal means that the channel is elsewhere."""


def _ignore(answer: Any) -> None:
    """It was asked to see whether it answers."""
