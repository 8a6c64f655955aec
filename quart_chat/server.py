"""Run the app on Hypercorn: one process, one listening socket, and an end that leaves nobody hanging."""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import hypercorn.asyncio.run
import hypercorn.protocol.h2
import hypercorn.protocol.h11
import hypercorn.protocol.ws_stream
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.config import Config
from hypercorn.protocol.events import Data, Event, StreamClosed
from hypercorn.protocol.ws_stream import ASGIWebsocketState, WSStream
from hypercorn.typing import ASGISendEvent
from hypercorn.utils import LifespanFailureError, LifespanTimeoutError
from quart import Quart
from wsproto.connection import ConnectionState

from quart_chat.settings import BadSetting

SETTINGS_FILE = Path(__file__).parent.parent / "hypercorn.toml"

DRAIN_LIMIT = 2.0  # seconds for the app to close its sockets; it spreads them over less than one
CLOSE_GRACE = 0.5  # seconds for clients to answer that; below hypercorn.toml's graceful_timeout
EXIT_LIMIT = 5.0  # seconds from there until Hypercorn is given up; platforms kill after 30 in all
ANSWER_LIMIT = 2.0  # seconds for a client to answer a close frame before its connection is closed
LINGER = 3.0  # seconds a closed connection may take to accept what was written to it
UNREAD_LIMIT = 30_000  # milliseconds that written bytes may stay unacknowledged or unread

log = logging.getLogger(__name__)


def main(create_app: Callable[[], Quart], config: Config | None = None) -> None:
    """Serve the app at HOST and PORT until SIGTERM or SIGINT; returns when all is closed.

    `config` is hypercorn.toml where none is given. Raises SystemExit: with status 0 for a signal during start, with
    status 1 and one line when the address cannot be had, a setting is wrong or the app refuses to start.
    """
    _on_stop_signals(partial(sys.exit, 0))
    config = config or load_config()
    try:
        sock = listen(*address(os.environ), config.backlog)
        app = create_app()
        _explain_one_process(os.environ)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve_until_signal(app, config, sock))
    except (BadSetting, LifespanFailureError, LifespanTimeoutError) as error:
        sys.exit(f"quart-chat cannot start: {error}")


def load_config() -> Config:
    """Read hypercorn.toml, which lies beside the package, whatever the working directory is."""
    config = Config.from_toml(SETTINGS_FILE)
    config.errorlog = logging.getLogger("hypercorn.error")
    config.errorlog.setLevel(logging.WARNING)  # below, it only announces the address once more
    return config


def address(environ: Mapping[str, str]) -> tuple[str, int]:
    """Host and port from HOST (127.0.0.1) and PORT (8000; 0 takes a free one)."""
    port = environ.get("PORT") or "8000"
    if not (port.isascii() and port.isdecimal() and int(port) < 2**16):
        raise BadSetting(f"PORT takes a number from 0 to 65535, not {port!r}")
    return environ.get("HOST") or "127.0.0.1", int(port)


