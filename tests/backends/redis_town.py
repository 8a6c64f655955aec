"""The town on two processes that share a real store."""

import asyncio
import itertools
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from typing import Any, TypeVar

from quart_chat.backends.redis import RedisBackend
from quart_chat.backends.store import Store, connect
from quart_chat.chat import Chat
from quart_chat.domain.events import OpenedElsewhere, PersonalEvent, RoomEvent
from quart_chat.domain.ports import Unavailable
from quart_chat.domain.rooms import RoomId
from quart_chat.domain.visitors import Visitor, VisitorId
from tests.faults.chaos import ChaosProxy
from tests.town import Town

T = TypeVar("T")
SETTLED = 30.0  # seconds of real time for anything to be done

prefixes = itertools.count(1)


class Process:
    """One process of the town: what is told here is noted in the town, as far as it is for those who are here."""

    def __init__(self, town: "RedisTown", url: str, prefix: str) -> None:
        self.town = town
        self.here: set[VisitorId] = set()
        store = Store(connect(url, self_signed=False), prefix, town.clock)
        self.backend = RedisBackend(store, self, town.clock, lambda: str(next(town.pairs)), self)
        self.chat = Chat(self.backend, self.backend, town.clock, town)

    def publish(self, room: RoomId, event: RoomEvent) -> None:
        # Each process with members publishes what happens; the town has to note it once.
        if self is self.town.speaker_of(room):
            self.town.publish(room, event)

    def tell(self, visitor: VisitorId, event: PersonalEvent) -> None:
        if visitor in self.here and not isinstance(event, OpenedElsewhere):
            self.town.tell(visitor, event)

    def is_connected(self, visitor: VisitorId) -> bool:
        return visitor in self.here

    def connected_visitors(self) -> Iterable[VisitorId]:
        return set(self.here)


class RedisTown(Town):
    """Visitors come to the two processes by turns, and come back by the other one."""

    def __init__(self, url: str, line: ChaosProxy | None = None) -> None:
        """`line`, if there is one, is between the second process and the store."""
        self.loop = asyncio.new_event_loop()
        self.url = url
        self.line = line
        super().__init__()

    def found(self) -> None:
        self.prefix = f"test-{next(prefixes)}"
        if self.line is not None:
            self.loop.run_until_complete(self.line.__aenter__())
        second = self.url if self.line is None else self.line.url.replace("http:", "redis:")
        self.processes = [Process(self, url, self.prefix) for url in (self.url, second)]
        self.left_by = self.processes[0]
        self.dead: list[Process] = []
        self.backend, self.chat = self.processes[0].backend, self.processes[0].chat
        self.loop.run_until_complete(self._open())

    async def _open(self) -> None:
        for process in self.processes:
            await process.backend.open()

    def close(self) -> None:
        """End both processes."""
        for process in self.processes:
            self.loop.run_until_complete(process.backend.close())
        if self.line is not None:
            self.loop.run_until_complete(self.line.__aexit__())
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asyncio.wait_for(self._with_all_news(work), SETTLED))

    async def _with_all_news(self, work: Coroutine[Any, Any, T]) -> T:
        result = await work
        for _ in range(2):  # what one process hears may make it do something that the other has to hear
            for process in self.living():
                await process.backend.caught_up()
        return result

    def living(self) -> list[Process]:
        return [process for process in self.processes if process not in self.dead]

    def kill(self, process: Process) -> None:
        """Let a process end without a word."""
        self.dead.append(process)
        for task in process.backend._tasks:
            task.cancel()
        if process.backend is self.backend:
            self.backend, self.chat = self.living()[0].backend, self.living()[0].chat

    def cut_off(self) -> Process:
        """Let the second process reach the store no more; returns that process."""
        assert self.line is not None
        self.line.freeze()
        self.dead.append(self.processes[1])
        return self.processes[1]

    def reunite(self) -> None:
        """Let the second process reach the store again, and find out what it has missed."""
        assert self.line is not None
        self.line.reset()
        self.line.thaw()
        self.dead.remove(self.processes[1])
        self.run(self._reunited(self.processes[1].backend._store))

    async def _reunited(self, store: Store) -> None:
        with suppress(Unavailable):
            await store.ask("counts")
        while store.is_away:  # noqa: ASYNC110 - it is found again by trying
            await asyncio.sleep(0.05)

    def visitor(self, name: str, browser: str | None = None) -> Visitor:
        visitor = super().visitor(name, browser)
        if not any(visitor.id in process.here for process in self.processes):
            self._fewest().here.add(visitor.id)
        return visitor

    def _fewest(self) -> Process:
        return min(self.living(), key=lambda process: len(process.here))

    def process_of(self, visitor: Visitor) -> Process:
        return next((process for process in self.processes if visitor.id in process.here), self.processes[0])

    def chat_of(self, visitor: Visitor) -> Chat:
        return self.process_of(visitor).chat

    def drops(self, visitor: Visitor) -> None:
        process = self.process_of(visitor)
        process.here.discard(visitor.id)
        self.run(process.chat.drop(visitor))
        self.left_by = process

    def resumes(self, visitor: Visitor, since: int | None = None) -> bool:
        other = next(process for process in self.processes if process is not self.left_by)
        other.here.add(visitor.id)
        return self.run(other.chat.resume(visitor, self.room_of(visitor), since))

    def speaker_of(self, room: RoomId) -> Process:
        return next((process for process in self.living() if process.backend._rooms.find(room)), self.processes[0])

    def passes(self, seconds: float) -> None:
        self.run(self._ticks(self.clock.seconds + seconds))

    async def _ticks(self, end: float) -> None:
        while self.clock.seconds < end:
            self.clock.seconds = min(self.clock.seconds + 1.0, end)
            for process in self.living():
                await process.chat.tick()
