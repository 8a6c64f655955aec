"""What people write to each other, and how it looks to those who read it."""

from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.stories import MovableClock, Visitor, Visitors

pytestmark = pytest.mark.browser

HOSTILE = (
    "<script>window.pwned = 1</script>",
    '<img src=x onerror="window.pwned = 1">',
    '<form hx-ws:send hx-trigger="load"><input name="text" value="spam"></form>',
    '"><hx-partial hx-target="#messages" hx-swap="innerHTML">gone</hx-partial>',
    "</template><plaintext>{{7*7}} ${7*7}",
)


async def two_in_the_lobby(visitors: Visitors) -> tuple[Visitor, Visitor]:
    ann = await (await visitors.come()).enters_the_lobby("Ann")
    bob = await (await visitors.come()).enters_the_lobby("Bob")
    return ann, bob


async def test_sending_clears_the_box_at_once_and_loses_no_key(visitors: Visitors) -> None:
    ann = await (await visitors.come()).enters_the_lobby("Ann")
    await ann.box.focus()
    for keys in ("first", "Enter", "second", "Enter", "third"):
        await (ann.page.keyboard.press(keys) if keys == "Enter" else ann.page.keyboard.type(keys))
    await expect(ann.box).to_have_value("third")
    assert await ann.focus() == "Message"
    await ann.reads("first", "second")


async def test_the_button_sends_too_and_gives_the_focus_back(visitors: Visitors) -> None:
    ann, bob = await two_in_the_lobby(visitors)
    await ann.types("by button")
    await ann.presses("Send")
    await bob.reads("by button")
    await expect(ann.box).to_be_focused()


async def test_nothing_but_blanks_is_not_sent(visitors: Visitors) -> None:
    ann = await (await visitors.come()).enters_the_lobby("Ann")
    await ann.types("   ")
    await ann.box.press("Enter")
    await ann.says("words")
    await ann.reads("words")


async def test_shift_and_enter_break_the_line(visitors: Visitors) -> None:
    ann, bob = await two_in_the_lobby(visitors)
    await ann.types("one")
    await ann.box.press("Shift+Enter")
    await ann.types("two")
    await ann.box.press("Enter")
    text = bob.bubbles.locator(".words")
    await expect(text).to_be_visible()
    assert await text.evaluate("element => element.innerText") == "one\ntwo"


async def test_the_box_grows_with_its_lines_and_is_small_again_when_sent(visitors: Visitors) -> None:
    ann = await (await visitors.come()).enters_the_lobby("Ann")
    height = "element => element.getBoundingClientRect().height"
    small = await ann.box.evaluate(height)
    await ann.box.fill("one\ntwo\nthree")
    assert await ann.box.evaluate(height) > small + 40
    await ann.box.press("Enter")
    assert await ann.box.evaluate(height) == small


async def test_an_address_becomes_a_link_that_tells_nothing_of_where_it_was_read(visitors: Visitors) -> None:
    ann, bob = await two_in_the_lobby(visitors)
    await ann.says("See https://example.org/a?b=1&c=2#d, javascript:alert(1) and http://example.com.")
    links = bob.bubbles.get_by_role("link")
    await expect(links).to_have_text(["https://example.org/a?b=1&c=2#d", "http://example.com"])
    await expect(links.first).to_have_attribute("href", "https://example.org/a?b=1&c=2#d")
    await expect(links.first).to_have_attribute("rel", "noopener noreferrer nofollow ugc")


async def test_markup_is_shown_as_it_is_written(visitors: Visitors) -> None:
    ann, bob = await two_in_the_lobby(visitors)
    await ann.says(*HOSTILE)
    for reader in (ann, bob):
        await reader.reads(*HOSTILE)
        assert await reader.page.evaluate("window.pwned") is None


@pytest.mark.parametrize("device", [{}, {"viewport": {"width": 320, "height": 640}}], ids=["wide", "narrow"])
async def test_a_word_without_end_wraps(visitors: Visitors, device: dict[str, Any]) -> None:
    ann = await (await visitors.come(**device)).enters_the_lobby("Ann")
    await ann.says("w" * 2000, "https://example.org/" + "a" * 1900)
    assert not await ann.scrolls_sideways()
    assert await ann.page.locator(".scroll").evaluate("log => log.scrollWidth <= log.clientWidth")


