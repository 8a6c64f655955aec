"""Servers in processes of their own, and clients of bare bytes that do only what a test wants."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
ECHO_APP = Path(__file__).parent / "echo_app.py"
PLAIN = {"PYTHONPATH": str(ROOT), "HOST": "127.0.0.1", "PORT": "0", "WEB_CONCURRENCY": "", "REDIS_URL": ""}
PATIENCE = 30.0  # seconds; how long a busy machine may take for anything
PROMISED = 10.0  # seconds from SIGTERM to the end, whatever clients do

UPGRADE = (
    "Host: test",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)
TEXT = 0x81


@dataclass(frozen=True, slots=True)
class Program:
    """The echo app as a process of its own."""

    process: subprocess.Popen[str]
    port: int = 0

    @property
    def most_memory(self) -> int:
        """Bytes of memory it has held at its worst moment."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    def says(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline()

    def end(self, *signals: signal.Signals) -> tuple[int, str, str]:
        """Send these signals, wait for the end: the exit status, standard output, standard error."""
        for number in signals:
            self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=PROMISED)
        return self.process.returncode, output, errors


@contextmanager
def started(*command: str, **environ: str) -> Iterator[Program]:
    """Start the echo app, or another command, in a folder that is not ours; killed at the end if still there."""
    with subprocess.Popen(
        [sys.executable, *(command or [str(ECHO_APP)])],
        env={**os.environ, **PLAIN, **environ},
        cwd=sys.prefix,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Program(process)
        finally:
            process.kill()


@contextmanager
def running(*command: str, **environ: str) -> Iterator[Program]:
    """Start the echo app, or another command, and wait until it says where it listens."""
    with started(*command, **environ) as program:
        line = program.says()
        assert line.startswith("quart-chat listens on http://127.0.0.1:")
        yield Program(program.process, int(line.rpartition(":")[2]))


@contextmanager
def raw_socket(port: int, path: str, *headers: str) -> Iterator[tuple[socket.socket, str]]:
    """A WebSocket of bare bytes, which does only what the test does: the socket, and the head of the reply."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(PATIENCE)
        client.connect(("127.0.0.1", port))
        client.sendall("\r\n".join((f"GET {path} HTTP/1.1", *UPGRADE, *headers, "", "")).encode())
        reply = b""
        while not reply.endswith(b"\r\n\r\n"):
            reply += client.recv(1)
        yield client, reply.decode()


def frame(payload: bytes, kind: int = TEXT) -> bytes:
    """A client's frame of 126 bytes or more; masked with zeros, so the payload is as it was."""
    size = len(payload)
    length = bytes([0x80 | 126]) + size.to_bytes(2, "big") if size < 2**16 else b"\xff" + size.to_bytes(8, "big")
    return bytes([kind]) + length + bytes(4) + payload


def read_to_end(client: socket.socket) -> bytes:
    """All that comes until the server has ended the connection; fails if it does not."""
    received = b""
    with suppress(ConnectionError):
        while piece := client.recv(65536):
            received += piece
    return received
