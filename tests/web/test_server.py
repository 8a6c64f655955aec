"""The server as it is really run: its start, its end, and the clients that would hold it up."""

import asyncio
import gc
import signal
import socket
import struct
import tomllib
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest
from hypercorn.config import Config
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.ws_stream import WSStream
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope
from quart import Websocket
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_sync

from quart_chat import hypercorn_patches, server
from quart_chat.domain.timing import CLOSE_GRACE
from quart_chat.settings import BadSetting
from quart_chat.web.asgi import GuardedWebsocket
from tests.web.echo_app import create_echo, serving
from tests.web.raw import PATIENCE, frame, raw_socket, read_to_end, running, started

MIB = 1024 * 1024
COMPRESSED_TEXT = 0xC1
RESET_AT_ONCE = struct.pack("ii", 1, 0)  # what SO_LINGER takes: on, and no second
CLOSED_TOO_BIG = b"\x88\x02\x03\xf1"

LOOPS = ["asyncio", pytest.param("uvloop", marks=pytest.mark.skipif(not find_spec("uvloop"), reason="no uvloop here"))]
needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from /proc")


def close_code(client: ClientConnection) -> int | None:
    with suppress(ConnectionClosed):
        while True:
            client.recv(PATIENCE)
    return client.close_code


@pytest.mark.parametrize("loop", LOOPS)
def test_sigterm_closes_every_socket_with_1012_and_ends_quietly(loop: str) -> None:
    with running(ECHO_LOOP=loop) as program, ExitStack() as stack:
        clients = [stack.enter_context(connect_sync(f"ws://127.0.0.1:{program.port}/echo")) for _ in range(5)]
        program.process.send_signal(signal.SIGTERM)
        assert [close_code(client) for client in clients] == [1012] * 5
        assert program.end() == (0, "5 handlers ended, 0 sockets left\n", "")


@pytest.mark.parametrize("loop", LOOPS)
def test_sigterm_ends_with_clients_that_answer_no_close_or_never_read(loop: str) -> None:
    with (
        running(ECHO_LOOP=loop) as program,
        raw_socket(program.port, "/echo"),
        raw_socket(program.port, "/pour"),
    ):
        status, output, errors = program.end(signal.SIGTERM)
    assert (status, output) == (0, "2 handlers ended, 0 sockets left\n")
    assert "Traceback" not in errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_server_whose_clients_keep_idle_connections(number: signal.Signals) -> None:
    with running() as program, httpx.Client() as client:
        assert client.get(f"http://127.0.0.1:{program.port}/").text == "hello"
        assert program.end(number) == (0, "0 handlers ended, 0 sockets left\n", "")


def test_a_second_sigterm_changes_nothing() -> None:
    with running() as program, connect_sync(f"ws://127.0.0.1:{program.port}/echo") as client:
        program.process.send_signal(signal.SIGTERM)
        program.process.send_signal(signal.SIGTERM)
        assert close_code(client) == 1012
        assert program.end(signal.SIGTERM) == (0, "1 handlers ended, 0 sockets left\n", "")


STOPPED_ONCE_MORE = """
import os, signal
from quart_chat.server import main
from tests.web.echo_app import create_echo
main(create_echo)
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_a_sigterm_after_the_end_changes_nothing() -> None:
    with running("-c", STOPPED_ONCE_MORE) as program:
        assert program.end(signal.SIGTERM) == (0, "0 handlers ended, 0 sockets left\n", "")


@pytest.mark.parametrize("loop", LOOPS)
def test_sigterm_while_the_app_starts_ends_quietly(loop: str) -> None:
    with started(ECHO_NEVER_STARTS="1", ECHO_LOOP=loop) as program:
        assert program.says() == "starting\n"
        assert program.end(signal.SIGTERM) == (0, "", "")


MAKES_SLOWLY = """
import time
from quart_chat.server import main
main(lambda: print("making", flush=True) or time.sleep(60))
"""


def test_sigterm_while_the_app_is_made_ends_quietly() -> None:
    with started("-c", MAKES_SLOWLY) as program:
        assert program.says() == "making\n"
        assert program.end(signal.SIGTERM) == (0, "", "")


def test_an_address_in_use_is_one_line_and_status_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with started(PORT=str(port)) as program:
            status, output, errors = program.end()
    assert (status, output) == (1, "")
    assert errors.startswith(f"quart-chat cannot start: cannot listen on http://127.0.0.1:{port}: ")
    assert errors.count("\n") == 1


def test_an_app_that_cannot_start_is_status_1() -> None:
    with started(ECHO_CANNOT_START="1") as program:
        status, output, errors = program.end()
    assert (status, output) == (1, "")
    assert errors.splitlines()[-1].startswith("quart-chat cannot start: ")


def test_a_wish_for_several_processes_is_ignored_with_a_word_unless_redis_joins_them() -> None:
    with running(WEB_CONCURRENCY="2") as program:
        assert "WEB_CONCURRENCY=2 is ignored" in program.end(signal.SIGTERM)[2]
    with running(WEB_CONCURRENCY="2", REDIS_URL="redis://127.0.0.1:1") as program:
        assert program.end(signal.SIGTERM)[2] == ""


def test_compression_is_declined() -> None:
    offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
    with running() as program, raw_socket(program.port, "/echo", offer) as (_, reply):
        assert reply.startswith("HTTP/1.1 101 ")
        assert "sec-websocket-extensions" not in reply.lower()


@needs_proc
def test_a_compression_bomb_ends_the_connection_and_costs_no_memory() -> None:
    offer = "Sec-WebSocket-Extensions: permessage-deflate"
    with running() as program, raw_socket(program.port, "/echo", offer) as (client, _):
        before = program.most_memory
        client.sendall(frame(bomb(64 * MIB), COMPRESSED_TEXT))
        read_to_end(client)
        assert program.most_memory - before < 16 * MIB


def bomb(size: int) -> bytes:
    """This many zeros, deflated as a WebSocket message is."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    return deflate.compress(bytes(size)) + deflate.flush(zlib.Z_SYNC_FLUSH)[:-4]


