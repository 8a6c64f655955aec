"""What was said is reacted to and changed over real sockets: one small fragment for the whole room."""

import re
from collections.abc import AsyncIterator

import pytest

from quart_chat.delivery.channels import MessageBatch
from quart_chat.domain.events import MessagesChanged
from quart_chat.domain.messages import MOST_REACTIONS, Message, taken_back
from quart_chat.domain.spaces import LOBBY
from quart_chat.domain.visitors import Member, VisitorId
from quart_chat.settings import Settings
from quart_chat.web.fragments import Fragments
from quart_chat.web.templating import Templates
from tests.web.guest import GENEROUS, Company, serving


@pytest.fixture
async def company() -> AsyncIterator[Company]:
    """Guests of a site whose lobby is empty, so that messages count from 1."""
    async with serving(GENEROUS) as address:
        company = Company(address)
        yield company
        await company.hang_up()


async def test_a_reaction_is_one_small_fragment_and_the_same_for_all(company: Company) -> None:
    ann, bob = await company.in_lobby("Ann"), await company.in_lobby("Bob")
    await ann.say("hello")
    await bob.sees("hello")
    for guest in (ann, bob):
        guest.forgets()
    await bob.send(do="react", room="lobby", seq="1", emoji="👍", on="yes")
    for guest in (ann, bob):
        await guest.sees("👍 1")
    assert ann.shown == bob.shown
    assert re.findall('hx-target="([^"]*)"', ann.shown) == ["#r-1"]
    assert "hello" not in ann.shown
    assert len(ann.shown) < 500


async def test_a_newcomer_is_shown_the_reactions_with_the_message(company: Company) -> None:
    ann = await company.in_lobby("Ann")
    await ann.say("hello")
    await ann.send(do="react", room="lobby", seq="1", emoji="🎉", on="yes")
    await ann.sees("🎉 1")
    bob = await company.in_lobby("Bob")
    await bob.sees("🎉 1")


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({"seq": "99", "emoji": "👍"}, "no longer here"),
        ({"seq": "0", "emoji": "👍"}, "no longer here"),
        ({"seq": "1", "emoji": "👍", "room": "room-K7QM2X"}, "no longer here"),
        ({"seq": "1", "emoji": "hello"}, "not an emoji"),
        ({"seq": "1", "emoji": ""}, "not an emoji"),
        ({"seq": "1", "emoji": "👍👍"}, "not an emoji"),
        ({"seq": "1", "emoji": "👍" * 80}, "could not be read"),
        ({"seq": "-1", "emoji": "👍"}, "could not be read"),
        ({"seq": "1e3", "emoji": "👍"}, "could not be read"),
        ({"seq": 1, "emoji": "👍"}, "could not be read"),
        ({"seq": "9" * 40, "emoji": "👍"}, "could not be read"),
        ({"seq": "1"}, "could not be read"),
    ],
    ids=repr,
)
async def test_a_bad_reaction_is_answered_kindly_and_disturbs_nobody(
    company: Company, fields: dict[str, object], answer: str
) -> None:
    ann, bob = await company.in_lobby("Ann"), await company.in_lobby("Bob")
    await ann.say("hello")
    await bob.sees("hello")
    ann.forgets()
    await bob.send(**{"do": "react", "room": "lobby", "on": "yes", **fields})
    await bob.sees(answer)
    await bob.say("still here")
    await ann.sees("still here")
    assert 'hx-target="#r-' not in ann.shown


async def test_a_reaction_bomb_is_slowed_down_and_costs_the_room_little() -> None:
    """A reaction is shown to the whole room, so it counts as a message."""
    async with serving(Settings()) as address:
        company = Company(address)
        ann, bob = await company.in_lobby("Ann"), await company.in_lobby("Bob")
        await ann.say("hello")
        await bob.sees("hello")
        ann.forgets()
        for number in range(20):
            await bob.send(do="react", room="lobby", seq="1", emoji="👍", on="yes" if number % 2 == 0 else "")
        await bob.sees("A little slower, please.")
        await ann.say("still here")
        await ann.sees("still here")
        assert ann.shown.count('hx-target="#r-1"') <= Settings().messages_per_5s
        await company.hang_up()


async def test_names_under_a_message_are_bounded(company: Company) -> None:
    ann = await company.in_lobby("Ann")
    await ann.say("hello")
    guests = [await company.in_lobby(f"Guest {number}") for number in range(12)]
    for guest in guests:
        await guest.send(do="react", room="lobby", seq="1", emoji="👍", on="yes")
    await ann.sees("👍 12")
    await ann.sees("and 2 more")
    assert MOST_REACTIONS * 24 < 4096


