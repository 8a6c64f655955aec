"""What Hypercorn has no settings for: HTTP/1 alone, connections and sockets that end as they should, no compression."""

import asyncio
import logging
from collections.abc import Generator, Sequence
from contextlib import suppress
from http import HTTPStatus
from types import ModuleType
from typing import Any, ClassVar

import h11
import hypercorn.asyncio.run
import hypercorn.protocol
import hypercorn.protocol.h11
import hypercorn.protocol.ws_stream
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.config import Config
from hypercorn.events import Closed, RawData
from hypercorn.events import Event as ConnectionEvent
from hypercorn.protocol.events import Body, Data, Event, StreamClosed
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.ws_stream import ASGIWebsocketState, WSStream
from hypercorn.typing import ASGISendEvent
from wsproto.connection import Connection as WebsocketFrames
from wsproto.connection import ConnectionState
from wsproto.events import CloseConnection, Message, Ping
from wsproto.events import Event as WebsocketEvent
from wsproto.frame_protocol import CloseReason

from quart_chat.delivery.adopted import IGNORED_AT_MOST, LOOSE_FRAMES, READ_AT_ONCE
from quart_chat.domain.addresses import Network, networks_of
from quart_chat.domain.limits import Bucket, OpenCounts
from quart_chat.domain.timing import CLOSE_ANSWER, LINGER
from quart_chat.log import SampledLog

HTTP_VERSIONS = (b"1.0", b"1.1")
REFUSALS_LOGGED = 10  # lines in a minute

log = logging.getLogger(__name__)


def patch_hypercorn() -> None:
    """Put our connections and streams in the place of Hypercorn's own, once for the whole process.

    Hypercorn has no settings for what they do. Raises RuntimeError where a release of it has another shape, since a
    server that looks guarded and is not is worse than none.
    """
    decline_compression()
    _replace(hypercorn.asyncio.run, "TCPServer", Connection)
    _replace(hypercorn.protocol, "H11Protocol", Http1)
    _replace(hypercorn.protocol.h11, "WSStream", Stream)
    _replace(hypercorn.protocol.ws_stream, "Connection", CountedFrames)


def decline_compression() -> None:
    """Decline permessage-deflate, which Hypercorn accepts always and inflates without limit.

    64 KiB on the wire would become 64 MiB of memory before any size is looked at.
    """
    _replace(hypercorn.protocol.ws_stream, "server_extensions_handshake", lambda requested, supported: None)


class ServerConfig(Config):
    """Hypercorn's settings, and those of the classes here."""

    request_head_timeout = 10.0
    """Seconds from the first byte of a request to the end of its head."""

    releases_sockets = True
    """Whether a WebSocket may be taken over by the app; else all its frames go through ASGI."""

    def __init__(self) -> None:
        super().__init__()
        self.connections = OpenCounts(0)
        self.refusals = SampledLog(REFUSALS_LOGGED)