@needs_proc
def test_going_on_after_a_message_too_big_ends_the_connection_and_costs_no_memory() -> None:
    with running() as program, raw_socket(program.port, "/echo") as (client, _):
        before = program.most_memory
        with pytest.raises(ConnectionError):  # the server ends it while this still sends
            for _ in range(64):
                client.sendall(frame(b"x" * MIB))
        assert program.most_memory - before < 16 * MIB


def test_a_message_too_big_is_answered_with_1009_and_ends_the_connection() -> None:
    with running() as program, raw_socket(program.port, "/echo") as (client, _):
        client.sendall(frame(b"x" * 65537))
        assert read_to_end(client).endswith(CLOSED_TOO_BIG)
        assert program.end(signal.SIGTERM) == (0, "1 handlers ended, 0 sockets left\n", "")


@needs_proc
def test_a_flood_of_a_busy_handler_costs_no_memory() -> None:
    with running() as program, raw_socket(program.port, "/slow") as (client, _):
        before = program.most_memory
        for _ in range(32):
            client.sendall(frame(b"x" * 4096) * 256)
        assert program.most_memory - before < 16 * MIB


async def test_a_client_that_answers_no_ping_is_dropped_and_others_stay() -> None:
    app = create_echo()
    async with (
        serving(app, websocket_ping_interval=0.25, read_timeout=2) as port,
        connect(f"ws://127.0.0.1:{port}/echo") as answering,
    ):
        await asyncio.to_thread(stay_mute, port, "/echo")
        await until(lambda: app.ended == 1)
        await answering.send("still here")
        assert await answering.recv() == "still here"


def stay_mute(port: int, path: str) -> None:
    with raw_socket(port, path) as (client, _):
        read_to_end(client)


async def test_a_client_that_never_reads_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "UNREAD_LIMIT", 500)
    app = create_echo()
    async with serving(app, websocket_ping_interval=0.25) as port, everything_returns_to_the_start():
        never_reading = raw_socket(port, "/pour")
        await asyncio.to_thread(never_reading.__enter__)
        await until(lambda: app.ended == 1)
        never_reading.__exit__(None, None, None)


async def test_a_client_that_neither_reads_nor_sends_is_cut_before_the_kernel_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hypercorn_patches, "LINGER", 0.1)
    app = create_echo()
    async with (
        serving(app, websocket_ping_interval=0.25, read_timeout=1) as port,
        everything_returns_to_the_start(),
    ):
        never_reading = raw_socket(port, "/pour")
        await asyncio.to_thread(never_reading.__enter__)
        await until(lambda: app.ended == 1 and not hypercorn_patches.Connection.open)
        never_reading.__exit__(None, None, None)


async def test_nothing_is_left_of_a_handler_that_ends_while_its_client_still_sends() -> None:
    async with (
        serving(create_echo()) as port,
        everything_returns_to_the_start(),
        connect(f"ws://127.0.0.1:{port}/return") as client,
    ):
        with suppress(ConnectionClosed):
            while True:
                await client.send("and on")


async def test_nothing_is_kept_of_a_client_that_has_hung_up() -> None:
    async with (
        serving(create_echo(), keep_alive_timeout=600) as port,
        everything_returns_to_the_start(),
        httpx.AsyncClient() as client,
    ):
        await client.get(f"http://127.0.0.1:{port}/")


async def test_nothing_is_left_of_a_closed_socket_until_its_next_ping() -> None:
    async with (
        serving(create_echo(), websocket_ping_interval=600) as port,
        everything_returns_to_the_start(),
        connect(f"ws://127.0.0.1:{port}/echo") as client,
    ):
        await client.send("hello")
        assert await client.recv() == "hello"


