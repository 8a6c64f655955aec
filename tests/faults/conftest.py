from collections.abc import AsyncIterator

import pytest

from quart_chat.app import create_app
from quart_chat.settings import Settings
from tests.faults.history import Crowd
from tests.town import TownClock
from tests.web.guest import GENEROUS, serving

EAGER = 0.01  # seconds between two looks at the clock, so that no test waits for the next second


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> TownClock:
    monkeypatch.setattr("quart_chat.app.TICK", EAGER)
    return TownClock()


@pytest.fixture
def settings() -> Settings:
    return GENEROUS


@pytest.fixture
async def crowd(clock: TownClock, settings: Settings) -> AsyncIterator[Crowd]:
    """A crowd before a server of its own, whose time passes when the test says so."""
    async with serving(app=create_app(settings, clock)) as url:
        crowd = Crowd(url)
        yield crowd
        await crowd.hang_up()
