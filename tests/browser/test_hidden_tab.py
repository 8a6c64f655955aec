"""A hidden tab calls the visitor, and what was not sent is not lost."""

import re
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.stories import PHONE, Visitor, Visitors

pytestmark = pytest.mark.browser

# Headless Chromium never hides a tab and has nobody to show a notification to.
TELLING = """
window.told = [];
window.Notification = class {
  static permission = "granted";
  static requestPermission() { return Promise.resolve("granted"); }
  constructor(title, options) { told.push({title, ...options}); }
  close() {}
};
window.hide = hidden => {
  Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
  document.dispatchEvent(new Event("visibilitychange"));
};
"""


async def comes(visitors: Visitors, **options: Any) -> Visitor:
    visitor = await visitors.come(**options)
    await visitor.page.add_init_script(TELLING)
    return visitor


async def wants_to_be_told(visitor: Visitor) -> None:
    await visitor.page.get_by_role("switch", name="Tell me when this tab is hidden").filter(visible=True).check()


async def told(visitor: Visitor) -> list[str]:
    return list(await visitor.page.evaluate("told.map(each => each.title)"))


async def test_a_hidden_tab_counts_in_its_title_and_marks_its_icon(visitors: Visitors) -> None:
    ann = await (await comes(visitors)).enters_the_lobby("Ann")
    bob = await (await visitors.come()).enters_the_lobby("Bob")
    title, icon = await ann.page.title(), ann.page.locator("link[rel=icon][type]")
    await ann.page.evaluate("hide(true)")
    await bob.says("one", "two")
    await expect(ann.page).to_have_title(f"(2) {title}")
    await expect(icon).to_have_attribute("href", re.compile("marked"))
    assert await told(ann) == []
    await ann.page.evaluate("hide(false)")
    await expect(ann.page).to_have_title(title)
    await expect(icon).not_to_have_attribute("href", re.compile("marked"))


async def test_who_wants_it_is_told_once_of_a_match_and_nothing_of_what_is_said(visitors: Visitors) -> None:
    ann = await (await comes(visitors)).finds_a_stranger("Ann")
    await wants_to_be_told(ann)
    await ann.page.evaluate("hide(true)")
    bob = await (await visitors.come()).finds_a_stranger("Bob")
    await bob.says("my secret", "and more")
    await expect(ann.bubble("and more")).to_be_attached()
    assert await told(ann) == ["You have been matched with a stranger"]
    await ann.page.evaluate("hide(false); hide(true)")
    await bob.says("still there?")
    await expect(ann.bubble("still there?")).to_be_attached()
    assert (await told(ann))[1:] == ["A stranger has written to you"]
    assert "secret" not in str(await ann.page.evaluate("told"))


async def test_who_does_not_want_it_is_told_nothing(visitors: Visitors) -> None:
    ann = await (await comes(visitors)).finds_a_stranger("Ann")
    await ann.page.evaluate("hide(true)")
    bob = await (await visitors.come()).finds_a_stranger("Bob")
    await bob.says("hello")
    await expect(ann.page).to_have_title(re.compile(r"^\(2\)"))
    assert await told(ann) == []


async def test_the_switch_is_remembered(visitors: Visitors) -> None:
    ann = await (await comes(visitors, **PHONE)).enters_the_lobby("Ann")
    await wants_to_be_told(ann)
    await ann.reloads()
    await expect(ann.page.get_by_role("switch").filter(visible=True)).to_be_checked()


async def test_one_in_an_empty_room_is_told_that_somebody_has_come(visitors: Visitors) -> None:
    ann = await comes(visitors)
    path = await ann.creates_a_room()
    await ann.enters(path, "Ann")
    await ann.sees("1 online")
    await wants_to_be_told(ann)
    await ann.page.evaluate("hide(true)")
    await (await visitors.come()).enters(path, "Bob")
    await expect(ann.page).to_have_title(re.compile(r"^\(1\)"))
    assert await told(ann) == ["Somebody has come into your room"]


async def test_a_draft_waits_for_its_place_until_it_is_sent(visitors: Visitors) -> None:
    ann = await (await visitors.come()).enters_the_lobby("Ann")
    await ann.types("not yet")
    await ann.reloads()
    await expect(ann.box).to_have_value("not yet")
    await ann.box.press("Enter")
    await ann.reads("not yet")
    await ann.reloads()
    await expect(ann.box).to_be_visible()
    await expect(ann.box).to_have_value("")


async def test_a_draft_for_a_stranger_is_for_that_one_alone(visitors: Visitors) -> None:
    ann = await (await visitors.come()).finds_a_stranger("Ann")
    bob = await (await visitors.come()).finds_a_stranger("Bob")
    await ann.talks_with("Bob")
    await ann.types("for Bob")
    await bob.leaves_by("Stop")
    await ann.looks_for_a_stranger()
    await ann.reloads()
    cid = await (await visitors.come()).finds_a_stranger("Cid")
    await cid.talks_with("Ann")
    await expect(ann.box).to_have_value("")
