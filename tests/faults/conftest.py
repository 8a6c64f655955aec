from collections.abc import AsyncIterator

import pytest

from quart_chat.app import create_app
from quart_chat.settings import Settings
from tests.clock import FakeClock
from tests.faults.clients import Clients
from tests.web.guest import GENEROUS, serving

EAGER = 0.01  # seconds between two looks at the clock, so that no test waits for the next second


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    monkeypatch.setattr("quart_chat.app.TICK", EAGER)
    return FakeClock()


@pytest.fixture
def settings() -> Settings:
    return GENEROUS


@pytest.fixture
async def clients(clock: FakeClock, settings: Settings) -> AsyncIterator[Clients]:
    """The clients of a server of their own, whose time passes when the test says so."""
    async with serving(app=create_app(settings, clock)) as url, Clients(url) as clients:
        yield clients