async def test_an_edit_replaces_the_message_for_all_and_answers_its_author(company: Company) -> None:
    ann, bob = await company.in_lobby("Ann"), await company.in_lobby("Bob")
    await ann.say("helo")
    await bob.sees("helo")
    bob.forgets()
    await ann.send(do="edit", room="lobby", seq="1", key="change-00", text="hello")
    await bob.sees(">hello</span> <small>edited</small>")
    await ann.sees("#p-change-00")
    assert re.findall('hx-target="([^"]*)"', bob.shown) == ["#m-1"]
    cid = await company.in_lobby("Cid")
    await cid.sees("<small>edited</small>")
    assert "helo<" not in cid.shown


async def test_what_is_taken_back_is_shown_to_nobody_any_more(company: Company) -> None:
    ann, bob = await company.in_lobby("Ann"), await company.in_lobby("Bob")
    await ann.say("my secret")
    await bob.sees("my secret")
    await ann.send(do="take_back", room="lobby", seq="1")
    await bob.sees("Message taken back")
    cid = await company.in_lobby("Cid")
    await cid.sees("Message taken back")
    assert "my secret" not in cid.shown


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({"do": "edit", "seq": "1", "text": "forged"}, "Only who wrote a message can change it."),
        ({"do": "edit", "seq": "99", "text": "x"}, "no longer here"),
        ({"do": "edit", "seq": "2", "text": " "}, "nothing to read"),
        ({"do": "edit", "seq": "2", "text": "x" * 2001}, "too long"),
        ({"do": "edit", "seq": "2", "text": "x", "room": "pair-text-1-1"}, "no longer here"),
        ({"do": "edit", "seq": "two", "text": "x"}, "could not be read"),
        ({"do": "take_back", "seq": "1"}, "Only who wrote a message can change it."),
        ({"do": "take_back", "seq": "99"}, "no longer here"),
        ({"do": "take_back", "seq": "2", "room": "room-K7QM2X"}, "no longer here"),
    ],
    ids=repr,
)
async def test_a_bad_change_is_answered_kindly_and_disturbs_nobody(
    company: Company, fields: dict[str, object], answer: str
) -> None:
    ann, bob = await company.in_lobby("Ann"), await company.in_lobby("Bob")
    await ann.say("hello")
    await bob.sees("hello")
    await bob.say("hello Ann")
    await ann.sees("hello Ann")
    ann.forgets()
    await bob.send(**{"room": "lobby", "key": "change-00", **fields})
    await bob.sees(answer)
    await bob.say("still here")
    await ann.sees("still here")
    assert 'hx-target="#m-' not in ann.shown


def test_nothing_of_a_message_that_was_taken_back_stays_in_the_cache() -> None:
    """Also when it was said in the same batch."""
    fragments = Fragments(Templates(str))
    said = Message(1, "key", Member(VisitorId("a"), "Ann"), "my secret", 0.0)
    gone = taken_back(said)
    fragments.forget(LOBBY, gone)
    fragments.for_room(LOBBY, MessageBatch([said]), "en")
    fragments.for_room(LOBBY, MessagesChanged((gone,)), "en")
    assert "my secret" not in str(fragments._messages._kept)


async def test_a_reply_quotes_and_links_and_loses_its_quote_with_the_message(company: Company) -> None:
    ann, bob = await company.in_lobby("Ann"), await company.in_lobby("Bob")
    await ann.say("question")
    await bob.sees("question")
    await bob.send(do="say", room="lobby", key="key-reply", text="answer", reply="1")
    await ann.sees('<a class="quote" href="#m-1" dir="auto"><b><bdi>Ann</bdi></b> <span>question</span>')
    await ann.send(do="take_back", room="lobby", seq="1")
    await bob.sees("No longer here")
    cid = await company.in_lobby("Cid")
    await cid.sees("No longer here")
    assert "question" not in cid.shown


@pytest.mark.parametrize("reply", ["0", "99", "999999999999999"])
async def test_a_reply_to_what_is_not_there_arrives_all_the_same(company: Company, reply: str) -> None:
    ann, bob = await company.in_lobby("Ann"), await company.in_lobby("Bob")
    await bob.send(do="say", room="lobby", key="key-reply", text="answer", reply=reply)
    await ann.sees("No longer here")
    await ann.sees("answer")


@pytest.mark.parametrize("reply", ["-1", "1.5", "<b>", "9" * 16, 1, None])
async def test_a_forged_reply_is_no_frame(company: Company, reply: object) -> None:
    ann = await company.in_lobby("Ann")
    await ann.send(do="say", room="lobby", key="key-reply", text="answer", reply=reply)
    await ann.sees("could not be read")
