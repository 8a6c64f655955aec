"""The servers under test, each a process of its own on one core, and what the system says about it."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.guests import JsonManners, Manners, OurManners, SocketIoManners
from bench.programs import PROGRAMS, build_go, build_node

ROOT = Path(__file__).resolve().parents[1]
SERVER_CORE, LOAD_CORE = 0, 1
START_LIMIT = 20.0  # seconds
TICKS = os.sysconf("SC_CLK_TCK")  # a second, in /proc
MANY = "1000000000"

LIMITS_LIFTED = {
    "FRAMES_PER_MINUTE": MANY,
    "FRAME_BURST": MANY,
    "MESSAGES_PER_5S": MANY,
    "ADDRESS_MESSAGES_PER_5S": MANY,
    "LOBBY_MESSAGES_PER_5S": MANY,
    "SKIPS_PER_MINUTE": MANY,
    "SOCKETS_PER_ADDRESS": MANY,
    "CONNECTIONS_PER_ADDRESS": MANY,
    "HANDSHAKES_PER_MINUTE": MANY,
    "ROOMS_PER_MINUTE": MANY,
    "SOCKETS_PER_PROCESS": "15000",
    "LOG_LEVEL": "WARNING",
}


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat to be measured: its command line after `python -m`, with PORT to be replaced, and how to speak to it."""

    name: str
    command: str
    manners: Manners = field(default_factory=JsonManners)
    packages: tuple[str, ...] = ()
    folder: Path = ROOT  # where it is started, and
    python: str = sys.executable  # with which Python; empty for a program of another language

    def command_on(self, port: int) -> list[str]:
        """What starts it."""
        return [*((self.python, "-m") if self.python else ()), *self.command.replace("PORT", str(port)).split()]


OURS = Chat("quart-chat", "quart_chat", OurManners(), ("quart", "hypercorn", "uvloop"))
FASTAPI = Chat(
    "FastAPI + Uvicorn",
    "uvicorn bench.peers.fastapi_chat:app --port PORT --log-level warning",
    packages=("fastapi", "uvicorn"),
)
WEBSOCKETS = Chat("websockets, broadcast", "bench.peers.websockets_chat PORT", packages=("websockets",))
QUART = Chat(
    "Quart + Hypercorn, a send each",
    "hypercorn bench.peers.quart_chat_plain:app --worker-class uvloop --workers 0 --log-level warning"
    " --bind 127.0.0.1:PORT",
    packages=("quart", "hypercorn", "uvloop"),
)
SOCKETIO = Chat(
    "python-socketio + Uvicorn",
    "uvicorn bench.peers.socketio_chat:app --port PORT --log-level warning",
    SocketIoManners(),
    ("python-socketio",),
)
CHANNELS = Chat(
    "Django Channels + Daphne",
    "daphne -v 0 -b 127.0.0.1 -p PORT bench.peers.channels_chat:application",
    packages=("channels", "daphne"),
)
PICOWS = Chat("picows, a bare sender", "bench.peers.picows_chat PORT", packages=("picows",))
NODE = Chat("ws on Node", f"node {PROGRAMS}/node_chat.js PORT", python="")
GORILLA = Chat("gorilla/websocket in Go", f"{PROGRAMS}/gorilla_chat PORT", python="")


def other_languages() -> list[Chat]:
    """The chats that are no Python programs, as far as this machine has what they need."""
    return [chat for chat, is_built in ((NODE, build_node), (GORILLA, build_go)) if is_built()]


def all_chats() -> list[Chat]:
    """Every chat that can be measured here."""
    return [OURS, PICOWS, WEBSOCKETS, FASTAPI, SOCKETIO, QUART, CHANNELS, *other_languages()]


def chats_with_rooms() -> list[Chat]:
    """Those that have rooms of their own for a few."""
    return [chat for chat in all_chats() if isinstance(chat.manners, JsonManners | OurManners) and chat != CHANNELS]


@dataclass(frozen=True, slots=True)
class Usage:
    """What has been used up to a moment: seconds of the clock, of the server, of the load, and of both cores."""

    clock: float
    server: float
    load: float
    machine: float


def usage_of(*servers: int) -> Usage:
    """Read the system's accounts of some processes now; their grain is TICKS."""
    clock = asyncio.get_running_loop().time()
    return Usage(clock, sum(map(_seconds_of, servers)), _seconds_of(os.getpid()), _busy_seconds())


