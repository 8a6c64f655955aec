"""Processes are killed, restarted and told to stop, as platforms do, while people talk."""

import asyncio
import json
import re
import signal
from contextlib import suppress

import pytest
from websockets.exceptions import WebSocketException

from quart_chat.domain.rooms import LOBBY
from tests.faults.history import Crowd, Witness
from tests.faults.program import running, started

pytestmark = pytest.mark.faults

RESTARTED = "The server restarted, this talk has ended."
TOLD_WITHIN = 5.0  # seconds from SIGTERM


async def test_who_was_there_when_the_process_was_killed_is_told_and_stands_at_the_door() -> None:
    async with running() as before:
        crowd = Crowd(before.url)
        ann, bob = await crowd.strangers()
        cid = await crowd.guest("/text")
        await cid.seek("Cid")
        dot, eve = await crowd.in_lobby("Dot"), await crowd.guest("/lobby")
        old_room = ann.room
        before.signal(signal.SIGKILL)
        assert [await guest.is_closed() for guest in crowd.witnesses] == [1006] * 5
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
        await ann.has_no_answer_left_to_get()
        assert list(ann.refused.values())[-1].room == old_room
        await ann.seek("Ann")
        await bob.seek("Bob")
        await ann.is_at("talk")
        await bob.is_at("talk")
        assert ann.room == bob.room != old_room
        await crowd.hang_up()


@pytest.mark.parametrize("terms", [1, 3])
async def test_sigterm_under_load_sends_everyone_away_in_time_and_shows_nobody_leaving(terms: int) -> None:
    async with running() as program:
        crowd = Crowd(program.url)
        people = [await crowd.in_lobby(f"Guest {number}") for number in range(30)]
        talking = [asyncio.create_task(talks(witness, f"Guest {n}")) for n, witness in enumerate(people)]
        await people[-1].sees("Guest 0 says 5")
        for witness in people:
            witness.forgets()
        for _ in range(terms):
            program.signal(signal.SIGTERM)
        async with asyncio.timeout(TOLD_WITHIN):
            assert {await witness.is_closed() for witness in people} == {1012}
        status, errors = await program.ends()
        await asyncio.gather(*talking)
    assert status == 0
    assert [line["event"] for line in logged(errors)] == ["drained"]
    for witness in people:
        assert not witness.complaints
        assert not re.search(r"</bdi> left|has left", witness.shown)
    assert_one_order(people)


async def talks(witness: Witness, name: str) -> None:
    """Say one thing after the other until the line is closed."""
    number = 0
    while witness.close_code is None:
        number += 1
        await witness.say(f"{name} says {number}")
        with suppress(WebSocketException):
            await witness.send(do="typing", room=LOBBY)
        await asyncio.sleep(0.01)


def logged(errors: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in errors.splitlines()]


def assert_one_order(people: list[Witness]) -> None:
    """What each has seen is the beginning of one order: the process is gone, so nobody can catch up."""
    longest = max((witness.seen[LOBBY] for witness in people), key=len)
    for witness in people:
        numbers = sorted(witness.seen[LOBBY])
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        assert all(longest.get(number, text) == text for number, text in witness.seen[LOBBY].items())


async def test_sigterm_during_the_drain_lets_nobody_in() -> None:
    async with running() as program:
        crowd = Crowd(program.url)
        ann = await crowd.in_lobby("Ann")
        late = await Witness(program.url, "/lobby").load()
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
    assert errors == "" or [line["event"] for line in logged(errors)] == ["drained"]
