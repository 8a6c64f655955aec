"""Attack a chat of one's own for some minutes, while neighbours go on talking there.

`python -m tools.attack MINUTES`. A chat is started on loopback with the limits that it has by default. Each attack of
tools/attacks.py runs for its share of the time, while the chat's own clock goes through an hour, so that limits that
fill up again and what is kept for a while count as they do in an hour. Pairs of strangers talk all the time. Exits with
1 when a promise is broken: a try that is not refused as it must be, a neighbour's message that takes longer than a
second, memory that is not given back, a mistake in the log.
"""

import asyncio
import itertools
import json
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import httpx

from quart_chat.domain.timing import CODE_RESTS
from quart_chat.settings import Settings
from tests.faults.program import ROOT, running
from tests.web.guest import PATIENCE, Guest
from tools.attacks import ATTACKS, Attack
from tools.leaping import PROGRAM, memory_of

MINUTES = 5.0
HOUR = 3_600.0  # seconds of the chat's clock that pass during each attack
LEAP_EVERY = 0.5  # seconds
SHORTEST = 5.0  # seconds in which an hour passes
REST = 2 * CODE_RESTS  # seconds of the chat's clock; nothing but blocks and bans is kept for longer
SETTLED_AFTER = 3.0  # seconds; what is over is let go of once a second
EARLIER = 20  # visitors before the memory is looked at for the first time, so that caches hold something
PAIRS = 4  # of neighbours
TURN = 0.55  # seconds between two messages of a pair; each of both may send five in five seconds

SLOWEST = 1.0  # seconds that a neighbour's message may take
KEPT = 20.0  # MiB that the process may have more when all is over
REPORTS_KEPT = 2_000_000  # bytes that one address may add to the file of reports in an hour


