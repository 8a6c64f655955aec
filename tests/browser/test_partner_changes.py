"""The stranger goes and another one comes: nothing that was meant for the first reaches the second."""

import pytest
from playwright.async_api import Locator, WebSocketRoute, expect

from tests.browser.stories import LISTEN_TO_STATUSES, LOST_CONNECTION, Line, Visitor, Visitors

pytestmark = pytest.mark.browser


async def two_strangers(visitors: Visitors, line: str = "") -> tuple[Visitor, Visitor]:
    """Ann and Bea, who have said something to each other."""
    ann = await (await visitors.come(line)).finds_a_stranger("Ann")
    bea = await (await visitors.come()).finds_a_stranger("Bea")
    await ann.talks_with("Bea")
    await bea.says("Hello Ann")
    await ann.reads("Hello Ann")
    return ann, bea


async def waiting(visitors: Visitors, name: str) -> Visitor:
    visitor = await (await visitors.come()).finds_a_stranger(name)
    await visitor.looks_for_a_stranger()
    return visitor


def unsent(visitor: Visitor) -> Locator:
    return visitor.page.get_by_role("list", name="Not sent").get_by_role("listitem")


@pytest.mark.parametrize("comes", ["before", "after"])
async def test_a_draft_for_a_stranger_who_left_is_set_aside_and_not_sent_by_enter(
    visitors: Visitors, comes: str
) -> None:
    """Issue 11, line 2."""
    ann, bea = await two_strangers(visitors)
    cy = await waiting(visitors, "Cy") if comes == "before" else None
    await ann.types("only for Bea")
    await bea.leaves_by("Stop")
    cy = cy or await (await visitors.come()).finds_a_stranger("Cy")
    await ann.talks_with("Cy")
    for keys in ("Enter", "a", "Enter"):
        await ann.page.keyboard.press(keys)
    await expect(unsent(ann)).to_contain_text(["Unsent to Bea: only for Bea"])
    await expect(ann.box).to_have_value("")
    await ann.says("Hello Cy")
    await cy.reads("Hello Cy")
    await cy.sees_no("only for Bea")


async def test_an_unsent_draft_can_be_put_back_into_the_box(visitors: Visitors) -> None:
    """Issue 11, line 2."""
    ann, bea = await two_strangers(visitors)
    cy = await waiting(visitors, "Cy")
    await ann.types("good for anybody")
    await bea.leaves_by("Stop")
    await ann.talks_with("Cy")
    await ann.presses("Put back")
    await expect(unsent(ann)).to_have_count(0)
    await expect(ann.box).to_be_focused()
    await expect(ann.box).to_have_value("good for anybody")
    await cy.sees_no("good for anybody")
    await ann.page.keyboard.press("Enter")
    await cy.reads("good for anybody")


async def test_an_unsent_draft_can_be_discarded(visitors: Visitors) -> None:
    """Issue 11, line 2."""
    ann, bea = await two_strangers(visitors)
    await waiting(visitors, "Cy")
    await ann.types("nonsense")
    await bea.leaves_by("Stop")
    await ann.talks_with("Cy")
    await ann.presses("Discard")
    await expect(unsent(ann)).to_have_count(0)
    await expect(ann.box).to_be_focused()
    await expect(ann.box).to_have_value("")


async def test_one_s_own_next_sets_the_draft_aside_too(visitors: Visitors) -> None:
    """Issue 11, line 2."""
    ann, _ = await two_strangers(visitors)
    await waiting(visitors, "Cy")
    await ann.types("only for Bea")
    await ann.leaves_by("Next")
    await ann.talks_with("Cy")
    await expect(unsent(ann)).to_contain_text(["Unsent to Bea: only for Bea"])
    await expect(ann.box).to_have_value("")


async def test_a_stranger_s_leaving_is_said_in_the_new_talk_too(visitors: Visitors) -> None:
    """Issue 11, line 2: to the eye, and to a screen reader by an element that has been there all the time."""
    ann, bea = await two_strangers(visitors)
    cy = await waiting(visitors, "Cy")
    await ann.page.evaluate(LISTEN_TO_STATUSES)
    await bea.leaves_by("Stop")
    await ann.talks_with("Cy")
    await expect(ann.page.locator("#status")).to_have_text("Bea has left. You are talking with Cy")
    await ann.sees("Bea has left.")
    assert (await ann.page.evaluate("heard"))[-1] == "Bea has left. You are talking with Cy"
    await cy.says("Hello")
    await ann.reads("Hello")
    await ann.sees_no("Bea has left.")