async def test_emoji_stay_whole_and_a_few_alone_are_large(visitors: Visitors) -> None:
    ann, bob = await two_in_the_lobby(visitors)
    await ann.says("👩‍👩‍👧‍👦 and 🇨🇭 and 👍🏽", "🎉🎈")
    await bob.reads("👩‍👩‍👧‍👦 and 🇨🇭 and 👍🏽", "🎉🎈")
    sizes = [await bob.style(text, "fontSize") for text in await bob.bubbles.locator(".words").all()]
    assert sizes == ["16px", "44px"]


async def test_messages_of_one_minute_stand_under_one_name(visitors: Visitors, clock: MovableClock) -> None:
    ann, bob = await two_in_the_lobby(visitors)
    await ann.says("first", "at once")
    clock.advance(61)
    await ann.says("a minute later")
    await bob.reads("first", "at once", "a minute later")
    clips = [await bob.style(name, "clipPath") for name in await bob.bubbles.locator(".author").all()]
    assert clips == ["none", "inset(50%)", "none"]  # there for a screen reader, unseen by the eye


@pytest.mark.parametrize(
    ("zone", "language", "clock_reads"),
    [("Asia/Kolkata", "en-GB", "05:15"), ("America/New_York", "en-US", "06:45 PM")],
)
async def test_times_are_the_readers_own(
    visitors: Visitors, clock: MovableClock, zone: str, language: str, clock_reads: str
) -> None:
    clock.shows("2026-01-02T23:45:00+00:00")
    ann = await (await visitors.come(timezone_id=zone, locale=language)).enters_the_lobby("Ann")
    await ann.says("What time is it?")
    await expect(ann.bubbles.locator("time")).to_have_text(clock_reads)


async def test_a_line_tells_where_the_day_changes(visitors: Visitors, clock: MovableClock) -> None:
    ann = await (await visitors.come(timezone_id="UTC")).enters_the_lobby("Ann")
    for instant in ("2026-01-02T23:58:00+00:00", "2026-01-02T23:59:00+00:00", "2026-01-03T00:01:00+00:00"):
        clock.shows(instant)
        await ann.says(instant)
    lines = await ann.bubbles.evaluate_all(
        "bubbles => bubbles.map(bubble => getComputedStyle(bubble, '::before').content)"
    )
    assert lines == ['"Friday 2 January"', "none", '"Saturday 3 January"']


async def test_the_log_follows_while_one_reads_at_its_end(visitors: Visitors) -> None:
    ann, bob = await two_in_the_lobby(visitors)
    await bob.says(*(f"number {number}" for number in range(30)))
    await expect(ann.bubble("number 29")).to_be_in_viewport()
    await expect(ann.page.get_by_role("button", name="New messages")).to_be_hidden()


async def test_the_log_stays_put_while_one_reads_above_and_offers_what_is_new(visitors: Visitors) -> None:
    ann, bob = await two_in_the_lobby(visitors)
    await bob.says(*(f"number {number}" for number in range(30)))
    await expect(ann.bubble("number 29")).to_be_visible()
    await ann.scrolls_up()
    read = ann.bubble("number 15")
    place = (await ann.box_of(read))["y"]
    await bob.says("something new")
    await ann.sees("New messages")
    assert abs((await ann.box_of(read))["y"] - place) < 1
    await ann.presses("New messages")
    await expect(ann.bubble("something new")).to_be_in_viewport()
    await expect(ann.page.get_by_role("button", name="New messages")).to_be_hidden()


async def test_sending_leads_back_to_the_end_of_the_log(visitors: Visitors) -> None:
    ann, bob = await two_in_the_lobby(visitors)
    await bob.says(*(f"number {number}" for number in range(30)))
    await expect(ann.bubble("number 29")).to_be_visible()
    await ann.scrolls_up()
    await ann.says("my answer")
    await expect(ann.bubble("my answer")).to_be_in_viewport()
