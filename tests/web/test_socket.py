import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from quart_chat.settings import Settings
from tests.web.guest import Company, Guest, serving


async def test_what_one_says_in_the_lobby_everyone_sees(company: Company) -> None:
    ann, bob = await company.in_lobby("Ann"), await company.in_lobby("Bob")
    await ann.say("good morning")
    await ann.sees("good morning")
    await bob.sees("good morning")


async def test_everyone_gets_the_same_message_and_its_author_a_receipt(company: Company) -> None:
    ann, bob = await company.in_lobby("Ann"), await company.in_lobby("Bob")
    key = await ann.say("the same")
    await ann.sees("the same")
    await bob.sees("the same")
    message, other = (guest.shown.split("the same")[1].split("</hx-partial>")[0] for guest in (ann, bob))
    assert message == other
    assert f"#p-{key}" in ann.shown
    assert f"#p-{key}" not in bob.shown


async def test_a_key_said_twice_is_shown_once(company: Company) -> None:
    ann, bob = await company.in_lobby("Ann"), await company.in_lobby("Bob")
    key = await ann.say("only once")
    await ann.say("only once", key=key)
    await ann.say("and then")
    await bob.sees("and then")
    assert bob.shown.count("only once") == 1
    assert ann.shown.count(f"#p-{key}") == 2  # both offers are answered


async def test_strangers_meet_talk_and_part(company: Company) -> None:
    ann, bob = await company.strangers()
    await ann.say("hello stranger")
    await bob.sees("hello stranger")
    await ann.send(do="next", room=ann.room)
    await bob.sees("has left")
    await bob.sees('data-at="waiting"')


async def test_a_message_meant_for_a_stranger_who_left_never_reaches_the_next_one(company: Company) -> None:
    ann, bob = await company.strangers()
    old = bob.room
    await ann.send(do="stop", room=ann.room)
    await bob.sees("has left")
    eve = await company.guest("/text")
    await eve.seek("Eve")
    await eve.sees("You are talking with")
    await bob.say("for Ann only", room=old)
    await bob.sees("Not delivered")
    await bob.say("hello Eve")
    await eve.sees("hello Eve")
    assert "for Ann only" not in eve.shown


async def test_a_room_opens_by_its_code_and_ends_with_its_last_visitor(company: Company, url: str) -> None:
    async with httpx.AsyncClient(base_url=url) as client:
        code = (await client.post("/api/rooms")).json()["code"]
        ann = await (await company.guest(f"/room/{code}")).enter("Ann")
        assert (await client.get(f"/api/rooms/{code.lower()}")).json() == {"code": code, "people": 1}
        await ann.send(do="leave", room=ann.room)
        await ann.sees('data-at="door"')
        assert (await client.get(f"/api/rooms/{code}")).status_code == 404
        assert (await client.get(f"/room/{code}")).status_code == 404


async def test_a_taken_name_gets_a_number(company: Company) -> None:
    await company.in_lobby("Zoe")
    second = await company.in_lobby("zoe")
    await second.sees("zoe 2")


@pytest.mark.parametrize("name", ["", "   ", "Moderator", "x" * 25, "\u3164"])
async def test_a_name_that_cannot_be_is_refused_kindly_at_the_door(company: Company, name: str) -> None:
    guest = await company.guest("/lobby")
    await guest.send(do="enter", name=name)
    await guest.sees("#door-note")
    assert guest.room == ""


async def test_a_page_that_comes_back_sees_what_it_missed_and_nobody_sees_it_leave(company: Company) -> None:
    ann, bob = await company.in_lobby("Ann"), await company.in_lobby("Bob")
    await bob.drop()
    await ann.say("while you were away")
    await ann.sees("while you were away")
    bob.forgets()
    await bob.connect(talking="1", seq="0")
    await bob.sees("while you were away")
    await bob.say("back again")
    await ann.sees("back again")
    assert "Bob left" not in ann.shown


async def test_a_reloaded_page_continues_as_the_visitor_it_was(company: Company) -> None:
    ann, bob = await company.strangers()
    await bob.say("before the reload")
    await ann.sees("before the reload")
    await bob.drop()
    reloaded = await company.guest("/text", cookies=bob.cookies)
    await reloaded.sees("before the reload")
    await reloaded.sees('id="mine"')
    await reloaded.say("after the reload")
    await ann.sees("after the reload")
    assert "has left" not in ann.shown


async def test_the_newest_socket_of_a_page_wins(company: Company) -> None:
    ann = await company.in_lobby("Ann")
    again = Guest(ann.base, ann.path, ann.cookies)
    again.address = ann.address
    await again.connect(talking="1")
    assert await ann.is_closed() == 4409
    await again.sees('data-at="talk"')
    await again.hang_up()


@pytest.mark.parametrize("cookies", [{"browser": "A" * 22}, {"browser": "\xe9"}, {}], ids=["another", "junk", "none"])
async def test_a_page_opens_in_its_own_browser_alone_and_learns_that_at_once(
    company: Company, cookies: dict[str, str]
) -> None:
    """Issue 11, line 16, and the end of issue 22: a refused handshake would be tried again for two minutes."""
    ann = await company.in_lobby("Ann")
    thief = Guest(ann.base, ann.path, cookies)
    thief.address = ann.address
    await thief.connect(talking="1", room="lobby", seq="0")
    assert await thief.is_closed() == 4403
    assert thief.shown == ""
    await ann.say("still me")
    await ann.sees("still me")


async def test_a_page_opens_for_its_own_place_alone(company: Company) -> None:
    ann = await company.in_lobby("Ann")
    elsewhere = Guest(ann.base, ann.path, ann.cookies)
    elsewhere.address = ann.address.replace("place=lobby", "place=text")
    await elsewhere.connect()
    assert await elsewhere.is_closed() == 4403


