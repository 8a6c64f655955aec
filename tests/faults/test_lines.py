"""Lines that break in every way a line can: the visitor keeps its seat and every word, and nobody else notices."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from quart_chat import hypercorn_patches
from quart_chat.app import create_app
from quart_chat.delivery import adopted
from quart_chat.domain.spaces import LOBBY
from tests.clock import FakeClock
from tests.faults.chaos import ChaosProxy, misbehave
from tests.faults.checks import check_history
from tests.faults.clients import Clients, staying_connected
from tests.faults.history import HistoryClient
from tests.web.echo_app import serving
from tests.web.guest import GENEROUS
from tests.web.test_server import until

pytestmark = pytest.mark.faults

EMPTY_CLOSE = b"\x88\x80\0\0\0\0"  # a masked close frame without a code: what a hidden tab sends


@pytest.fixture
async def line(clients: Clients) -> AsyncIterator[ChaosProxy]:
    """A line to the server that can be broken; the other clients have a good one."""
    async with ChaosProxy(clients.base) as line:
        yield line


@asynccontextmanager
async def attentive(clock: FakeClock, **config: float) -> AsyncIterator[Clients]:
    """The clients of a server with these settings of Hypercorn."""
    async with serving(create_app(GENEROUS, clock), **config) as port, Clients(f"http://127.0.0.1:{port}") as clients:
        yield clients


async def close_with(code: int, ann: HistoryClient, line: ChaosProxy) -> None:
    assert ann._socket
    await ann._socket.close(code)


async def close_without_a_code(ann: HistoryClient, line: ChaosProxy) -> None:
    assert ann._socket
    ann._socket.transport.write(EMPTY_CLOSE)
    await ann.is_closed()


async def crash(ann: HistoryClient, line: ChaosProxy) -> None:
    await ann.drop()


async def reset(ann: HistoryClient, line: ChaosProxy) -> None:
    line.reset()


async def end_without_a_close_frame(ann: HistoryClient, line: ChaosProxy) -> None:
    line.hang_up()


async def half_close(ann: HistoryClient, line: ChaosProxy) -> None:
    line.half_close()
    await ann.is_closed()


def closes(code: int) -> Callable[[HistoryClient, ChaosProxy], Awaitable[None]]:
    async def close(ann: HistoryClient, line: ChaosProxy) -> None:
        await close_with(code, ann, line)

    return close


WAYS_TO_CLOSE = {
    "1000": closes(1000),
    "1001": closes(1001),
    "3000": closes(3000),
    "4999": closes(4999),
    "1005": close_without_a_code,
    "crash": crash,
    "reset": reset,
    "end": end_without_a_close_frame,
    "half close": half_close,
}


@pytest.mark.parametrize("way", WAYS_TO_CLOSE)
async def test_every_way_to_close_is_a_drop_and_no_leave(
    clients: Clients, clock: FakeClock, line: ChaosProxy, way: str
) -> None:
    ann, bob = await clients.strangers(base=line.url)
    await WAYS_TO_CLOSE[way](ann, line)
    await until(lambda: len(line) == 0)
    await bob.say("while you were away")
    await bob.has_all_answers()
    clock.seconds += 6
    await bob.sees("is reconnecting")
    bob.forgets()
    await ann.comes_back()
    await bob.sees("You are talking with")
    await ann.say("back again")
    await bob.sees("back again")
    assert await check_history([ann, bob], ann.room) == ["while you were away", "back again"]
    assert "has left" not in bob.shown


async def test_a_line_that_dies_without_a_word_is_found_and_told(clock: FakeClock) -> None:
    async with (
        attentive(clock, websocket_ping_interval=0.1, read_timeout=0.5) as clients,
        ChaosProxy(clients.base) as line,
    ):
        ann, bob = await clients.strangers(base=line.url)
        connections = len(hypercorn_patches.Connection.open)
        line.freeze()
        await until(lambda: len(hypercorn_patches.Connection.open) < connections)
        await bob.say("while you were away")
        clock.seconds += 6
        await bob.sees("is reconnecting")
        line.thaw()
        await ann.comes_back()
        await ann.sees("while you were away")
        await check_history([ann, bob], ann.room)
        assert "has left" not in bob.shown


async def test_a_line_that_dies_and_stays_dead_ends_the_talk_once(clock: FakeClock) -> None:
    async with (
        attentive(clock, websocket_ping_interval=0.1, read_timeout=0.5) as clients,
        ChaosProxy(clients.base) as line,
    ):
        ann, bob = await clients.strangers(base=line.url)
        connections = len(hypercorn_patches.Connection.open)
        line.freeze()
        await until(lambda: len(hypercorn_patches.Connection.open) < connections)
        clock.seconds += 46
        await bob.is_at("waiting")
        assert bob.shown.count('<li class="notice"><span><bdi>Ann</bdi> has left') == 1
        line.thaw()
        await ann.comes_back()
        await ann.sees("You were away for too long")


async def test_a_slow_reader_is_cut_and_nobody_else_waits(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adopted, "WRITE_LIMIT", 65_536)
    async with attentive(clock) as clients, ChaosProxy(clients.base) as line:
        slow = await clients.in_lobby("Slow", line.url)
        ann, bob = await clients.in_lobby("Ann"), await clients.in_lobby("Bob")
        await slow.say("I am here")
        await slow.has_all_answers()
        let_the_kernel_keep_little()
        line.bytes_per_second = 1_000
        connections, number = len(hypercorn_patches.Connection.open), 0
        while len(hypercorn_patches.Connection.open) == connections:
            number += 1
            await ann.say(f"{number} " + "x" * 1_990)
            await ann.has_all_answers()
        await bob.say("nobody waited")
        await ann.sees("nobody waited")
        line.bytes_per_second = None
        await slow.comes_back()
        await slow.sees("nobody waited")
        await check_history([ann, bob, slow], LOBBY)


def let_the_kernel_keep_little() -> None:
    for connection in hypercorn_patches.Connection.open:
        connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)


async def test_a_router_that_cuts_silent_lines_finds_none(clock: FakeClock) -> None:
    async with (
        attentive(clock, websocket_ping_interval=0.1) as clients,
        ChaosProxy(clients.base, idle_limit=0.5) as line,
    ):
        ann = await clients.in_lobby("Ann", line.url)
        bob = await clients.in_lobby("Bob")
        for number in range(3):
            await asyncio.sleep(0.5)  # the silence is what is tested
            await bob.say(f"still here {number}")
        await ann.sees("still here 2")
        assert ann.close_code is None


async def test_a_router_cuts_lines_of_a_server_without_pings_and_beats(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quart_chat.app.TICK", 60)
    async with (
        attentive(clock, websocket_ping_interval=60) as clients,
        ChaosProxy(clients.base, idle_limit=0.5) as line,
    ):
        ann = await clients.in_lobby("Ann", line.url)
        assert await ann.is_closed() == 1006


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_lines_that_break_all_the_time_lose_nothing_and_repeat_nothing(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    async with (
        attentive(clock, websocket_ping_interval=0.1, read_timeout=0.5) as clients,
        ChaosProxy(clients.base) as line,
    ):
        names = ["Ann", "Bob", "Cid", "Dot"]
        people = [await clients.in_lobby(name, line.url) for name in names]
        async with staying_connected(people):
            for number in range(40):
                writer = chance.randrange(len(people))
                await people[writer].say(f"{names[writer]} says {number}")
                await misbehave(line, chance)
            line.heal()
        for client in people:
            await client.comes_back()
        assert len(await check_history(people, LOBBY)) == 40
        assert not any(client.gaps for client in people)
