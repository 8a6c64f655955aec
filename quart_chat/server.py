"""Run the app on Hypercorn: one process, one listening socket, and an end that leaves nobody hanging."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import cast

import hypercorn.asyncio.run
from hypercorn.utils import LifespanFailureError, LifespanTimeoutError
from quart import Quart

from quart_chat.domain.timing import CLOSE_GRACE, DRAIN, EXIT, SPARE
from quart_chat.hypercorn_patches import Connection, ReleasedLine, ServerConfig, patch_hypercorn
from quart_chat.settings import BadSetting
from quart_chat.workers import LISTENING_SOCKET, Workers, url_of, wanted_processes

SETTINGS_FILE = Path(__file__).parent.parent / "hypercorn.toml"

COLLECT_EVERY = 5_000  # objects; CPython's own 700 makes matching slower by a third
OLD_EVERY = 100  # collections of the middle-aged; CPython's own 10 makes matching slower by another third
FIRST_PASSED = 3  # SD_LISTEN_FDS_START
UNREAD_LIMIT = 30_000  # milliseconds that written bytes may stay unacknowledged or unread

log = logging.getLogger(__name__)


def main(create_app: Callable[[], Quart], config: ServerConfig | None = None) -> None:
    """Serve the app at HOST and PORT until SIGTERM or SIGINT, in as many processes as are wanted.

    `config` is hypercorn.toml where none is given. Raises SystemExit: with status 0 for a signal during start, with
    status 1 and one line when the address cannot be had, a setting is wrong or the app refuses to start.
    """
    _on_stop_signals(partial(sys.exit, 0))
    config = config or load_config()
    try:
        sock = inherited(os.environ) or listen(*address(os.environ), config.backlog)
        if (processes := wanted_processes(os.environ)) > 1:
            sys.exit(Workers(sock, processes).run())
        app = create_app()
        _tame_the_collector()
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve_until_signal(app, config, sock))
    except (BadSetting, LifespanFailureError, LifespanTimeoutError) as error:
        sys.exit(f"quart-chat cannot start: {error}")


def _tame_the_collector() -> None:
    """Look for garbage less often: by default each few hundred newcomers cost a walk over all that everybody has.

    What is here already stays, so it is never walked over. Closed connections do not wait for it: `Connection` and
    `GuardedWebsocket` break their circles.
    """
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY, 10, OLD_EVERY)


def load_config() -> ServerConfig:
    """Read hypercorn.toml, which lies beside the package, whatever the working directory is."""
    config = cast("ServerConfig", ServerConfig.from_toml(SETTINGS_FILE))
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
    """Open the listening socket. Raises BadSetting if the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        sock = socket.create_server((host, port), family=family, backlog=backlog)
    except OSError as error:
        raise BadSetting(f"cannot listen on {url_of(host, port)}: {error.strerror}") from None
    return _prepared(sock)


def _prepared(sock: socket.socket) -> socket.socket:
    """Set the options that connections inherit."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # The kernel resets a connection whose client reads nothing; Hypercorn would wait for it forever.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_LIMIT)
    return sock


def inherited(environ: Mapping[str, str]) -> socket.socket | None:
    """The listening socket that another process has opened for this one; None in a process of its own.

    Raises BadSetting if systemd passes anything but one socket that listens for TCP.
    """
    if number := environ.get(LISTENING_SOCKET):
        return socket.socket(fileno=int(number))
    if environ.get("LISTEN_PID") == str(os.getpid()):
        return _passed_by_systemd(environ.get("LISTEN_FDS", ""))
    return None


def _passed_by_systemd(count: str) -> socket.socket:
    """The socket that outlives us, so that nobody is refused between two processes (sd_listen_fds(3))."""
    if count != "1":
        raise BadSetting(f"LISTEN_FDS passes {count or 'no'} sockets, and one is taken")
    try:
        sock = socket.socket(fileno=FIRST_PASSED)
        listens = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise BadSetting(f"LISTEN_FDS passes no socket: {error.strerror}") from None
    if not listens or sock.family not in (socket.AF_INET, socket.AF_INET6):
        raise BadSetting("LISTEN_FDS passes a socket that does not listen for TCP")
    sock.set_inheritable(False)
    return _prepared(sock)


async def serve(app: Quart, config: ServerConfig, *, sock: socket.socket, stop: asyncio.Event) -> None:
    """Serve the app on a listening socket, which this takes over, until `stop` is set; then drain and return.

    An address may have `app.extensions["connections_per_address"]` connections, any number if there is no such limit.
    Draining awaits `app.extensions["drain"]()`, if there is one: it refuses new sockets and closes the open ones.
    Connections still open CLOSE_GRACE seconds later are cut. All this ends within DRAIN + CLOSE_GRACE +
    EXIT seconds, and at once when the app has not even started. Raises what the app's start raises.
    """
    patch_hypercorn()
    url = url_of(*sock.getsockname()[:2])
    config.bind = [f"fd://{sock.detach()}"]
    config.connections.most = app.extensions.get("connections_per_address", 0)
    started, leaving = asyncio.Event(), asyncio.Event()

    async def until_leaving() -> None:  # Hypercorn asks for this when the app has started
        started.set()
        if LISTENING_SOCKET not in os.environ:  # else the process that opened it has said so
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


async def _serve_until_signal(app: Quart, config: ServerConfig, sock: socket.socket) -> None:
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


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _first_of(task: asyncio.Task[None], event: asyncio.Event) -> None:
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


async def _drain(app: Quart) -> None:
    if (drain := app.extensions.get("drain")) is None:
        return
    try:
        async with asyncio.timeout(DRAIN):
            await drain()
    except TimeoutError:
        log.warning("drain took longer than %s s", DRAIN)
    except Exception:
        log.exception("drain failed")


async def _see_off(serving: asyncio.Task[None], config: ServerConfig) -> None:
    """Wait for Hypercorn, and for all connections, those that it has let go of too: who does not go is cut.

    A process that ended before clients have read their close frame would reset them, and they would never see it.
    """
    now = asyncio.get_running_loop().time
    grace_ends = now() + CLOSE_GRACE
    while (not serving.done() or _connections(config)) and now() < grace_ends + EXIT:
        if now() >= grace_ends:
            _cut_all(config)  # and again: somebody may have come between
        await asyncio.sleep(SPARE)
    if not serving.done():
        log.warning("given up after %s s: the app does not end", EXIT)


def _connections(config: ServerConfig) -> "list[Connection | ReleasedLine]":
    return [one for one in Connection.open if one.config is config]


def _cut_all(config: ServerConfig) -> None:
    for connection in _connections(config):
        connection.cut()
