"""A TCP proxy between clients and a server that misbehaves when a test says so."""

import asyncio
import random
import socket
import struct
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

PIECE = 4096  # bytes forwarded at once, and kept by a slow line
SLOW_STEP = 0.02  # seconds between two pieces of a slow line
RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time to linger: closing sends RST


@dataclass(eq=False, slots=True)
class Link:
    """One connection through the proxy: its two ends, and when a byte last passed."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    heard: float
    passing: asyncio.Event = field(default_factory=asyncio.Event)

    def freeze(self) -> None:
        """Swallow everything, the end of the connection too: a line that is dead and does not know it."""
        self.passing.clear()

    def thaw(self) -> None:
        """Let what was swallowed pass, and all that follows."""
        self.passing.set()

    def cut(self) -> None:
        """End it on both sides."""
        for end in (self.client, self.server):
            end.transport.abort()

    def reset(self) -> None:
        """End it on both sides with RST."""
        for end in (self.client, self.server):
            with suppress(OSError):  # closed already
                end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.cut()

    def hang_up(self) -> None:
        """End it on both sides with FIN, and no close frame."""
        self.client.close()
        self.server.close()

    def half_close(self) -> None:
        """Tell the server that the client will send no more, while it still listens."""
        with suppress(OSError, RuntimeError):  # closed already
            self.server.write_eof()


class ChaosProxy:
    """Forwards every connection to a server, until told to delay, freeze, slow down, half-close or cut it.

    `delay` is in seconds per piece, `bytes_per_second` limits each direction, `idle_limit` is after how many silent
    seconds a connection is cut, as platform routers do; None is no limit. All may change at any time.
    """

    def __init__(self, server: str, *, idle_limit: float | None = None) -> None:
        self.delay = 0.0
        self.bytes_per_second: float | None = None
        self.idle_limit = idle_limit
        self._target = urlsplit(server)
        self._links: set[Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._frozen = False
        self._answer_bytes: int | None = None
        self._answer_cut = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=PIECE)
        self.url = f"http://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def __len__(self) -> int:
        return len(self._links)

    def freeze(self) -> None:
        """Freeze all connections, also those to come."""
        self._frozen = True
        for link in self._links:
            link.freeze()

    def thaw(self) -> None:
        """Thaw all connections."""
        self._frozen = False
        for link in self._links:
            link.thaw()

    async def cuts_answer(self, after: int) -> None:
        """Let so many more bytes come from the server, then cut the connection on which the next one comes.

        What it answers to was asked, and is done; the client cannot know that.
        """
        self._answer_bytes = after
        self._answer_cut.clear()
        await self._answer_cut.wait()

    def heal(self) -> None:
        """Forward everything at once again."""
        self.delay, self.bytes_per_second = 0.0, None
        self.thaw()

    def cut(self) -> None:
        """End all connections on both sides."""
        for link in list(self._links):
            link.cut()

    def reset(self) -> None:
        """End all connections on both sides with RST."""
        for link in list(self._links):
            link.reset()

    def hang_up(self) -> None:
        """End all connections on both sides with FIN, and no close frame."""
        for link in list(self._links):
            link.hang_up()

    def half_close(self) -> None:
        """Tell the server that the clients will send no more, while they still listen."""
        for link in list(self._links):
            link.half_close()

    async def break_some(self, chance: random.Random) -> None:
        """Break one connection after the other, or let it stall for a moment, until this is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(chance.uniform(0.0, 0.1))
            if links := list(self._links):
                link = chance.choice(links)
                chance.choice([link.cut, link.reset, link.hang_up, link.half_close, link.freeze, link.freeze])()
                loop.call_later(chance.uniform(0.0, 0.5), link.thaw)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._start(self._connect(reader, writer))

    def _start(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _connect(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            from_server, to_server = await asyncio.open_connection(sock=await self._dial(), limit=PIECE)
        except OSError:
            to_client.transport.abort()
            return
        link = Link(to_client, to_server, asyncio.get_running_loop().time())
        self._links.add(link)
        if not self._frozen:
            link.passing.set()
        idling = self._start(self._watch(link))
        try:
            await asyncio.gather(
                self._forward(link, from_client, to_server),
                self._forward(link, from_server, to_client, self._first_of_answer),
            )
        finally:
            idling.cancel()
            self._links.discard(link)
            link.cut()

    async def _dial(self) -> socket.socket:
        """Keep little of what a slow line has not taken yet: it must be felt by the server."""
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE)
        await asyncio.get_running_loop().sock_connect(sock, (self._target.hostname, self._target.port))
        return sock

    async def _forward(
        self,
        link: Link,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        let_pass: Callable[[bytes], bytes] = bytes,
    ) -> None:
        with suppress(OSError, RuntimeError):  # RuntimeError: this end was half-closed meanwhile
            while piece := await reader.read(self._piece()):
                link.heard = asyncio.get_running_loop().time()
                await link.passing.wait()
                await asyncio.sleep(self.delay + (SLOW_STEP if self.bytes_per_second else 0))
                passing = let_pass(piece)
                writer.write(passing)
                await writer.drain()
                if passing != piece:
                    link.cut()
            await link.passing.wait()
            writer.write_eof()

    def _first_of_answer(self, piece: bytes) -> bytes:
        """As much of what a server has sent as may still pass."""
        if self._answer_bytes is None:
            return piece
        passing = piece[: self._answer_bytes]
        self._answer_bytes -= len(passing)
        if passing != piece:
            self._answer_bytes = None
            self._answer_cut.set()
        return passing

    def _piece(self) -> int:
        return max(1, int(self.bytes_per_second * SLOW_STEP)) if self.bytes_per_second else PIECE

    async def _watch(self, link: Link) -> None:
        """Cut a silent connection, as a router does."""
        while self.idle_limit is not None:
            silent = asyncio.get_running_loop().time() - link.heard
            if silent >= self.idle_limit:
                link.cut()
                return
            await asyncio.sleep(self.idle_limit - silent)


async def misbehave(line: ChaosProxy, chance: random.Random) -> None:
    """Do one of the things lines do, for a moment."""
    line.delay = chance.choice([0.0, 0.0, 0.01, 0.03])
    line.bytes_per_second = chance.choice([None, None, None, 200_000])
    breaks = [line.reset, line.hang_up, line.half_close, line.freeze]
    happening = chance.choice([*breaks, line.thaw, line.thaw, None, None])
    if happening:
        happening()
    await asyncio.sleep(chance.uniform(0.0, 0.05))
