"""Somebody who speaks to the server without a browser: loads a page, reads the socket's address there, talks."""

import asyncio
import html
import json
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

import httpx
from quart import Quart
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from quart_chat import server
from quart_chat.app import create_app
from quart_chat.settings import Settings

UNUSED_TLS = ssl.create_default_context()  # a client makes its own otherwise, which takes longer than the request
# All visitors of a test come from one address, and faster than people do.
GENEROUS = Settings(
    frames_per_minute=60_000,
    frame_burst=10_000,
    messages_per_5s=10_000,
    address_messages_per_5s=10_000,
    lobby_messages_per_5s=10_000,
    sockets_per_address=1_000,
    connections_per_address=10_000,
    handshakes_per_minute=60_000,
    skips_per_minute=10_000,
    rooms_per_minute=10_000,
    wrong_codes_per_minute=1_000,
)
PATIENCE = 10.0  # seconds; far more than anything here takes


@asynccontextmanager
async def serving(
    settings: Settings | None = None, app: Quart | None = None, *, through_asgi: bool = False
) -> AsyncIterator[str]:
    """A real Hypercorn with the real app on a free port; yields its address."""
    sock = server.listen("127.0.0.1", 0, 128)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    stop = asyncio.Event()
    app = app or create_app(settings or Settings())
    config = server.load_config()
    config.releases_sockets = not through_asgi
    task = asyncio.create_task(server.serve(app, config, sock=sock, stop=stop))
    try:
        await until_it_answers(url)
        yield url
    finally:
        stop.set()
        await task


async def until_it_answers(url: str) -> None:
    async with httpx.AsyncClient() as client, asyncio.timeout(PATIENCE):
        while True:
            try:
                (await client.get(f"{url}/healthz")).raise_for_status()
            except httpx.TransportError:
                await asyncio.sleep(0.01)
            else:
                return


class Guest:
    """One page in one browser, and what it has been shown so far."""

    def __init__(self, base: str, path: str, cookies: dict[str, str] | None = None, address: str = "") -> None:
        self.base = base
        self.path = path
        self.cookies = dict(cookies or {})
        self.address = ""
        self.headers = {"X-Forwarded-For": address} if address else {}
        self.local_address: str | None = None  # of this machine, where it has several; any if None
        self.shown = ""
        self.close_code: int | None = None
        self._rooms = [""]
        self._socket: ClientConnection | None = None
        self._reading: asyncio.Task[None] | None = None
        self._news = asyncio.Condition()
        self._keys = 0

    async def load(self) -> Self:
        """Load the page, keep its cookies, and find the socket's address in it."""
        way = httpx.AsyncHTTPTransport(verify=UNUSED_TLS, local_address=self.local_address)
        async with httpx.AsyncClient(cookies=self.cookies, transport=way) as client:
            page = await client.get(self.base + self.path)
            self.cookies.update({cookie.name: cookie.value or "" for cookie in client.cookies.jar})
        found = re.search(r'hx-ws:connect="([^"]+)"', page.text)
        assert found, f"{self.path} has no socket"
        self.address = self.base.replace("http", "ws") + html.unescape(found[1])
        return self

    async def connect(self, **more: str) -> Self:
        """Open the socket as the page would; `more` is added to its address."""
        if not self.address:
            await self.load()
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        address = self.address + "".join(f"&{name}={value}" for name, value in more.items())
        self._socket = await connect(
            address,
            origin=Origin(self.base),
            additional_headers={"Cookie": cookie, **self.headers},
            local_addr=(self.local_address, 0) if self.local_address else None,
        )
        self._reading = asyncio.create_task(self._read(self._socket))
        return self

    async def send(self, **fields: object) -> None:
        await self.send_raw(json.dumps(fields))

    async def send_raw(self, frame: str | bytes) -> None:
        assert self._socket
        await self._socket.send(frame)

    async def send_bytes(self, data: bytes) -> None:
        """Put bytes on the line as they are, past everything that makes proper frames."""
        assert self._socket
        self._socket.transport.write(data)
        await asyncio.sleep(0)

    async def enter(self, name: str) -> Self:
        await self.send(do="enter", name=name)
        await self.sees('data-at="talk"')
        return self

    async def seek(self, name: str) -> Self:
        await self.send(do="seek", name=name, agreed="yes")
        await self.sees("data-at=")
        return self

    async def say(self, text: str, room: str | None = None, key: str | None = None) -> str:
        self._keys += 1
        key = key or f"key-{id(self)}-{self._keys}"
        await self.send(do="say", room=self.room if room is None else room, key=key, text=text)
        return key

    @property
    def room(self) -> str:
        """The room that the page would mean now."""
        return self._rooms[-1]

    async def sees(self, text: str) -> None:
        """Wait until a text has been shown."""
        await self._until(lambda: text in self.shown, f"never saw {text!r} in {self.shown[-600:]!r}")

    async def is_closed(self) -> int:
        """Wait for the end of the socket; returns the close code."""
        await self._until(lambda: self.close_code is not None, "was never closed")
        assert self.close_code is not None
        return self.close_code

    def forgets(self) -> None:
        """Look only at what is shown from now on."""
        self.shown = ""

    async def drop(self) -> None:
        """Lose the connection without a word."""
        assert self._socket and self._reading
        self._socket.transport.abort()
        await self._reading

    async def hang_up(self) -> None:
        if self._socket and self._reading:
            await self._socket.close()
            await self._reading

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for frame in socket:
                async with self._news:
                    self._show(str(frame))
                    self._news.notify_all()
        except ConnectionClosed:
            pass
        async with self._news:
            self.close_code = socket.close_code
            self._news.notify_all()

    def _show(self, frame: str) -> None:
        self.shown += frame
        self._rooms += re.findall(r'id="room" name="room" value="([^"]*)"', frame)

    async def _until(self, condition: object, otherwise: str) -> None:
        assert callable(condition)
        try:
            async with asyncio.timeout(PATIENCE), self._news:
                await self._news.wait_for(condition)
        except TimeoutError:
            raise AssertionError(otherwise) from None


class Company:
    """Guests of one server, who all hang up in the end."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._guests: list[Guest] = []

    async def guest(self, path: str, cookies: dict[str, str] | None = None, address: str = "") -> Guest:
        guest = await Guest(self.base, path, cookies, address).connect()
        self._guests.append(guest)
        return guest

    async def in_lobby(self, name: str) -> Guest:
        return await (await self.guest("/lobby")).enter(name)

    async def strangers(self) -> tuple[Guest, Guest]:
        ann, bob = await self.guest("/text"), await self.guest("/text")
        await ann.seek("Ann")
        await bob.seek("Bob")
        await ann.sees("You are talking with")
        await bob.sees("You are talking with")
        return ann, bob

    async def hang_up(self) -> None:
        await asyncio.gather(*(guest.hang_up() for guest in self._guests))