def listen(host: str, port: int, backlog: int) -> socket.socket:
    """Open the listening socket; connections inherit its options. Raises BadSetting if the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        sock = socket.create_server((host, port), family=family, backlog=backlog)
    except OSError as error:
        raise BadSetting(f"cannot listen on {_url(host, port)}: {error.strerror}") from None
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # The kernel resets whoever reads nothing; Hypercorn would wait for such a one without end.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_LIMIT)
    return sock


async def serve(app: Quart, config: Config, *, sock: socket.socket, stop: asyncio.Event) -> None:
    """Serve the app on a listening socket, which this takes over, until `stop` is set; then drain and return.

    Draining awaits `app.extensions["drain"]()`, if there is one: it refuses new sockets and closes the open ones.
    Whoever is still there CLOSE_GRACE seconds later is cut off. All this ends within DRAIN_LIMIT + CLOSE_GRACE +
    EXIT_LIMIT seconds, and at once when the app has not even started. Raises what the app's start raises.
    """
    harden_hypercorn()
    url = _url(*sock.getsockname()[:2])
    config.bind = [f"fd://{sock.detach()}"]
    started, leaving = asyncio.Event(), asyncio.Event()

    async def until_leaving() -> None:  # Hypercorn asks for this when the app has started
        started.set()
        print(f"quart-chat listens on {url}", flush=True)
        await leaving.wait()

    serving = asyncio.create_task(hypercorn.asyncio.serve(app, config, shutdown_trigger=until_leaving))
    try:
        await _first_of(serving, stop)
        if started.is_set() and not serving.done():
            await _drain(app)
            leaving.set()
            await _see_off(serving, config)
        if serving.done():
            serving.result()
    finally:
        serving.cancel()


def harden_hypercorn() -> None:
    """Put our connections and streams in the place of Hypercorn's own, once for the whole process.

    Hypercorn has no settings for what they do. Raises RuntimeError where a release of it has another shape, since a
    server that looks guarded and is not is worse than none.
    """
    decline_compression()
    _replace(hypercorn.asyncio.run, "TCPServer", Connection)
    _replace(hypercorn.protocol.h11, "WSStream", Stream)
    _replace(hypercorn.protocol.h2, "WSStream", Stream)


def decline_compression() -> None:
    """Decline permessage-deflate, which Hypercorn accepts always and inflates without limit.

    64 KiB on the wire would become 64 MiB of memory before any size is looked at.
    """
    _replace(hypercorn.protocol.ws_stream, "server_extensions_handshake", lambda requested, supported: None)


class Connection(TCPServer):
    """One TCP connection that can be cut, and that does not stay for long once it is to be closed."""

    open: ClassVar[set["Connection"]] = set()

    async def run(self) -> None:
        """Serve this connection to its end; a peer that vanishes is no error."""
        Connection.open.add(self)
        try:
            await super().run()
        except* OSError as lost:
            log.debug("connection lost: %s", lost.exceptions)
        except* Exception:
            log.exception("connection failed")
        finally:
            Connection.open.discard(self)

    def cut(self) -> None:
        """End it now, whatever is unread or unwritten."""
        self.writer.transport.abort()

    async def _read_data(self) -> None:
        """Read to the end; a client that has hung up is not kept for the rest of keep_alive_timeout."""
        await super()._read_data()
        await self.idle_task.stop()

    async def _close(self) -> None:
        cutting = self.loop.call_later(LINGER, self.cut)
        try:
            await super()._close()
        finally:
            cutting.cancel()


class Stream(WSStream):
    """One WebSocket that ends as it should.

    It takes its connection along when a message is too big, where Hypercorn's own answers 1009 and goes on reading and
    keeping; and its pings when it ends, which would hold the memory of a closed connection for up to an interval more.
    And it lets the client answer a close: ended at once, with something unread, the connection would be reset, and the
    client would lose the close frame and what that says.
    """

    _pinging: asyncio.Task[Any] | None = None

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._over = asyncio.Event()

    async def app_send(self, message: ASGISendEvent | None) -> None:
        """Send what the app has; None is its end."""
        if message is None and self.state is ASGIWebsocketState.CLOSED and not self.closed:
            self.app_put = _ignore
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), ANSWER_LIMIT)
        await super().app_send(message)

    async def handle(self, event: Event) -> None:
        """Take what comes from the client; raises ConnectionAbortedError after a message that is too big."""
        await super().handle(event)
        if self.closed:
            self._over.set()
            self._stop_pinging()
            self._tell_of_broken_frames(event)
        elif self.buffer.length > self.buffer.max_length:
            log.info("message too big")
            await self.send(StreamClosed(stream_id=self.stream_id))  # the app hears of it first
            raise ConnectionAbortedError("message too big")

    def _tell_of_broken_frames(self, event: Event) -> None:
        """Only a client that breaks the protocol ends a stream by what it sends, with no close on either side."""
        if isinstance(event, Data) and self.handshake.accepted and self.connection.state is ConnectionState.OPEN:
            log.info("protocol broken")

    async def _send_pings(self) -> None:
        self._pinging = asyncio.current_task()
        await super()._send_pings()

    def _stop_pinging(self) -> None:
        if self._pinging is not None:
            self._pinging.cancel()


async def _ignore(event: object) -> None:
    """Take what a client still sends to an app that has ended."""


async def _serve_until_signal(app: Quart, config: Config, sock: socket.socket) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    _on_stop_signals(partial(loop.call_soon_threadsafe, stop.set))
    try:
        await serve(app, config, sock=sock, stop=stop)
    finally:
        _on_stop_signals(None)


def _on_stop_signals(act: Callable[[], object] | None) -> None:
    """Let SIGTERM and SIGINT do this, or nothing more.

    Not by the loop's own handlers: its end gives the default back, and a second signal would kill during the exit.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN if act is None else lambda *_: act())


def _explain_one_process(environ: Mapping[str, str]) -> None:
    wanted = environ.get("WEB_CONCURRENCY", "")
    if wanted not in ("", "0", "1") and not environ.get("REDIS_URL"):
        log.warning("WEB_CONCURRENCY=%s is ignored: without REDIS_URL two processes would be two chats", wanted)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _first_of(task: asyncio.Task[None], event: asyncio.Event) -> None:
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


async def _drain(app: Quart) -> None:
    if (drain := app.extensions.get("drain")) is None:
        return
    try:
        async with asyncio.timeout(DRAIN_LIMIT):
            await drain()
    except TimeoutError:
        log.warning("drain took longer than %s s", DRAIN_LIMIT)
    except Exception:
        log.exception("drain failed")


async def _see_off(serving: asyncio.Task[None], config: Config) -> None:
    """Wait for Hypercorn, which waits for every client: those who do not go are cut."""
    now = asyncio.get_running_loop().time
    await asyncio.wait({serving}, timeout=CLOSE_GRACE)
    deadline = now() + EXIT_LIMIT
    while not serving.done() and now() < deadline:
        _cut_all(config)
        await asyncio.wait({serving}, timeout=0.1)  # and again: somebody may have come between
    if not serving.done():
        log.warning("given up after %s s: the app does not end", EXIT_LIMIT)


def _cut_all(config: Config) -> None:
    for connection in [one for one in Connection.open if one.config is config]:
        connection.cut()


def _replace(module: ModuleType, name: str, ours: object) -> None:
    if not hasattr(module, name):
        raise RuntimeError(f"this release of Hypercorn has no {module.__name__}.{name}")
    setattr(module, name, ours)
