"""Sockets that are adopted, and those that are not: the same to their clients."""

import asyncio
import socket
from contextlib import suppress
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidMessage

from quart_chat.app import create_app
from quart_chat.delivery.adopted import AdoptedSocket, adopt
from quart_chat.delivery.close_codes import CloseCode
from quart_chat.delivery.sessions import Sessions
from quart_chat.delivery.wire import Frame, Reader
from quart_chat.hypercorn_patches import Connection
from quart_chat.settings import Settings
from quart_chat.web.asgi_socket import AsgiSocket
from tests.web.guest import Company, Guest, serving


@pytest.mark.parametrize(("through_asgi", "kind"), [(False, AdoptedSocket), (True, AsgiSocket)])
async def test_every_socket_is_adopted_unless_it_may_not_be(
    through_asgi: bool, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release of Hypercorn of another shape would leave them to ASGI without a word."""
    taken: list[object] = []
    opened = Sessions.open

    def noting(self: Sessions, *arguments: object) -> object:
        taken.extend(argument for argument in arguments if isinstance(argument, AdoptedSocket | AsgiSocket))
        return opened(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Sessions, "open", noting)
    async with serving(Settings(), through_asgi=through_asgi) as address:
        company = Company(address)
        await company.in_lobby("Ann")
        await company.hang_up()
    assert [type(each) for each in taken] == [kind]


async def test_a_line_cut_between_its_handshake_and_its_adoption_stays_with_the_server(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """uvloop raises for anything that is asked of a transport that is closed."""
    adopted: list[object] = []

    def cut_and_adopt(send: Any, reader: Reader) -> AdoptedSocket | None:
        send.__self__.send.__self__.send.__self__.writer.transport.abort()
        adopted.append(adopt(send, reader))
        return None

    monkeypatch.setattr("quart_chat.web.socket.adopt", cut_and_adopt)
    async with serving(Settings()) as address:
        with suppress(ConnectionClosed, InvalidMessage):
            await Guest(address, "/lobby").connect()
    assert adopted == [None]
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_another_server_is_served_through_asgi() -> None:
    app = create_app(Settings())
    async with app.test_app() as served:
        client = served.test_client()
        page = await (await client.get("/lobby")).get_data(as_text=True)
        address = page.split('hx-ws:connect="')[1].split('"')[0].replace("&amp;", "&")
        async with client.websocket(address, headers={"Origin": "http://localhost"}) as socket:
            await socket.send('{"do":"enter","name":"Ann"}')
            assert 'data-at="talk"' in await socket.receive()


@pytest.mark.parametrize("through_asgi", [False, True])
async def test_both_ways_keep_the_order_of_room_own_answers_and_close(through_asgi: bool) -> None:
    async with serving(Settings(), through_asgi=through_asgi) as address:
        company = Company(address)
        ann = await company.in_lobby("Ann")
        ann.forgets()
        await ann.say("one")
        key = await ann.say("")
        await ann.say("two")
        await ann.sees("two")
        assert ann.shown.index(">one<") < ann.shown.index(f"#why-{key}") < ann.shown.index(">two<")
    assert await ann.is_closed() == 1012


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536, 100_000])
async def test_a_ready_frame_of_any_length_is_read_as_it_was_written(length: int) -> None:
    text = "é" * (length // 2) + "x" * (length % 2)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from base64 import b64encode
        from hashlib import sha1

        request = await reader.readuntil(b"\r\n\r\n")
        key = next(
            line.split(b": ")[1] for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")
        )
        accept = b64encode(sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())  # noqa: S324 - RFC 6455
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
        writer.write(b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + Frame(text).encoded)
        await reader.read(1)  # its close frame
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}/", max_size=None) as socket:
            assert await socket.recv() == text


async def test_a_client_that_never_reads_is_cut_and_costs_nobody_a_message(company: Company) -> None:
    ann, slow = await company.in_lobby("Ann"), await company.in_lobby("Slow")
    assert slow._socket
    # Else the system keeps megabytes for it, which it has to read before it sees the end.
    slow._socket.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    for connection in Connection.open:
        connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
    slow._socket.transport.pause_reading()
    text = "x" * 2000
    for _ in range(10):
        ann.forgets()
        for _ in range(100):
            last = await ann.say(text)
        await ann.sees(last)
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{company.base}/healthz")).text == "ok"
    slow._socket.transport.resume_reading()
    assert await slow.is_closed() in (1006, CloseCode.TRY_LATER)  # through ASGI it can still be told why
