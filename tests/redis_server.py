"""A real Redis (or Valkey) on a port of its own, with nothing kept on disk."""

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

START_LIMIT = 10.0  # seconds

SERVERS = [name for name in ("redis-server", "valkey-server") if shutil.which(name)]


@dataclass(slots=True, eq=False)
class RedisServer:
    """A running server that tests may freeze, kill and start again at the same address."""

    program: str
    port: int
    folder: str
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self, *options: str) -> None:
        """Start it, and wait until it answers."""
        fixed = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self.folder]
        self.process = subprocess.Popen([self.program, *options, *fixed], stdout=subprocess.DEVNULL)
        wait_until(self._answers, f"{self.program} does not start")

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process:
            self.process.kill()
            self.process.wait()

    def freeze(self) -> None:
        """Let it answer nobody."""
        assert self.process
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it answer again."""
        assert self.process
        self.process.send_signal(signal.SIGCONT)

    def command(self, *words: str) -> bytes:
        """Ask it something over a connection of its own; returns the raw answer."""
        parts = [f"*{len(words)}\r\n", *(f"${len(word.encode())}\r\n{word}\r\n" for word in words)]
        with socket.create_connection(("127.0.0.1", self.port), timeout=START_LIMIT) as line:
            line.sendall("".join(parts).encode())
            return line.recv(65_536)

    def _answers(self) -> bool:
        with suppress(OSError):
            return self.command("PING").startswith(b"+PONG")
        return False


@contextmanager
def running(program: str = "redis-server", *options: str) -> Iterator[RedisServer]:
    """Start a server; ended when the test ends."""
    with socket.create_server(("127.0.0.1", 0)) as free, tempfile.TemporaryDirectory() as folder:
        port = free.getsockname()[1]
        free.close()
        server = RedisServer(program, port, folder)
        server.start(*options)
        try:
            yield server
        finally:
            with suppress(OSError, AssertionError):
                server.thaw()
            server.kill()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def wait_until(condition: Callable[[], bool], complaint: str) -> None:
    """Wait for something of which servers tell nobody."""
    end = time.monotonic() + START_LIMIT
    while not condition():
        assert time.monotonic() < end, complaint
        time.sleep(0.02)
