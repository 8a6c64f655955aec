"""Rooms by code: guesses are counted wherever a code is tried, and not every number of rooms is made."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from quart_chat.delivery.close_codes import CloseCode
from tests.web.guest import GENEROUS, Company, Guest, serving

GUESSES = 3
BEYOND = GUESSES + 1  # wrong codes until a wait begins


@pytest.fixture
async def company() -> AsyncIterator[Company]:
    """A server that forgives few wrong codes."""
    async with serving(replace(GENEROUS, wrong_codes_per_minute=GUESSES, rooms_per_process=2)) as address:
        company = Company(address)
        yield company
        await company.hang_up()


@pytest.fixture
async def client(company: Company) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=company.base) as client:
        yield client


async def create_room(client: httpx.AsyncClient) -> str:
    return str((await client.post("/api/rooms")).json()["code"])


async def try_by_socket(base: str, code: str) -> int | None:
    """Connect with a code as a page does that was loaded before the server restarted; returns the close code."""
    page = Guest(base, "/room", {"browser": "A" * 22})
    page.address = f"{base.replace('http', 'ws')}/ws?page={'A' * 34}&place=room&code={code}&boot=old"
    await page.connect()
    await page.hang_up()
    return page.close_code


async def test_a_wrong_code_is_a_guess_over_the_socket_too(company: Company, client: httpx.AsyncClient) -> None:
    """Issue 11, line 13."""
    code = await create_room(client)
    for _ in range(BEYOND):
        assert await try_by_socket(company.base, "QQQQQQ") == CloseCode.UNKNOWN_PAGE
    assert await try_by_socket(company.base, code) == CloseCode.UNKNOWN_PAGE
    assert (await client.get(f"/room/{code}")).status_code == 429


async def test_a_page_that_comes_back_to_a_room_that_has_closed_does_not_guess(
    company: Company, client: httpx.AsyncClient
) -> None:
    """Issue 11, line 13."""
    code = await create_room(client)
    ann = await (await company.guest(f"/room/{code}")).enter("Ann")
    await ann.send(do="leave", room=ann.room)
    await ann.sees('data-at="door"')
    for _ in range(2 * BEYOND):
        await ann.drop()
        await ann.connect()
    assert (await client.get(f"/room/{await create_room(client)}")).status_code == 200


PICTURE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
FRAME = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
IN_ADVANCE = {**LINK, "Sec-Purpose": "prefetch"}
BARE = {"Sec-Fetch-Site": "cross-site"}


@pytest.mark.parametrize("how", [PICTURE, FRAME, IN_ADVANCE, BARE], ids=["picture", "frame", "in advance", "bare"])
@pytest.mark.parametrize("path", ["/room/CODE", "/room/CODE/qr.svg", "/api/rooms/CODE"])
async def test_what_a_foreign_page_asks_for_is_refused_and_no_guess_of_its_visitor(
    client: httpx.AsyncClient, path: str, how: dict[str, str]
) -> None:
    """Issue 11, line 13. Its pictures would lock a visitor out of rooms."""
    code = await create_room(client)
    for _ in range(2 * BEYOND):
        assert (await client.get(path.replace("CODE", "QQQQQQ"), headers=how)).status_code == 403
    assert (await client.get(path.replace("CODE", code), headers=how)).status_code == 403
    assert (await client.get(path.replace("CODE", code))).status_code == 200


async def test_a_link_on_a_foreign_page_opens_a_room_and_may_be_a_guess(client: httpx.AsyncClient) -> None:
    """Issue 11, line 13. Else a program that claims to follow links could guess for ever."""
    code = await create_room(client)
    assert (await client.get(f"/room/{code}", headers=LINK)).status_code == 200
    codes = [(await client.get("/room/QQQQQQ", headers=LINK)).status_code for _ in range(BEYOND + 1)]
    assert codes == [404] * BEYOND + [429]


async def test_a_process_has_so_many_rooms_and_says_so_kindly(company: Company, client: httpx.AsyncClient) -> None:
    """Issue 11, line 20."""
    codes = [await create_room(client) for _ in range(2)]
    for path in ("/api/rooms", "/rooms"):
        refused = await client.post(path, headers={"Origin": company.base})
        assert refused.status_code == 503
        assert "So many rooms are open" in refused.text
    ann = await (await company.guest(f"/room/{codes[0]}")).enter("Ann")
    await ann.send(do="leave", room=ann.room)
    await ann.sees('data-at="door"')
    assert (await client.post("/api/rooms")).status_code == 201
    assert (await client.post("/api/rooms")).status_code == 503
    assert (await client.get(f"/room/{codes[1]}")).status_code == 200
