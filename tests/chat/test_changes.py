"""What was said is reacted to and changed, with every journal: all who are there or come later agree about it."""

from quart_chat.domain.answers import MessageAcknowledged, Refused
from quart_chat.domain.messages import Message, Quote
from quart_chat.domain.requests import Edit, React, Refusal, Say, TakeBack
from quart_chat.domain.spaces import LOBBY, SpaceId
from quart_chat.domain.visitors import Visitor
from tests.chat.harness import ChatHarness
from tests.chat.test_chat import enters_lobby, pair, says


def shown_to(chat: ChatHarness, visitor: Visitor, since: int | None = None) -> list[Message]:
    """The messages of a page that is loaded, or that comes back having seen some."""
    chat.drops(visitor)
    chat.resumes(visitor, since)
    view = chat.last_view(visitor).view
    return [*view.changed, *view.messages]


def reactions_to(message: Message) -> dict[str, list[str]]:
    return {reaction.emoji: [member.name for member in reaction.by] for reaction in message.reactions}


def test_those_who_come_late_and_those_who_come_back_see_the_same_reactions(chat: ChatHarness) -> None:
    ann, bob, _ = pair(chat)
    room = chat.room_of(ann) or SpaceId("")
    says(chat, ann, room, "hello")
    chat.drops(bob)
    chat.does(ann, React(room, 1, "🎉", on=True))
    chat.resumes(bob, since=1)
    chat.does(bob, React(room, 1, "👍", on=True))
    for since in (None, 1):
        (message,) = shown_to(chat, bob, since)
        assert reactions_to(message) == {"🎉": ["Ann"], "👍": ["Bob"]}


def test_a_newcomer_to_the_lobby_sees_the_reactions_of_its_tail(chat: ChatHarness) -> None:
    ann = enters_lobby(chat, "Ann")
    says(chat, ann, LOBBY, "hello")
    chat.does(ann, React(LOBBY, 1, "👍", on=True))
    bob = enters_lobby(chat, "Bob")
    (message,) = chat.last_view(bob).view.messages
    assert reactions_to(message) == {"👍": ["Ann"]}


def test_a_reaction_meant_for_another_room_changes_nothing_anywhere(chat: ChatHarness) -> None:
    ann, bob, room = pair(chat)
    eve = enters_lobby(chat, "Eve")
    says(chat, ann, room, "hello")
    says(chat, eve, LOBBY, "hello lobby")
    for who, where in ((eve, room), (ann, LOBBY), (bob, SpaceId("pair-text-9-9")), (bob, SpaceId("nonsense"))):
        chat.does(who, React(where, 1, "👍", on=True))
        assert chat.last_told(who) == Refused(Refusal.MESSAGE_GONE)
    assert not any(message.reactions for who in (ann, eve) for message in shown_to(chat, who))


def test_what_is_no_emoji_is_refused_to_its_author_alone(chat: ChatHarness) -> None:
    ann, bob, room = pair(chat)
    says(chat, ann, room, "hello")
    heard = len(chat.told[ann.id])
    chat.does(bob, React(room, 1, "👍<script>", on=True))
    assert chat.last_told(bob) == Refused(Refusal.NO_EMOJI)
    assert len(chat.told[ann.id]) == heard
    assert not reactions_to(shown_to(chat, ann)[0])


def test_edits_and_what_was_taken_back_look_the_same_to_those_who_come_late_or_back(chat: ChatHarness) -> None:
    ann, bob, room = pair(chat)
    for text in ("one", "two"):
        says(chat, ann, room, text)
    chat.drops(bob)
    chat.does(ann, Edit(room, 1, "change-1", "one and a half"))
    assert chat.last_told(ann) == MessageAcknowledged("change-1")
    chat.does(ann, TakeBack(room, 2))
    for since in (2, None):
        chat.resumes(bob, since)
        view = chat.last_view(bob).view
        texts = [(message.text, message.edits, message.taken_back) for message in (*view.changed, *view.messages)]
        assert texts == [("one and a half", 1, False), ("", 0, True)]
        chat.drops(bob)


def test_nobody_changes_what_another_has_said(chat: ChatHarness) -> None:
    ann, bob, room = pair(chat)
    says(chat, ann, room, "mine")
    chat.does(bob, Edit(room, 1, "change-1", "forged"))
    assert chat.last_told(bob) == Refused(Refusal.NOT_YOURS, "change-1")
    chat.does(bob, TakeBack(room, 1))
    assert chat.last_told(bob) == Refused(Refusal.NOT_YOURS)
    assert [message.text for message in shown_to(chat, ann)] == ["mine"]


def test_a_reply_and_its_quote_reach_those_who_come_late(chat: ChatHarness) -> None:
    ann, bob, room = pair(chat)
    says(chat, ann, room, "question")
    chat.does(bob, Say(room, "key-reply", "answer", reply_to=1))
    for who in (ann, bob):
        assert shown_to(chat, who)[1].reply == Quote(1, "Ann", "question")
    chat.does(ann, TakeBack(room, 1))
    for since in (None, 2):
        assert [message.reply for message in shown_to(chat, bob, since)] == [None, Quote(1)]
