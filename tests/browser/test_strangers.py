"""Two strangers: they find each other, talk, and go on to the next."""

import pytest
from playwright.async_api import expect

from tests.browser.stories import LISTEN_TO_STATUSES, MovableClock, Visitor, Visitors, show_all_typing_at

pytestmark = pytest.mark.browser


@pytest.fixture
async def ann(visitors: Visitors) -> Visitor:
    return await visitors.come()


@pytest.fixture
async def bob(visitors: Visitors) -> Visitor:
    return await visitors.come()


async def they_meet(ann: Visitor, bob: Visitor) -> None:
    await ann.finds_a_stranger("Ann")
    await ann.looks_for_a_stranger()
    await bob.finds_a_stranger("Bob")
    await ann.talks_with("Bob")
    await bob.talks_with("Ann")


async def test_who_looks_sees_how_many_others_do_and_meets_the_next_one(ann: Visitor, bob: Visitor) -> None:
    """Issue 11, line 6."""
    await ann.finds_a_stranger("Ann")
    await ann.looks_for_a_stranger()
    await ann.sees("Nobody else is looking yet")
    await bob.opens("/text")
    await bob.sees("1 person is looking")
    await bob.finds_a_stranger("Bob")
    await ann.talks_with("Bob")
    await bob.talks_with("Ann")


async def test_who_looks_is_not_counted_at_a_door_of_its_own(ann: Visitor) -> None:
    """Issue 11, line 6: neither in another tab nor after a reload, when the old page goes after the new one came."""
    await ann.finds_a_stranger("Ann")
    await ann.looks_for_a_stranger()
    tab = await (await ann.opens_another_tab()).opens("/text")
    await tab.sees("Nobody is looking right now")
    await ann.reloads()
    await ann.looks_for_a_stranger()
    await ann.presses("Stop")
    await ann.sees("Nobody is looking right now")


async def test_two_who_may_not_meet_yet_see_each_other_counted(ann: Visitor, bob: Visitor) -> None:
    """Issue 11, line 6."""
    await they_meet(ann, bob)
    await ann.presses("Next")
    await ann.sees("1 other is looking")


async def test_who_looks_sees_its_own_face(ann: Visitor) -> None:
    await ann.finds_a_stranger("Silver Fox")
    await expect(ann.page.locator("#search")).to_contain_text("🦊")


async def test_they_talk(ann: Visitor, bob: Visitor) -> None:
    await they_meet(ann, bob)
    await expect(ann.box).to_be_focused()
    await ann.says("Hello stranger")
    await bob.says("Hello Ann")
    for visitor in (ann, bob):
        await visitor.reads("Hello stranger", "Hello Ann")


async def test_first_come_first_served(visitors: Visitors, ann: Visitor, bob: Visitor) -> None:
    await they_meet(ann, bob)
    cleo, dan = await visitors.come(), await visitors.come()
    await cleo.finds_a_stranger("Cleo")
    await cleo.looks_for_a_stranger()
    await ann.presses("Next")
    await ann.talks_with("Cleo")
    await bob.sees("Ann has left")
    await dan.finds_a_stranger("Dan")
    await bob.talks_with("Dan")


async def test_two_tabs_alone_meet(ann: Visitor) -> None:
    tab = await ann.opens_another_tab()
    await they_meet(ann, tab)


async def test_typing_shows_for_five_seconds(ann: Visitor, bob: Visitor) -> None:
    await they_meet(ann, bob)
    await bob.types("Hm")
    await ann.sees("Bob is typing")
    assert await show_all_typing_at(ann, 4_900) == "visible"
    assert await show_all_typing_at(ann, 5_400) == "hidden"


async def test_typing_ends_with_the_message(ann: Visitor, bob: Visitor) -> None:
    await they_meet(ann, bob)
    await bob.types("Hm")
    await ann.sees("Bob is typing")
    await bob.box.press("Enter")
    await ann.reads("Hm")
    await ann.sees_no("Bob is typing")


async def test_next_leaves_at_once_while_nothing_has_been_said(ann: Visitor, bob: Visitor) -> None:
    await they_meet(ann, bob)
    await ann.presses("Next")
    await ann.looks_for_a_stranger()
    await bob.sees("Ann has left")


@pytest.mark.parametrize("button", ["Next", "Stop"])
async def test_leaving_asks_twice_once_something_has_been_said(ann: Visitor, bob: Visitor, button: str) -> None:
    """Issue 11, line 3."""
    await they_meet(ann, bob)
    await bob.says("Wait")
    await ann.reads("Wait")
    await ann.presses(button)
    await ann.sees("Press again to leave")
    await ann.talks_with("Bob")
    await ann.reads("Wait")
    await ann.presses(button)
    await bob.sees("Ann has left")
    await (ann.looks_for_a_stranger() if button == "Next" else ann.is_at_the_door())


