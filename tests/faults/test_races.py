"""Two things at the same moment: in either order nobody is left halfway."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import httpx
import pytest

from tests.faults.clients import Clients
from tests.faults.history import HistoryClient

pytestmark = pytest.mark.faults

ROUNDS = 100


async def at_once(*doings: Coroutine[Any, Any, object]) -> None:
    """Let all begin in the same moment."""
    barrier = asyncio.Barrier(len(doings))

    async def do(doing: Coroutine[Any, Any, object]) -> None:
        await barrier.wait()
        await doing

    await asyncio.gather(*map(do, doings))


async def tabs(clients: Clients, number: int) -> list[HistoryClient]:
    """Tabs of one browser: with nobody else there they meet at once, however often they have met."""
    first = await clients.guest("/text")
    return [first, *[await clients.guest("/text", cookies=first.cookies) for _ in range(number - 1)]]


async def wait_for_a_stranger(guest: HistoryClient) -> None:
    await guest.send(do="seek", name="Guest", agreed="yes")
    await guest.is_at("waiting")


async def settle(*guests: HistoryClient) -> None:
    """Wait until the server has done all that was asked for, and everybody has heard of it."""
    for _ in range(2):  # the second time for what the requests of the others have caused
        await asyncio.gather(*(guest.is_up_to_date() for guest in guests))


def assert_no_half_match(*guests: HistoryClient) -> None:
    """Everybody who talks does so with exactly one other, who talks with them."""
    rooms = [guest.room for guest in guests if guest.at == "talk"]
    assert all(rooms.count(room) == 2 for room in rooms), rooms
    assert all(guest.at in ("talk", "waiting", "door") for guest in guests)


async def go_to_the_door(*guests: HistoryClient) -> None:
    for guest in guests:
        await guest.send(do="stop", room=guest.room)
        await settle(*guests)
    assert [guest.at for guest in guests] == ["door"] * len(guests)


async def test_a_match_and_a_stop_at_once(clients: Clients) -> None:
    ann, bob = await tabs(clients, 2)
    endings = set()
    for _ in range(ROUNDS):
        await wait_for_a_stranger(ann)
        await at_once(bob.send(do="seek", name="Bob", agreed="yes"), ann.send(do="stop", room=""))
        await settle(ann, bob)
        assert_no_half_match(ann, bob)
        endings.add((ann.at, bob.at))
        await go_to_the_door(ann, bob)
    assert endings <= {("door", "waiting"), ("talk", "talk")}


async def test_a_match_and_a_drop_at_once(clients: Clients) -> None:
    ann, bob = await tabs(clients, 2)
    for _ in range(ROUNDS):
        await wait_for_a_stranger(ann)
        await at_once(bob.send(do="seek", name="Bob", agreed="yes"), ann.drop())
        await ann.comes_back()
        await ann.is_at("talk")
        await bob.is_at("talk")
        await settle(ann, bob)
        assert_no_half_match(ann, bob)
        await go_to_the_door(ann, bob)


async def test_many_who_seek_at_once_meet_two_by_two(clients: Clients) -> None:
    guests = await tabs(clients, 11)
    for _ in range(ROUNDS // 10):
        await at_once(*(guest.send(do="seek", name="Guest", agreed="yes") for guest in guests))
        await settle(*guests)
        assert_no_half_match(*guests)
        assert sorted(guest.at for guest in guests) == ["talk"] * 10 + ["waiting"]
        await go_to_the_door(*guests)


async def test_both_press_next_at_once(clients: Clients) -> None:
    ann, bob = await tabs(clients, 2)
    await wait_for_a_stranger(ann)
    await bob.send(do="seek", name="Guest", agreed="yes")
    for _ in range(ROUNDS):
        await ann.is_at("talk")
        await settle(ann, bob)
        assert_no_half_match(ann, bob)
        await at_once(*(guest.send(do="next", room=guest.room) for guest in (ann, bob)))


async def test_a_room_that_dies_while_somebody_enters(clients: Clients) -> None:
    endings = set()
    async with httpx.AsyncClient(base_url=clients.base) as http:
        for _ in range(ROUNDS // 4):
            code = (await http.post("/api/rooms")).json()["code"]
            ann = await (await clients.guest(f"/room/{code}")).enter("Ann")
            bob = await clients.guest(f"/room/{code}")
            await at_once(ann.send(do="leave", room=ann.room), bob.send(do="enter", name="Bob"))
            await settle(ann, bob)
            assert ann.at == "door"
            rooms = await http.get(f"/api/rooms/{code}")
            if bob.at == "talk":
                assert rooms.json()["people"] == 1
            else:
                assert rooms.status_code == 404
                assert "This room is gone" in bob.shown
            endings.add(bob.at)
            await asyncio.gather(ann.hang_up(), bob.hang_up())
    assert endings <= {"talk", "door"}
