"""Many people in the lobby, in rooms by code and in pairs, who talk all the time while something fails."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import httpx

from tests.faults.chaos import ChaosProxy
from tests.faults.checks import check_history
from tests.faults.clients import Clients, staying_connected
from tests.faults.history import HistoryClient

ANSWERED_WITHIN = 30.0  # seconds, after everything works again
PAUSE = 0.003  # seconds between two messages

Failure = Callable[[], Awaitable[None]]


class Load:
    """People on several processes. Each page that reconnects may do so to another process."""

    def __init__(self, clients: Clients, lines: Sequence[ChaosProxy], chance: random.Random) -> None:
        """`lines` lead to the processes."""
        self.clients = clients
        self.lines = lines
        self.chance = chance
        self.rooms: dict[str, list[HistoryClient]] = {}

    async def come(self, lobby: int = 12, rooms: int = 4, people: int = 3, pairs: int = 10) -> None:
        """Let so many enter the lobby, so many rooms of so many people each, and meet in so many pairs."""
        await self._enter("/lobby", lobby)
        async with httpx.AsyncClient() as http:
            for _ in range(rooms):
                code = (await http.post(f"{self.clients.base}/api/rooms")).json()["code"]
                await self._enter(f"/room/{code}", people)
        strangers = [await self._guest("/text") for _ in range(2 * pairs)]
        for guest in strangers:
            await guest.send(do="seek", name="Guest", agreed="yes")
        for guest in strangers:
            await guest.is_at("talk")
            self.rooms.setdefault(guest.room, []).append(guest)

    async def talk(self, messages: int, *failures: Failure) -> None:
        """Let everybody talk over lines that break, while one failure after the other happens; until all is heard."""
        people = self.clients.all
        for client in people:
            client.next_base = self._any_process
        async with staying_connected(people, ANSWERED_WITHIN), asyncio.TaskGroup() as breaking:
            breaks = [breaking.create_task(line.break_some(self.chance)) for line in self.lines]
            times = [messages * (n + 1) // (len(failures) + 1) for n in range(len(failures))]
            for number in range(messages):
                await self._say(f"message {number}")
                if number in times:
                    await failures[times.index(number)]()
            for task in breaks:
                task.cancel()
            for line in self.lines:
                line.heal()
        await asyncio.gather(*(client.comes_back() for client in people))

    async def check(self) -> None:
        """Fail unless every message was shown once, in one order, to all who were in its room, and none was refused."""
        for client in self.clients.all:
            assert not client.refused, client.refused
        for room, members in self.rooms.items():
            await check_history(members, room)

    def loss_is_said_once(self) -> None:
        """Fail if a page was told more than once that messages of a room may be missing."""
        for client in self.clients.all:
            for room, times in Counter(room for room, _ in client.gaps).items():
                assert times == 1, f"a page was told {times} times that messages of {room} may be missing"

    async def _say(self, text: str) -> None:
        room = self.chance.choice(list(self.rooms))
        await self.chance.choice(self.rooms[room]).say(text, room)
        await asyncio.sleep(PAUSE)

    async def _enter(self, path: str, people: int) -> None:
        for number in range(people):
            guest = await (await self._guest(path)).enter(f"Guest {number}")
            self.rooms.setdefault(guest.room, []).append(guest)

    async def _guest(self, path: str) -> HistoryClient:
        return await self.clients.guest(path, base=self._any_process())

    def _any_process(self) -> str:
        return self.chance.choice(self.lines).url


async def all_say(people: Sequence[HistoryClient], words: str) -> None:
    """Let each of them say something, and wait until all of it is answered."""
    for number, client in enumerate(people):
        await client.say(f"{words} {number}")
    await asyncio.gather(*(client.has_all_answers() for client in people))
