"""The chat as it is really run: `python -m quart_chat` in a process of its own, whose log is read to its end."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
GENEROUS = {
    "FRAMES_PER_MINUTE": "60000",
    "FRAME_BURST": "10000",
    "MESSAGES_PER_5S": "10000",
    "ADDRESS_MESSAGES_PER_5S": "10000",
    "LOBBY_MESSAGES_PER_5S": "10000",
    "SOCKETS_PER_ADDRESS": "1000",
    "CONNECTIONS_PER_ADDRESS": "10000",
    "HANDSHAKES_PER_MINUTE": "60000",
}
PROMISED = 10.0  # seconds from SIGTERM to the end, whatever clients do
LONGEST_LINE = 2**20  # bytes of the log
THE_CHAT = ("-m", "quart_chat")
MISTAKES = ("Task was destroyed", "Traceback", "was never retrieved", "was never awaited", "Exception ignored")


class Program:
    """A running chat. `log` are the lines that it has written to standard error."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.url = ""
        self.log: list[str] = []
        self._asked_for = 0
        self._news = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    @property
    def port(self) -> str:
        return self.url.rpartition(":")[2]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def says_where_it_listens(self) -> None:
        assert self.process.stdout
        line = (await self.process.stdout.readline()).decode()
        assert line.startswith("quart-chat listens on http://127.0.0.1:"), [line, *self.log]
        self.url = line.split()[-1]

    async def next_line(self) -> dict[str, object]:
        """The first line of the log that was not asked for yet."""
        async with self._news:
            await self._news.wait_for(lambda: len(self.log) > self._asked_for)
        self._asked_for += 1
        line: dict[str, object] = json.loads(self.log[self._asked_for - 1])
        return line

    async def ends(self) -> tuple[int, str]:
        """Wait for the end; returns the exit status and what was written to standard error."""
        async with asyncio.timeout(PROMISED):
            await self._reading
            await self.process.wait()
        assert self.process.returncode is not None
        return self.process.returncode, "\n".join(self.log)

    async def kill(self) -> None:
        with suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        await self._reading

    async def _read(self) -> None:
        assert self.process.stderr
        while line := await self.process.stderr.readline():
            async with self._news:
                self.log.append(line.decode().removesuffix("\n"))
                self._news.notify_all()


@asynccontextmanager
async def started(
    port: str = "0",
    program: Iterable[str] = THE_CHAT,
    expects: Iterable[str] = (),
    files: Iterable[str] = (),
    **settings: str,
) -> AsyncIterator[Program]:
    """Start the chat; killed at the end if still there. Then its log is checked.

    `program` are the arguments of Python. `expects` are errors that the test causes, each named by a part of its line.
    `files` are the numbers of open files that it inherits, as text.
    """
    fixed = {"PYTHONPATH": str(ROOT), "HOST": "127.0.0.1", "PORT": port, "REDIS_URL": ""}
    environ = {**os.environ, **GENEROUS, **fixed, **settings}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *program,
        env=environ,
        cwd=sys.prefix,
        stdout=PIPE,
        stderr=PIPE,
        limit=LONGEST_LINE,
        pass_fds=[int(number) for number in files],
    )
    running = Program(process)
    try:
        yield running
    finally:
        await running.kill()
    check_log(running.log, tuple(expects))


@asynccontextmanager
async def running(
    port: str = "0",
    program: Iterable[str] = THE_CHAT,
    expects: Iterable[str] = (),
    files: Iterable[str] = (),
    **settings: str,
) -> AsyncIterator[Program]:
    """Start the chat, and wait until it says where it listens."""
    async with started(port, program, expects, files, **settings) as running:
        await running.says_where_it_listens()
        yield running


def check_log(lines: Iterable[str], expects: tuple[str, ...] = ()) -> None:
    """Fail if a program has logged a mistake of ours: a traceback, a task that was forgotten, an error."""
    for line in lines:
        is_mistake = any(mistake in line for mistake in MISTAKES) or _level_of(line) in ("error", "critical")
        assert not is_mistake or any(expected in line for expected in expects), line


def _level_of(line: str) -> str:
    """The level of a line of the log; what is no such line counts as an error."""
    try:
        return str(json.loads(line)["level"])
    except (ValueError, TypeError, KeyError):
        return "error"
