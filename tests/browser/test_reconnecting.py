"""Lines drop, servers restart, pages are loaded again: nobody loses a seat or a word by that."""

import asyncio
from collections.abc import Iterator

import pytest
from playwright.async_api import Route, WebSocket, expect

from tests.browser.stories import LOST_CONNECTION, Line, MovableClock, Visitor, Visitors
from tests.web.guest import GENEROUS, Guest, serving

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def browsers_tell_of_lost_lines(visitors: Visitors) -> Iterator[None]:
    visitors.may_hear(LOST_CONNECTION)
    yield


async def two_strangers(visitors: Visitors, line: Line) -> tuple[Visitor, Visitor]:
    """Ann, whose line can be cut, and Bob."""
    ann = await (await visitors.come(line.url)).finds_a_stranger("Ann")
    bob = await (await visitors.come()).finds_a_stranger("Bob")
    await ann.talks_with("Bob")
    await bob.talks_with("Ann")
    return ann, bob


async def test_a_lost_line_is_told_and_comes_back_by_itself(visitors: Visitors, line: Line) -> None:
    ann = await (await visitors.come(line.url)).enters_the_lobby("Ann")
    bob = await (await visitors.come()).enters_the_lobby("Bob")
    await ann.says("before")
    line.cut()
    await ann.sees("Reconnecting…")
    await bob.says("meanwhile")
    line.mend()
    await ann.reads("before", "meanwhile")
    await ann.sees_no("Reconnecting…")
    await ann.says("after")
    await bob.reads("before", "meanwhile", "after")
    await ann.sees_people("Bob", "Ann")


async def test_what_is_written_without_a_line_arrives_once(visitors: Visitors, line: Line) -> None:
    ann = await (await visitors.come(line.url)).enters_the_lobby("Ann")
    bob = await (await visitors.come()).enters_the_lobby("Bob")
    line.cut()
    await ann.sees("Reconnecting…")
    for text in ("one", "two"):
        await ann.types(text)
        await ann.box.press("Enter")
    await expect(ann.page.locator("#pending .pending")).to_have_count(2)
    line.mend()
    await bob.reads("one", "two")
    await ann.reads("one", "two")
    await expect(ann.page.locator("#pending .pending")).to_have_count(0)


async def test_what_was_meant_for_one_stranger_never_reaches_the_next(visitors: Visitors, line: Line) -> None:
    ann, bob = await two_strangers(visitors, line)
    await bob.says("Hello")
    await ann.reads("Hello")
    line.cut()
    await ann.sees("Reconnecting…")
    await ann.types("only for Bob")
    await ann.box.press("Enter")
    await bob.leaves_by("Stop")
    await bob.is_at_the_door()
    cleo = await (await visitors.come()).finds_a_stranger("Cleo")
    await cleo.looks_for_a_stranger()
    line.mend()
    await ann.has_network_again()
    await cleo.talks_with("Ann")
    await ann.talks_with("Cleo")
    await ann.says("Hello Cleo")
    await cleo.reads("Hello Cleo")


async def test_a_partner_sees_that_the_other_one_is_away_and_back(
    visitors: Visitors, line: Line, clock: MovableClock
) -> None:
    ann, bob = await two_strangers(visitors, line)
    line.cut()
    await ann.sees("Reconnecting…")
    clock.advance(6)
    await bob.sees("Ann is reconnecting…")
    line.mend()
    await ann.has_network_again()
    await bob.talks_with("Ann")
    await ann.talks_with("Bob")


async def test_a_partner_away_for_too_long_is_given_up(visitors: Visitors, line: Line, clock: MovableClock) -> None:
    ann, bob = await two_strangers(visitors, line)
    await bob.says("Still there?")
    await ann.reads("Still there?")
    line.cut()
    await ann.sees("Reconnecting…")
    clock.advance(50)
    await bob.sees("Ann has left")
    clock.advance(130)
    await bob.looks_for_a_stranger()
    line.mend()
    await ann.has_network_again()
    await ann.sees("This talk has ended")
    await ann.reads("Still there?")
    await ann.presses("Find a stranger")
    await ann.looks_for_a_stranger()
    clock.advance(6)  # those who have just met wait a while for others
    await ann.talks_with("Bob")
    await bob.talks_with("Ann")


async def test_people_in_a_room_see_who_is_away(visitors: Visitors, line: Line, clock: MovableClock) -> None:
    ann = await (await visitors.come(line.url)).enters_the_lobby("Ann")
    bob = await (await visitors.come()).enters_the_lobby("Bob")
    line.cut()
    await ann.sees("Reconnecting…")
    clock.advance(6)
    await expect(bob.people.filter(has_text="reconnecting…")).to_contain_text("Ann")
    line.mend()
    await ann.has_network_again()
    await expect(bob.people.filter(has_text="reconnecting…")).to_have_count(0)


