"""What ends at the edge, before the app hears of it: other protocols, loose frames, slow heads, many connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.web.echo_app import create_echo, serving

PATIENCE = 10.0  # seconds; far more than anything here takes

H2C = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
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
