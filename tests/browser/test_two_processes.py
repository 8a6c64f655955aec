"""Two browsers on two processes that share a store."""

import shutil
import signal
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from tests.browser.stories import LOST_CONNECTION, Line, Visitors
from tests.faults.program import running
from tests.redis_server import running as running_store

pytestmark = [
    pytest.mark.browser,
    pytest.mark.redis,
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed"),
]


@pytest.fixture
async def store() -> AsyncIterator[str]:
    with running_store() as server:
        yield server.url


async def test_strangers_on_two_processes_go_on_when_one_is_killed(browser: Browser, store: str) -> None:
    settings = {"REDIS_URL": store, "SECRET_KEY": "the same for both"}
    async with running(**settings) as one, running(**settings) as other, Line(one.url) as line:
        visitors = Visitors(browser, other.url)
        visitors.may_hear(LOST_CONNECTION)
        ann = await (await visitors.come(line.url)).finds_a_stranger("Ann")
        bob = await (await visitors.come()).finds_a_stranger("Bob")
        await ann.talks_with("Bob")
        await bob.says("Where are you?")
        await ann.sees("Where are you?")
        line.cut()
        one.signal(signal.SIGKILL)
        await bob.says("Still there?")
        line.leads_to(other.url)
        line.mend()
        await ann.sees("Still there?")
        await ann.says("Yes, on another process")
        await bob.sees("Yes, on another process")
        for visitor in (ann, bob):
            await visitor.reads("Where are you?", "Still there?", "Yes, on another process")
            await visitor.sees_no("has left")
        await visitors.go()