class Connection(TCPServer):
    """One TCP connection that can be cut, and that does not stay for long once it is to be closed."""

    config: ServerConfig
    open: ClassVar[set["Connection | ReleasedLine"]] = set()
    released: "ReleasedLine | None" = None

    async def run(self) -> None:
        """Serve this connection to its end, unless its address has too many."""
        self._networks = networks_of(self._peer())
        if not self.config.connections.add(self._networks):
            self.config.refusals.warning("too many connections")
            self.cut()
            return
        try:
            await self._serve()
        finally:
            if self.released is None:
                self.config.connections.remove(self._networks)

    def release(self, unread: bytes) -> "ReleasedLine | None":
        """Touch the connection no more, and say what has come and was not looked at, `unread` before it.

        One that has been cut meanwhile stays: only who serves it now hears of its end.
        """
        if not self.config.releases_sockets or self.writer.transport.is_closing():
            return None
        unread += bytes(self.reader._buffer)  # type: ignore[attr-defined] # asyncio has no other way to it
        self.released = ReleasedLine(self.writer.transport, unread, self.config, self._networks)  # type: ignore[arg-type]
        self.writer._transport = _Gone()  # type: ignore[attr-defined] # else the writer closes it when it is collected
        self.reader.feed_eof()
        return self.released

    def _peer(self) -> str:
        """The address that this comes from; nothing for a socket that has none."""
        peer = self.writer.get_extra_info("peername")
        return str(peer[0]) if isinstance(peer, tuple) else ""

    async def _serve(self) -> None:
        """Serve it; a peer that vanishes is no error."""
        Connection.open.add(self)
        try:
            await super().run()
        except* OSError as lost:
            log.debug("connection lost: %s", lost.exceptions)
        except* Exception:
            log.exception("connection failed")
        finally:
            Connection.open.discard(self)
            self._come_apart()

    def _come_apart(self) -> None:
        """Break the circles this is part of, so that its memory is free now and not when the collector comes by."""
        if lost := self.reader.exception():
            lost.with_traceback(None)
        if hasattr(self, "protocol"):
            del self.protocol

    def cut(self) -> None:
        """End it now, whatever is unread or unwritten."""
        self.transport.abort()

    @property
    def transport(self) -> asyncio.WriteTransport:
        """What its bytes go through."""
        return self.writer.transport

    async def _read_data(self) -> None:
        """Read to the end; a client that has hung up is not kept for the rest of keep_alive_timeout."""
        try:
            while not self.reader.at_eof() and (data := await self._read()) is not None:
                await self.protocol.handle(RawData(data))
                await asyncio.sleep(0)  # what has come already is read without waiting: others get a turn before
            await self.protocol.handle(Closed())
        except TooManyFrames:
            await self.protocol.handle(Closed())
            await self._ignore_the_rest()
        await self.idle_task.stop()

    async def _ignore_the_rest(self) -> None:
        """Read without looking for a while. Ended with something unread, the line would take the close frame along."""
        ignored = 0
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_ANSWER):
                while ignored < IGNORED_AT_MOST and (data := await self.reader.read(READ_AT_ONCE)):
                    ignored += len(data)

    async def _read(self) -> bytes | None:
        """What has come, b"" at the end; None when nothing does. Hypercorn's own makes a task for it on Python 3.11."""
        try:
            async with asyncio.timeout(self.config.read_timeout):
                return await self.reader.read(READ_AT_ONCE)
        except (OSError, TimeoutError):
            return None

    async def _close(self) -> None:
        if self.released:
            await self.idle_task.stop()
            return
        cutting = self.loop.call_later(LINGER, self.cut)
        try:
            await super()._close()
        finally:
            cutting.cancel()


class ReleasedLine:
    """A connection that is served by somebody else from now on, but still counted, and cut at the end of all."""

    __slots__ = ("_networks", "config", "transport", "unread")

    def __init__(
        self, transport: asyncio.Transport, unread: bytes, config: ServerConfig, networks: Sequence[Network]
    ) -> None:
        self.transport = transport
        self.unread = unread
        self.config = config
        self._networks = networks
        Connection.open.add(self)

    def cut(self) -> None:
        """End it now."""
        self.transport.abort()

    def ended(self) -> None:
        """Count it no more."""
        Connection.open.discard(self)
        self.config.connections.remove(self._networks)


class _Gone(asyncio.WriteTransport):
    """What a stream's writer has instead of a transport that it must not close."""

    def is_closing(self) -> bool:
        return True


