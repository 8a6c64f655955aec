"""Hearing what a real store publishes, through a line that breaks."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Self

import pytest
from redis.asyncio import Redis

from quart_chat.app import SystemClock
from quart_chat.backends.listener import Listener
from quart_chat.backends.store import Store, connect
from tests.backends.conftest import STORES
from tests.faults.chaos import ChaosProxy
from tests.redis_server import RedisServer

PATIENCE = 20.0  # seconds; far more than anything here takes
LONG = 600.0  # seconds in which something must be heard: never, for these tests
SHORT = 0.2  # seconds; soon


class Ear:
    """A listener behind a line, and what it has heard."""

    def __init__(self, store: Redis, line: ChaosProxy, deaf_after: float) -> None:
        self.store = store
        self.line = line
        self.heard: list[bytes] = []
        self.subscribed: Counter[bytes] = Counter()
        self.behind = Store(connect(line.url.replace("http:", "redis:"), self_signed=False), "test", SystemClock())
        self.listener = Listener(self.behind, deaf_after)

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self.listener.run(self._take, self._note))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await self.behind.close()

    async def hears(self, channel: bytes, text: bytes) -> None:
        """Publish, and wait until that is heard."""
        await self.store.publish(channel, text)
        await until(lambda: text in self.heard)

    async def is_subscribed(self, channel: bytes, times: int = 1) -> None:
        await until(lambda: self.subscribed[channel] >= times)

    async def _take(self, channel: bytes, text: bytes) -> None:
        self.heard.append(text)

    def _note(self, channel: bytes) -> None:
        self.subscribed[channel] += 1


@pytest.fixture(params=STORES)
def server(request: pytest.FixtureRequest, store_of: Callable[[str], RedisServer]) -> RedisServer:
    return store_of(request.param)


@asynccontextmanager
async def listening(server: RedisServer, deaf_after: float = LONG) -> AsyncIterator[Ear]:
    store = connect(server.url, self_signed=False)
    async with ChaosProxy(server.url.replace("redis:", "http:")) as line, Ear(store, line, deaf_after) as ear:
        yield ear
    await store.aclose()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not is_so():  # noqa: ASYNC110 - what is waited for has no event to wait on
            await asyncio.sleep(0.01)


async def test_it_hears_the_channels_it_subscribes_to_and_no_others(server: RedisServer) -> None:
    async with listening(server) as ear:
        ear.listener.subscribe(b"one")
        ear.listener.subscribe(b"two")
        await ear.is_subscribed(b"two")
        await ear.store.publish(b"three", b"not for us")
        await ear.hears(b"one", b"first")
        await ear.hears(b"two", b"second")
        assert ear.heard == [b"first", b"second"]


async def test_it_does_not_hear_what_it_has_unsubscribed_from(server: RedisServer) -> None:
    async with listening(server) as ear:
        ear.listener.subscribe(b"one")
        await ear.is_subscribed(b"one")
        ear.listener.unsubscribe(b"one")
        ear.listener.subscribe(b"two")
        await ear.is_subscribed(b"two")
        await until(lambda: server.command("PUBSUB", "NUMSUB", "one").endswith(b":0\r\n"))
        await ear.store.publish(b"one", b"too late")
        await ear.hears(b"two", b"in time")
        assert ear.heard == [b"in time"]


async def test_it_listens_again_by_itself_after_a_loss_and_says_so(server: RedisServer) -> None:
    async with listening(server) as ear:
        ear.listener.subscribe(b"one")
        await ear.is_subscribed(b"one")
        ear.line.reset()
        await ear.is_subscribed(b"one", times=2)
        await ear.hears(b"one", b"again")


async def test_what_is_subscribed_to_while_the_line_is_lost_is_heard_afterwards(server: RedisServer) -> None:
    async with listening(server) as ear:
        ear.listener.subscribe(b"one")
        await ear.is_subscribed(b"one")
        ear.line.reset()
        ear.listener.subscribe(b"two")
        await ear.is_subscribed(b"two")
        await ear.is_subscribed(b"one", times=2)
        await ear.hears(b"one", b"first")
        await ear.hears(b"two", b"second")


async def test_a_line_that_is_dead_and_does_not_say_so_is_given_up(server: RedisServer) -> None:
    async with listening(server, deaf_after=SHORT) as ear:
        ear.listener.subscribe(b"one")
        await ear.is_subscribed(b"one")
        ear.line.freeze()
        before = ear.subscribed[b"one"]
        await until(lambda: len(ear.line) > 1)
        ear.line.thaw()
        await ear.is_subscribed(b"one", times=before + 1)
        await ear.hears(b"one", b"again")
