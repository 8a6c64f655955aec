from collections.abc import AsyncIterator

import pytest

from tests.web.guest import GENEROUS, Company, serving


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