class Http1(H11Protocol):
    """HTTP/1 on one connection, for all its life, and no waiting for a request head without end."""

    config: ServerConfig
    _head_timer: asyncio.TimerHandle | None = None

    async def handle(self, event: ConnectionEvent) -> None:
        """Take what comes from the client, or its end."""
        await super().handle(event)
        if isinstance(event, RawData) and self._has_unfinished_head():
            self._start_head_timer()
        else:
            self._stop_head_timer()

    def _has_unfinished_head(self) -> bool:
        connection = self.connection
        return (
            isinstance(connection, h11.Connection)
            and connection.their_state is h11.IDLE
            and bool(connection.trailing_data[0])
        )

    def _start_head_timer(self) -> None:
        """Begin to count with the first bytes; later ones win no time."""
        if self._head_timer is None:
            self._head_timer = asyncio.get_running_loop().call_later(
                self.config.request_head_timeout, self.task_group.spawn, self._end_unfinished_head
            )

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    async def _end_unfinished_head(self) -> None:
        if self._has_unfinished_head():
            await self._send_error_response(HTTPStatus.REQUEST_TIMEOUT)
            await self.send(Closed())

    async def _check_protocol(self, event: h11.Request) -> None:
        """Switch to nothing; an `Upgrade: h2c` is passed over, as RFC 9110, section 7.8, allows.

        Hypercorn's own takes up HTTP/2 without TLS, be it by an upgrade or by prior knowledge. A proxy in front tunnels
        what comes after an upgrade without looking, so that a visitor could say there what only the proxy may say.
        """

    async def _create_stream(self, request: h11.Request) -> None:
        """Serve a request; one of another version is answered with 505, and its connection ends."""
        if request.http_version in HTTP_VERSIONS:
            await super()._create_stream(request)
        else:
            await self._send_error_response(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
            await self.send(Closed())


class TooManyFrames(Exception):
    """A client sends more frames than any page does; it has been told so."""


class CountedFrames(WebsocketFrames):
    """The frames of one WebSocket. Those that are no whole message are counted here, since the app never sees them."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._loose = Bucket(LOOSE_FRAMES, asyncio.get_running_loop().time())

    def events(self) -> Generator[WebsocketEvent, None, None]:
        """What has come; raises TooManyFrames from the first frame on that is too many."""
        for event in super().events():
            if self._is_loose(event) and not self._loose.take(asyncio.get_running_loop().time()):
                raise TooManyFrames
            yield event

    def _is_loose(self, event: WebsocketEvent) -> bool:
        """Say whether the app will not count this frame: a ping, a pong, a piece but the last, any after our close."""
        if isinstance(event, Message) and self.state is ConnectionState.OPEN:
            return event.frame_finished and not event.message_finished
        return not isinstance(event, CloseConnection)


class Stream(WSStream):
    """One WebSocket that ends as it should.

    It takes its connection along when a message is too big, where Hypercorn's own answers 1009 and goes on reading and
    keeping; and its pings when it ends, which would hold the memory of a closed connection for up to an interval more.
    And it lets the client answer a close: ended at once, with something unread, the connection would be reset, and the
    client would lose the close frame and what that says.
    """

    _pinging: asyncio.Task[Any] | asyncio.TimerHandle | None = None
    _over: asyncio.Event | None = None

    async def app_send(self, message: ASGISendEvent | None) -> None:
        """Send what the app has; None is its end."""
        if message is None and self.state is ASGIWebsocketState.CLOSED and not self.closed:
            self.app_put = _ignore
            self._over = asyncio.Event()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), CLOSE_ANSWER)
        await super().app_send(message)

    async def handle(self, event: Event) -> None:
        """Take what comes from the client.

        Raises ConnectionAbortedError after a message that is too big, and TooManyFrames after a flood of them.
        """
        try:
            await super().handle(event)
        except TooManyFrames:
            log.warning("flood closed")
            await self._send_wsproto_event(CloseConnection(CloseReason.POLICY_VIOLATION, "too many frames"))
            raise
        if self.closed:
            if self._over:
                self._over.set()
            self._stop_pinging()
            await self._end_what_was_never_accepted(event)
            self._tell_of_broken_frames(event)
        elif self.buffer.length > self.buffer.max_length:
            log.info("message too big")
            await self.send(StreamClosed(stream_id=self.stream_id))  # the app hears of it first
            raise ConnectionAbortedError("message too big")

    async def _end_what_was_never_accepted(self, event: Event) -> None:
        """A client that writes before it is let in is refused; Hypercorn's own leaves the app waiting, for ever."""
        if isinstance(event, Body | Data) and not self.handshake.accepted and self.app_put is not None:
            await self.app_put({"type": "websocket.disconnect", "code": CloseReason.ABNORMAL_CLOSURE})
            await self.send(StreamClosed(stream_id=self.stream_id))

    def _tell_of_broken_frames(self, event: Event) -> None:
        """Only a client that breaks the protocol ends a stream by what it sends, with no close on either side."""
        if isinstance(event, Data) and self.handshake.accepted and self.connection.state is ConnectionState.OPEN:
            log.info("protocol broken")

    async def _send_pings(self) -> None:
        """Ping now and from time to time; Hypercorn's own keeps two tasks waiting for the next one."""
        if self.closed:
            return
        self._pinging = asyncio.current_task()  # for as long as a slow client does not take it
        await self._send_wsproto_event(Ping())
        interval = self.config.websocket_ping_interval
        if interval and not self.closed:
            self._pinging = asyncio.get_running_loop().call_later(interval, self.task_group.spawn, self._send_pings)

    def _stop_pinging(self) -> None:
        if self._pinging is not None:
            self._pinging.cancel()
            self._pinging = None


async def _ignore(event: object) -> None:
    """Take what a client still sends to an app that has ended."""


def _replace(module: ModuleType, name: str, ours: object) -> None:
    if not hasattr(module, name):
        raise RuntimeError(f"this release of Hypercorn has no {module.__name__}.{name}")
    setattr(module, name, ours)
