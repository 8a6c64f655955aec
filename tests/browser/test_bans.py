"""Bans, as the banned visitor sees them."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from playwright.async_api import Browser, expect

from tests.browser.stories import MovableClock, Visitor, Visitors
from tests.web.guest import GENEROUS, serving

pytestmark = pytest.mark.browser

TOKYO = {"timezone_id": "Asia/Tokyo"}


@pytest.fixture
async def strict(browser: Browser, clock: MovableClock) -> AsyncIterator[Visitors]:
    """Visitors of a site where one report makes a ban."""
    async with serving(replace(GENEROUS, reporters_for_a_ban=1, contact_email="help@chat.example")) as address:
        visitors = Visitors(browser, address)
        yield visitors
        await visitors.go()


async def banned(visitors: Visitors) -> Visitor:
    """Eve, whom Ann has just reported."""
    eve = await (await visitors.come(**TOKYO)).finds_a_stranger("Eve")
    ann = await (await visitors.come()).finds_a_stranger("Ann")
    await ann.talks_with("Eve")
    await ann.page.get_by_role("button", name="Report", exact=True).click()
    await ann.presses("Send report")
    await sees_the_ban(eve)
    return eve


async def sees_the_ban(visitor: Visitor) -> None:
    await expect(visitor.page.get_by_role("heading", name="You are banned")).to_be_visible()
    await expect(visitor.page.get_by_role("button").filter(visible=True)).to_have_count(0)


async def test_who_is_banned_reads_until_when_why_and_whom_to_write_to(strict: Visitors, clock: MovableClock) -> None:
    """Issue 11, line 11: the time is the reader's own."""
    clock.shows("2026-01-02T20:00:00+00:00")
    eve = await banned(strict)
    alert = eve.page.get_by_role("alert").filter(visible=True)
    await expect(alert).to_contain_text("you cannot come in until 4 January 2026 at 05:00")
    await expect(alert).to_contain_text("People have reported what this browser or others at your address")
    await expect(alert).to_contain_text("If that is wrong, write to help@chat.example.")
    assert await eve.focus() == "Back to the start"


async def test_the_other_pages_of_a_banned_browser_show_the_ban_too(strict: Visitors) -> None:
    """Issue 11, line 11."""
    eve = await (await strict.come()).finds_a_stranger("Eve")
    in_the_lobby = await (await eve.opens_another_tab()).enters_the_lobby("Eve")
    ann = await (await strict.come()).finds_a_stranger("Ann")
    await ann.talks_with("Eve")
    await ann.page.get_by_role("button", name="Report", exact=True).click()
    await ann.presses("Send report")
    for page in (eve, in_the_lobby):
        await sees_the_ban(page)


async def test_a_ban_stands_in_place_of_every_door_until_it_is_over(strict: Visitors, clock: MovableClock) -> None:
    """Issue 11, line 11."""
    clock.shows("2026-01-02T20:00:00+00:00")
    host = await strict.come()
    room = await host.creates_a_room()
    await host.enters(room, "Ann")
    eve = await banned(strict)
    for path in ("/text", "/video", "/lobby", room):
        await eve.opens(path)
        await sees_the_ban(eve)
        await eve.sees(re.compile("until 4 January 2026 at 05:00"))
    clock.advance(86_401)
    await eve.opens("/lobby")
    await eve.is_at_the_door()
