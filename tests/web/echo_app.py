"""A small app with every kind of handler that a server must survive; `python tests/web/echo_app.py` serves it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from quart import Quart, Websocket, websocket

from quart_chat.delivery.adopted import AdoptedSocket, adopt
from quart_chat.delivery.close_codes import CloseCode
from quart_chat.delivery.websocket import FINAL, Opcode
from quart_chat.delivery.wire import Frame
from quart_chat.server import listen, load_config, main, serve
from quart_chat.web.asgi import SERVER_SEND, FloodError, GuardedWebsocket, TrustedProxies

RESTARTING = 1012
PIECE = "x" * 60_000  # characters; below the limit of a message


class Echo(Quart):
    """The app, and what its tests look at."""

    asgi_websocket_class = GuardedWebsocket

    def __init__(self) -> None:
        super().__init__("echo")
        self.sockets: set[Websocket] = set()
        self.refuses = False
        self.ended = 0
        self.extensions["drain"] = self.drain

    async def drain(self) -> None:
        """Refuse new sockets, close the others with 1012. One that does not read keeps nobody else waiting."""
        self.refuses = True
        await asyncio.gather(*(socket.close(RESTARTING) for socket in self.sockets))

    @asynccontextmanager
    async def open_socket(self) -> AsyncIterator[Websocket]:
        """Accept the socket at hand and know it until its handler ends."""
        socket: Websocket = websocket._get_current_object()  # type: ignore[attr-defined] # a proxy's object has no type
        await socket.accept()
        self.sockets.add(socket)
        try:
            yield socket
        finally:
            self.sockets.discard(socket)
            self.ended += 1


class EchoReader:
    """The `Reader` of an adopted socket that sends back what it hears, bytes too."""

    line: AdoptedSocket | None = None

    def hear(self, message: str | bytes) -> None:
        assert self.line
        self.line.send(Frame(message) if isinstance(message, str) else BinaryFrame(message))

    def flooded(self) -> None:
        assert self.line
        self.line.close(CloseCode.POLICY)

    def ended(self) -> None:
        self.line = None


class BinaryFrame(Frame):
    """Bytes as a server writes them; the chat itself sends none."""

    def __init__(self, message: bytes) -> None:
        self._take(message)
        self.encoded = bytes((FINAL | Opcode.BINARY,)) + self.encoded[1:]


def create_echo(hops: int = 0) -> Echo:
    """Make the app, behind this many trusted proxies."""
    app = Echo()

    @app.before_websocket
    async def refuse_when_draining() -> tuple[str, int] | None:
        return ("restarting", 503) if app.refuses else None

    @app.get("/")
    async def hello() -> str:
        return "hello"

    @app.websocket("/echo")
    async def echo() -> None:
        async with app.open_socket() as socket:
            while True:
                await socket.send(await socket.receive())

    @app.websocket("/adopted")
    async def echo_by_the_adopted() -> None:
        socket: Websocket = websocket._get_current_object()  # type: ignore[attr-defined] # a proxy's object has no type
        await socket.accept()
        reader = EchoReader()
        reader.line = adopt(socket.scope["extensions"].get(SERVER_SEND), reader)
        assert reader.line
        reader.line.start()

    @app.websocket("/slow")
    async def echo_when_told() -> None:
        async with app.open_socket() as socket:
            await app.extensions["told"].wait()
            try:
                while True:
                    await socket.send(await socket.receive())
            except FloodError:
                await socket.close(1008)

    @app.websocket("/careless")
    async def listen_when_told() -> None:
        async with app.open_socket() as socket:
            await app.extensions["told"].wait()
            while True:
                await socket.receive()

    @app.websocket("/pour")
    async def pour() -> None:
        async with app.open_socket() as socket:
            while not app.refuses:
                await socket.send(PIECE)

    @app.websocket("/fail")
    async def fail() -> None:
        async with app.open_socket() as socket:
            await socket.receive()
            raise RuntimeError("as the test wants it")

    @app.websocket("/return")
    async def end() -> None:
        async with app.open_socket() as socket:
            await socket.receive()

    @app.websocket("/close/<int:code>")
    async def close(code: int) -> None:
        async with app.open_socket() as socket:
            await socket.receive()
            await socket.close(code)

    @app.websocket("/hurry")
    async def end_while_closing() -> None:
        async with app.open_socket() as socket:
            closing = asyncio.create_task(socket.close(RESTARTING))
            await asyncio.sleep(0)
            closing.cancel()

    @app.before_serving
    async def start() -> None:
        app.extensions["told"] = asyncio.Event()
        if "ECHO_NEVER_STARTS" in os.environ:
            print("starting", flush=True)
            await asyncio.Event().wait()
        if "ECHO_CANNOT_START" in os.environ:
            raise RuntimeError("as the test wants it")

    @app.after_serving
    async def stop() -> None:
        print(f"{app.ended} handlers ended, {len(app.sockets)} sockets left", flush=True)

    app.asgi_app = TrustedProxies(app.asgi_app, hops)  # type: ignore[method-assign] # as Quart's docs say
    return app


@asynccontextmanager
async def serving(app: Quart, **settings: float | None) -> AsyncIterator[int]:
    """Serve the app on this loop, with these settings of Hypercorn changed; yields the port once it answers."""
    config, stop = load_config(), asyncio.Event()
    for name, value in settings.items():
        setattr(config, name, value)
    sock = listen("127.0.0.1", 0, config.backlog)
    port: int = sock.getsockname()[1]
    server = asyncio.create_task(serve(app, config, sock=sock, stop=stop))
    try:
        await _answer(port)
        yield port
    finally:
        stop.set()
        await server


async def _answer(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    await reader.read()
    writer.close()
    await writer.wait_closed()


if __name__ == "__main__":
    if os.environ.get("ECHO_LOOP") == "asyncio":
        sys.modules["uvloop"] = None  # type: ignore[assignment] # None makes its import fail
    main(create_echo)
