"""The chat as it is really run: `python -m quart_chat` in a process of its own."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Program:
    """A running chat."""

    process: Process
    url: str = ""

    @property
    def port(self) -> str:
        return self.url.rpartition(":")[2]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ends(self) -> tuple[int, str]:
        """Wait for the end; returns the exit status and what was written to standard error."""
        async with asyncio.timeout(PROMISED):
            _, errors = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, errors.decode()


@asynccontextmanager
async def started(port: str = "0", **settings: str) -> AsyncIterator[Program]:
    """Start the chat; killed at the end if still there."""
    fixed = {"PYTHONPATH": str(ROOT), "HOST": "127.0.0.1", "PORT": port, "REDIS_URL": ""}
    environ = {**os.environ, **GENEROUS, **fixed, **settings}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "quart_chat", env=environ, cwd=sys.prefix, stdout=PIPE, stderr=PIPE
    )
    try:
        yield Program(process)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


@asynccontextmanager
async def running(port: str = "0", **settings: str) -> AsyncIterator[Program]:
    """Start the chat, and wait until it says where it listens."""
    async with started(port, **settings) as program:
        assert program.process.stdout
        line = (await program.process.stdout.readline()).decode()
        assert line.startswith("quart-chat listens on http://127.0.0.1:"), line
        yield Program(program.process, line.split()[-1])
