from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

import pytest

from tests.chat.harness import ChatHarness
from tests.chat.redis_harness import RedisHarness
from tests.redis_groups import clustered, has_clusters
from tests.redis_server import SERVERS, RedisServer, running

MISSING = pytest.param("", marks=pytest.mark.skip(reason="neither redis-server nor valkey-server is installed"))
STORES: list[Any] = [*SERVERS] or [MISSING]
CLUSTERS = [f"{name} as a cluster" for name in SERVERS if has_clusters(name)]


@pytest.fixture(scope="session")
def store_of() -> Iterator[Callable[[str], RedisServer]]:
    """Starts each program once; every harness has a prefix of its own there."""
    with ExitStack() as stack:
        yield cache(lambda name: _start(stack, name))


def _start(stack: ExitStack, name: str) -> RedisServer:
    program, _, as_a_cluster = name.partition(" ")
    return stack.enter_context(clustered(program)).masters[0] if as_a_cluster else stack.enter_context(running(program))


@pytest.fixture(params=["memory", *STORES, *CLUSTERS])
def chat(request: pytest.FixtureRequest, store_of: Callable[[str], RedisServer]) -> Iterator[ChatHarness]:
    """One process with its memory, or two processes on a store."""
    harness = ChatHarness() if request.param == "memory" else RedisHarness(store_of(request.param))
    yield harness
    harness.close()
