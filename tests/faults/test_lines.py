"""Lines that break in every way a line can: the visitor keeps its seat and every word, and nobody else notices."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from quart_chat import hypercorn_patches
from quart_chat.app import create_app
from quart_chat.delivery import wire
from quart_chat.domain.rooms import LOBBY
from tests.faults.chaos import ChaosProxy
from tests.faults.history import Crowd, Witness, check_history
from tests.town import TownClock
from tests.web.echo_app import serving
from tests.web.guest import GENEROUS
from tests.web.test_server import until

pytestmark = pytest.mark.faults

EMPTY_CLOSE = b"\x88\x80\0\0\0\0"  # a masked close frame without a code: what a hidden tab sends


@pytest.fixture
async def line(crowd: Crowd) -> AsyncIterator[ChaosProxy]:
    """A line to the server that can be broken; whoever comes without it has a good one."""
    async with ChaosProxy(crowd.base) as line:
        yield line


@asynccontextmanager
async def attentive(clock: TownClock, **config: float) -> AsyncIterator[Crowd]:
    """A crowd before a server with these settings of Hypercorn."""
    async with serving(create_app(GENEROUS, clock), **config) as port:
        crowd = Crowd(f"http://127.0.0.1:{port}")
        yield crowd
        await crowd.hang_up()


async def close_with(code: int, ann: Witness, line: ChaosProxy) -> None:
    assert ann._socket
    await ann._socket.close(code)


async def close_without_a_code(ann: Witness, line: ChaosProxy) -> None:
    assert ann._socket
    ann._socket.transport.write(EMPTY_CLOSE)
    await ann.is_closed()


async def crash(ann: Witness, line: ChaosProxy) -> None:
    await ann.drop()


async def reset(ann: Witness, line: ChaosProxy) -> None:
    line.reset()


async def end_without_a_close_frame(ann: Witness, line: ChaosProxy) -> None:
    line.hang_up()


async def half_close(ann: Witness, line: ChaosProxy) -> None:
    line.half_close()
    await ann.is_closed()


def closes(code: int) -> Callable[[Witness, ChaosProxy], Awaitable[None]]:
    async def close(ann: Witness, line: ChaosProxy) -> None:
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
    crowd: Crowd, clock: TownClock, line: ChaosProxy, way: str
) -> None:
    ann, bob = await crowd.strangers(base=line.url)
    await WAYS_TO_CLOSE[way](ann, line)
    await until(lambda: len(line) == 0)
    await bob.say("while you were away")
    await bob.has_no_answer_left_to_get()
    clock.seconds += 6
    await bob.sees("is reconnecting")
    bob.forgets()
    await ann.comes_back()
    await bob.sees("You are talking with")
    await ann.say("back again")
    await bob.sees("back again")
    assert await check_history([ann, bob], ann.room) == ["while you were away", "back again"]
    assert "has left" not in bob.shown


async def test_a_line_that_dies_without_a_word_is_found_and_told(clock: TownClock) -> None:
    async with (
        attentive(clock, websocket_ping_interval=0.1, read_timeout=0.5) as crowd,
        ChaosProxy(crowd.base) as line,
    ):
        ann, bob = await crowd.strangers(base=line.url)
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


async def test_a_line_that_dies_and_stays_dead_ends_the_talk_once(clock: TownClock) -> None:
    async with (
        attentive(clock, websocket_ping_interval=0.1, read_timeout=0.5) as crowd,
        ChaosProxy(crowd.base) as line,
    ):
        ann, bob = await crowd.strangers(base=line.url)
        connections = len(hypercorn_patches.Connection.open)
        line.freeze()
        await until(lambda: len(hypercorn_patches.Connection.open) < connections)
        clock.seconds += 46
        await bob.is_at("waiting")
        assert bob.shown.count('<li class="notice"><span><bdi>Ann</bdi> has left') == 1
        line.thaw()
        await ann.comes_back()
        await ann.sees("You were away for too long")


async def test_who_reads_slowly_is_cut_and_nobody_else_waits(clock: TownClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "WRITE_LIMIT", 65_536)
    async with attentive(clock) as crowd, ChaosProxy(crowd.base) as line:
        slow = await crowd.in_lobby("Slow", line.url)
        ann, bob = await crowd.in_lobby("Ann"), await crowd.in_lobby("Bob")
        await slow.say("I am here")
        await slow.has_no_answer_left_to_get()
        let_the_kernel_keep_little()
        line.bytes_per_second = 1_000
        connections, number = len(hypercorn_patches.Connection.open), 0
        while len(hypercorn_patches.Connection.open) == connections:
            number += 1
            await ann.say(f"{number} " + "x" * 1_990)
            await ann.has_no_answer_left_to_get()
        await bob.say("nobody waited")
        await ann.sees("nobody waited")
        line.bytes_per_second = None
        await slow.comes_back()
        await slow.sees("nobody waited")
        await check_history([ann, bob, slow], LOBBY)


def let_the_kernel_keep_little() -> None:
    for connection in hypercorn_patches.Connection.open:
        connection.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)


async def test_a_router_that_cuts_silent_lines_finds_none(clock: TownClock) -> None:
    async with (
        attentive(clock, websocket_ping_interval=0.1) as crowd,
        ChaosProxy(crowd.base, idle_limit=0.5) as line,
    ):
        ann = await crowd.in_lobby("Ann", line.url)
        bob = await crowd.in_lobby("Bob")
        for number in range(3):
            await asyncio.sleep(0.5)  # the silence is what is tested
            await bob.say(f"still here {number}")
        await ann.sees("still here 2")
        assert ann.close_code is None


async def test_a_router_cuts_lines_of_a_server_without_pings_and_beats(
    clock: TownClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quart_chat.app.TICK", 60)
    async with (
        attentive(clock, websocket_ping_interval=60) as crowd,
        ChaosProxy(crowd.base, idle_limit=0.5) as line,
    ):
        ann = await crowd.in_lobby("Ann", line.url)
        assert await ann.is_closed() == 1006


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_lines_that_break_all_the_time_lose_nothing_and_repeat_nothing(
    clock: TownClock, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    async with attentive(clock, websocket_ping_interval=0.1, read_timeout=0.5) as crowd, ChaosProxy(crowd.base) as line:
        names = ["Ann", "Bob", "Cid", "Dot"]
        people = [await crowd.in_lobby(name, line.url) for name in names]
        staying = [asyncio.create_task(witness.stays()) for witness in people]
        for number in range(40):
            writer = chance.randrange(len(people))
            await people[writer].say(f"{names[writer]} says {number}")
            await misbehave(line, chance)
        line.delay, line.bytes_per_second = 0.0, None
        line.thaw()
        await asyncio.gather(*(witness.has_no_answer_left_to_get() for witness in people))
        await quiet(staying)
        for witness in people:
            await witness.comes_back()
        assert len(await check_history(people, LOBBY)) == 40
        assert not any(witness.gaps for witness in people)


async def misbehave(line: ChaosProxy, chance: random.Random) -> None:
    """Do one of the things lines do, for a moment."""
    line.delay = chance.choice([0.0, 0.0, 0.01, 0.03])
    line.bytes_per_second = chance.choice([None, None, None, 200_000])
    breaks = [line.reset, line.hang_up, line.half_close, line.freeze]
    happening = chance.choice([*breaks, line.thaw, line.thaw, None, None])
    if happening:
        happening()
    await asyncio.sleep(chance.uniform(0.0, 0.05))


async def quiet(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task
