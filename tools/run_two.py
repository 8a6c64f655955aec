"""Try out several processes: a Redis of our own, two chats on it, and a balancer in front of them, until Ctrl-C.

Needs `redis-server` or `valkey-server`. PORT chooses the balancer's port (8000). Kill one of the two processes, whose
numbers are printed, and see how its visitors go on with the other one.
"""

import asyncio
import os
import secrets
import shutil
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import count
from pathlib import Path

PROCESSES = 2
PIECE = 65_536  # bytes


async def main() -> None:
    """Start everything and balance until interrupted."""
    server = shutil.which("redis-server") or shutil.which("valkey-server")
    if server is None:
        sys.exit("run-two needs redis-server or valkey-server on PATH")
    async with AsyncExitStack() as stack:
        socket = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "redis.sock"
        await stack.enter_async_context(running(server, "--port", "0", "--unixsocket", str(socket), "--save", ""))
        while not socket.exists():  # noqa: ASYNC110 - a file tells nobody that it has come
            await asyncio.sleep(0.05)
        settings = {"REDIS_URL": f"unix://{socket}", "SECRET_KEY": secrets.token_hex(16), "HOST": "127.0.0.1"}
        ports = [await chat(stack, settings) for _ in range(PROCESSES)]
        await balance(int(os.environ.get("PORT") or 8000), ports)


@asynccontextmanager
async def running(*command: str, **environ: str) -> AsyncIterator[Process]:
    """A program that is ended with this one."""
    process = await asyncio.create_subprocess_exec(*command, env={**os.environ, **environ}, stdout=PIPE)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def chat(stack: AsyncExitStack, settings: dict[str, str]) -> int:
    """Start one chat; returns its port."""
    process = await stack.enter_async_context(running(sys.executable, "-m", "quart_chat", **settings, PORT="0"))
    assert process.stdout  # noqa: S101 - a pipe was asked for
    said = (await process.stdout.readline()).decode().strip()
    print(f"process {process.pid}: {said}", flush=True)
    return int(said.rpartition(":")[2])


async def balance(port: int, ports: list[int]) -> None:
    """Lead each new connection to the next process that lives."""
    turn = count()

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in ports:
            with suppress(OSError):
                further, back = await asyncio.open_connection("127.0.0.1", ports[next(turn) % len(ports)])
                await asyncio.gather(carry(reader, back), carry(further, writer))
                return
        writer.close()

    listener = await asyncio.start_server(lead, "127.0.0.1", port)
    print(f"Open http://127.0.0.1:{port} in two windows; Ctrl-C ends it.", flush=True)
    async with listener:
        await listener.serve_forever()


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()
    writer.close()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
