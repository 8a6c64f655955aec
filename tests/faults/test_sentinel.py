"""A master that dies while many talk; its sentinels name the replica, and the processes go on there."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from tests.chat.conftest import STORES
from tests.faults.chaos import ChaosProxy
from tests.faults.clients import Clients, staying_connected
from tests.faults.load import ANSWERED_WITHIN, Load, all_say
from tests.faults.program import running
from tests.redis_groups import Watched, watched

pytestmark = [pytest.mark.faults, pytest.mark.redis, pytest.mark.slow]

KEY = "the same for all processes"
MESSAGES = 500


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Iterator[Watched]:
    with watched(request.param) as store:
        yield store


@pytest.fixture
async def load(store: Watched) -> AsyncIterator[Load]:
    """Two processes that are told of the sentinels only."""
    async with AsyncExitStack() as stack:
        programs = [await stack.enter_async_context(running(REDIS_URL=store.url, SECRET_KEY=KEY)) for _ in range(2)]
        lines = [await stack.enter_async_context(ChaosProxy(program.url)) for program in programs]
        yield Load(await stack.enter_async_context(Clients(programs[0].url)), lines, random.Random(1))


async def test_a_master_killed_under_load_loses_nothing(load: Load, store: Watched) -> None:
    """Issue 12, line 6. One of the sentinels, the first to be asked, dies with it."""

    async def kill() -> None:
        store.master.kill()
        store.sentinels[0].kill()

    await load.come(lobby=8, rooms=4, people=3, pairs=8)
    await load.talk(MESSAGES, kill)
    await load.check()
    load.loss_is_said_once()


async def test_what_a_replica_has_not_heard_is_offered_to_it_and_loss_is_said_once(load: Load, store: Watched) -> None:
    """Issue 12, line 6."""
    await load.come(lobby=4, rooms=0, pairs=0)
    people = load.clients.all
    await all_say(people, "heard by all")
    store.replica.freeze()
    store.master.command("CLIENT", "KILL", "TYPE", "replica")
    await all_say(people, "not heard by the replica")
    store.master.kill()
    store.replica.thaw()
    async with staying_connected(people, ANSWERED_WITHIN):
        for number, client in enumerate(people):
            await client.say(f"to the replica {number}")
    await load.check()
    for client in people:
        assert len(client.gaps) == 1


async def test_a_master_that_wakes_up_after_its_replica_took_over_is_written_to_no_more(
    load: Load, store: Watched
) -> None:
    async def freeze() -> None:
        store.master.freeze()

    async def wake() -> None:
        await asyncio.to_thread(store.heals)
        store.master.thaw()

    await load.come(lobby=8, rooms=2, pairs=4)
    await load.talk(MESSAGES, freeze, wake)
    await load.check()
    load.loss_is_said_once()