async def test_escape_asks_twice_too_and_a_key_that_is_held_counts_once(ann: Visitor, bob: Visitor) -> None:
    """Issue 11, line 3."""
    await they_meet(ann, bob)
    await bob.says("Wait")
    await ann.reads("Wait")
    for _ in range(3):
        await ann.page.keyboard.down("Escape")
    await ann.page.keyboard.up("Escape")
    await ann.sees("Press again to leave")
    await bob.says("Are you there?")
    await ann.reads("Wait", "Are you there?")
    await ann.page.keyboard.press("Escape")
    await bob.sees("Ann has left")
    await ann.looks_for_a_stranger()


@pytest.mark.parametrize("button", ["Next", "Stop"])
async def test_the_hint_to_press_again_belongs_to_the_button_that_was_pressed(
    ann: Visitor, bob: Visitor, button: str
) -> None:
    """Issue 11, line 3: it stands under that button, and a screen reader hears it."""
    await they_meet(ann, bob)
    await bob.says("Wait")
    await ann.reads("Wait")
    pressed = ann.page.get_by_role("button", name=button)
    hint = ann.page.get_by_role("status").filter(has_text="Press again to leave")
    await ann.page.evaluate(LISTEN_TO_STATUSES)
    await ann.presses(button)
    above, below = await ann.box_of(pressed), await ann.box_of(hint)
    assert below["y"] >= above["y"] + above["height"]
    assert abs(below["x"] + below["width"] - above["x"] - above["width"]) < 1
    assert await ann.page.evaluate("heard") == ["Press again to leave"]


async def test_another_button_begins_to_ask_anew(ann: Visitor, bob: Visitor) -> None:
    """Issue 11, line 3."""
    await they_meet(ann, bob)
    await bob.says("Wait")
    await ann.reads("Wait")
    await ann.presses("Next")
    await ann.presses("Stop")
    await expect(ann.page.get_by_text("Press again to leave")).to_have_count(1)
    await ann.talks_with("Bob")
    await ann.presses("Stop")
    await ann.is_at_the_door()


async def test_a_press_is_forgotten_after_three_seconds(ann: Visitor, bob: Visitor) -> None:
    await ann.page.clock.install()
    await they_meet(ann, bob)
    await bob.says("Wait")
    await ann.reads("Wait")
    await ann.presses("Next")
    await ann.page.clock.fast_forward(3_000)
    await ann.sees_no("Press again to leave")
    await ann.presses("Next")
    await ann.sees("Press again to leave")
    await ann.talks_with("Bob")


async def test_a_press_of_the_talk_before_does_not_shorten_the_question_in_the_next(
    visitors: Visitors, ann: Visitor, bob: Visitor
) -> None:
    """Issue 11, line 3."""
    await ann.page.clock.install()
    await they_meet(ann, bob)
    await bob.says("Wait")
    await ann.reads("Wait")
    cid = await (await visitors.come()).finds_a_stranger("Cid")
    await cid.looks_for_a_stranger()
    await ann.leaves_by("Next")
    await cid.says("Hello")
    await ann.reads("Hello")
    await ann.page.clock.fast_forward(2_000)
    await ann.presses("Next")
    await ann.page.clock.fast_forward(2_000)
    await ann.sees("Press again to leave")


async def test_a_partner_who_leaves_is_missed_and_another_one_sought(
    visitors: Visitors, ann: Visitor, bob: Visitor
) -> None:
    await they_meet(ann, bob)
    await bob.says("Good bye")
    await ann.reads("Good bye")
    await bob.leaves_by("Stop")
    await bob.is_at_the_door()
    await ann.sees("Bob has left")
    await ann.looks_for_a_stranger()
    await ann.reads("Good bye")  # the finished talk stays
    cleo = await (await visitors.come()).finds_a_stranger("Cleo")
    await ann.talks_with("Cleo")
    await ann.reads()  # and makes room for the new one
    await cleo.says("Hello")
    await ann.reads("Hello")


async def test_stop_ends_the_search(ann: Visitor, bob: Visitor) -> None:
    await ann.finds_a_stranger("Ann")
    await ann.looks_for_a_stranger()
    await ann.presses("Stop")
    await ann.is_at_the_door()
    await bob.finds_a_stranger("Bob")
    await bob.sees("Nobody else is looking yet")


async def test_stop_ends_the_search_after_a_talk_too(ann: Visitor, bob: Visitor) -> None:
    await they_meet(ann, bob)
    await bob.says("Bye")
    await ann.reads("Bye")
    await bob.leaves_by("Stop")
    await ann.sees("Bob has left")
    await ann.presses("Stop")
    await ann.is_at_the_door()
    await bob.presses("Find a stranger")
    await bob.sees("Nobody else is looking yet")


async def test_two_who_left_each_other_meet_again_when_nobody_else_comes(
    ann: Visitor, bob: Visitor, clock: MovableClock
) -> None:
    await they_meet(ann, bob)
    await ann.presses("Next")
    await bob.sees("Ann has left")
    await ann.looks_for_a_stranger()
    clock.advance(5)
    await ann.talks_with("Bob")
    await bob.talks_with("Ann")
