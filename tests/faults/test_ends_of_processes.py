"""Processes are killed, restarted and told to stop, as platforms do, while people talk."""

import asyncio
import json
import re
import signal
from contextlib import suppress

import pytest
from websockets.exceptions import WebSocketException

from quart_chat.domain.spaces import LOBBY
from tests.faults.clients import Clients
from tests.faults.history import HistoryClient
from tests.faults.program import running, started

pytestmark = pytest.mark.faults

RESTARTED = "The server restarted, this talk has ended."
TOLD_WITHIN = 5.0  # seconds from SIGTERM


async def test_after_a_kill_everybody_inside_is_told_and_shown_the_door() -> None:
    async with running() as before, Clients(before.url) as clients:
        ann, bob = await clients.strangers()
        cid = await clients.guest("/text")
        await cid.seek("Cid")
        dot, eve = await clients.in_lobby("Dot"), await clients.guest("/lobby")
        old_room = ann.room
        before.signal(signal.SIGKILL)
        assert [await guest.is_closed() for guest in clients.all] == [1006] * 5
        await before.ends()
        async with running(before.port):
            for guest in (ann, bob, cid, dot):
                await guest.comes_back()
                await guest.sees(RESTARTED)
                assert guest.at == "door"
            await eve.comes_back()
            await eve.is_up_to_date()
            assert RESTARTED not in eve.shown  # she had not come in
            await ann.say("to a talk of the killed process", room=old_room)
            await ann.has_all_answers()
            assert list(ann.refused.values())[-1].room == old_room
            await ann.seek("Ann")
            await bob.seek("Bob")
            await ann.is_at("talk")
            await bob.is_at("talk")
            assert ann.room == bob.room != old_room
            await clients.hang_up()


@pytest.mark.parametrize("terms", [1, 3])
async def test_sigterm_under_load_closes_every_socket_in_time_and_shows_nobody_leaving(terms: int) -> None:
    async with running() as program, Clients(program.url) as clients:
        people = [await clients.in_lobby(f"Guest {number}") for number in range(30)]
        talking = [asyncio.create_task(talk(client, f"Guest {n}")) for n, client in enumerate(people)]
        await people[-1].sees("Guest 0 says 5")
        for client in people:
            client.forgets()
        for _ in range(terms):
            program.signal(signal.SIGTERM)
        async with asyncio.timeout(TOLD_WITHIN):
            assert {await client.is_closed() for client in people} == {1012}
        status, errors = await program.ends()
        await asyncio.gather(*talking)
        assert status == 0
        assert events_of(errors) == ["drained"]
        assert not any(re.search(r"</bdi> left|has left", client.shown) for client in people)
        assert_one_order(people)


async def talk(client: HistoryClient, name: str) -> None:
    """Say one thing after the other until the line is closed."""
    number = 0
    while client.close_code is None:
        number += 1
        await client.say(f"{name} says {number}")
        with suppress(WebSocketException):
            await client.send(do="typing", room=LOBBY)
        await asyncio.sleep(0.01)


def events_of(errors: str) -> list[str]:
    """What the log tells, but for what is lost by a restart of a chat without a folder."""
    events = [str(json.loads(line)["event"]) for line in errors.splitlines()]
    return [event for event in events if not event.startswith("memory only")]


def assert_one_order(people: list[HistoryClient]) -> None:
    """What each has seen is the beginning of one order: the process is gone, so nobody can catch up."""
    longest = max((client.seen[LOBBY] for client in people), key=len)
    for client in people:
        numbers = sorted(client.seen[LOBBY])
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        assert all(longest.get(number, text) == text for number, text in client.seen[LOBBY].items())


async def test_sigterm_during_the_drain_lets_nobody_in() -> None:
    async with running() as program, Clients(program.url) as clients:
        ann = await clients.in_lobby("Ann")
        late = await HistoryClient(program.url, "/lobby").load()
        program.signal(signal.SIGTERM)
        assert await ann.is_closed() == 1012
        with pytest.raises((OSError, WebSocketException, EOFError)):
            await late.connect()
        assert (await program.ends())[0] == 0


@pytest.mark.parametrize("after", [0.0, 0.1, 0.2, 0.3, 0.4])
async def test_sigterm_at_any_moment_of_the_start_ends_without_a_traceback(after: float) -> None:
    async with started() as program:
        await asyncio.sleep(after)  # the moment is what is tested
        program.signal(signal.SIGTERM)
        status, errors = await program.ends()
    assert status in (0, -signal.SIGTERM)  # before Python itself is up nobody can handle a signal
    assert events_of(errors) in ([], ["drained"])
