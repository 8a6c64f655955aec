"""Let people come, talk, drop, resume and go for some minutes, then look whether anything is left of them.

`python -m tools.soak MINUTES`. First so many come that all caches are full. Then there are rounds. After each of them
the chat's own clock leaps by two days, so that all that is kept for a while is let go, and memory, tasks and
descriptors are counted. Then as many as at first come and go once more, which must leave next to nothing; and after
the last round the count must be about the same as that of the first rounds. Exits with 1 when something has grown.
"""

import asyncio
import random
import sys
from contextlib import suppress

import httpx
from websockets.exceptions import WebSocketException

from quart_chat.domain.timing import CODE_RESTS
from tests.faults.history import HistoryClient
from tests.faults.program import running
from tools.leaping import PROGRAM, Count

PEOPLE = 60
STRANGERS = ("/text", "/text", "/video")
PLACES = (*STRANGERS, "/lobby", "/room")
FIRST = 5_000  # visitors who come before the first count; more than the chat keeps the faces and messages of
ROUND = 30.0  # seconds
WARM_UP = 2  # rounds
GROWN = 8.0  # MiB that memory may have grown,
GROWN_BY_CROWD = 4.0  # by FIRST visitors more, and
TASKS_LEFT, FILES_LEFT = 5, 5  # how much more of these there may be
LEAP = 2 * CODE_RESTS  # seconds; nothing but blocks and bans is kept for longer
EMPTY_WITHIN = 30.0  # seconds
NO_LIMITS = {"SKIPS_PER_MINUTE": "10000", "ROOMS_PER_MINUTE": "10000", "WRONG_CODES_PER_MINUTE": "1000"}


async def main(minutes: float) -> None:
    """Soak a fresh chat."""
    async with running(program=PROGRAM, LOG_LEVEL="ERROR", **NO_LIMITS) as chat:
        await fill(chat.url)
        before = await rounds(chat.url, WARM_UP)
        print(f"before: {before}", flush=True)
        await fill(chat.url)
        crowd = await at_rest(chat.url)
        print(f"after {FIRST:,} more: {crowd}", flush=True)
        after = await rounds(chat.url, round(60 * minutes / ROUND))
        print(f"after {minutes:g} minutes: {after}", flush=True)
    if crowd.memory > before.memory + GROWN_BY_CROWD:
        sys.exit(f"{FIRST:,} visitors have left {crowd.memory - before.memory:.1f} MiB")
    if after.memory > before.memory + GROWN:
        sys.exit(f"memory has grown by {after.memory - before.memory:.1f} MiB")
    if after.tasks > before.tasks + TASKS_LEFT or after.files > before.files + FILES_LEFT:
        sys.exit("tasks or descriptors are left")


async def rounds(url: str, number: int) -> Count:
    """Let people live so many rounds, and count."""
    count = await at_rest(url)
    for _ in range(number):
        await live(url, ROUND)
        count = await at_rest(url)
    return count


async def fill(url: str) -> None:
    """Let many come one after the other, speak in the lobby, and leave."""
    async with asyncio.TaskGroup() as people:
        for _ in range(PEOPLE):
            people.create_task(pass_through(url, FIRST // PEOPLE))


async def pass_through(url: str, visits: int) -> None:
    for _ in range(visits):
        guest = await (await HistoryClient(url, "/lobby").connect()).enter("Guest")
        await guest.say("Hello!")
        await guest.has_all_answers()
        await guest.send(do="leave", room=guest.room)
        await guest.hang_up()


async def live(url: str, seconds: float) -> None:
    """Let people come and go for so long."""
    chance = random.Random(4)  # noqa: S311 - it only has to be many things
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as people:
            for _ in range(PEOPLE):
                people.create_task(keep_coming(url, random.Random(chance.random())))  # noqa: S311


async def keep_coming(url: str, chance: random.Random) -> None:
    """Be one person after the other."""
    while True:
        with suppress(OSError, TimeoutError, EOFError, WebSocketException, httpx.HTTPError, AssertionError):
            await visit(url, chance)


async def visit(url: str, chance: random.Random) -> None:
    """Come in somewhere, talk, drop and come back, and at last go: by a button, or just so."""
    path = chance.choice(PLACES)
    if path == "/room":
        async with httpx.AsyncClient(base_url=url) as client:
            path = f"/room/{(await client.post('/api/rooms')).json()['code']}"
    guest = await HistoryClient(url, path).connect()
    try:
        await guest.send(do="seek" if path in STRANGERS else "enter", name="Guest", agreed="yes")
        for _ in range(chance.randrange(20)):
            await asyncio.sleep(chance.uniform(0.0, 0.5))
            await act(guest, chance)
        if chance.random() < 0.5:
            await guest.send(do="stop" if path in STRANGERS else "leave", room=guest.room)
    finally:
        await guest.hang_up()


async def act(guest: HistoryClient, chance: random.Random) -> None:
    match chance.randrange(8):
        case 0:
            await guest.drop()
            await asyncio.sleep(chance.uniform(0.0, 1.0))
            await guest.comes_back()
        case 1:
            await guest.send(do="next", room=guest.room)
        case 2:
            await guest.send(do="typing", room=guest.room)
        case _:
            await guest.say("The train is late again, see you at nine then.")


async def at_rest(url: str) -> Count:
    """Wait until nobody is anywhere, then count."""
    async with httpx.AsyncClient(base_url=url) as client, asyncio.timeout(EMPTY_WITHIN):
        await client.get("/leap", params={"seconds": LEAP})
        while any((await client.get("/api/status")).json().values()):  # noqa: ASYNC110 - a server is asked
            await asyncio.sleep(1)
        await asyncio.sleep(5)  # for what is let go of once a second
        return Count(**(await client.get("/count")).json())


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 5))
