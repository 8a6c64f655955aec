"""Several processes on one listening socket: started, restarted when they crash, and ended together."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping

from quart_chat.domain.timing import WORKER_PAUSE, WORKER_START, WORKER_STOP
from quart_chat.log import configure, log

LISTENING_SOCKET = "QUART_CHAT_LISTENING_SOCKET"  # where a worker finds the number of its inherited socket


def wanted_processes(environ: Mapping[str, str]) -> int:
    """How many processes to run: WEB_CONCURRENCY where they can share a store, else one; a worker is always one."""
    wanted = environ.get("WEB_CONCURRENCY", "")
    number = int(wanted) if wanted.isascii() and wanted.isdecimal() else 1
    if LISTENING_SOCKET in environ or number <= 1:
        return 1
    if not environ.get("REDIS_URL"):
        log.warning("WEB_CONCURRENCY=%s is ignored: without REDIS_URL two processes would be two chats", wanted)
        return 1
    return number


class Workers:
    """The processes that serve one socket, and their parent, which serves nobody."""

    def __init__(self, sock: socket.socket, number: int) -> None:
        self._socket = sock
        self._number = number
        self._started: dict[int, float] = {}
        self._stopping = False

    def run(self) -> int:
        """Keep all processes running until SIGTERM or SIGINT; returns the exit status."""
        configure("INFO")
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop())
        signal.signal(signal.SIGALRM, lambda *_: self._signal_all(signal.SIGKILL))
        self._socket.set_inheritable(True)
        print(f"quart-chat listens on {url_of(*self._socket.getsockname()[:2])}", flush=True)
        for _ in range(self._number):
            self._start()
        return self._watch()

    def _start(self) -> None:
        environ = {**os.environ, LISTENING_SOCKET: str(self._socket.fileno())}
        worker = subprocess.Popen(
            [sys.executable, "-m", "quart_chat"], env=environ, pass_fds=[self._socket.fileno()], start_new_session=True
        )
        worker.returncode = 0  # this object is given up: os.wait() hears of the process instead
        self._started[worker.pid] = time.monotonic()
        if self._stopping:  # told to stop while it was being started
            self._signal_all(signal.SIGTERM)

    def _watch(self) -> int:
        """Wait for processes to end; restart those that crashed."""
        status = 0
        while self._started:
            pid, code = os.wait()
            lived = time.monotonic() - self._started.pop(pid, 0.0)
            if self._stopping:
                continue
            ended = os.waitstatus_to_exitcode(code)
            if ended == 1 and lived < WORKER_START:
                status = 1
                self._stop()
                continue
            log.error("worker ended", extra={"status": ended, "lived": round(lived, 1)})
            time.sleep(WORKER_PAUSE)
            if not self._stopping:
                self._start()
        return status

    def _stop(self) -> None:
        self._stopping = True
        signal.alarm(int(WORKER_STOP))
        self._signal_all(signal.SIGTERM)

    def _signal_all(self, number: signal.Signals) -> None:
        for pid in list(self._started):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue


def url_of(host: str, port: int) -> str:
    """The address people type."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
