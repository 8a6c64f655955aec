"""The listening socket is opened by a parent, as systemd does, and outlives the server: nobody is ever refused."""

import asyncio
import re
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest

from tests.faults.clients import Clients, staying_connected
from tests.faults.program import Program, running, started
from tests.web.guest import PATIENCE

pytestmark = pytest.mark.faults

# What systemd does between fork and exec.
AS_SYSTEMD_DOES = """
import os, sys
os.dup2(int(os.environ.pop("PASSED")), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=os.environ.pop("HOW_MANY", "1"))
os.execv(sys.executable, [sys.executable, "-m", "quart_chat"])
"""
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: chat.example\r\nConnection: close\r\n\r\n"


@pytest.fixture
def passed() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0), backlog=100)) as listening:
        yield listening


@asynccontextmanager
async def served(passed: socket.socket, data_dir: Path) -> AsyncIterator[Program]:
    """A server on a socket that is ours; it is told to stop when the block ends."""
    number = passed.fileno()
    program = ("-c", AS_SYSTEMD_DOES)
    async with running(program=program, files=[str(number)], PASSED=str(number), DATA_DIR=str(data_dir)) as chat:
        assert chat.port == str(passed.getsockname()[1])
        yield chat
        chat.signal(signal.SIGTERM)
        assert (await chat.ends())[0] == 0


class Callers:
    """Somebody who connects and asks all the time.

    `refused` are the errors in connecting; `answers` the first lines of what those get who call while no server runs.
    """

    def __init__(self, port: int) -> None:
        self.refused: list[str] = []
        self.answers: list[str] = []
        self.no_server_runs = False
        self._port = port
        self._asking: set[asyncio.Task[None]] = set()
        self._calling = asyncio.create_task(self._call())

    async def stop(self) -> None:
        self._calling.cancel()
        await asyncio.gather(*self._asking)

    async def _call(self) -> None:
        while True:
            self._asking.add(asyncio.create_task(self._ask(self.no_server_runs)))
            await asyncio.sleep(0.02)

    async def _ask(self, nobody_is_there: bool) -> None:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError as error:
            self.refused.append(str(error))
            return
        with suppress(ConnectionError):  # a process that ends may cut those whom it has taken
            writer.write(REQUEST)
            line = await asyncio.wait_for(reader.readline(), PATIENCE)
            if nobody_is_there:
                self.answers.append(line.decode().strip())
        writer.close()


async def test_nobody_is_refused_between_two_servers_and_who_calls_then_is_answered(
    passed: socket.socket, tmp_path: Path
) -> None:
    async with served(passed, tmp_path) as first:
        callers = Callers(int(first.port))
        clients = Clients(first.url)
        ann, bob = await clients.strangers()
        await ann.say("before")
        await bob.sees("before")
    callers.no_server_runs = True
    await asyncio.sleep(0.2)
    callers.no_server_runs = False
    async with staying_connected([ann, bob]), served(passed, tmp_path), clients:
        await ann.say("after")
        await bob.sees("after")
        await callers.stop()
        assert callers.refused == []
        assert set(callers.answers) == {"HTTP/1.1 200"}


@pytest.mark.parametrize(
    ("how_many", "told"), [("2", "LISTEN_FDS passes 2 sockets, and one is taken"), ("", "LISTEN_FDS passes no sockets")]
)
async def test_what_is_passed_otherwise_ends_the_start_with_one_line(
    passed: socket.socket, how_many: str, told: str
) -> None:
    number = str(passed.fileno())
    settings = {"PASSED": number, "HOW_MANY": how_many}
    async with started(program=("-c", AS_SYSTEMD_DOES), files=[number], expects=["LISTEN_FDS"], **settings) as chat:
        status, errors = await chat.ends()
    assert (status, errors.startswith(f"quart-chat cannot start: {told}")) == (1, True), errors


async def test_a_passed_file_that_listens_to_nobody_ends_the_start_with_one_line() -> None:
    with closing(socket.socket()) as deaf:
        settings = {"PASSED": str(deaf.fileno())}
        async with started(
            program=("-c", AS_SYSTEMD_DOES), files=[str(deaf.fileno())], expects=["LISTEN_FDS"], **settings
        ) as chat:
            status, errors = await chat.ends()
    assert status == 1
    assert re.fullmatch("quart-chat cannot start: LISTEN_FDS passes a socket that does not listen for TCP", errors)


async def test_what_was_meant_for_another_process_is_not_touched() -> None:
    async with running(LISTEN_PID="1", LISTEN_FDS="1") as chat:
        assert chat.port != "0"
