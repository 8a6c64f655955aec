"""A WebSocket under any server that speaks ASGI: a queue, a task that writes it and one that reads."""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Protocol

from quart import Websocket

from quart_chat.delivery.close_codes import CloseCode
from quart_chat.delivery.wire import BEAT, WRITE_LIMIT, Frame, Reader, Wire
from quart_chat.domain.timing import CLOSE_WRITE
from quart_chat.log import log
from quart_chat.web.asgi import FloodError


class Line(Wire, Protocol):
    """A `Wire` that can be listened to."""

    def start(self) -> None:
        """Read from now on."""

    async def served(self) -> None:
        """Wait for as long as somebody has to."""


class AsgiSocket:
    """The `Line` over a framework's WebSocket."""

    def __init__(self, socket: Websocket, reader: Reader) -> None:
        self._socket = socket
        self._reader = reader
        self._frames: deque[Frame] = deque()
        self._waiting = 0
        self._closing: tuple[int, str] | None = None
        self._something_to_do = asyncio.Event()
        self._started = asyncio.Event()

    def send(self, frame: Frame) -> None:
        """Write a frame soon; a client that has fallen too far behind is closed instead."""
        if self._closing:
            return
        self._frames.append(frame)
        self._waiting += len(frame)
        if self._waiting > WRITE_LIMIT:
            self._frames.clear()
            self.close(CloseCode.TRY_LATER, "too slow")
        self._something_to_do.set()

    def close(self, code: int, reason: str = "") -> None:
        """Close after what has been sent."""
        self._closing = self._closing or (code, reason)
        self._something_to_do.set()

    def beat(self, second: int) -> None:
        """Let the page hear something."""
        self.send(BEAT)

    def check(self, second: int) -> None:
        """The server itself gives up a client that answers no ping."""

    def start(self) -> None:
        """Read from now on."""
        self._started.set()

    async def served(self) -> None:
        """Read and write until either side is done."""
        tasks = [asyncio.create_task(work) for work in (self._read(), self._write())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            self._reader.ended()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(result, Exception):
                    log.error("socket failed", exc_info=result)

    async def _read(self) -> None:
        await self._started.wait()
        try:
            while True:
                self._reader.hear(await self._socket.receive())
        except FloodError:
            self._reader.flooded()
            await asyncio.Event().wait()  # writing that ends it all

    async def _write(self) -> None:
        """Write until it is to be closed; a client that went away meanwhile ends it quietly."""
        with suppress(ConnectionError, RuntimeError, TimeoutError):
            while not (self._closing and not self._frames):
                await self._something_to_do.wait()
                self._something_to_do.clear()
                await self._write_waiting()
            async with asyncio.timeout(CLOSE_WRITE):
                await self._socket.close(*self._closing)

    async def _write_waiting(self) -> None:
        while self._frames:
            frame = self._frames.popleft()
            self._waiting -= len(frame)
            await self._socket.send(frame.text)
