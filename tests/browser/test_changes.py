"""What people do with messages: by mouse, by keyboard and by finger."""

from typing import Any

import pytest
from playwright.async_api import Locator, expect

from tests.browser.stories import PHONE, Visitor, Visitors

pytestmark = pytest.mark.browser

PRESS = """async (element, milliseconds) => {
  const {left, top} = element.getBoundingClientRect();
  const finger = {pointerType: "touch", bubbles: true, clientX: left + 5, clientY: top + 5};
  element.dispatchEvent(new PointerEvent("pointerdown", finger));
  await new Promise(done => setTimeout(done, milliseconds));
  element.dispatchEvent(new PointerEvent("pointerup", finger));
}"""


async def two_in_the_lobby(visitors: Visitors, **options: Any) -> tuple[Visitor, Visitor]:
    ann = await (await visitors.come(**options)).enters_the_lobby("Ann")
    bob = await (await visitors.come()).enters_the_lobby("Bob")
    await ann.says("hello from Ann")
    await bob.says("hello from Bob")
    await expect(ann.bubble("hello from Bob")).to_be_visible()
    return ann, bob


def action(visitor: Visitor, name: str) -> Locator:
    return visitor.page.get_by_role("toolbar", name="Message actions").get_by_role("button", name=name)


def reaction(visitor: Visitor, name: str) -> Locator:
    return visitor.bubbles.get_by_role("button", name=name, exact=True)


def chosen(visitor: Visitor, emoji: str) -> Locator:
    return visitor.page.get_by_role("dialog", name="React").get_by_role("button", name=emoji)


async def presses_long(thing: Locator) -> None:
    await thing.evaluate(PRESS, 600)


async def test_a_reaction_is_seen_by_all_and_pressed_for_those_who_gave_it(visitors: Visitors) -> None:
    ann, bob = await two_in_the_lobby(visitors)
    await ann.bubble("hello from Bob").hover()
    await action(ann, "React").click()
    await chosen(ann, "🎉").click()
    for visitor, pressed in ((ann, "true"), (bob, "false")):
        await expect(reaction(visitor, "🎉 1")).to_have_attribute("aria-pressed", pressed)
    await reaction(bob, "🎉 1").click()
    await expect(reaction(ann, "🎉 2")).to_have_attribute("aria-pressed", "true")
    await reaction(ann, "🎉 2").hover()
    await expect(ann.page.get_by_role("tooltip").filter(visible=True)).to_have_text("Ann, Bob")
    await reaction(ann, "🎉 2").click()
    await expect(reaction(bob, "🎉 1")).to_have_attribute("aria-pressed", "true")
    await reaction(bob, "🎉 1").click()
    await expect(bob.bubbles.get_by_role("button")).to_have_count(0)


async def test_any_emoji_will_do_and_nothing_else(visitors: Visitors) -> None:
    ann, _ = await two_in_the_lobby(visitors)
    for typed, seen in (("🦦", None), ("otter", "That is not an emoji.")):
        await ann.bubble("hello from Bob").hover()
        await action(ann, "React").click()
        await ann.page.get_by_role("textbox", name="Any emoji").fill(typed)
        if seen:
            await ann.page.keyboard.press("Enter")
            await ann.sees(seen)
        await expect(reaction(ann, "🦦 1")).to_be_visible()


async def test_one_key_leads_to_the_messages_and_enter_to_what_can_be_done(visitors: Visitors) -> None:
    ann, bob = await two_in_the_lobby(visitors)
    await ann.box.focus()
    await ann.page.keyboard.press("ArrowUp")
    await expect(ann.bubble("hello from Bob")).to_be_focused()
    await ann.page.keyboard.press("ArrowUp")
    await expect(ann.bubble("hello from Ann")).to_be_focused()
    for key in ("ArrowDown", "Enter"):
        await ann.page.keyboard.press(key)
    await expect(action(ann, "React")).to_be_focused()
    await ann.page.keyboard.press("Enter")
    await chosen(ann, "😂").press("Enter")
    await expect(reaction(bob, "😂 1")).to_be_visible()
    await reaction(ann, "😂 1").press("Enter")
    await expect(reaction(bob, "😂 1")).to_have_count(0)
    for place in (ann.bubble("hello from Bob"), ann.box):
        await ann.page.keyboard.press("Escape")
        if await action(ann, "React").is_visible() and place is not ann.box:
            continue
    await ann.box.focus()
    await ann.page.keyboard.press("ArrowUp")
    await ann.page.keyboard.press("Escape")
    await expect(ann.box).to_be_focused()


async def test_the_focus_stays_on_a_reaction_that_others_join(visitors: Visitors) -> None:
    ann, bob = await two_in_the_lobby(visitors)
    await ann.bubble("hello from Bob").hover()
    await action(ann, "React").click()
    await chosen(ann, "👍").click()
    await reaction(ann, "👍 1").focus()
    await reaction(bob, "👍 1").click()
    await expect(reaction(ann, "👍 2")).to_be_focused()


async def test_a_finger_finds_the_actions_and_the_names_by_pressing_for_a_while(visitors: Visitors) -> None:
    ann, bob = await two_in_the_lobby(visitors, **PHONE)
    await presses_long(ann.bubble("hello from Bob").locator(".bubble"))
    await action(ann, "React").tap()
    await chosen(ann, "👍").tap()
    await expect(reaction(ann, "👍 1")).to_have_attribute("aria-pressed", "true")
    await presses_long(reaction(ann, "👍 1"))
    await expect(ann.page.get_by_role("tooltip").filter(visible=True)).to_have_text("Ann")
    assert await ann.small_targets() == []
    await expect(reaction(bob, "👍 1")).to_be_visible()


