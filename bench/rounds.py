"""All scenarios, round after round, so that whatever changes on the machine meanwhile meets everyone alike."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bench.claims import claim_cost
from bench.crowd import gather_guests, hang_up
from bench.restart import restart
from bench.scenarios import (
    TALKERS,
    Figures,
    crowds,
    cut_and_resume,
    delay,
    fan_out,
    idle,
    matches,
    newcomers,
    pairs_talking,
    slow_readers,
    small_rooms,
)
from bench.servers import FASTAPI, OURS, Chat, Server, all_chats, chats_with_rooms, running, seconds_to_start, sharing
from bench.store import store_capacity

ONE, TWO, STORE = "one process in memory", "two processes on Redis", "a Redis alone"
ONE_SHARED = "one process on Redis"
PAIRS = 200  # of strangers who talk
ROOMS = 100  # of five who talk
FEW_IDLE = 2_000  # connections, where servers are compared
WAITING = (100, 100_000)  # visitors in a queue
AT_ONCE = (1, 8, 64)  # entries in one call of the store
FEW, SLOWLY = 10, 50.0  # members, and messages a second, where only the way of one message counts
CALM = 0.6  # of FastAPI's saturation: the load at which delays are compared

Rounds = dict[str, dict[str, list[Figures]]]
"""Scenario, chat, and the figures of each round."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured; seconds are those of one measurement."""

    rounds: int
    seconds: float
    members: int
    crowd_sizes: tuple[int, ...]
    idle: int
    idle_seconds: float
    pairs: int
    cut: int
    restarted: tuple[int, int]  # rooms, and people in them


FULL = Size(
    rounds=3,
    seconds=3.0,
    members=500,
    crowd_sizes=(100, 1_000, 5_000),
    idle=10_000,
    idle_seconds=40.0,  # two of our beats, and of Hypercorn's pings
    pairs=2_000,
    cut=2_000,
    restarted=(500, 2_000),
)
QUICK = Size(
    rounds=1,
    seconds=1.0,
    members=500,
    crowd_sizes=(100, 1_000, 5_000),
    idle=2_000,
    idle_seconds=20.0,
    pairs=500,
    cut=500,
    restarted=(100, 400),
)


class Benchmark:
    """One run: every scenario, and what it has given so far."""

    def __init__(self, size: Size) -> None:
        self.rounds: Rounds = {}
        self._size = size

    async def run(self) -> Rounds:
        """Measure everything, which takes minutes; progress is printed."""
        for number in range(self._size.rounds):
            print(f"round {number + 1} of {self._size.rounds}", flush=True)
            for chat in all_chats():
                await self._fan_out(chat)
            for chat in chats_with_rooms():
                await self._few_together(chat)
            for chat in (OURS, FASTAPI):
                await self._delay(chat)
            await self._ours_alone()
            await self._one_and_two()
        # Memory is the same each time, and ten thousand connections take their while.
        await self._alone("idle", lambda server: idle(server, self._size.idle, self._size.idle_seconds))
        rooms, people = self._size.restarted
        self._note("restart", OURS.name, await restart(rooms, people))
        for chat in chats_with_rooms():
            async with running(chat) as server:
                self._note("few idle", chat.name, await idle(server, FEW_IDLE, self._size.seconds))
        self._note("claims", OURS.name, {str(waiting): claim_cost(waiting) for waiting in WAITING})
        return self.rounds

    async def _fan_out(self, chat: Chat) -> None:
        async with running(chat) as server:
            lines = await gather_guests(server, self._size.members)
            for talkers in (TALKERS, 1):
                self._note(f"fan-out {talkers}", chat.name, await fan_out(server, lines, talkers, self._size.seconds))
            hang_up(lines)

    async def _few_together(self, chat: Chat) -> None:
        size = self._size
        async with running(chat) as server:
            self._note("pairs", chat.name, await pairs_talking(server, PAIRS, size.seconds))
        async with running(chat) as server:
            self._note("fives", chat.name, await small_rooms(server, ROOMS, 5, size.seconds))

    async def _delay(self, chat: Chat) -> None:
        saturation = self.rounds[f"fan-out {TALKERS}"][FASTAPI.name][-1]["per_second"] / self._size.members
        async with running(chat) as server:
            lines = await gather_guests(server, self._size.members)
            self._note(
                "delay", chat.name, await delay(server, lines, TALKERS, CALM * saturation, 2 * self._size.seconds)
            )
            hang_up(lines)

    async def _ours_alone(self) -> None:
        size = self._size
        await self._alone("slow readers", lambda server: slow_readers(server, size.members, size.seconds))
        await self._alone("crowds", lambda server: crowds(server, size.crowd_sizes, size.seconds))
        await self._alone("matches", lambda server: matches(server, size.pairs))
        await self._alone("cut", lambda server: cut_and_resume(server, size.cut))
        await self._alone("newcomers", lambda server: newcomers(server, size.seconds))
        self._note("start", OURS.name, {"seconds": await seconds_to_start(OURS)})

    async def _alone(self, scenario: str, measure: Callable[[Server], Awaitable[Figures]]) -> None:
        async with running(OURS) as server:
            self._note(scenario, OURS.name, await measure(server))

    async def _one_and_two(self) -> None:
        """One process in memory beside two on a store: the same core, the same load."""
        async with running(OURS) as one:
            await self._shared(ONE, one)
        async with sharing(2) as two:
            await self._shared(TWO, two)
        async with sharing(2, apart=True) as two:
            self._note("matches", TWO, await matches(two, self._size.pairs // 2))
        async with sharing(1) as one:
            self._note("pairs", ONE_SHARED, await pairs_talking(one, PAIRS, self._size.seconds))
        async with sharing(2, apart=True) as two:
            self._note("pairs", TWO, await pairs_talking(two, PAIRS, self._size.seconds))
        for at_once in AT_ONCE:
            self._note(f"store {at_once}", STORE, await store_capacity(at_once, self._size.seconds))

    async def _shared(self, name: str, server: Server) -> None:
        few = await gather_guests(server, FEW)
        self._note("shared delay", name, await delay(server, few, 1, SLOWLY, self._size.seconds))
        lines = few + await gather_guests(server, self._size.members - FEW, first=FEW)
        self._note("shared fan-out", name, await fan_out(server, lines, TALKERS, self._size.seconds))
        hang_up(lines)

    def _note(self, scenario: str, name: str, figures: Figures) -> None:
        print(
            f"  {scenario:13} {name:31}",
            ", ".join(f"{what} {value:,.4g}" for what, value in figures.items()),
            flush=True,
        )
        self.rounds.setdefault(scenario, {}).setdefault(name, []).append(figures)
