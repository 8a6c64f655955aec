"""A real Redis (or Valkey) on a port of its own, with nothing kept on disk."""

import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

START_LIMIT = 10.0  # seconds

SLOTS = 16_384  # of a cluster
SERVERS = [name for name in ("redis-server", "valkey-server") if shutil.which(name)]


def has_clusters(program: str) -> bool:
    """Say whether this release has the commands and channels of clusters that we use."""
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return int(re.findall(r"v=(\d+)", version)[0]) >= 7


@dataclass(slots=True)
class RedisServer:
    """A running server that tests may freeze, kill and start again at the same address."""

    program: str
    port: int
    folder: str
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self, *options: str) -> None:
        """Start it, and wait until it answers."""
        fixed = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self.folder]
        self.process = subprocess.Popen([self.program, *fixed, *options], stdout=subprocess.DEVNULL)
        end = time.monotonic() + START_LIMIT
        while not self._answers():
            assert time.monotonic() < end, f"{self.program} does not start"
            time.sleep(0.02)

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

    def serve_slots(self, first: int, last: int) -> None:
        """Have these slots of the cluster."""
        assert self.command("CLUSTER", "ADDSLOTSRANGE", str(first), str(last)).startswith(b"+OK")

    def is_in_order(self) -> bool:
        """Whether the cluster has all of its slots."""
        return b"cluster_state:ok" in self.command("CLUSTER", "INFO")

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


@contextmanager
def clustered(program: str, nodes: int = 1) -> Iterator[list[RedisServer]]:
    """Start a cluster whose nodes share the slots; ended when the test ends."""
    with ExitStack() as stack:
        buses = [free_port() for _ in range(nodes)]
        options = [("--cluster-enabled", "yes", "--cluster-port", str(bus)) for bus in buses]
        servers = [stack.enter_context(running(program, *option)) for option in options]
        for number, server in enumerate(servers):
            server.serve_slots(number * SLOTS // nodes, (number + 1) * SLOTS // nodes - 1)
            servers[0].command("CLUSTER", "MEET", "127.0.0.1", str(server.port), str(buses[number]))
        end = time.monotonic() + START_LIMIT
        while not all(server.is_in_order() for server in servers):
            assert time.monotonic() < end, "the cluster does not come together"
            time.sleep(0.02)
        yield servers


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