async def test_a_restarted_server_says_that_the_talk_is_over(visitors: Visitors, line: Line) -> None:
    async with serving(GENEROUS) as first:
        line.leads_to(first)
        ann = await (await visitors.come(line.url)).enters_the_lobby("Ann the Loyal")
        await ann.says("Hello?")
        async with serving(GENEROUS) as second:
            line.leads_to(second)
            line.cut()
            line.mend()
            await ann.sees("The server restarted, this talk has ended.")
            await ann.is_at_the_door()
            await expect(ann.name_box).to_have_value("Ann the Loyal")
            await ann.presses("Enter")
            await ann.reads()
            await ann.says("Here again")


async def test_what_was_written_to_the_server_of_before_is_not_lost_silently(visitors: Visitors, line: Line) -> None:
    """Issue 11, line 2: the lobby is the same for everybody, so the message can still be sent there."""
    async with serving(GENEROUS) as first:
        line.leads_to(first)
        ann = await (await visitors.come(line.url)).enters_the_lobby("Ann")
        line.cut()
        await ann.sees("Reconnecting…")
        await ann.types("Anybody here?")
        await ann.box.press("Enter")
        async with serving(GENEROUS) as second:
            line.leads_to(second)
            line.mend()
            await ann.is_at_the_door()
            await ann.presses("Enter")
            await ann.sees("Not delivered: that talk has ended.")
            await ann.presses("Retry")
            await ann.reads("Anybody here?")


async def test_a_reloaded_page_keeps_its_seat_and_its_words(visitors: Visitors) -> None:
    ann = await (await visitors.come()).enters_the_lobby("Ann")
    bob = await (await visitors.come()).enters_the_lobby("Bob")
    await ann.says("before")
    green = await ann.style(ann.bubble("before").locator(".bubble"), "backgroundColor")
    await ann.reloads()
    await ann.reads("before")
    await ann.says("after")
    await bob.reads("before", "after")
    for text in ("before", "after"):
        assert await ann.style(ann.bubble(text).locator(".bubble"), "backgroundColor") == green
    await ann.sees_people("Bob", "Ann")
    await bob.sees_no("Ann left")


async def test_a_reloaded_page_keeps_its_stranger(visitors: Visitors, line: Line) -> None:
    ann, bob = await two_strangers(visitors, line)
    await bob.says("Do not go")
    await ann.reloads()
    await ann.talks_with("Bob")
    await ann.reads("Do not go")
    await ann.says("I am here")
    await bob.reads("Do not go", "I am here")


async def test_a_page_open_twice_is_used_in_the_newer_window(visitors: Visitors, url: str) -> None:
    ann = await (await visitors.come()).enters_the_lobby("Ann")
    twin = await twin_of(ann, url)
    await ann.sees("This chat is open in another window.")
    await twin.hang_up()
    await ann.follows("Use it here")
    await ann.sees_people("Ann")


async def test_a_page_whose_browser_has_lost_its_cookie_asks_to_be_loaded_anew(visitors: Visitors, line: Line) -> None:
    """Issue 11, line 16: it does not go on trying, since the server would refuse it each time."""
    ann = await visitors.come(line.url)
    await ann.page.clock.install()
    await ann.enters_the_lobby("Ann")
    await ann.page.context.clear_cookies()
    line.cut()
    line.mend()
    await ann.sees("This page has expired.")
    tries: list[WebSocket] = []
    ann.page.on("websocket", lambda socket: tries.append(socket))
    await ann.page.clock.fast_forward(60_000)
    await ann.has_network_again()
    assert tries == []
    await ann.follows("Load the page anew")
    await ann.is_at_the_door()


async def twin_of(visitor: Visitor, url: str) -> Guest:
    """The same page on a second socket, as a duplicated tab opens it."""
    cookies = {str(cookie.get("name")): str(cookie.get("value")) for cookie in await visitor.page.context.cookies()}
    twin = Guest(url, "/lobby", cookies)
    path = await visitor.page.locator("#place").get_attribute("hx-ws:connect")
    twin.address = url.replace("http", "ws") + str(path)
    return await twin.connect()


async def test_a_page_whose_scripts_arrive_late_works_all_the_same(visitors: Visitors) -> None:
    async def late(route: Route) -> None:
        await asyncio.sleep(0.3)  # long enough for htmx to begin without it, if it did
        await route.continue_()

    ann = await visitors.come()
    await ann.page.route("**/hx-*.min.js", late)
    await ann.enters_the_lobby("Ann")
    await ann.says("Hello")
