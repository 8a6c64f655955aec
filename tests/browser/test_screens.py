"""Every screen on every device: nothing too wide, too small, too dark, or jumping about while it loads."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import urljoin

import pytest
from axe_core_python.async_playwright import Axe
from playwright.async_api import Page, expect

from quart_chat.delivery.close_codes import CloseCode
from tests.browser.stories import DESKTOP, NO_SUCH_PAGE, PHONE, MovableClock, Visitor, Visitors
from tests.web.guest import GENEROUS, serving

pytestmark = pytest.mark.browser


@pytest.fixture
async def url(clock: MovableClock) -> AsyncIterator[str]:
    """A site where one report makes a ban."""
    async with serving(replace(GENEROUS, reporters_for_a_ban=1, contact_email="help@chat.example")) as address:
        yield address


LONG_NAME = "Bob of the Longest Names"  # no name has more than these 24 characters

Scene = Callable[[Visitors, dict[str, Any]], Awaitable[Visitor]]


async def home(visitors: Visitors, device: dict[str, Any]) -> Visitor:
    return await (await visitors.come(**device)).opens("/")


async def safety(visitors: Visitors, device: dict[str, Any]) -> Visitor:
    return await (await visitors.come(**device)).opens("/safety")


async def missing_room(visitors: Visitors, device: dict[str, Any]) -> Visitor:
    visitors.may_hear(NO_SUCH_PAGE)
    return await (await visitors.come(**device)).opens("/room/QQQQQQ")


async def door(visitors: Visitors, device: dict[str, Any]) -> Visitor:
    return await (await visitors.come(**device)).opens("/text")


async def lobby(visitors: Visitors, device: dict[str, Any]) -> Visitor:
    ann = await (await visitors.come(**device)).enters_the_lobby("Ann")
    bob = await (await visitors.come()).enters_the_lobby(LONG_NAME)
    await ann.says("Hello https://example.org", "again")
    await bob.says("Hello Ann", "w" * 300)
    await expect(ann.bubbles).to_have_count(4)
    return ann


async def answers(visitors: Visitors, device: dict[str, Any]) -> Visitor:
    """Messages with reactions and quotes, one edited and one taken back, and what can be done with the last one."""
    ann = await lobby(visitors, device)
    await does(ann, "Hello https", "Reply")
    await ann.says("A reply", "gone soon")
    await does(ann, "A reply", "Edit")
    await ann.says("A reply to myself")
    await does(ann, "gone soon", "Take back")
    await ann.sees("Message taken back")
    await does(ann, "Hello Ann", "React")
    await ann.page.get_by_role("button", name="🎉").click()
    await expect(ann.bubbles.get_by_role("button", name="🎉 1")).to_have_attribute("aria-pressed", "true")
    await does(ann, "A reply", "React")
    return ann


async def does(visitor: Visitor, text: str, action: str) -> None:
    await visitor.box.focus()
    await visitor.page.keyboard.press("ArrowUp")
    while not await visitor.page.evaluate("text => document.activeElement.textContent.includes(text)", text):
        await visitor.page.keyboard.press("ArrowUp")
    await visitor.page.get_by_role("toolbar").get_by_role("button", name=action).click()


async def people_of_the_lobby(visitors: Visitors, device: dict[str, Any]) -> Visitor:
    ann = await lobby(visitors, device)
    await ann.presses("People")
    return ann


async def room(visitors: Visitors, device: dict[str, Any]) -> Visitor:
    ann = await visitors.come(**device)
    await ann.enters(await ann.creates_a_room(), "Ann")
    await ann.says("Hello")
    return ann


async def invitation(visitors: Visitors, device: dict[str, Any]) -> Visitor:
    ann = await room(visitors, device)
    await ann.presses("QR")
    await expect(ann.page.get_by_role("img", name="QR code")).to_be_visible()
    return ann


async def search(visitors: Visitors, device: dict[str, Any]) -> Visitor:
    ann = await (await visitors.come(**device)).finds_a_stranger("Ann")
    await ann.looks_for_a_stranger()
    return ann


async def talk(visitors: Visitors, device: dict[str, Any]) -> Visitor:
    ann = await search(visitors, device)
    bob = await (await visitors.come()).finds_a_stranger(LONG_NAME)
    await ann.talks_with(LONG_NAME)
    await bob.says("Hello Ann")
    await ann.says("Hello you")
    await bob.types("Well")
    await ann.sees("is typing")
    return ann


async def search_after_a_talk(visitors: Visitors, device: dict[str, Any]) -> Visitor:
    ann = await search(visitors, device)
    bob = await (await visitors.come()).finds_a_stranger("Bob")
    await bob.says("Bye")
    await ann.reads("Bye")
    await bob.leaves_by("Stop")
    await ann.sees("Bob has left")
    return ann


async def talk_after_another(visitors: Visitors, device: dict[str, Any]) -> Visitor:
    """With a draft that was meant for the one of before."""
    ann = await search(visitors, device)
    bob = await (await visitors.come()).finds_a_stranger(LONG_NAME)
    await bob.says("Bye")
    await ann.reads("Bye")
    cid = await (await visitors.come()).finds_a_stranger("Cid")
    await cid.looks_for_a_stranger()
    await ann.types("No, wait, there is something that I wanted to tell you all the time, and it is this")
    await bob.leaves_by("Stop")
    await ann.talks_with("Cid")
    await ann.sees("Unsent to")
    return ann


async def door_after_a_talk(visitors: Visitors, device: dict[str, Any]) -> Visitor:
    """Where the stranger just left can still be reported."""
    ann = await talk(visitors, device)
    await ann.leaves_by("Stop")
    await ann.sees(f"Report or block {LONG_NAME}")
    return ann


async def report(visitors: Visitors, device: dict[str, Any]) -> Visitor:
    """The card, with a stranger of before in it too."""
    ann = await talk_after_another(visitors, device)
    await ann.page.get_by_role("button", name="Report", exact=True).click()
    await ann.sees("Report or block Cid")
    return ann


async def question_before_leaving(visitors: Visitors, device: dict[str, Any]) -> Visitor:
    ann = await talk(visitors, device)
    await ann.page.clock.install()
    await ann.presses("Stop")
    await ann.sees("Press again to leave")
    return ann


async def ban(visitors: Visitors, device: dict[str, Any]) -> Visitor:
    ann = await search(visitors, device)
    bob = await (await visitors.come()).finds_a_stranger("Bob")
    await bob.talks_with("Ann")
    await bob.page.get_by_role("button", name="Report", exact=True).click()
    await bob.presses("Send report")
    await ann.sees("You are banned")
    return ann


async def expired_page(visitors: Visitors, device: dict[str, Any]) -> Visitor:
    """Which its browser has no cookie for."""
    ann = await visitors.come(**device)
    await ann.page.route_web_socket("**/ws?**", lambda socket: socket.close(code=CloseCode.UNKNOWN_PAGE))
    await ann.opens("/text")
    await ann.sees("This page has expired.")
    return ann


SCENES = (
    *(home, safety, missing_room, door, lobby, answers, people_of_the_lobby),
    *(room, invitation, search, talk, search_after_a_talk, talk_after_another),
    *(door_after_a_talk, report, question_before_leaving, ban, expired_page),
)
every_scene = pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
every_wide_scene = pytest.mark.parametrize(
    "scene", (home, lobby, answers, room, talk), ids=lambda scene: scene.__name__
)


@every_scene
async def test_every_screen_fits_a_phone_and_has_no_barrier(visitors: Visitors, scene: Scene) -> None:
    ann = await scene(visitors, {**PHONE, "reduced_motion": "reduce"})
    assert not await ann.scrolls_sideways()
    assert await ann.small_targets() == []
    assert await ann.page.locator("input:visible, textarea:visible").evaluate_all(_ZOOMED_BY_FOCUS) == []
    for scheme in ("light", "dark"):
        await ann.page.emulate_media(color_scheme=scheme)
        assert await barriers(ann.page) == [], scheme


@every_wide_scene
async def test_no_wide_screen_has_a_barrier(visitors: Visitors, scene: Scene) -> None:
    ann = await scene(visitors, {**DESKTOP, "reduced_motion": "reduce"})
    assert await barriers(ann.page) == []


async def barriers(page: Page) -> list[str]:
    """What axe-core finds wrong, each with the first element concerned."""
    found = await Axe().run(page)
    return [f"{barrier['id']}: {barrier['nodes'][0]['html'][:200]}" for barrier in found["violations"]]


async def test_the_system_chooses_light_or_dark(visitors: Visitors) -> None:
    ann = await lobby(visitors, DESKTOP)
    schemes: tuple[tuple[Literal["light", "dark"], bool], ...] = (("light", True), ("dark", False))
    for scheme, is_light in schemes:
        await ann.page.emulate_media(color_scheme=scheme)
        for part in ("body", ".bar", "#text", "#messages > .message .bubble"):
            ground = await ann.style(ann.page.locator(part).first, "backgroundColor")
            lightness = float(re.findall(r"[\d.]+", ground)[0])
            assert (lightness > 0.9) == is_light, (part, scheme, ground)


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_nothing_jumps_while_a_page_loads(visitors: Visitors, device: dict[str, Any]) -> None:
    ann = await visitors.come(**device)
    await ann.page.add_init_script(_NOTE_SHIFTS)
    for path in ("/", "/lobby", "/text"):
        await ann.opens(path)
        await expect(ann.name_box).to_be_visible()
        assert await ann.page.evaluate("shifted") == 0, path


async def test_on_a_phone_the_people_wait_behind_a_button(visitors: Visitors) -> None:
    ann = await lobby(visitors, PHONE)
    await expect(ann.people.first).to_be_hidden()
    await ann.presses("People")
    await ann.sees_people(LONG_NAME, "Ann")
    await ann.presses("Close")
    await expect(ann.people.first).to_be_hidden()


async def test_on_a_wide_screen_the_people_stand_beside_the_log(visitors: Visitors) -> None:
    ann = await lobby(visitors, DESKTOP)
    await expect(ann.people.first).to_be_visible()
    people, log = await ann.box_of(ann.people.first), await ann.box_of(ann.page.locator(".scroll"))
    assert people["x"] >= log["x"] + log["width"]


async def test_each_page_has_a_title_an_icon_and_a_preview(visitors: Visitors) -> None:
    ann = await visitors.come()
    for path, title in TITLES.items():
        await ann.opens(path)
        await expect(ann.page).to_have_title(title)
        await expect(ann.page.locator("meta[property='og:title']")).to_have_attribute("content", title)
        for sought, attribute in (("link[rel=icon]", "href"), ("meta[property='og:image']", "content")):
            address = await ann.page.locator(sought).first.get_attribute(attribute)
            assert (await ann.page.request.get(urljoin(ann.base, address))).ok


TITLES = {
    "/": "Quart Chat: say hello to someone new",
    "/text": "Text a stranger · Quart Chat",
    "/lobby": "Lobby · Quart Chat",
    "/safety": "Staying safe · Quart Chat",
}

# iOS zooms in when a box with smaller letters gets the focus.
_ZOOMED_BY_FOCUS = """boxes => boxes.filter(box => box.type !== "checkbox"
  && parseFloat(getComputedStyle(box).fontSize) < 16).map(box => box.outerHTML)"""

_NOTE_SHIFTS = """
window.shifted = 0;
new PerformanceObserver(list => list.getEntries().forEach(entry => shifted += entry.value))
  .observe({type: "layout-shift", buffered: true});
"""
