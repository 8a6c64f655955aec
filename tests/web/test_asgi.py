"""The edges of the app: a handler's end, a flood, and what a proxy says."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from quart_chat.web.asgi import STORED_MESSAGES, TrustedProxies
from tests.web.echo_app import Echo, create_echo, serving


@pytest.fixture
async def app() -> Echo:
    return create_echo()


@pytest.fixture
async def url(app: Echo) -> AsyncIterator[str]:
    async with serving(app) as port:
        yield f"ws://127.0.0.1:{port}"


async def close_code(socket: ClientConnection) -> int | None:
    """How the server ends this socket, whatever it sends before."""
    try:
        while True:
            await socket.recv()
    except ConnectionClosed:
        return socket.close_code


async def test_a_message_comes_back_as_it_was(url: str) -> None:
    async with connect(f"{url}/echo") as socket:
        for message in ("text", "", b"binary", b"\0"):
            await socket.send(message)
            assert await socket.recv() == message


async def test_an_empty_binary_message_is_empty_bytes(url: str) -> None:
    async with connect(f"{url}/echo") as socket:
        await socket.send(b"")
        assert await socket.recv() == b""


async def test_a_handler_that_fails_closes_with_1011(url: str) -> None:
    async with connect(f"{url}/fail") as socket:
        await socket.send("go")
        assert await close_code(socket) == 1011


async def test_a_handler_that_just_returns_closes_with_1011(url: str) -> None:
    async with connect(f"{url}/return") as socket:
        await socket.send("go")
        assert await close_code(socket) == 1011


@pytest.mark.parametrize("code", [1000, 1008, 4409])
async def test_a_handler_that_closes_has_its_own_code(url: str, code: int) -> None:
    async with connect(f"{url}/close/{code}") as socket:
        await socket.send("go")
        assert await close_code(socket) == code


async def test_a_handler_that_ends_while_its_close_is_under_way_closes_once(app: Echo) -> None:
    nothing: asyncio.Queue[Any] = asyncio.Queue()
    events: list[str] = []

    async def send_to_one_who_does_not_read(event: ASGISendEvent) -> None:
        events.append(event["type"])
        if events == ["websocket.accept", "websocket.close"]:
            await asyncio.Event().wait()

    await app(websocket_scope("/hurry"), nothing.get, send_to_one_who_does_not_read)
    assert events == ["websocket.accept", "websocket.close"]


async def test_a_handler_ends_when_the_server_cancels_it(app: Echo) -> None:
    nothing: asyncio.Queue[Any] = asyncio.Queue()
    events: asyncio.Queue[Any] = asyncio.Queue()
    serving_one = asyncio.create_task(app(websocket_scope("/echo"), nothing.get, events.put))
    assert (await events.get())["type"] == "websocket.accept"
    serving_one.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving_one
    assert app.ended == 1


def websocket_scope(path: str) -> Any:
    """As little of a scope as Quart needs."""
    return {
        "type": "websocket",
        "asgi": {"spec_version": "2.3"},
        "scheme": "ws",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"test")],
    }


async def test_a_busy_handler_finds_what_was_sent_meanwhile(app: Echo, url: str) -> None:
    sent = [str(number) for number in range(STORED_MESSAGES)]
    async with connect(f"{url}/slow") as socket:
        for message in sent:
            await socket.send(message)
        await until_taken(socket)
        app.extensions["told"].set()
        assert [await socket.recv() for _ in sent] == sent


async def test_a_burst_is_no_flood_for_a_handler_that_keeps_up(url: str) -> None:
    burst = [str(number) for number in range(10 * STORED_MESSAGES)]
    async with connect(f"{url}/echo") as socket:
        await asyncio.gather(*(socket.send(message) for message in burst))
        assert [await socket.recv() for _ in burst] == burst


@pytest.mark.parametrize("handler", ["slow", "careless"])
async def test_a_flood_of_a_busy_handler_closes_with_1008(app: Echo, url: str, handler: str) -> None:
    async with connect(f"{url}/{handler}") as socket:
        for _ in range(STORED_MESSAGES + 1):
            await socket.send("flood")
        await until_taken(socket)
        app.extensions["told"].set()
        assert await close_code(socket) == 1008


async def until_taken(socket: ClientConnection) -> None:
    """The server has read all before this ping: Hypercorn answers it in turn."""
    await (await socket.ping())
    await asyncio.sleep(0)


SEEN_BY_APP = {"http": ("http", "https"), "websocket": ("ws", "wss")}


async def scope_behind(hops: int, *headers: tuple[bytes, bytes], kind: str = "http") -> dict[str, Any]:
    """What the app is given for a request that came with these headers."""
    seen: list[Any] = []

    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        seen.extend((scope, receive, send))

    scope: Any = {
        "type": kind,
        "scheme": SEEN_BY_APP[kind][0],
        "client": ("10.0.0.1", 5000),
        "headers": [(b"host", b"inside"), *headers],
    }
    before = {**scope, "headers": list(scope["headers"])}
    receive: Any = object()
    send: Any = object()
    await TrustedProxies(app, hops)(scope, receive, send)
    assert seen[1:] == [receive, send]
    assert scope == before
    result: dict[str, Any] = seen[0]
    return result


def forwarded_for(value: bytes) -> tuple[bytes, bytes]:
    return b"x-forwarded-for", value


async def test_without_proxies_nothing_is_believed() -> None:
    scope = await scope_behind(
        0, forwarded_for(b"1.2.3.4"), (b"x-forwarded-proto", b"https"), (b"x-forwarded-host", b"evil")
    )
    assert scope["client"] == ("10.0.0.1", 5000)
    assert scope["scheme"] == "http"
    assert scope["headers"][0] == (b"host", b"inside")


@pytest.mark.parametrize(
    ("hops", "value", "address"),
    [
        (1, b"6.6.6.6, 1.2.3.4", "1.2.3.4"),
        (2, b"6.6.6.6, 1.2.3.4, 172.64.0.1", "1.2.3.4"),
        (1, b",".join([b"6.6.6.6"] * 49 + [b"1.2.3.4"]), "1.2.3.4"),
        (1, b"1.2.3.4:5678", "1.2.3.4"),
        (1, b"[2001:db8::1]:5678", "2001:db8::1"),
        (1, b"2001:DB8:0::1", "2001:db8::1"),
        (1, b"::ffff:1.2.3.4", "1.2.3.4"),
        (1, b"fe80::1%<b>eth0</b>", "fe80::1"),
    ],
)
async def test_the_visitor_is_the_entry_as_many_hops_from_the_right(hops: int, value: bytes, address: str) -> None:
    assert (await scope_behind(hops, forwarded_for(value)))["client"] == (address, 0)


async def test_entries_in_several_headers_are_one_list() -> None:
    scope = await scope_behind(2, forwarded_for(b"6.6.6.6, 1.2.3.4"), forwarded_for(b"172.64.0.1"))
    assert scope["client"] == ("1.2.3.4", 0)


@pytest.mark.parametrize("value", [b"", b",", b"<b>1.2.3.4</b>", b"unknown", b"[]", b"[]:1", b"\xff\xfe", b"1.2.3.4,"])
async def test_what_is_no_address_leaves_the_peer(value: bytes) -> None:
    assert (await scope_behind(1, forwarded_for(value)))["client"] == ("10.0.0.1", 5000)


async def test_fewer_entries_than_hops_leave_the_peer() -> None:
    assert (await scope_behind(2, forwarded_for(b"1.2.3.4")))["client"] == ("10.0.0.1", 5000)


@pytest.mark.parametrize("kind", SEEN_BY_APP)
async def test_the_scheme_is_the_one_the_visitor_spoke(kind: str) -> None:
    plain, secure = SEEN_BY_APP[kind]
    assert (await scope_behind(1, (b"x-forwarded-proto", b"https"), kind=kind))["scheme"] == secure
    assert (await scope_behind(2, (b"x-forwarded-proto", b"HTTPS"), kind=kind))["scheme"] == secure
    assert (await scope_behind(1, (b"x-forwarded-proto", b"https, http"), kind=kind))["scheme"] == plain
    assert (await scope_behind(1, (b"x-forwarded-proto", b"javascript"), kind=kind))["scheme"] == plain


async def test_the_host_is_the_one_the_visitor_asked_for() -> None:
    scope = await scope_behind(1, (b"x-forwarded-host", b"chat.example:8443"))
    assert [value for name, value in scope["headers"] if name == b"host"] == [b"chat.example:8443"]


@pytest.mark.parametrize("host", [b"", b"<b>", b"a b", b"a/b", b"user@host", b"a" * 300])
async def test_what_is_no_host_leaves_the_one_of_the_request(host: bytes) -> None:
    assert (await scope_behind(1, (b"x-forwarded-host", host)))["headers"][0] == (b"host", b"inside")


HEADER_VALUES = st.binary(max_size=60) | st.text("[]:%.,<0f", max_size=30).map(str.encode)
HEADER_NAMES = st.sampled_from([b"x-forwarded-for", b"X-Forwarded-For", b"x-forwarded-proto", b"x-forwarded-host"])


@given(hops=st.integers(0, 3), headers=st.lists(st.tuples(HEADER_NAMES, HEADER_VALUES), max_size=8))
def test_no_header_breaks_a_request(hops: int, headers: list[tuple[bytes, bytes]]) -> None:
    scope = asyncio.run(scope_behind(hops, *headers, kind="websocket"))
    assert scope["scheme"] in SEEN_BY_APP["websocket"]


async def test_a_websocket_behind_a_proxy_that_ends_tls_is_accepted() -> None:
    async with (
        serving(create_echo(hops=1)) as port,
        connect(f"ws://127.0.0.1:{port}/echo", additional_headers={"X-Forwarded-Proto": "https"}) as socket,
    ):
        await socket.send("through the proxy")
        assert await socket.recv() == "through the proxy"
