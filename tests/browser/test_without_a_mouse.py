"""For those who press keys only, and those who listen instead of looking."""

import pytest
from playwright.async_api import expect

from tests.browser.stories import Visitors

pytestmark = pytest.mark.browser


async def test_keys_alone_lead_from_home_to_the_lobby_and_out_again(visitors: Visitors) -> None:
    ann = await (await visitors.come()).opens("/")
    await ann.walks_by_tab_to("Your name")
    await ann.page.keyboard.press("ControlOrMeta+a")
    await ann.page.keyboard.type("Ann of the Keys")
    await ann.walks_by_tab_to("Lobby")
    await ann.page.keyboard.press("Enter")
    await expect(ann.page).to_have_title("Lobby · Quart Chat")
    await ann.walks_by_tab_to("Your name")
    await ann.page.keyboard.press("Enter")
    await expect(ann.box).to_be_focused()
    await ann.page.keyboard.type("Hello")
    await ann.page.keyboard.press("Enter")
    await ann.reads("Hello")
    await ann.walks_by_tab_to("Leave")
    await ann.page.keyboard.press("Enter")
    await ann.is_at_the_door()
    await expect(ann.name_box).to_be_focused()


async def test_keys_alone_go_through_a_talk_with_a_stranger(visitors: Visitors) -> None:
    ann = await (await visitors.come()).finds_a_stranger("Ann")
    bob = await (await visitors.come()).finds_a_stranger("Bob")
    await ann.talks_with("Bob")
    await expect(ann.box).to_be_focused()
    await ann.page.keyboard.type("Hello")
    await ann.page.keyboard.press("Enter")
    await bob.reads("Hello")
    await ann.walks_by_tab_to("Stop")
    await ann.page.keyboard.press("Enter")
    await ann.sees("Press again to leave")
    await ann.page.keyboard.press("Enter")
    await expect(ann.name_box).to_be_focused()
    await bob.sees("Ann has left")


async def test_the_log_can_be_scrolled_by_keys(visitors: Visitors) -> None:
    ann = await (await visitors.come()).enters_the_lobby("Ann")
    await ann.says(*(f"number {number}" for number in range(30)))
    await ann.walks_by_tab_to("Conversation")
    await ann.page.keyboard.press("Home")
    await expect(ann.bubble("number 0")).to_be_in_viewport()


async def test_a_screen_reader_hears_each_message_once_and_nothing_again(visitors: Visitors) -> None:
    ann = await (await visitors.come()).enters_the_lobby("Ann")
    bob = await (await visitors.come()).enters_the_lobby("Bob")
    await bob.says("before")
    await ann.reads("before")
    await ann.page.evaluate(_LISTEN)
    await bob.says("one", "two")
    await ann.reads("before", "one", "two")
    heard = await ann.page.evaluate("heard")
    assert [line for line in heard if "one" in line] and [line for line in heard if "two" in line]
    assert len(heard) == 2
    assert not [line for line in heard if "before" in line]


async def test_a_screen_reader_hears_nothing_of_typing(visitors: Visitors) -> None:
    ann = await visitors.come()
    path = await ann.creates_a_room()
    await ann.enters(path, "Ann")
    bob = await (await visitors.come()).enters(path, "Bob")
    await bob.types("Well")
    await ann.sees("Bob is typing")
    announcing = "[role=log], [role=status], [role=alert], [aria-live]"
    assert await ann.page.locator("#typing").evaluate("(typing, live) => typing.closest(live)", announcing) is None


# Elements that are added to a log are what a screen reader reads from it.
_LISTEN = """() => {
  window.heard = [];
  new MutationObserver(changes => changes.forEach(change => change.addedNodes.forEach(node => {
    if (node.nodeType === Node.ELEMENT_NODE) heard.push(node.textContent);
  }))).observe(document.querySelector("[role=log]"), {childList: true, subtree: true});
}"""
