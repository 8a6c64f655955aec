"""Rooms by code: made, given away, found by a code typed somehow, and gone with the last one."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from playwright.async_api import Browser, expect

from quart_chat.domain.codes import ALPHABET
from tests.browser.stories import NO_SUCH_PAGE, Visitors
from tests.web.guest import GENEROUS, serving

pytestmark = pytest.mark.browser


async def test_a_room_is_made_with_one_press_and_shows_its_code(visitors: Visitors) -> None:
    ann = await visitors.come()
    path = await ann.creates_a_room()
    assert re.fullmatch(f"/room/[{ALPHABET}]{{6}}", path)
    await ann.sees(path[-6:])  # at the door already
    await ann.presses("Enter")
    await expect(ann.page.get_by_label("Room code")).to_have_text(path[-6:])


async def test_the_address_is_the_invitation(visitors: Visitors) -> None:
    ann, bob = await visitors.come(), await visitors.come()
    path = await ann.creates_a_room()
    await ann.enters(path, "Ann")
    await bob.opens(path)
    await bob.is_at_the_door()
    await bob.enters(path, "Bob")
    await ann.sees("Bob joined")
    await bob.says("Found it")
    await ann.reads("Found it")
    await ann.sees_people("Bob", "Ann")


@pytest.mark.parametrize("typed", ["{lower}", " {first} {last} ", "{first}-{last}"])
async def test_a_code_opens_its_room_however_it_is_typed(visitors: Visitors, typed: str) -> None:
    ann, bob = await visitors.come(), await visitors.come()
    path = await ann.creates_a_room()
    code = path[-6:]
    await bob.opens("/")
    room_code = bob.page.get_by_role("textbox", name="Room code")
    await room_code.fill(typed.format(lower=code.lower(), first=code[:3], last=code[3:]))
    await bob.presses("Join")
    await expect(bob.page).to_have_url(re.compile(f"{path}$"))
    await bob.is_at_the_door()


async def test_the_link_can_be_copied(visitors: Visitors) -> None:
    ann = await visitors.come(permissions=["clipboard-read", "clipboard-write"])
    path = await ann.creates_a_room()
    await ann.enters(path, "Ann")
    await ann.presses("Copy link")
    assert await ann.page.evaluate("navigator.clipboard.readText()") == ann.base + path


async def test_the_code_to_scan_is_shown_and_put_away(visitors: Visitors) -> None:
    ann = await visitors.come()
    await ann.enters(await ann.creates_a_room(), "Ann")
    await ann.presses("QR")
    picture = ann.page.get_by_role("img", name="QR code of the link to this room")
    await expect(picture).to_be_visible()
    await expect(picture).to_have_js_property("complete", True)
    assert await picture.evaluate("image => image.naturalWidth") > 200
    await ann.presses("Close")
    await expect(picture).to_be_hidden()


async def test_a_code_that_opens_nothing_offers_a_room_of_ones_own(visitors: Visitors) -> None:
    visitors.may_hear(NO_SUCH_PAGE)
    ann = await (await visitors.come()).opens("/room/QQQQQQ")
    await ann.sees("This room is not open")
    await ann.presses("Create a room")
    await ann.is_at_the_door()


async def test_what_is_no_code_at_all_is_answered_as_kindly(visitors: Visitors) -> None:
    visitors.may_hear(NO_SUCH_PAGE)
    ann = await (await visitors.come()).opens("/")
    await ann.page.get_by_role("textbox", name="Room code").fill("<b>O0</b>")
    await ann.presses("Join")
    await ann.sees("This room is not open")


async def test_a_room_is_gone_when_the_last_one_has_left(visitors: Visitors) -> None:
    visitors.may_hear(NO_SUCH_PAGE)
    ann, bob = await visitors.come(), await visitors.come()
    path = await ann.creates_a_room()
    await ann.enters(path, "Ann")
    await bob.enters(path, "Bob")
    await ann.presses("Leave")
    await bob.sees("Ann left")
    await (await ann.opens(path)).is_at_the_door()
    await bob.presses("Leave")
    await bob.is_at_the_door()
    await bob.presses("Enter")
    await bob.sees("This room is gone.")
    await ann.opens(path)
    await ann.sees("This room is not open")


async def test_who_comes_later_reads_nothing_of_before(visitors: Visitors) -> None:
    ann, bob = await visitors.come(), await visitors.come()
    path = await ann.creates_a_room()
    await ann.enters(path, "Ann")
    await ann.says("between us")
    await bob.enters(path, "Bob")
    await ann.says("for both")
    await bob.reads("for both")


async def test_somebody_typing_is_seen_by_the_others_only(visitors: Visitors) -> None:
    ann, bob = await visitors.come(), await visitors.come()
    path = await ann.creates_a_room()
    await ann.enters(path, "Ann")
    await bob.enters(path, "Bob")
    await bob.types("Well")
    await ann.sees("Bob is typing")
    await bob.sees_no("Bob is typing")


async def test_a_foreign_page_with_wrong_codes_as_pictures_locks_nobody_out_and_its_link_opens_a_room(
    browser: Browser,
) -> None:
    """Issue 11, line 13. To a browser `localhost` is another site than `127.0.0.1`."""
    async with serving(replace(GENEROUS, wrong_codes_per_minute=2)) as site:
        visitors = Visitors(browser, site)
        path = await (await visitors.come()).creates_a_room()
        pictures = "".join(f'<img src="{site}/room/QQQQQ{letter}">' for letter in ALPHABET)
        bob = await browser.new_page()
        async with foreign_page(f'{pictures}<a href="{site}{path}">a room</a>') as url:
            await bob.goto(url)
            await bob.get_by_role("link").click()
        await expect(bob.get_by_role("button", name="Enter")).to_be_visible()
        await bob.close()
        await visitors.go()


@asynccontextmanager
async def foreign_page(markup: str) -> AsyncIterator[str]:
    """A page on another site; gives its address."""

    async def show(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n" + markup.encode())
        writer.close()

    async with await asyncio.start_server(show, "127.0.0.1", 0) as server:
        yield f"http://localhost:{server.sockets[0].getsockname()[1]}/"