class Server:
    """A running chat."""

    def __init__(self, chat: Chat, port: int, process: subprocess.Popen[bytes]) -> None:
        self.chat = chat
        self.port = port
        self.process = process

    def port_for(self, guest: int) -> int:
        """The port that a guest comes to."""
        return self.port

    def usage(self) -> Usage:
        """Read the system's accounts now."""
        return usage_of(self.process.pid)

    def resident(self) -> int:
        """Bytes of memory the process holds."""
        status = Path(f"/proc/{self.process.pid}/statm").read_text()
        return int(status.split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Several(Server):
    """Processes that share a store: guests come to them by turns, and what all of them and the store use is one sum."""

    def __init__(self, servers: list[Server], store: int) -> None:
        self.chat = servers[0].chat
        self._ports = [server.port for server in servers]
        self._pids = [store, *(server.process.pid for server in servers)]

    def port_for(self, guest: int) -> int:
        return self._ports[guest % len(self._ports)]

    def usage(self) -> Usage:
        return usage_of(*self._pids)


@asynccontextmanager
async def sharing(number: int, apart: bool = False, chat: Chat = OURS) -> AsyncIterator[Several]:
    """Start so many processes of a chat and the Redis they share, all on the core of servers.

    `apart` puts every second process on the other core, beside a load that leaves it most of that.
    """
    async with store() as (redis, port), AsyncExitStack() as stack:
        settings = {"REDIS_URL": f"redis://127.0.0.1:{port}", "SECRET_KEY": "bench"}
        servers = [await stack.enter_async_context(running(chat, **settings)) for _ in range(number)]
        for server in servers[1::2] if apart else ():
            os.sched_setaffinity(server.process.pid, {LOAD_CORE})
        yield Several(servers, redis.pid)


@asynccontextmanager
async def store() -> AsyncIterator[tuple[subprocess.Popen[bytes], int]]:
    """Start a Redis that keeps nothing on disk, on the core of servers; yields its process and its port."""
    port, program = _free_port(), shutil.which("redis-server") or shutil.which("valkey-server")
    assert program, "redis-server is not installed"
    process = _start([program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""], ROOT)
    try:
        await _until_it_listens(process, port)
        yield process, port
    finally:
        process.kill()
        process.wait()


def _seconds_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _busy_seconds() -> float:
    """What all programs together have used of the two cores."""
    lines = [line.split() for line in Path("/proc/stat").read_text().splitlines()]
    ours = [line for line in lines if line[0] in (f"cpu{SERVER_CORE}", f"cpu{LOAD_CORE}")]
    return sum(int(number) for line in ours for number in (*line[1:4], *line[6:9])) / TICKS


@asynccontextmanager
async def running(chat: Chat, **settings: str) -> AsyncIterator[Server]:
    """Start a chat with these settings and no limits, and end it afterwards."""
    port = _free_port()
    process = _start(chat.command_on(port), chat.folder, **LIMITS_LIFTED, **settings, PORT=str(port))
    try:
        await _until_it_listens(process, port)
        yield Server(chat, port, process)
    finally:
        process.kill()
        process.wait()


class Restartable(Server):
    """A chat that can be told to stop, and be started anew at the same port."""

    def __init__(self, chat: Chat, settings: dict[str, str]) -> None:
        self._settings = settings
        port = _free_port()
        super().__init__(chat, port, self._started(chat, port))

    async def restart(self) -> None:
        """Tell it to stop, wait for its end, start it anew, and wait until it listens."""
        self.process.terminate()
        await asyncio.to_thread(self.process.wait)
        self.process = self._started(self.chat, self.port)
        await _until_it_listens(self.process, self.port)

    def _started(self, chat: Chat, port: int) -> subprocess.Popen[bytes]:
        return _start(chat.command_on(port), chat.folder, **LIMITS_LIFTED, **self._settings, PORT=str(port))


@asynccontextmanager
async def restartable(chat: Chat, **settings: str) -> AsyncIterator[Restartable]:
    """Start a chat that will be restarted, and end it afterwards."""
    server = Restartable(chat, settings)
    try:
        await _until_it_listens(server.process, server.port)
        yield server
    finally:
        server.process.kill()
        server.process.wait()


async def seconds_to_start(chat: Chat) -> float:
    """From the start of a process to its first answer."""
    loop, port = asyncio.get_running_loop(), _free_port()
    began = loop.time()
    process = _start(chat.command_on(port), chat.folder, **LIMITS_LIFTED, PORT=str(port))
    try:
        await _until_it_listens(process, port, patience=0.005)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
        return loop.time() - began
    finally:
        process.kill()
        process.wait()


def _start(command: list[str], folder: Path, **settings: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(command, cwd=folder, env={**os.environ, **settings}, stdout=subprocess.DEVNULL)
    os.sched_setaffinity(process.pid, {SERVER_CORE})
    return process


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


async def _until_it_listens(process: subprocess.Popen[bytes], port: int, patience: float = 0.05) -> None:
    async with asyncio.timeout(START_LIMIT):
        while True:
            assert process.poll() is None, "the server has ended"
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(patience)
            else:
                writer.close()
                return