async def test_a_page_of_an_earlier_server_is_told_that_it_restarted(company: Company) -> None:
    guest = await Guest(company.base, "/lobby").load()
    guest.address = guest.address.replace("boot=", "boot=old")
    await guest.connect(talking="1", seq="3")
    await guest.sees("The server restarted, this talk has ended.")
    await guest.hang_up()


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "   ",
        "null",
        "true",
        "1",
        '"x"',
        "[]",
        "[1]",
        "{",
        '{"do":"say"} and more',
        "\ufeff{}",
        '{"a":' * 13_000,
        "[" * 30_000,
        '{"do":"say","room":"lobby","key":"k2345678","text":NaN}',
        '{"do":"say","room":"lobby","key":"k2345678","text":1}',
        '{"do":"say","room":"lobby","key":"<b>","text":"x"}',
        '{"do":"say","room":"lobby","room":"x","key":"k2345678","text":"x"}',
        '{"do":"say","room":"lobby","key":"k2345678","text":"\\ud800"}',
        '{"do":"dance"}',
        '{"do":7}',
        '{"do":"__proto__"}',
        b"",
        b'{"do":"leave","room":"lobby"}',
    ],
    ids=lambda frame: repr(frame[:30]),
)
async def test_an_unreadable_frame_costs_nobody_anything(company: Company, frame: str | bytes) -> None:
    ann, bob = await company.in_lobby("Ann"), await company.in_lobby("Bob")
    ann.forgets()
    await ann.send_raw(frame)
    await ann.sees("could not be read")
    await ann.say("still here")
    await bob.sees("still here")


@pytest.mark.parametrize("text", ["", " \n ", "x" * 2001, "\u200b\u200b"])
async def test_a_text_that_cannot_be_sent_is_refused_at_its_own_bubble(company: Company, text: str) -> None:
    ann = await company.in_lobby("Ann")
    key = await ann.say(text)
    await ann.sees(f"#why-{key}")


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "http://127.0.0.1:1", "http://127.0.0.1.evil.example"]
)
async def test_a_page_of_another_origin_cannot_open_the_socket(url: str, origin: str | None) -> None:
    guest = await Guest(url, "/lobby").load()
    with pytest.raises(InvalidStatus) as refused:
        await connect(guest.address, origin=origin)  # type: ignore[arg-type]
    assert refused.value.response.status_code == 403


@pytest.fixture
async def strict() -> AsyncIterator[Company]:
    async with serving(Settings()) as address:
        company = Company(address)
        yield company
        await company.hang_up()


async def test_who_writes_too_fast_is_told_kindly_and_keeps_the_talk(strict: Company) -> None:
    ann, bob = await strict.in_lobby("Ann"), await strict.in_lobby("Bob")
    for number in range(6):
        await ann.say(f"message {number}")
    await ann.sees("A little slower, please")
    await bob.sees("message 4")
    assert "message 5" not in bob.shown


async def test_a_flood_closes_its_own_socket_and_no_other(strict: Company) -> None:
    ann, bob = await strict.in_lobby("Ann"), await strict.in_lobby("Bob")
    for _ in range(200):
        if ann.close_code is None:
            await ann.send_raw("{")
    assert await ann.is_closed() == 1008
    await bob.say("still here")
    await bob.sees("still here")


async def test_draining_sends_everyone_to_come_back_and_shows_nobody_leaving() -> None:
    guests: list[Guest] = []
    async with serving(Settings()) as address:
        company = Company(address)
        guests += [await company.in_lobby("Ann"), await company.in_lobby("Bob")]
    for guest in guests:
        assert await guest.is_closed() == 1012
        assert " left" not in guest.shown


async def test_a_request_that_breaks_costs_only_itself(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    from quart_chat.chat import Chat

    ann, bob = await company.in_lobby("Ann"), await company.in_lobby("Bob")

    def broken(*_: object) -> None:
        raise RuntimeError("secret text")

    with monkeypatch.context() as patch:
        patch.setattr(Chat, "handle", broken)
        await ann.send(do="typing", room="lobby")
        key = await ann.say("lost")
        await ann.sees(f"#why-{key}")
    await ann.say("found")
    await bob.sees("found")


async def test_signals_of_typing_reach_the_stranger_but_not_a_lobby(company: Company) -> None:
    ann, bob = await company.strangers()
    await ann.send(do="typing", room=ann.room)
    await bob.sees("is typing")
    cid, dot = await company.in_lobby("Cid"), await company.in_lobby("Dot")
    await cid.send(do="typing", room=cid.room)
    await cid.say("said")
    await dot.sees("said")
    assert "is typing" not in dot.shown


async def test_the_page_may_send_headers_and_other_fields_along(company: Company) -> None:
    ann = await company.in_lobby("Ann")
    frame = {"do": "say", "room": "lobby", "key": "k2345678", "text": "with extras", "headers": {"HX-Request": "true"}}
    await ann.send_raw(json.dumps(frame | {"seq": 99, "is_admin": True, "html": "<b>"}))
    await ann.sees("with extras")
    await asyncio.sleep(0)


async def test_a_flood_of_refused_handshakes_does_not_flood_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Issue 11, line 21."""
    caplog.set_level("INFO", "quart_chat")
    async with serving(Settings(refusals_logged_per_minute=3)) as url:
        for _ in range(12):
            with pytest.raises(InvalidStatus):
                await connect(f"{url.replace('http', 'ws')}/ws", origin=Origin("https://evil.example"))
    assert caplog.messages.count("handshake refused") == 3
