"""What ends at the edge, before the app hears of it: other protocols, loose frames, slow heads, many connections."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import httpx
import pytest
from hypercorn.protocol.events import Data, Event
from websockets.asyncio.client import connect

from quart_chat.app import create_app
from quart_chat.delivery.adopted import LOOSE_FRAMES, READ_AT_ONCE
from quart_chat.hypercorn_patches import REFUSALS_LOGGED, Stream
from quart_chat.settings import Settings
from tests.web.echo_app import create_echo, serving
from tests.web.guest import serving as chat_serving
from tests.web.raw import UPGRADE, frame, running

PATIENCE = 10.0  # seconds; far more than anything here takes

H2C = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
TOO_MANY_FRAMES = b"\x88\x11\x03\xf0too many frames"
PRIOR_KNOWLEDGE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"


class Line:
    """A connection of bare bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def sends(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def reads_head(self) -> str:
        async with asyncio.timeout(PATIENCE):
            return (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")

    async def reads(self, size: int) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self._reader.readexactly(size)

    async def answers(self, path: str = "/") -> None:
        """Ask for a page; fails when it does not come."""
        await self.sends(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        assert "HTTP/1.1 200 " in await self.reads_head()

    async def reads_to_the_end(self) -> bytes:
        """All that comes until the server has ended the connection; fails if it does not."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self._reader.read()
            except ConnectionError:
                return b""

    def hang_up(self) -> None:
        self._writer.close()


@asynccontextmanager
async def line_to(port: int) -> AsyncIterator[Line]:
    line = Line(*await asyncio.open_connection("127.0.0.1", port))
    try:
        yield line
    finally:
        line.hang_up()


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with serving(create_echo()) as port:
        yield port


@pytest.mark.parametrize("path", ["/", "/echo"])
async def test_no_connection_is_switched_to_http_2(port: int, path: str) -> None:
    """Issue 11, line 8. A proxy tunnels whatever comes after 101, and no limit would see who asks there."""
    async with line_to(port) as line:
        await line.sends(f"GET {path} HTTP/1.1\r\nHost: test\r\n{H2C}\r\n".encode())
        head = await line.reads_head()
    assert head.startswith("HTTP/1.1 200" if path == "/" else "HTTP/1.1 4")
    assert "upgrade" not in head.lower()


@pytest.mark.parametrize(
    "opening",
    [PRIOR_KNOWLEDGE, b"GET / HTTP/2.0\r\nHost: test\r\n\r\n", b"GET /echo HTTP/1.9\r\nHost: test\r\n\r\n"],
    ids=["the preface of HTTP/2", "2.0", "1.9"],
)
async def test_who_begins_with_another_version_than_http_1_is_told_so_and_cut(port: int, opening: bytes) -> None:
    """Issue 11, line 8."""
    async with line_to(port) as line:
        await line.sends(opening)
        answer = await line.reads_to_the_end()
    assert answer.startswith(b"HTTP/1.1 505 ")
    assert answer.endswith(b"\r\n\r\n")


async def test_a_client_that_knows_only_http_2_is_not_served(port: int) -> None:
    """Issue 11, line 8."""
    async with httpx.AsyncClient(http1=False, http2=True) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(f"http://127.0.0.1:{port}/")


def tiny(first_byte: int, payload: bytes = b"") -> bytes:
    """A client's frame of less than 126 bytes (RFC 6455, section 5.2); masked with zeros."""
    return bytes((first_byte, 0x80 | len(payload))) + bytes(4) + payload


@asynccontextmanager
async def socket_to(port: int, path: str = "/echo") -> AsyncIterator[Line]:
    """A WebSocket of bare bytes that is open."""
    async with line_to(port) as line:
        await line.sends("\r\n".join((f"GET {path} HTTP/1.1", *UPGRADE, "", "")).encode())
        assert (await line.reads_head()).startswith("HTTP/1.1 101 ")
        yield line


PING, PONG = tiny(0x89), tiny(0x8A)
OPEN_TEXT, EMPTY_PIECE, PIECE = tiny(0x01), tiny(0x00), tiny(0x00, b"x")


@pytest.mark.parametrize(
    "flood",
    [1_000 * PING, 1_000 * PONG, OPEN_TEXT + 1_000 * EMPTY_PIECE, OPEN_TEXT + 1_000 * PIECE],
    ids=["pings", "pongs", "empty continuations", "continuations of a byte"],
)
async def test_frames_that_are_no_messages_are_counted_too(caplog: pytest.LogCaptureFixture, flood: bytes) -> None:
    """Issue 11, line 9."""
    app = create_echo()
    async with serving(app) as port, socket_to(port) as line:
        await line.sends(flood)
        received = await line.reads_to_the_end()
    assert TOO_MANY_FRAMES in received
    assert received.count(b"\x8a") <= LOOSE_FRAMES.burst
    assert app.ended == 1
    assert "flood closed" in caplog.messages


async def test_a_client_may_ping_and_speak_in_pieces(port: int) -> None:
    async with connect(f"ws://127.0.0.1:{port}/echo", ping_interval=None) as client:
        for _ in range(LOOSE_FRAMES.burst // 4):
            await (await client.ping())
            await client.send(["one ", "message"])
            assert await client.recv() == "one message"


async def test_others_get_a_turn_after_each_read(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue 11, line 9. What has arrived already is read without waiting."""
    turn, reads = 0, []

    class Watched(Stream):
        async def handle(self, event: Event) -> None:
            if isinstance(event, Data):
                reads.append((turn, len(event.data)))
            await super().handle(event)

    async def take_turns() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    monkeypatch.setattr("hypercorn.protocol.h11.WSStream", Watched)
    others = asyncio.create_task(take_turns())
    message = frame(60_000 * b"x")
    async with socket_to(port) as line:
        await line.sends(3 * message)
        async with asyncio.timeout(PATIENCE):
            while sum(size for _, size in reads) < 3 * len(message):  # noqa: ASYNC110 - a spinning task on purpose
                await asyncio.sleep(0)
    others.cancel()
    assert len({turn for turn, _ in reads}) == len(reads)
    assert max(size for _, size in reads) <= READ_AT_ONCE < 8_192


async def test_an_unfinished_request_head_ends_and_later_bytes_win_no_time() -> None:
    """Issue 11, line 10."""
    async with serving(create_echo(), request_head_timeout=0.3) as port, line_to(port) as idle, line_to(port) as slow:
        await idle.sends(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        assert (await idle.reads_head()).startswith("HTTP/1.1 200 ")
        dribbling = asyncio.create_task(dribble(slow, b"GET / HTTP/1.1\r\nHost: test\r\nX: "))
        assert (await slow.reads_to_the_end()).startswith(b"HTTP/1.1 408 ")
        dribbling.cancel()
        await idle.sends(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        assert "HTTP/1.1 200 " in await idle.reads_head()


async def dribble(line: Line, opening: bytes) -> None:
    """Begin a request and never finish it."""
    await line.sends(opening)
    with suppress(ConnectionError):
        while True:
            await asyncio.sleep(0.02)
            await line.sends(b"x")


async def test_a_head_in_pieces_and_a_socket_that_is_open_for_long_are_none_of_these() -> None:
    """Issue 11, line 10."""
    async with serving(create_echo(), request_head_timeout=0.3) as port, socket_to(port) as socket:
        async with line_to(port) as slow:
            await slow.sends(b"GET / HT")
            await slow.sends(b"TP/1.1\r\nHost: test\r\n\r\nGET / HTTP/1.1")
            assert (await slow.reads_head()).startswith("HTTP/1.1 200 ")
            assert b"HTTP/1.1 408 " in await slow.reads_to_the_end()  # the second request
        await socket.sends(frame(b"x" * 400))
        assert b"x" * 200 in await socket.reads(300)


async def test_an_address_has_so_many_connections_and_gets_a_free_place_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Issue 11, line 10."""
    app = create_echo()
    app.extensions["connections_per_address"] = 2
    async with serving(app) as port:
        async with line_to(port) as first, line_to(port) as second:
            await first.answers()
            await second.answers()
            for _ in range(2 * REFUSALS_LOGGED):
                async with line_to(port) as third:
                    assert await third.reads_to_the_end() == b""
            await first.answers()
        await until_answered(port)
    assert 0 < caplog.messages.count("too many connections") <= REFUSALS_LOGGED


async def until_answered(port: int) -> None:
    """A place is free when the server has heard of the end of another connection."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                async with line_to(port) as line:
                    return await line.answers()


async def test_a_proxy_is_no_visitor_with_too_many_connections() -> None:
    """Issue 11, line 10."""
    direct, behind_a_proxy = Settings(connections_per_address=1), Settings(connections_per_address=1, trusted_hops=1)
    assert create_app(direct).extensions["connections_per_address"] == 1
    async with chat_serving(behind_a_proxy) as url:
        port = int(url.rpartition(":")[2])
        async with line_to(port) as first, line_to(port) as second:
            await first.answers()
            await second.answers()


SOFT_LIMIT, CONNECTIONS = 100, 250
LIMITED = f"""
import resource, runpy, sys
hard = int(sys.argv.pop(1)) or resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, ({SOFT_LIMIT}, hard))
runpy.run_module("quart_chat", run_name="__main__")
"""


async def test_more_connections_than_the_soft_limit_of_open_files_silence_nobody() -> None:
    """Issue 11, line 10."""
    with running("-c", LIMITED, "0", CONNECTIONS_PER_ADDRESS="1000") as program:
        async with AsyncExitStack() as stack:
            for _ in range(CONNECTIONS):
                line = await stack.enter_async_context(line_to(program.port))
                await line.sends(b"GET /healthz HT")
            async with line_to(program.port) as line:
                await line.answers("/healthz")


def test_too_few_open_files_for_the_sockets_of_a_process_are_told_at_the_start() -> None:
    """Issue 11, line 10."""
    with running("-c", LIMITED, "400", SOCKETS_PER_PROCESS="500") as program:
        _, _, errors = program.end(signal.SIGTERM)
    lines = [json.loads(line) for line in errors.splitlines()]
    (told,) = [line for line in lines if line["event"] == "too few open files allowed"]
    assert (told["level"], told["allowed"]) == ("warning", 400)
    with running("-c", LIMITED, "0", SOCKETS_PER_PROCESS="50") as program:
        assert "too few" not in program.end(signal.SIGTERM)[2]
