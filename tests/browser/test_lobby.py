"""Everyone together: who is here, who comes and goes, what was said before."""

import asyncio
import re

import pytest
from playwright.async_api import expect

from tests.browser.stories import Visitors
from tests.web.guest import Company

pytestmark = pytest.mark.browser


async def test_both_see_what_each_says(visitors: Visitors) -> None:
    ann = await (await visitors.come()).enters_the_lobby("Ann")
    bob = await (await visitors.come()).enters_the_lobby("Bob")
    await ann.says("Hello everyone")
    await bob.says("Hello Ann")
    for visitor in (ann, bob):
        await visitor.reads("Hello everyone", "Hello Ann")


async def test_ones_own_words_are_green_and_to_the_right(visitors: Visitors) -> None:
    ann = await (await visitors.come()).enters_the_lobby("Ann")
    bob = await (await visitors.come()).enters_the_lobby("Bob")
    await ann.says("Mine")
    await bob.says("Theirs")
    await ann.reads("Mine", "Theirs")
    own, other = ann.bubble("Mine").locator(".bubble"), ann.bubble("Theirs").locator(".bubble")
    green = "oklch(0.91 0.07 155)"
    assert await ann.style(own, "backgroundColor") == green
    assert await ann.style(other, "backgroundColor") != green
    assert (await ann.box_of(own))["x"] > (await ann.box_of(other))["x"] + 200


async def test_the_list_shows_who_is_here_with_a_face(visitors: Visitors) -> None:
    ann = await (await visitors.come()).enters_the_lobby("Ann")
    bob = await (await visitors.come()).enters_the_lobby("Silver Fox")
    await ann.sees_people("Silver Fox", "Ann")
    await bob.sees_people("Silver Fox", "Ann")
    await expect(ann.people.filter(has_text="Silver Fox")).to_contain_text("🦊")
    await expect(ann.people.filter(has=ann.page.get_by_text("(you)").filter(visible=True))).to_contain_text("Ann")


async def test_comings_and_goings_are_told(visitors: Visitors) -> None:
    ann = await (await visitors.come()).enters_the_lobby("Ann")
    bob = await (await visitors.come()).enters_the_lobby("Bob")
    await ann.sees("Bob joined")
    await bob.presses("Leave")
    await bob.is_at_the_door()
    await ann.sees("Bob left")
    await ann.sees_people("Ann")


async def test_many_comings_at_once_make_one_notice_and_a_long_list_stays_short(visitors: Visitors, url: str) -> None:
    ann = await (await visitors.come()).enters_the_lobby("Ann")
    crowd = Company(url)
    await asyncio.gather(*(crowd.in_lobby(f"Guest {number}") for number in range(105)))
    await ann.sees(re.compile(r"^Guest \d+ and \d+ others joined$"))
    await ann.sees("106 online")
    await ann.sees("and 6 more")
    await expect(ann.people).to_have_count(100)
    await crowd.hang_up()


async def test_who_comes_late_sees_the_last_fifty_messages(visitors: Visitors) -> None:
    ann = await (await visitors.come()).enters_the_lobby("Ann")
    await ann.says(*(f"number {number}" for number in range(1, 56)))
    bob = await (await visitors.come()).enters_the_lobby("Bob")
    await bob.reads(*(f"number {number}" for number in range(6, 56)))
    await expect(bob.bubble("number 55")).to_be_in_viewport()


async def test_the_home_page_counts_who_is_in_the_lobby(visitors: Visitors) -> None:
    await (await visitors.come()).enters_the_lobby("Ann")
    await (await visitors.come()).enters_the_lobby("Bob")
    door = (await (await visitors.come()).opens("/")).page.get_by_role("article").filter(has_text="Everyone together")
    await expect(door).to_contain_text("2 here")
