from collections.abc import AsyncIterator

import pytest

from quart_chat.settings import Settings
from tests.web.guest import Company, serving

GENEROUS = Settings(
    frames_per_minute=60_000,
    frame_burst=10_000,
    messages_per_5s=10_000,
    sockets_per_address=1_000,
    handshakes_per_minute=60_000,
    skips_per_minute=10_000,
    rooms_per_minute=1_000,
    wrong_codes_per_minute=1_000,
)


@pytest.fixture(scope="session")
async def url() -> AsyncIterator[str]:
    """A server whose limits are out of the way."""
    async with serving(GENEROUS) as address:
        yield address


@pytest.fixture
async def company(url: str) -> AsyncIterator[Company]:
    company = Company(url)
    yield company
    await company.hang_up()