@pytest.mark.parametrize("ending", ["closed", "reset"])
async def test_a_connection_leaves_nothing_for_the_collector(collector_at_rest: None, ending: str) -> None:
    before = parts_of_connections()  # other tests' servers may still run
    async with serving(create_echo()) as port, httpx.AsyncClient() as browser:
        await browser.get(f"http://127.0.0.1:{port}/")
        async with connect(f"ws://127.0.0.1:{port}/echo") as client:
            await client.send("hello")
            assert await client.recv() == "hello"
            if ending == "reset":
                client.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_ONCE)
                client.transport.abort()
        await browser.aclose()
        await until(lambda: parts_of_connections().keys() <= before.keys())


@pytest.fixture
def collector_at_rest() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def parts_of_connections() -> dict[int, object]:
    """What is in memory of any connection, open or not, by its identity."""
    kinds = (hypercorn_patches.Connection, H11Protocol, WSStream, GuardedWebsocket, Websocket)
    return {id(each): each for each in gc.get_objects() if issubclass(type(each), kinds)}


@asynccontextmanager
async def everything_returns_to_the_start() -> AsyncIterator[None]:
    """Fail unless, in the end, no connection is left and no task that was not there before."""
    before = asyncio.all_tasks()
    yield
    await until(lambda: not hypercorn_patches.Connection.open)
    await until(lambda: asyncio.all_tasks() <= before)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not is_so():  # noqa: ASYNC110 - what is waited for has no event to wait on
            await asyncio.sleep(0.01)


async def test_the_server_does_not_name_itself() -> None:
    async with serving(create_echo()) as port, httpx.AsyncClient() as client:
        response = await client.get(f"http://127.0.0.1:{port}/")
    assert "server" not in response.headers


async def test_the_app_sends_by_hypercorns_own_stream() -> None:
    senders: list[object] = []
    app = create_echo()
    inner = app.asgi_app

    async def outer(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        senders.append(getattr(send, "__self__", None))
        await inner(scope, receive, send)

    app.asgi_app = outer  # type: ignore[method-assign] # as Quart's docs say
    async with serving(app) as port, connect(f"ws://127.0.0.1:{port}/echo"):
        assert isinstance(senders[-1], WSStream)


async def drain_that_fails() -> None:
    raise RuntimeError("as the test wants it")


async def drain_that_never_ends() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("drain", [drain_that_fails, drain_that_never_ends])
async def test_a_drain_gone_wrong_does_not_keep_the_server(
    monkeypatch: pytest.MonkeyPatch, drain: Callable[[], Awaitable[None]]
) -> None:
    monkeypatch.setattr(server, "DRAIN", 0.1)
    app = create_echo()
    app.extensions["drain"] = drain
    async with serving(app) as port:
        client = await connect(f"ws://127.0.0.1:{port}/echo")
    assert app.ended == 1
    await client.close()


async def test_who_comes_during_the_drain_does_not_keep_the_server() -> None:
    app = create_echo()
    late: list[socket.socket] = []

    async def drain() -> None:
        late.append(await asyncio.to_thread(socket.create_connection, ("127.0.0.1", port)))

    app.extensions["drain"] = drain
    async with serving(app) as port:
        pass
    with late[0] as client:
        assert read_to_end(client) == b""


async def test_an_app_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "EXIT", 0.1)
    app, may_end = create_echo(), asyncio.Event()

    @app.after_serving
    async def wait() -> None:
        await may_end.wait()

    async with serving(app):
        pass
    assert not may_end.is_set()
    may_end.set()


def test_every_setting_is_one_that_hypercorn_has() -> None:
    known = {name for name in dir(Config) if not name.startswith("_")}
    assert set(tomllib.loads(server.SETTINGS_FILE.read_text("utf-8"))) <= known


def test_the_address_comes_from_the_environment() -> None:
    assert server.address({}) == ("127.0.0.1", 8000)
    assert server.address({"HOST": "::1", "PORT": "0"}) == ("::1", 0)


@pytest.mark.parametrize("port", ["http", "-1", "65536", "80 80", "\u0664"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(BadSetting, match="PORT"):
        server.address({"PORT": port})


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_it_listens_on_ipv6_too() -> None:
    with server.listen("::1", 0, 1) as sock:
        socket.create_connection(("::1", sock.getsockname()[1])).close()


def test_a_hypercorn_of_another_shape_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("hypercorn.protocol.ws_stream.server_extensions_handshake")
    with pytest.raises(RuntimeError, match="server_extensions_handshake"):
        hypercorn_patches.decline_compression()


def test_hypercorn_leaves_it_to_us_to_cut_those_who_do_not_go() -> None:
    """Python 3.12 writes a traceback for each connection that Hypercorn cancels."""
    assert server.load_config().graceful_timeout > CLOSE_GRACE