async def test_a_draft_stays_in_the_box_when_the_same_talk_goes_on_after_a_break(
    visitors: Visitors, line: Line
) -> None:
    """Issue 11, line 2."""
    visitors.may_hear(LOST_CONNECTION)
    ann, bea = await two_strangers(visitors, line.url)
    await ann.types("half a mess")
    line.cut()
    await ann.sees("Reconnecting…")
    await ann.types("age")
    await bea.says("Still there?")
    line.mend()
    await ann.has_network_again()
    await ann.reads("Hello Ann", "Still there?")
    await expect(ann.box).to_have_value("half a message")
    await expect(unsent(ann)).to_have_count(0)


async def test_a_message_that_never_left_is_set_aside_when_the_partner_has_changed(
    visitors: Visitors, line: Line
) -> None:
    """Issue 11, line 2."""
    visitors.may_hear(LOST_CONNECTION)
    ann, bea = await two_strangers(visitors, line.url)
    line.cut()
    await ann.sees("Reconnecting…")
    await ann.types("only for Bea")
    await ann.box.press("Enter")
    await bea.leaves_by("Stop")
    cy = await waiting(visitors, "Cy")
    line.mend()
    await ann.has_network_again()
    await ann.talks_with("Cy")
    await expect(unsent(ann)).to_contain_text(["Unsent to Bea: only for Bea"])
    await expect(ann.page.locator("#status")).to_have_text("Your talk with Bea is over. You are talking with Cy")
    await ann.says("Hello Cy")
    await cy.reads("Hello Cy")


async def test_a_message_that_had_arrived_is_not_called_unsent(visitors: Visitors) -> None:
    """Issue 11, line 2: only its receipt was lost, and the server says so when it is asked again."""
    visitors.may_hear(LOST_CONNECTION)
    deaf = DeafLine()
    ann = await visitors.come()
    await ann.page.route_web_socket("**/ws?**", deaf.carry)
    await ann.finds_a_stranger("Ann")
    bea = await (await visitors.come()).finds_a_stranger("Bea")
    await ann.talks_with("Bea")
    deaf.is_deaf = True
    await ann.types("arrived")
    await ann.box.press("Enter")
    await bea.reads("arrived")
    await bea.leaves_by("Stop")
    await (await visitors.come()).finds_a_stranger("Cy")
    await deaf.breaks()
    await ann.has_network_again()
    await ann.talks_with("Cy")
    await expect(ann.page.locator("#pending > *")).to_have_count(0)
    await expect(unsent(ann)).to_have_count(0)


async def test_both_news_in_one_frame_are_told_like_two(visitors: Visitors) -> None:
    """Issue 11, line 2: a frame may hold that the old one has left and that the new one is there."""
    ann = await visitors.come()
    await ann.page.route_web_socket("**/ws?**", carry_two_news_at_once)
    await ann.finds_a_stranger("Ann")
    bea = await (await visitors.come()).finds_a_stranger("Bea")
    await bea.says("Hello Ann")
    await ann.reads("Hello Ann")
    cy = await waiting(visitors, "Cy")
    await ann.types("only for Bea")
    await bea.leaves_by("Stop")
    await ann.talks_with("Cy")
    await ann.page.keyboard.press("Enter")
    await expect(unsent(ann)).to_contain_text(["Unsent to Bea: only for Bea"])
    await expect(ann.page.locator("#status")).to_have_text("Bea has left. You are talking with Cy")
    await expect(ann.box).not_to_be_focused()
    await ann.says("Hello Cy")
    await cy.reads("Hello Cy")


def carry_two_news_at_once(page: WebSocketRoute) -> None:
    """Hold back that one is waiting after a talk, and put it before the next frame."""
    server, held = page.connect_to_server(), [""]

    def hand_on(frame: str | bytes) -> None:
        if "has left" in str(frame):
            held[0] = str(frame)
        else:
            page.send(held[0] + str(frame))
            held[0] = ""

    page.on_message(server.send)
    server.on_message(hand_on)


class DeafLine:
    """A line that can stop carrying what the server says, and break then."""

    def __init__(self) -> None:
        self.is_deaf = False

    def carry(self, page: WebSocketRoute) -> None:
        self._page, server = page, page.connect_to_server()
        page.on_message(server.send)
        server.on_message(lambda frame: None if self.is_deaf else page.send(frame))

    async def breaks(self) -> None:
        """The next connection is a good one again."""
        self.is_deaf = False
        await self._page.close(code=1001)
