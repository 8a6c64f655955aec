from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright, expect

from quart_chat.settings import Settings
from tests.browser.stories import PATIENCE, Line, MovableClock, Visitors
from tests.web.guest import serving
from tools.install_test_programs import chromium

# What a browser does on its own account is no part of a story, and costs time.
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)

# All visitors of a story come from one address, and faster than people do.
GENEROUS = Settings(
    frames_per_minute=60_000,
    frame_burst=10_000,
    messages_per_5s=10_000,
    sockets_per_address=1_000,
    handshakes_per_minute=60_000,
    rooms_per_minute=1_000,
    wrong_codes_per_minute=1_000,
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
