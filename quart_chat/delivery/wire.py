"""Frames onto one socket, without ever waiting for the one who reads it."""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Protocol

from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.ws_stream import WSStream

from quart_chat.delivery.close_codes import CloseCode
from quart_chat.domain.timing import CLOSE_WRITE

WRITE_LIMIT = 1_048_576  # bytes waiting for one client; a slower one is cut and may resume

TEXT_FRAME = 0x81  # the last and only frame of a text message


class Frame:
    """One text frame, the same for everybody who gets it.

    `encoded` is the frame as it goes onto the line: RFC 6455, section 5.2, one final unmasked text frame.
    """

    __slots__ = ("encoded", "text")

    def __init__(self, text: str) -> None:
        payload = text.encode()
        self.text = text
        self.encoded = _head(len(payload)) + payload

    def __len__(self) -> int:
        return len(self.encoded)


def _head(length: int) -> bytes:
    if length < 126:
        return bytes((TEXT_FRAME, length))
    if length < 65_536:
        return bytes((TEXT_FRAME, 126)) + length.to_bytes(2, "big")
    return bytes((TEXT_FRAME, 127)) + length.to_bytes(8, "big")


class Socket(Protocol):
    """What a wire needs of the framework's WebSocket."""

    async def send(self, data: str) -> None:
        """Send one text frame, waiting for a slow reader."""

    async def close(self, code: int, reason: str = "") -> None:
        """Send a close frame."""


class Wire(Protocol):
    """One client's end of the line. Frames and the close keep their order."""

    def send(self, frame: Frame) -> None:
        """Hand over a frame without waiting."""

    def close(self, code: int, reason: str = "") -> None:
        """Close after what has been handed over; later frames are dropped."""

    async def run(self) -> None:
        """Write until the wire is closed."""


class PlainWire:
    """A wire over any framework's `send`: a bounded queue and the one task that writes it."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._frames: deque[Frame] = deque()
        self._waiting = 0
        self._closing: tuple[int, str] | None = None
        self._something_to_do = asyncio.Event()

    def send(self, frame: Frame) -> None:
        """Hand over a frame; a client that has fallen too far behind is closed instead."""
        if self._closing:
            return
        self._frames.append(frame)
        self._waiting += len(frame)
        if self._waiting > WRITE_LIMIT:
            self._frames.clear()
            self.close(CloseCode.TRY_LATER, "too slow")
        self._something_to_do.set()

    def close(self, code: int, reason: str = "") -> None:
        """Close after what has been handed over."""
        self._closing = self._closing or (code, reason)
        self._something_to_do.set()

    async def run(self) -> None:
        """Write until the wire is closed; a client that went away meanwhile ends it quietly."""
        with suppress(ConnectionError, RuntimeError):
            while not (self._closing and not self._frames):
                await self._something_to_do.wait()
                self._something_to_do.clear()
                await self._write_waiting()
            await self._socket.close(*self._closing)

    async def _write_waiting(self) -> None:
        while self._frames:
            frame = self._frames.popleft()
            self._waiting -= len(frame)
            await self._socket.send(frame.text)


class FastWire:
    """A wire that writes ready frames straight to Hypercorn's transport.

    A frame to many is encoded once, and each write costs a tenth of the way through ASGI and wsproto.
    Pings and the close come from Hypercorn through the same transport, each as one write, so that nothing mixes.
    """

    __slots__ = ("_closed_with", "_is_open", "_socket", "_transport")

    def __init__(self, socket: Socket, transport: asyncio.WriteTransport) -> None:
        self._socket = socket
        self._transport = transport
        self._is_open = True
        self._closed_with: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    def send(self, frame: Frame) -> None:
        """Hand over a frame; a client that has fallen too far behind is cut, since a close could not reach it."""
        if not self._is_open or self._transport.is_closing():
            return
        self._transport.write(frame.encoded)
        if self._transport.get_write_buffer_size() > WRITE_LIMIT:
            self._transport.abort()

    def close(self, code: int, reason: str = "") -> None:
        """Close after what has been handed over."""
        self._is_open = False
        if not self._closed_with.done():
            self._closed_with.set_result((code, reason))

    async def run(self) -> None:
        """Wait until the wire is closed, then give the client a moment to take that."""
        code, reason = await self._closed_with
        try:
            async with asyncio.timeout(CLOSE_WRITE):
                await self._socket.close(code, reason)
        except (ConnectionError, RuntimeError, TimeoutError):
            self._transport.abort()


def open_wire(socket: Socket, send: object) -> Wire:
    """Choose the way for an accepted socket, for all its life: the fast one where ASGI's `send` is Hypercorn's own."""
    transport = transport_of(send)
    return FastWire(socket, transport) if transport else PlainWire(socket)


def transport_of(send: object) -> asyncio.WriteTransport | None:
    """Find the transport behind Hypercorn's `send` of an accepted WebSocket over HTTP/1.1 without compression.

    Anything else, be it another server or a release of another shape, has none. The way there is private, hence
    the pinned version and a test that fails when it is not found.
    """
    stream = getattr(send, "__self__", None)
    if not isinstance(stream, WSStream) or getattr(stream, "connection", None) is None:
        return None
    protocol = getattr(stream.send, "__self__", None)
    if not isinstance(protocol, H11Protocol) or stream.connection._proto.extensions:
        return None
    server = getattr(protocol.send, "__self__", None)
    transport = server.writer.transport if isinstance(server, TCPServer) else None
    # Over TLS a write would need the record layer's own back-pressure; platforms end TLS in front of us.
    return transport if transport and transport.get_extra_info("ssl_object") is None else None
