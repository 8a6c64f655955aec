"""A WebSocket client that costs little: it counts and finds texts, and answers pings."""

import asyncio
import os
import socket
from base64 import b64encode
from collections.abc import Callable
from typing import cast

TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A
MASK = os.urandom(4)
PATIENCE = 60.0  # seconds to wait for anything; far more than a server that works needs

SMALLEST_BUFFER = 1  # bytes; the system makes of it the least it has

Hear = Callable[["Line", bytes], None]


class Broken(Exception):
    """The server has refused or dropped a connection, or does not answer."""


def ignore(line: "Line", data: bytes) -> None:
    """Hear nothing."""


class Line(asyncio.Protocol):
    """One connection; what arrives goes to `hear` as whole frames, their heads included."""

    def __init__(self, path: str, headers: str = "") -> None:
        key = b64encode(os.urandom(16)).decode()
        self._request = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{headers}\r\n"
        )
        self.hear: Hear = ignore
        self.room = "lobby"  # that its guest is in, where a chat has several
        self.is_open = False
        self.closed = asyncio.Event()
        self._needle = b""
        self._seen: asyncio.Future[bytes] | None = None
        self._early: bytes | None = None  # what comes after the handshake, until somebody looks
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    async def open(self, port: int) -> None:
        """Connect and shake hands; raises Broken."""
        answer = self.sees(b"\r\n\r\n")
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: self, "127.0.0.1", port)
        except OSError as error:
            raise Broken from error
        if not (await answer).startswith(b"HTTP/1.1 101"):
            raise Broken

    def say(self, text: str) -> None:
        """Send one text frame."""
        self._send(TEXT, text.encode())

    def sees(self, needle: bytes) -> "asyncio.Future[bytes]":
        """What arrives together with this text; fails with Broken when the connection ends before."""
        self._needle = needle
        self._seen = seen = asyncio.get_running_loop().create_future()
        early, self._early = self._early, None
        if early:
            self._look_at(early)
        return seen

    def cut(self) -> None:
        """End the connection without a word."""
        if self._transport:
            self._transport.abort()

    def stop_reading(self) -> None:
        """Leave everything that comes to the system, which takes as little as it can."""
        assert self._transport
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALLEST_BUFFER)
        self._transport.pause_reading()

    def read_on(self) -> None:
        """Take what has come meanwhile."""
        assert self._transport
        self._transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by name
        self._transport.write(self._request.encode())

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self.closed.set()
        if self._seen and not self._seen.done():
            self._seen.set_exception(Broken())

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        end = self._walk(data) if self.is_open else self._end_of_handshake(data)
        self._rest = data[end:]
        heard = data[:end]
        if self._seen:
            self._look_at(heard)
        elif self.hear is ignore and self._early is not None:
            self._early += heard
        self.hear(self, heard)

    def _look_at(self, heard: bytes) -> None:
        if self._seen and not self._seen.done() and self._needle in heard:
            self._seen.set_result(heard)
            self._seen = None

    def _end_of_handshake(self, data: bytes) -> int:
        head = data.find(b"\r\n\r\n") + 4
        self.is_open = head >= 4
        if not self.is_open:
            return 0
        end = head + self._walk(data[head:])
        self._early = data[head:end]
        return end

    def _walk(self, data: bytes) -> int:
        """Step over all complete frames; returns where they end."""
        at, length = 0, len(data)
        while at + 2 <= length:
            size, start = data[at + 1], at + 2
            if size > 125:
                start += 2 if size == 126 else 8
                size = int.from_bytes(data[at + 2 : start], "big")
            if start + size > length:
                break
            if data[at] != TEXT or size == 1:
                self._answer(data[at], data[start : start + size])
            at = start + size
        return at

    def _answer(self, kind: int, payload: bytes) -> None:
        if kind == PING:
            self._send(PONG, payload)
        elif kind == TEXT and payload == b"2":  # the ping of Engine.IO
            self._send(TEXT, b"3")
        elif kind == CLOSE:
            self.cut()

    def _send(self, kind: int, payload: bytes) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(_head(kind, len(payload)) + MASK + _masked(payload))


def _head(kind: int, size: int) -> bytes:
    return bytes((kind, 0x80 | size)) if size < 126 else bytes((kind, 0xFE)) + size.to_bytes(2, "big")


def _masked(payload: bytes) -> bytes:
    mask = (MASK * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(len(payload), "big")
