"""WebSockets whose connection is ours once Hypercorn has let them in: no task, queue or buffer for any of them."""

import asyncio
from typing import Protocol

from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.ws_stream import WSStream

from quart_chat.delivery.close_codes import CloseCode
from quart_chat.delivery.websocket import Closing, FrameReader, Opcode, Ping, Received, close_payload, control_frame
from quart_chat.delivery.wire import BEAT, WRITE_LIMIT, Frame, Reader
from quart_chat.domain.limits import Bucket, Limit
from quart_chat.domain.timing import CLOSE_ANSWER, CLOSE_WRITE, LINGER, MUTE_AFTER
from quart_chat.log import log

READ_AT_ONCE = 4_096  # bytes; so many hold dozens of frames, after which others get a turn
IGNORED_AT_MOST = 1_048_576  # bytes of a client that has been told to go
LOOSE_FRAMES = Limit(120, 60.0)  # frames of a socket that are no whole message; a page sends a pong every 20 s

PING_AND_BEAT = control_frame(Opcode.PING) + BEAT.encoded
# What is read is used up before anything else is read, so one buffer serves all connections.
_buffer = bytearray(READ_AT_ONCE)
_view = memoryview(_buffer)


class Line(Protocol):
    """A connection that Hypercorn has let go of."""

    transport: asyncio.Transport
    unread: bytes

    def ended(self) -> None:
        """It is closed."""


class Connection(Protocol):
    """A connection of Hypercorn that can let go of itself."""

    def release(self, unread: bytes) -> Line | None:
        """Touch the connection no more, and say what has come and was not looked at, `unread` before it."""


class AdoptedSocket(asyncio.BufferedProtocol):
    """The `Wire` of an adopted connection. It reads once it is started, and until the line is gone.

    A client that falls too far behind is cut, since a close frame could not reach it. One that is told to go has a
    moment to answer that; what else it sends is not looked at.
    """

    __slots__ = (
        "_frames",
        "_heard_at",
        "_ignored",
        "_is_heard",
        "_is_open",
        "_line",
        "_loose",
        "_reader",
        "_timer",
        "_transport",
    )

    def __init__(self, line: Line, reader: Reader) -> None:
        self._line = line
        self._transport = line.transport
        self._reader: Reader | None = reader
        self._frames = FrameReader()
        self._loose: Bucket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_open = True
        self._is_heard = True
        self._heard_at = 0
        self._ignored = 0
        self._transport.pause_reading()
        self._transport.set_protocol(self)
        self._transport.set_write_buffer_limits(high=WRITE_LIMIT)

    def start(self) -> None:
        """Read from now on, first what has come already."""
        unread, self._line.unread = self._line.unread, b""
        if unread:
            self._read(unread)
        if not self._transport.is_closing():
            self._transport.resume_reading()

    async def served(self) -> None:
        """Nothing is to be waited for: the loop calls."""

    # What is written.

    def send(self, frame: Frame) -> None:
        """Write a frame; the loop's transport keeps what the client does not take yet."""
        if self._is_open:
            self._transport.write(frame.encoded)

    def close(self, code: int, reason: str = "") -> None:
        """Say why, and give the client a moment to take that and to answer."""
        if self._is_open:
            self._is_open = False
            self._transport.write(control_frame(Opcode.CLOSE, close_payload(code, reason)))
            is_slow = self._transport.get_write_buffer_size() > 0
            self._cut_in(CLOSE_WRITE if is_slow else CLOSE_ANSWER)
            self.start()  # if it has not begun to read: the answer is to be read
            asyncio.get_running_loop().call_soon(self._tell_end)

    def beat(self, second: int) -> None:
        """Let the page hear something, and its browser answer."""
        if self._is_open:
            self._transport.write(PING_AND_BEAT)

    def check(self, second: int) -> None:
        """Give up a browser that has not answered for too long."""
        if self._is_heard:
            self._is_heard, self._heard_at = False, second
        elif second - self._heard_at >= MUTE_AFTER:
            self.cut()

    def cut(self) -> None:
        """End the connection now."""
        self._is_open = False
        self._transport.abort()

    # What is read.

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the transport puts what it reads next."""
        return _view

    def buffer_updated(self, nbytes: int) -> None:
        """Something has come."""
        self._is_heard = True
        try:
            self._read(bytes(_view[:nbytes]))
        except Exception:  # asyncio would cut the line without a word
            log.exception("socket failed")
            self.close(CloseCode.INTERNAL_ERROR)

    def _read(self, data: bytes) -> None:
        for received in self._frames.read(data):
            if isinstance(received, str) and self._is_open and self._reader:
                self._reader.hear(received)
            else:
                self._take(received)
        if not self._is_open:
            self._ignored += len(data)
            if self._ignored > IGNORED_AT_MOST:
                self.cut()

    def _take(self, received: Received) -> None:
        if isinstance(received, Closing):
            self._take_closing(received)
        elif not self._is_open:
            return
        elif isinstance(received, bytes):
            if self._reader:
                self._reader.hear(received)
        elif not self._is_allowed_loose():
            if self._reader:
                self._reader.flooded()
        elif isinstance(received, Ping):
            self._transport.write(control_frame(Opcode.PONG, received.payload))

    def _take_closing(self, closing: Closing) -> None:
        """Answer a close frame, or say what was broken; the answer to ours ends it."""
        if closing.violation and not self._is_open:
            return  # it has been told to go, and its timer runs
        if closing.violation:
            log.info("message too big" if closing.code == CloseCode.TOO_BIG else "protocol broken")
            self.close(closing.code or CloseCode.PROTOCOL_ERROR, closing.violation)
            return
        if self._is_open:
            self._is_open = False
            self._transport.write(control_frame(Opcode.CLOSE, close_payload(closing.code)))
        self._cut_in(LINGER)
        self._transport.close()

    def _is_allowed_loose(self) -> bool:
        now = asyncio.get_running_loop().time()
        self._loose = self._loose or Bucket(LOOSE_FRAMES, now)
        return self._loose.take(now)

    def pause_writing(self) -> None:
        """More than WRITE_LIMIT waits for the client."""
        self.cut()

    def eof_received(self) -> bool:
        """A client that will send no more is gone: the transport closes."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The line is gone."""
        self._is_open = False
        if self._timer:
            self._timer.cancel()
        self._line.ended()
        self._tell_end()

    def _cut_in(self, seconds: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.cut)

    def _tell_end(self) -> None:
        reader, self._reader = self._reader, None
        if reader:
            reader.ended()


def adopt(send: object, reader: Reader) -> AdoptedSocket | None:
    """Take over the accepted WebSocket behind ASGI's `send`, if it is our Hypercorn's over HTTP/1.1 without TLS.

    It has to be done in the turn of the loop in which it was accepted, so that nobody else has read from it. Anything
    else, be it another server or a release of another shape, is left as it was. The way there is private, hence the
    pinned version, and a test that fails when it is not found.
    """
    stream = getattr(send, "__self__", None)
    if not isinstance(stream, WSStream) or getattr(stream, "connection", None) is None:
        return None
    protocol = getattr(stream.send, "__self__", None)
    if not isinstance(protocol, H11Protocol) or stream.connection._proto.extensions or stream.scheme != "ws":
        return None
    release = getattr(getattr(protocol.send, "__self__", None), "release", None)
    if release is None:
        return None
    line = release(bytes(getattr(protocol.connection, "buffer", b"")))
    if line is None:
        return None
    stream.closed = True  # from now on it writes nothing, and its end ends nothing
    return AdoptedSocket(line, reader)
