"""The same on two processes that share a real store."""

import asyncio
import itertools
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from quart_chat.chat import DEFAULT_RULES, Rules
from quart_chat.domain.requests import Request
from quart_chat.domain.spaces import Kind, SpaceId
from quart_chat.domain.timing import LEASE_EVERY
from quart_chat.domain.visitors import Visitor
from quart_chat.journal.nodes import answer_of
from quart_chat.journal.redis import RedisStore
from quart_chat.journal.resp import read_url
from quart_chat.journal.shared import SharedJournal
from quart_chat.storage.browsers import RememberedBrowsers
from quart_chat.storage.redis import RedisFields, RedisRows
from tests.chat.harness import ChatHarness, Process
from tests.redis_server import RedisServer

T = TypeVar("T")
SETTLED = 20.0  # seconds of real time for anything to have happened everywhere

prefixes = itertools.count(1)


class RedisProcess(Process):
    """One of the processes."""

    journal: SharedJournal
    store: RedisStore


class RedisHarness(ChatHarness):
    """Visitors come to the two processes by turns, and come back by the other one."""

    processes: list[RedisProcess]  # type: ignore[assignment] # more than the base class needs

    def __init__(self, server: RedisServer, rules: Rules = DEFAULT_RULES, urls: tuple[str, ...] = ()) -> None:
        self.server = server
        self.urls = urls or (server.url, server.url)
        self.loop = asyncio.new_event_loop()
        self.prefix = f"test-{next(prefixes)}"
        self.dead: list[Process] = []
        self.turns = itertools.count()
        self.last_process: dict[str, Process] = {}
        super().__init__(rules)

    def started(self, rules: Rules) -> list[Process]:
        return self.loop.run_until_complete(self._started(rules))

    async def _started(self, rules: Rules) -> list[Process]:
        return [await self._process(url, rules) for url in self.urls]

    async def _process(self, url: str, rules: Rules) -> Process:
        store = RedisStore(read_url(url), self.prefix, self._shift)
        journal = SharedJournal(store, self.clock)
        rows = RedisRows(store.nodes, self.prefix, self.clock)
        browsers = RememberedBrowsers(rows, RedisFields(store.nodes, self.prefix))
        process = RedisProcess(journal, browsers, self.reports, rows, rules)
        process.store = store
        journal.leases.count_with(process.chat.present)
        await journal.open()
        return process

    def _shift(self) -> float:
        return self.clock.seconds - time.time()

    def close(self) -> None:
        self.loop.run_until_complete(self._close())
        self.loop.close()
        super().close()

    async def _close(self) -> None:
        for process in self.living():
            await process.journal.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asyncio.wait_for(self._until_settled(work), SETTLED))

    def act(self, do: Callable[..., None], *arguments: Any) -> None:
        async def done() -> None:
            do(*arguments)

        self.run(done())

    async def _until_settled(self, work: Coroutine[Any, Any, T]) -> T:
        result = await work
        await self._settle()
        return result

    async def _settle(self) -> None:
        """Wait until all that was appended has been applied by every process that holds its space."""
        quiet = 0
        while quiet < 2:
            await asyncio.sleep(0.001)
            quiet = quiet + 1 if all(self._is_quiet(process) for process in self.living()) else 0

    def _is_quiet(self, process: RedisProcess) -> bool:
        return all(
            held.is_live and not held.outbox and held.n == self._number_of(process.store, held.space)
            for held in process.journal._held.values()
        )

    def _number_of(self, store: RedisStore, space: SpaceId) -> int:
        answer = self.server.command("HGET", store._of(space).keys[0].decode(), "n")
        return int(answer.split(b"\r\n")[1]) if not answer.startswith(b"$-1") else 0

    def does_not_wait(self, visitor: Visitor, request: Request) -> None:
        """Ask for something, and give it a moment, whatever comes of it."""

        async def done() -> None:
            self.process_of(visitor).chat.handle(visitor, self.places[visitor.id], request)
            await asyncio.sleep(0.005)

        self.loop.run_until_complete(done())

    def settles(self) -> None:
        """Wait until everything has happened that was set off."""
        self.run(self._settle())

    def process_of(self, visitor: Visitor) -> RedisProcess:
        process = super().process_of(visitor)
        assert isinstance(process, RedisProcess)
        return process

    def kill(self, process: Process) -> None:
        """Let a process end without a word; its pages notice."""
        assert isinstance(process, RedisProcess)
        self.dead.append(process)
        self.loop.run_until_complete(self._kill(process))
        process.screens.pages.clear()

    async def _kill(self, process: RedisProcess) -> None:
        if process.journal._watching:
            process.journal._watching.cancel()
        await process.store.stop()

    def connects(self, visitor: Visitor, *args: Any) -> None:
        process = self.chosen[visitor.id] = self.process_for(visitor)
        self.last_process[visitor.id] = process
        self.loop.run_until_complete(process.browsers.load(visitor.browser))
        super().connects(visitor, *args)
        del self.chosen[visitor.id]

    def process_for(self, visitor: Visitor) -> RedisProcess:
        """The next one in turn, and another one than before for somebody who comes back."""
        if chosen := self.chosen.get(visitor.id):
            assert isinstance(chosen, RedisProcess)
            return chosen
        others = [process for process in self.living() if process is not self.last_process.get(visitor.id)]
        return (others or self.living())[next(self.turns) % len(others or self.living())]

    def living(self) -> Sequence[RedisProcess]:
        return [process for process in self.processes if process not in self.dead]

    def tick(self) -> None:
        for process in self.living():
            if int(self.clock.seconds) % LEASE_EVERY == 0:
                process.journal.look_for_the_dead()
        super().tick()

    def counts(self) -> Mapping[Kind, int]:
        self.run(self._tell_counts())
        return self.living()[0].chat.counts()

    async def _tell_counts(self) -> None:
        """Let each process say how many it has, and hear of the others."""
        for _ in range(2):
            for process in self.living():
                process.journal.leases.renew()
                await answer_of(process.store.nodes.of(b""), b"PING")
