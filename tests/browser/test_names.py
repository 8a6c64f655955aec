"""A name of one's own: made up, changed, remembered, and told from its namesakes."""

import re

import pytest
from playwright.async_api import expect

from quart_chat.domain.names import ADJECTIVES, ANIMALS
from tests.browser.stories import Visitors

pytestmark = pytest.mark.browser

FRIENDLY = re.compile(f"^({'|'.join(ADJECTIVES)}) ({'|'.join(ANIMALS)})$")


async def test_a_first_visit_is_given_a_friendly_name(visitors: Visitors) -> None:
    ann = await (await visitors.come()).opens("/")
    await expect(ann.name_box).to_have_value(FRIENDLY)


async def test_one_click_enters_with_the_name_that_stands_there(visitors: Visitors) -> None:
    ann = await (await visitors.come()).opens("/lobby")
    name = await ann.name_box.input_value()
    await ann.presses("Enter")
    await ann.sees_people(name)


async def test_the_browser_remembers_a_name_written_on_the_home_page(visitors: Visitors) -> None:
    ann = await (await (await visitors.come()).opens("/")).is_called("Zoë & Ümit; 5%")
    await ann.follows("Lobby")
    await expect(ann.name_box).to_have_value("Zoë & Ümit; 5%")
    await ann.reloads()
    await expect(ann.name_box).to_have_value("Zoë & Ümit; 5%")


async def test_the_browser_remembers_a_name_written_at_a_door(visitors: Visitors) -> None:
    ann = await (await visitors.come()).enters_the_lobby("Ann of the Door")
    await ann.opens("/text")
    await expect(ann.name_box).to_have_value("Ann of the Door")


async def test_the_face_follows_the_name_while_it_is_written(visitors: Visitors) -> None:
    ann = await (await visitors.come()).opens("/")
    for name, face in (("Silver Fox", "🦊"), ("Brave Octopus 2", "🐙")):
        await ann.is_called(name)
        await expect(ann.page.locator("#disc")).to_have_text(face)


async def test_a_taken_name_gets_a_number(visitors: Visitors) -> None:
    ann = await (await visitors.come()).enters_the_lobby("Ann")
    other = await (await visitors.come()).enters_the_lobby("ann")
    await ann.sees_people("ann 2", "Ann")
    await other.says("Hello namesake")
    await ann.sees("ann 2")


async def test_two_namesakes_differ_by_their_colour(visitors: Visitors) -> None:
    ann = await visitors.come()
    hues = set()
    for _ in range(6):  # of 24 colours: all alike once in eight million times
        await ann.opens("/lobby")
        hues.add(await ann.style(ann.page.locator("#disc"), "backgroundColor"))
    assert len(hues) > 1


@pytest.mark.parametrize(
    ("name", "answer"),
    [("Admin", "That name is reserved. Please choose another one."), ("   ", "Please choose a name.")],
)
async def test_a_name_that_cannot_be_had_is_refused_kindly(visitors: Visitors, name: str, answer: str) -> None:
    ann = await (await (await visitors.come()).opens("/lobby")).is_called(name)
    await ann.presses("Enter")
    await expect(ann.page.get_by_role("alert").filter(has_text=answer)).to_be_visible()
    await ann.is_called("Ann")
    await ann.presses("Enter")
    await ann.sees_people("Ann")


async def test_no_name_is_longer_than_24_characters(visitors: Visitors) -> None:
    ann = await (await visitors.come()).opens("/lobby")
    await ann.name_box.fill("")
    await ann.name_box.press_sequentially("Abcdefghijklmnopqrstuvwxyz")
    await expect(ann.name_box).to_have_value("Abcdefghijklmnopqrstuvwx")


async def test_two_tabs_are_two_people_with_names_of_their_own(visitors: Visitors) -> None:
    ann = await (await visitors.come()).enters_the_lobby("Ann")
    bob = await (await ann.opens_another_tab()).enters_the_lobby("Bob")
    await bob.says("We are two")
    await ann.sees_people("Bob", "Ann")
    await expect(ann.bubble("We are two").locator(".author")).to_be_visible()


HOSTILE = '"><b onclick=a()>{{7*7}}'


async def test_a_hostile_name_is_shown_as_it_is_written(visitors: Visitors) -> None:
    ann = await (await visitors.come()).enters_the_lobby("Ann")
    eve = await (await visitors.come()).enters_the_lobby(HOSTILE)
    await eve.says("Hello")
    await ann.sees_people(HOSTILE, "Ann")
    await expect(ann.bubble("Hello").locator(".author")).to_have_text(HOSTILE)
    await ann.sees(f"{HOSTILE} joined")
    await (await eve.opens("/")).is_called(HOSTILE)
    await expect(eve.name_box).to_have_value(HOSTILE)