async def test_an_edited_message_says_so(visitors: Visitors) -> None:
    ann, bob = await two_in_the_lobby(visitors)
    await ann.types("a draft")
    await ann.bubble("hello from Ann").hover()
    await action(ann, "Edit").click()
    await expect(ann.box).to_have_value("hello from Ann")
    await ann.says("hello from me")
    await expect(bob.bubble("hello from me")).to_contain_text("edited")
    await expect(ann.box).to_have_value("a draft")
    await expect(ann.bubbles).to_have_count(2)


async def test_escape_gives_an_edit_up(visitors: Visitors) -> None:
    ann, _ = await two_in_the_lobby(visitors)
    await ann.bubble("hello from Ann").hover()
    await action(ann, "Edit").click()
    await ann.page.keyboard.press("Escape")
    await ann.says("a new one")
    await ann.reads("hello from Ann", "hello from Bob", "a new one")


async def test_a_message_that_is_taken_back_leaves_a_note(visitors: Visitors) -> None:
    ann, bob = await two_in_the_lobby(visitors)
    await bob.bubble("hello from Ann").hover()
    await expect(action(bob, "React")).to_be_visible()
    await expect(action(bob, "Take back")).to_be_hidden()
    await ann.bubble("hello from Ann").hover()
    await action(ann, "Take back").click()
    await bob.reads("Message taken back", "hello from Bob")
    await ann.reads("Message taken back", "hello from Bob")


SWIPE = """async element => {
  const finger = x => ({pointerType: "touch", bubbles: true, clientX: x, clientY: 300});
  for (const [type, x] of [["pointerdown", 50], ["pointermove", 80], ["pointermove", 120], ["pointerup", 120]]) {
    element.dispatchEvent(new PointerEvent(type, finger(x)));
  }
}"""


async def test_a_reply_quotes_and_leads_back(visitors: Visitors) -> None:
    ann, bob = await two_in_the_lobby(visitors)
    await ann.bubble("hello from Bob").hover()
    await action(ann, "Reply").click()
    await expect(ann.box).to_be_focused()
    await ann.says("the answer")
    await expect(bob.bubble("the answer").locator(".quote")).to_have_text("Bob hello from Bob")
    await bob.bubble("the answer").get_by_role("link").click()
    await expect(bob.bubble("hello from Bob")).to_be_focused()
    assert bob.page.url.endswith("/lobby")
    await bob.bubble("hello from Bob").hover()
    await action(bob, "Take back").click()
    await expect(ann.bubble("the answer").locator(".quote")).to_have_text("No longer here")


async def test_a_key_replies_and_escape_gives_it_up(visitors: Visitors) -> None:
    ann, bob = await two_in_the_lobby(visitors)
    await ann.box.focus()
    await ann.page.keyboard.press("ArrowUp")
    await ann.page.keyboard.press("r")
    await expect(ann.box).to_be_focused()
    await ann.says("by key")
    await expect(bob.bubble("by key").locator(".quote")).to_have_text("Bob hello from Bob")
    for key in ("ArrowUp", "r", "Escape"):
        await ann.page.keyboard.press(key)
    await ann.says("plain")
    await expect(bob.bubble("plain").locator(".quote")).to_have_count(0)


async def test_a_swipe_replies(visitors: Visitors) -> None:
    ann, bob = await two_in_the_lobby(visitors, **PHONE)
    await ann.bubble("hello from Bob").locator(".bubble").evaluate(SWIPE)
    await ann.says("by finger")
    await expect(bob.bubble("by finger").locator(".quote")).to_have_text("Bob hello from Bob")


async def test_a_name_is_completed_and_the_one_meant_sees_it_marked(visitors: Visitors) -> None:
    ann, bob = await two_in_the_lobby(visitors)
    await ann.types("hey @b")
    await expect(ann.page.get_by_role("option")).to_have_text(["Bob"])
    await ann.box.press("Enter")
    await expect(ann.box).to_have_value("hey @Bob ")
    await ann.says("hey @Bob")
    marked = [await who.style(who.page.locator(".mention"), "backgroundColor") for who in (ann, bob)]
    assert marked[0] != marked[1]


async def test_a_person_is_mentioned_by_mouse_and_by_key(visitors: Visitors) -> None:
    ann, _ = await two_in_the_lobby(visitors)
    await ann.people.filter(has_text="Bob").hover()
    await ann.presses("Mention")
    await expect(ann.box).to_have_value("@Bob ")
    await ann.page.get_by_role("region", name="People").focus()
    for key in ("ArrowDown", "Enter"):
        await ann.page.keyboard.press(key)
    await expect(ann.box).to_have_value("@Bob @Bob ")


MOVES_UNDER_THE_MOUSE = """message => ["pointerover", "pointermove"].forEach(type =>
  message.dispatchEvent(new PointerEvent(type, {pointerType: "mouse", bubbles: true})))"""


async def test_a_message_that_moves_under_a_mouse_at_rest_leaves_the_actions_where_they_are(visitors: Visitors) -> None:
    """Else one would take back another message than the one that was chosen by the keyboard."""
    ann, _ = await two_in_the_lobby(visitors)
    await ann.box.focus()
    await ann.page.keyboard.press("ArrowUp")
    seq = str(await ann.bubble("hello from Bob").get_attribute("data-seq"))
    await expect(ann.page.locator("#actions")).to_have_attribute("data-seq", seq)
    await ann.bubble("hello from Ann").evaluate(MOVES_UNDER_THE_MOUSE)
    await expect(ann.page.locator("#actions")).to_have_attribute("data-seq", seq)
