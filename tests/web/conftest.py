from collections.abc import AsyncIterator

import pytest

from tests.web.guest import GENEROUS, Company, serving


@pytest.fixture(scope="session", params=[False, True], ids=["adopted", "through ASGI"])
async def url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A server whose limits are out of the way; its sockets are adopted, or served as under any other server."""
    async with serving(GENEROUS, through_asgi=request.param) as address:
        yield address


@pytest.fixture
async def company(url: str) -> AsyncIterator[Company]:
    company = Company(url)
    yield company
    await company.hang_up()
