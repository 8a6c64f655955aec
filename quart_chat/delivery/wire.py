"""Frames onto one socket, without ever waiting for the one who reads it."""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Protocol

WRITE_LIMIT = 1_048_576  # bytes waiting for one client; a slower one is cut and may resume

REPLACED = 4409  # the same page is open elsewhere: stay away
RESTARTING = 1012
TOO_SLOW = 1013
POLICY = 1008
BROKEN = 1011


class Frame:
    """One text frame, the same for everybody who gets it."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __len__(self) -> int:
        return len(self.text)


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
            self.close(TOO_SLOW, "too slow")
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
