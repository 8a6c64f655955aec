"""A cluster whose masters die or hand over spaces while many talk on two processes."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import pytest

from quart_chat.domain.spaces import LOBBY
from quart_chat.journal.redis import RedisStore
from quart_chat.journal.resp import read_url
from quart_chat.settings import Settings
from tests.chat.conftest import MISSING
from tests.faults.chaos import ChaosProxy
from tests.faults.checks import check_history
from tests.faults.clients import Clients, staying_connected
from tests.faults.load import ANSWERED_WITHIN, Load, all_say
from tests.faults.program import running
from tests.redis_groups import SLOTS, Cluster, clustered, has_clusters, slot_of
from tests.redis_server import SERVERS, RedisServer

pytestmark = [pytest.mark.faults, pytest.mark.redis, pytest.mark.slow]

KEY = "the same for all processes"
MESSAGES = 900


STORES: list[Any] = [name for name in SERVERS if has_clusters(name)] or [MISSING]


@pytest.fixture(params=STORES)
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with clustered(request.param, masters=3, replicas=True) as cluster:
        yield cluster


@pytest.fixture
async def load(cluster: Cluster) -> AsyncIterator[Load]:
    """Two processes that are told of the first master only."""
    async with AsyncExitStack() as stack:
        programs = [await stack.enter_async_context(running(REDIS_URL=cluster.url, SECRET_KEY=KEY)) for _ in range(2)]
        lines = [await stack.enter_async_context(ChaosProxy(program.url)) for program in programs]
        yield Load(await stack.enter_async_context(Clients(programs[0].url)), lines, random.Random(1))


def lobby_in(cluster: Cluster) -> tuple[int, RedisServer, RedisServer]:
    """The slot of the lobby, the master that has it, and that one's replica."""
    store = RedisStore(read_url(cluster.url), Settings().redis_prefix)
    slot = slot_of(cluster.masters[0], store._of(LOBBY).keys[0].decode())
    number = slot * len(cluster.masters) // SLOTS
    return slot, cluster.masters[number], cluster.replicas[number]


async def test_masters_killed_under_load_lose_nothing(load: Load, cluster: Cluster) -> None:
    """Issue 12, line 6. The first one is the only one that the processes were told of."""

    async def kill(number: int) -> None:
        for before in range(number):
            await asyncio.to_thread(cluster.heals, before)
        cluster.masters[number].kill()

    await load.come(lobby=8, rooms=4, people=3, pairs=8)
    await load.talk(MESSAGES, *(partial(kill, number) for number in range(3)))
    await load.check()
    load.loss_is_said_once()


async def test_what_a_replica_has_not_heard_is_offered_to_it_and_loss_is_said_once(
    load: Load, cluster: Cluster
) -> None:
    """Issue 12, line 6."""
    _, master, replica = lobby_in(cluster)
    await load.come(lobby=4, rooms=0, pairs=0)
    people = load.clients.all
    await all_say(people, "heard by all")
    replica.freeze()
    master.command("CLIENT", "KILL", "TYPE", "replica")
    await all_say(people, "not heard by the replica")
    master.kill()
    replica.thaw()
    async with staying_connected(people, ANSWERED_WITHIN):
        for number, client in enumerate(people):
            await client.say(f"to the replica {number}")
    await load.check()
    for client in people:
        assert len(client.gaps) == 1


async def test_a_space_that_another_master_gets_under_load_loses_nothing(load: Load, cluster: Cluster) -> None:
    """The process is told MOVED, and hears nothing more by the old master."""
    slot, source, _ = lobby_in(cluster)
    target = next(master for master in cluster.masters if master is not source)
    await load.come(lobby=8, rooms=2, pairs=4)
    await load.talk(
        MESSAGES // 2,
        partial(asyncio.to_thread, cluster.move_slot, slot, source, target),
        partial(asyncio.to_thread, cluster.move_slot, slot, target, source),
    )
    await load.check()
    assert not any(client.gaps for client in load.clients.all)


async def test_a_process_starts_with_any_server_that_it_was_told_of(cluster: Cluster) -> None:
    """The first one is dead, the second one a replica."""
    cluster.masters[0].kill()
    await asyncio.to_thread(cluster.heals, 0)
    url = f"{cluster.url},127.0.0.1:{cluster.replicas[1].port}"
    async with running(REDIS_URL=url, SECRET_KEY=KEY) as program, Clients(program.url) as clients:
        ann, bob = await clients.strangers()
        await all_say([ann, bob], "hello")
        assert len(await check_history([ann, bob], ann.room)) == 2
