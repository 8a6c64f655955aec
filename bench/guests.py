"""How one speaks to each chat: open a line, be in the lobby, say something."""

import asyncio
import html
import json
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

from bench.line import PATIENCE, Broken, Line

IN_A_TALK = b'data-at="talk"'
ROOM = re.compile(rb'name="room" value="([^"]+)"')

# What htmx adds to each frame.
HTMX_HEADERS = {
    "HX-Request": "true",
    "HX-Source": "form#say",
    "HX-Current-URL": "http://127.0.0.1/lobby",
    "HX-Target": "form#say",
}


PortFor = Callable[[int], int]
"""The port that a guest of this number comes to."""


class Manners(Protocol):
    """How to come and how to speak."""

    async def come(self, port: int, number: int) -> Line:
        """Connect guest `number` and let it be in the chat; raises Broken."""

    def say(self, line: Line, text: str) -> None:
        """Say something to everybody."""


class SmallRooms(Manners, Protocol):
    """How to be few in one of many rooms."""

    async def meet(self, port_for: PortFor, pair: int) -> tuple[Line, Line]:
        """Connect two strangers who have each other to talk to."""

    async def share_a_room(self, port_for: PortFor, room: int, size: int) -> list[Line]:
        """Connect so many who have a room of their own."""


class JsonManners:
    """A name and a room in the address, then JSON both ways."""

    async def come(self, port: int, number: int) -> Line:
        return await self._come_into("lobby", port, number)

    async def meet(self, port_for: PortFor, pair: int) -> tuple[Line, Line]:
        first, second = await self.share_a_room(port_for, pair, 2)
        return first, second

    async def share_a_room(self, port_for: PortFor, room: int, size: int) -> list[Line]:
        numbers = range(room * size, (room + 1) * size)
        return [await self._come_into(f"room{room}", port_for(number), number) for number in numbers]

    async def _come_into(self, room: str, port: int, number: int) -> Line:
        line = Line(f"/ws?name=Guest{number}&room={room}")
        await line.open(port)
        return line

    def say(self, line: Line, text: str) -> None:
        line.say(json.dumps({"text": text}))


class SocketIoManners:
    """Socket.IO over a WebSocket from the start."""

    async def come(self, port: int, number: int) -> Line:
        line = Line("/socket.io/?EIO=4&transport=websocket")
        await line.open(port)
        entered = line.sees(b"40{")
        line.say("40" + json.dumps({"name": f"Guest{number}"}))
        await entered
        return line

    def say(self, line: Line, text: str) -> None:
        line.say("42" + json.dumps(["say", {"text": text}]))


@dataclass(frozen=True, slots=True)
class Page:
    """What a loaded page knows: its socket's address and its cookie."""

    socket: str
    cookie: str

    async def connect(self, port: int, more: str = "") -> Line:
        """Open the page's socket; `more` is added to its address."""
        line = Line(self.socket + more, f"Cookie: browser={self.cookie}\r\nOrigin: http://127.0.0.1\r\n")
        await line.open(port)
        return line


class OurManners:
    """quart-chat, as its page does it: load, connect, enter the lobby."""

    async def come(self, port: int, number: int) -> Line:
        page = await load(port, "/lobby")
        line = await page.connect(port)
        await self.enter(line, number)
        return line

    async def meet(self, port_for: PortFor, pair: int) -> tuple[Line, Line]:
        first, second = [await at_the_door(port_for(guest)) for guest in (2 * pair, 2 * pair + 1)]
        await asyncio.gather(self.seek(first, 2 * pair), self.seek(second, 2 * pair + 1))
        assert first.room == second.room, "the wrong two have met"
        return first, second

    async def share_a_room(self, port_for: PortFor, room: int, size: int) -> list[Line]:
        path, lines = f"/room/{await create_room(port_for(room))}", list[Line]()
        for number in range(room * size, (room + 1) * size):
            lines.append(await (await load(port_for(number), path)).connect(port_for(number)))
            await self.enter(lines[-1], number)
        return lines

    async def enter(self, line: Line, number: int) -> None:
        """Go in by the door of the lobby or of a room."""
        entered = line.sees(IN_A_TALK)
        line.say(json.dumps({"do": "enter", "name": f"Guest{number}", "headers": HTMX_HEADERS}))
        line.room = _room_in(await entered)

    async def seek(self, line: Line, number: int) -> None:
        """Look for a stranger until there is one."""
        met = line.sees(b"You are talking with")
        line.say(json.dumps({"do": "seek", "name": f"Guest{number}", "agreed": "yes", "headers": HTMX_HEADERS}))
        line.room = _room_in(await met)

    def say(self, line: Line, text: str) -> None:
        said = {"do": "say", "room": line.room, "key": str(uuid4()), "text": text, "headers": HTMX_HEADERS}
        line.say(json.dumps(said))


async def create_room(port: int) -> str:
    """Open a room; returns its code."""
    _, body = await _ask(port, "POST /api/rooms")
    return str(json.loads(body)["code"])


async def at_the_door(port: int) -> Line:
    """Somebody who has opened the page to text a stranger."""
    return await (await load(port, "/text")).connect(port)


async def load(port: int, path: str) -> Page:
    """Load a page as a browser does for the first time; raises Broken."""
    head, body = await _ask(port, f"GET {path}")
    return _read_page(head, zlib.decompress(body, wbits=31).decode())


async def _ask(port: int, what: str) -> tuple[str, bytes]:
    """The head and the body of an answer; raises Broken."""
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"{what} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = re.search(r"(?i)content-length: (\d+)", head)
            assert length, head
            body = await reader.readexactly(int(length[1]))
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        raise Broken from error
    writer.transport.abort()
    return head, body


def _room_in(frames: bytes) -> str:
    """The room that a page shows after these frames."""
    return str(ROOM.findall(frames)[-1], "ascii")


def _read_page(head: str, body: str) -> Page:
    address = re.search(r'hx-ws:connect="([^"]+)"', body)
    cookie = re.search(r"(?i)set-cookie: browser=([^;]+)", head)
    assert address and cookie, head
    return Page(html.unescape(address[1]), cookie[1])
