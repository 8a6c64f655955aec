"""A store that forgets while many talk: nothing is shown twice or refused and shown, and all of it arrives."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from tests.chat.conftest import STORES
from tests.faults.chaos import ChaosProxy
from tests.faults.clients import Clients
from tests.faults.load import Load
from tests.faults.program import running
from tests.redis_server import RedisServer
from tests.redis_server import running as running_store

pytestmark = [pytest.mark.faults, pytest.mark.redis, pytest.mark.slow]

KEY = "the same for all processes"
MESSAGES = 1_000


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with running_store(request.param) as server:
        yield server


@pytest.fixture
async def load(store: RedisServer) -> AsyncIterator[Load]:
    """Two processes, and people who talk over lines that break."""
    async with AsyncExitStack() as stack:
        programs = [await stack.enter_async_context(running(REDIS_URL=store.url, SECRET_KEY=KEY)) for _ in range(2)]
        lines = [await stack.enter_async_context(ChaosProxy(program.url)) for program in programs]
        load = Load(await stack.enter_async_context(Clients(programs[0].url)), lines, random.Random(1))
        await load.come()
        yield load


async def test_lines_that_break_under_load_lose_nothing(load: Load) -> None:
    await load.talk(MESSAGES)
    await load.check()
    assert not any(client.gaps for client in load.clients.all)


async def test_a_flush_under_load_doubles_and_refuses_nothing(load: Load, store: RedisServer) -> None:
    async def flush() -> None:
        store.command("FLUSHALL")

    await load.talk(MESSAGES, flush, flush, flush)
    await load.check()


async def test_a_store_restarted_empty_under_load_doubles_and_refuses_nothing(load: Load, store: RedisServer) -> None:
    async def restart() -> None:
        store.kill()
        await asyncio.sleep(0.5)
        store.start()

    await load.talk(MESSAGES, restart, restart)
    await load.check()


async def test_a_store_restarted_with_an_older_dump_under_load_doubles_and_refuses_nothing(
    load: Load, store: RedisServer
) -> None:
    async def save() -> None:
        store.command("SAVE")

    async def go_back() -> None:
        store.kill()
        store.start()

    await load.talk(MESSAGES, save, go_back, go_back)
    await load.check()