class Neighbours:
    """Two strangers who talk all the time, and the longest that a message of theirs has taken, in seconds."""

    def __init__(self, url: str, address: str) -> None:
        self.slowest = 0.0
        self._two = [Guest(url, "/text"), Guest(url, "/text")]
        for one in self._two:
            one.local_address = address

    async def meet(self) -> None:
        """Find each other; nobody else may look for a stranger meanwhile."""
        for one in self._two:
            await (await one.connect()).seek("Neighbour")
        for one in self._two:
            await one.sees("You are talking with")

    async def talk(self) -> None:
        """Say something by turns. Fails when a message never arrives."""
        author, reader = self._two
        for number in itertools.count():
            await self._measure(author, reader, f"message {number}.")
            author, reader = reader, author
            await asyncio.sleep(TURN)

    async def _measure(self, author: Guest, reader: Guest, text: str) -> None:
        begun = time.monotonic()
        await author.say(text)
        await reader.sees(text)
        self.slowest = max(self.slowest, time.monotonic() - begun)
        author.forgets()
        reader.forgets()

    async def hang_up(self) -> None:
        for one in self._two:
            await one.hang_up()


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one attack.

    `tries` by how they ended; the neighbours' `slowest` message in seconds; memory in MiB, at its most and afterwards.
    """

    attack: Attack
    tries: Counter[str]
    slowest: float
    most: float
    after: float

    def __str__(self) -> str:
        ends = ", ".join(f"{number} {end}" for end, number in self.tries.most_common())
        figures = f"{self.slowest:5.2f} s {self.most:5.0f} {self.after:5.0f} MiB"
        return f"{self.attack.name:26} {self.tries.total():7} {figures}   {ends}"

    def broken(self, slowest: float) -> list[str]:
        """The promises that were broken."""
        name, ends = self.attack.name, set(self.tries)
        return [
            *(f"{name}: {self.tries[end]} tries ended with {end}" for end in sorted(ends - self.attack.foreseen)),
            *(f"{name}: no try ended with {end}" for end in sorted(self.attack.refused - ends)),
            *([f"{name}: a neighbour's message took {self.slowest:.2f} s"] if self.slowest > slowest else []),
        ]


class Siege:
    """A chat, its neighbours, and the attacks on it one after the other."""

    def __init__(self, url: str, process: int, seconds: float, neighbours: list[Neighbours]) -> None:
        self._url = url
        self._process = process
        self._seconds = seconds
        self._neighbours = neighbours

    async def attack(self, number: int) -> Row:
        """Run one attack, then let all that is kept for a while be let go."""
        for pair in self._neighbours:
            pair.slowest = 0.0
        watching = asyncio.create_task(self._watch())
        passing = asyncio.create_task(self._pass_an_hour())
        tries = await self._run(number)
        passing.cancel()
        await self.rest()
        watching.cancel()
        (most,) = await asyncio.gather(watching)
        slowest = max(pair.slowest for pair in self._neighbours)
        return Row(ATTACKS[number], tries, slowest, most, self.memory)

    @property
    def memory(self) -> float:
        """MiB that the chat has now."""
        return memory_of(self._process)

    async def rest(self) -> None:
        """Let go of what is kept for a while."""
        await self._leap(REST)
        await asyncio.sleep(SETTLED_AFTER)

    async def _run(self, number: int) -> Counter[str]:
        command = (sys.executable, "-m", "tools.attacks", str(number), self._url, str(self._seconds))
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE)
        try:
            output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        return Counter(json.loads(output))

    async def _watch(self) -> float:
        """Look at the memory until cancelled; returns the most."""
        most = 0.0
        try:
            while True:
                most = max(most, self.memory)
                await asyncio.sleep(0.1)
        except asyncio.CancelledError:
            return most

    async def _pass_an_hour(self) -> None:
        while True:
            await asyncio.sleep(LEAP_EVERY)
            await self._leap(HOUR * LEAP_EVERY / max(self._seconds, SHORTEST))

    async def _leap(self, seconds: float) -> None:
        async with httpx.AsyncClient(base_url=self._url, timeout=PATIENCE) as client:
            await client.get("/leap", params={"seconds": seconds})


async def pass_through(url: str, address: str) -> None:
    """Visit the lobby and write a long message there."""
    guest = Guest(url, "/lobby")
    guest.local_address = address
    await (await guest.connect()).enter("Earlier")
    for _ in range(5):
        await guest.say(2_000 * "\N{ROCKET}")
    await guest.send(do="leave", room="lobby")
    await guest.sees('data-at="door"')
    await guest.hang_up()


@asynccontextmanager
async def besieged(seconds: float, reports: Path) -> AsyncIterator[Siege]:
    """Start a chat with the limits of a fresh installation, and let neighbours talk there."""
    limits = {field.name.upper(): str(field.default) for field in fields(Settings)}
    settings = {**limits, "ALLOWED_HOSTS": "127.0.0.1, localhost", "REPORTS_FILE": str(reports)}
    async with running(program=PROGRAM, **settings) as chat:
        await asyncio.gather(*(pass_through(chat.url, f"127.0.1.{2 + number}") for number in range(EARLIER)))
        pairs = [Neighbours(chat.url, f"127.0.0.{2 + number}") for number in range(PAIRS)]
        for pair in pairs:
            await pair.meet()
        siege = Siege(chat.url, chat.process.pid, seconds, pairs)
        async with asyncio.TaskGroup() as talks:
            tasks = [talks.create_task(pair.talk()) for pair in pairs]
            yield siege
            for task in tasks:
                task.cancel()
        for pair in pairs:
            await pair.hang_up()


async def attack(seconds: float, slowest: float = SLOWEST) -> list[str]:
    """Run each attack for so long; print what becomes of them, and return the promises that were broken."""
    with tempfile.TemporaryDirectory() as folder:
        reports = Path(folder) / "reports.jsonl"
        async with besieged(seconds, reports) as siege:
            await siege.rest()
            before = siege.memory
            print(f"{before:.0f} MiB before", flush=True)
            rows = []
            for number in range(len(ATTACKS)):
                rows.append(await siege.attack(number))
                print(rows[-1], flush=True)
            kept = siege.memory - before
        written = reports.stat().st_size if reports.exists() else 0
    print(
        f"{kept:.1f} MiB more than before; {written} bytes of reports; a message took at most "
        f"{max(row.slowest for row in rows):.2f} s"
    )
    return [
        *(promise for row in rows for promise in row.broken(slowest)),
        *([f"{kept:.1f} MiB were not given back"] if kept > KEPT else []),
        *([f"{written} bytes of reports"] if written > REPORTS_KEPT else []),
    ]


if __name__ == "__main__":
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else MINUTES
    if broken := asyncio.run(attack(60 * minutes / len(ATTACKS))):
        sys.exit("\n".join(broken))
