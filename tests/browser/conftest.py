from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright, expect

from tests.browser.stories import PATIENCE, Line, MovableClock, Visitors
from tests.web.guest import GENEROUS, serving
from tools.install_test_programs import chromium

# What a browser does on its own account is no part of a story, and costs time.
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        program = chromium()
        if not program and not Path(playwright.chromium.executable_path).exists():  # noqa: ASYNC240 - once, at start
            pytest.skip("there is no Chromium: python tools/install_test_programs.py installs one")
        browser = await playwright.chromium.launch(executable_path=program, args=QUIET)
        yield browser
        await browser.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> MovableClock:
    clock = MovableClock()
    monkeypatch.setattr("quart_chat.app.SystemClock", lambda: clock)
    return clock


@pytest.fixture
async def url(clock: MovableClock) -> AsyncIterator[str]:
    """A site of its own for each story, since a closed browser leaves its visitor behind for two minutes."""
    async with serving(GENEROUS) as address:
        yield address


@pytest.fixture
async def visitors(browser: Browser, url: str) -> AsyncIterator[Visitors]:
    visitors = Visitors(browser, url)
    yield visitors
    await visitors.go()


@pytest.fixture
async def line(url: str) -> AsyncIterator[Line]:
    """A line to the site that can be cut; everybody else keeps theirs."""
    async with Line(url) as line:
        yield line
