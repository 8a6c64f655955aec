"""A planned restart: a server full of people is told to stop and started anew, and all come back."""

import asyncio
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.crowd import COMING_AT_ONCE, hang_up, some_at_a_time, text_with
from bench.guests import IN_A_TALK, OurManners, Page, create_room, load
from bench.line import PATIENCE, Broken, Line
from bench.scenarios import LONGEST_PAUSE, RECONNECT_AFTER, Figures
from bench.servers import OURS, Restartable, restartable

MESSAGES = 200  # in each room; as many as it keeps
AT_ONCE = 25  # of them on their way from one page
NUMBER = re.compile(rb'<li id="m-(\d+)"')


@dataclass(slots=True)
class Guest:
    """One page in a room."""

    page: Page
    line: Line

    async def comes_back(self, server: Restartable, chance: random.Random) -> bool:
        """Reconnect as htmx does; returns whether the page is in the same room."""
        pause, jitter = RECONNECT_AFTER
        while True:
            await asyncio.sleep(pause * (1 + chance.uniform(-jitter, jitter)))
            try:
                self.line = await self.connects(server, f"&seq={MESSAGES}")
                return IN_A_TALK in await self.line.sees(b"data-at=")
            except Broken:
                pause = min(2 * pause, LONGEST_PAUSE)

    async def connects(self, server: Restartable, more: str = "") -> Line:
        """Come as the page that this room is shown on."""
        line = await self.page.connect(server.port, f"&talking=1&room={self.line.room}{more}")
        line.room = self.line.room
        return line

    async def messages(self, server: Restartable) -> list[int]:
        """The numbers of all messages that the room still shows to somebody who was there all the time."""
        self.line.cut()
        line = self.line = await self.connects(server)
        shown = b""
        while f'id="m-{MESSAGES}"'.encode() not in shown:
            shown += await line.sees(b"</hx-partial>")
        return [int(number) for number in NUMBER.findall(shown)]


async def restart(rooms: int, people: int) -> Figures:
    """Seconds from SIGTERM until the next process listens, and until all are back; how much is lost.

    Lost are people who are not where they were, and messages that a room does not show any more.
    """
    async with _full_server(rooms, people) as (server, guests):
        loop, chance = asyncio.get_running_loop(), random.Random(5)
        began = loop.time()
        coming = [asyncio.create_task(_comes_back_when_cut(guest, server, chance)) for guest in guests]
        await server.restart()
        up = loop.time() - began
        back = await asyncio.wait_for(asyncio.gather(*coming), PATIENCE)
        took = loop.time() - began
        shown = [await guest.messages(server) for guest in guests[:: people // rooms]]
        missing = sum(len(set(range(1, MESSAGES + 1)) - set(numbers)) for numbers in shown)
        hang_up(guest.line for guest in guests)
        return {"seconds": took, "up": up, "lost": back.count(False) + missing}


async def _comes_back_when_cut(guest: Guest, server: Restartable, chance: random.Random) -> bool:
    await guest.line.closed.wait()
    return await guest.comes_back(server, chance)


@asynccontextmanager
async def _full_server(rooms: int, people: int) -> AsyncIterator[tuple[Restartable, list[Guest]]]:
    """A server with a folder and so many people, evenly in so many rooms in which all has been said."""
    with TemporaryDirectory() as folder:
        async with restartable(OURS, DATA_DIR=str(Path(folder) / "data")) as server:
            codes = [await create_room(server.port) for _ in range(rooms)]
            guests: dict[int, Guest] = {}

            async def come(number: int) -> Line:
                page = await load(server.port, f"/room/{codes[number * rooms // people]}")
                line = await page.connect(server.port)
                await OurManners().enter(line, number)
                guests[number] = Guest(page, line)
                return line

            await some_at_a_time(people, come)
            in_order = [guests[number] for number in range(people)]
            await _talk([in_order[first : first + people // rooms] for first in range(0, people, people // rooms)])
            yield server, in_order


async def _talk(rooms: list[list[Guest]]) -> None:
    """Let everything be said in all rooms, a few of them at a time."""
    waiting = iter(rooms)

    async def take_turns() -> None:
        for members in waiting:
            for said in range(0, MESSAGES, AT_ONCE):
                line = members[said // AT_ONCE % len(members)].line
                heard = line.sees(f'id="m-{said + AT_ONCE}"'.encode())
                for number in range(AT_ONCE):
                    OurManners().say(line, text_with(f"{said + number}"))
                await heard

    await asyncio.wait_for(asyncio.gather(*(take_turns() for _ in range(COMING_AT_ONCE))), 10 * PATIENCE)
