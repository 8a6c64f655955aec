from dataclasses import replace

import pytest

from quart_chat.chat import REPORTERS_FOR_A_BAN, SKIPS
from quart_chat.domain.answers import (
    Banned,
    Ending,
    MessageAcknowledged,
    Refusal,
    Refused,
    RoomShown,
    TalkEnded,
    Waiting,
)
from quart_chat.domain.codes import RoomCode
from quart_chat.domain.events import Disconnected, Joined, Left, Reconnected
from quart_chat.domain.reports import KEPT_OF_AN_ADDRESS, ReportReason
from quart_chat.domain.requests import Enter, FindStranger, Leave, Next, ReportStranger, Say, Stop
from quart_chat.domain.rooms import LOBBY_TAIL, LOG_LENGTH
from quart_chat.domain.spaces import LOBBY, Kind, SpaceId, room_of
from quart_chat.domain.visitors import Visitor
from tests.chat.harness import ChatHarness

CODE = RoomCode("K7QM2X")


def seeks(chat: ChatHarness, name: str, browser: str | None = None) -> Visitor:
    visitor = chat.visitor(name, browser)
    chat.does(visitor, FindStranger(name, agreed=True))
    return visitor


def pair(chat: ChatHarness) -> tuple[Visitor, Visitor, SpaceId]:
    ann, bob = seeks(chat, "Ann"), seeks(chat, "Bob")
    room = chat.room_of(ann)
    assert room and room == chat.room_of(bob)
    return ann, bob, room


def enters_lobby(chat: ChatHarness, name: str) -> Visitor:
    visitor = chat.visitor(name)
    chat.does(visitor, Enter(name), Kind.LOBBY, LOBBY)
    return visitor


def says(chat: ChatHarness, visitor: Visitor, room: SpaceId, text: str, key: str | None = None) -> None:
    chat.does(visitor, Say(room, key or f"key-{text}", text))


def test_first_come_first_served(chat: ChatHarness) -> None:
    ann = seeks(chat, "Ann")
    assert chat.waits(ann)
    bob, cid, dot = seeks(chat, "Bob"), seeks(chat, "Cid"), seeks(chat, "Dot")
    assert chat.room_of(ann) == chat.room_of(bob) != chat.room_of(cid) == chat.room_of(dot)


def test_two_tabs_alone_on_a_fresh_server_meet(chat: ChatHarness) -> None:
    one, other = seeks(chat, "one", "same"), seeks(chat, "other", "same")
    assert chat.room_of(one) == chat.room_of(other)


def test_a_tab_of_ones_own_comes_after_everybody_else(chat: ChatHarness) -> None:
    ann, bob, _ = pair(chat)
    chat.drops(ann)
    one = seeks(chat, "one", "same")
    chat.drops(one)
    cid = seeks(chat, "Cid")
    chat.resumes(one)
    assert chat.room_of(one) == chat.room_of(cid) is not None
    assert chat.room_of(bob)


def test_without_the_rules_nobody_waits(chat: ChatHarness) -> None:
    ann = chat.visitor("Ann")
    chat.does(ann, FindStranger("Ann"))
    assert chat.last_told(ann) == Refused(Refusal.RULES)
    assert not chat.waits(ann)


def test_next_tells_the_partner_and_puts_both_into_the_queue(chat: ChatHarness) -> None:
    ann, bob, room = pair(chat)
    chat.does(ann, Next(room))
    told = chat.last_told(bob)
    assert isinstance(told, Waiting) and told.left and told.left.name == "Ann"
    assert chat.waits(ann) and chat.waits(bob)


def test_those_who_have_just_parted_meet_again_only_when_nobody_else_comes(chat: ChatHarness) -> None:
    ann, bob, room = pair(chat)
    chat.does(ann, Next(room))
    cid = seeks(chat, "Cid")
    assert chat.room_of(cid) in (chat.room_of(ann), chat.room_of(bob))
    chat.does(cid, Stop(chat.room_of(cid) or SpaceId("")))
    assert chat.waits(ann) and chat.waits(bob)
    chat.passes(6)
    assert chat.room_of(ann) == chat.room_of(bob) is not None


def test_who_skips_without_end_waits_a_little_longer_each_time(chat: ChatHarness) -> None:
    ann = seeks(chat, "Ann")
    waits = [skip(chat, ann, f"Other {number}") for number in range(24)]
    assert waits[:20] == [0] * 20
    made_to_wait = [wait for wait in waits[20:] if wait]
    assert len(made_to_wait) >= 2
    assert made_to_wait == sorted(set(made_to_wait))


def skip(chat: ChatHarness, ann: Visitor, name: str) -> float:
    """Let Ann meet somebody new and go on; returns how long that took to come about."""
    other, started = seeks(chat, name), chat.clock.seconds
    while (room := chat.room_of(ann)) is None and chat.clock.seconds < started + 100:
        chat.passes(1)
    assert room
    chat.does(ann, Next(room))
    chat.does(other, Stop(SpaceId("")))
    return chat.clock.seconds - started


@pytest.mark.parametrize("how", [Next, Stop])
def test_who_is_made_to_wait_for_skipping_meets_nobody_sooner_by_stopping_and_seeking(
    chat: ChatHarness, how: type[Next | Stop]
) -> None:
    """Issue 11, line 21."""
    ann = seeks(chat, "Ann")
    for number in range(SKIPS.burst + 1):
        other, room = seeks(chat, f"Other {number}"), chat.room_of(ann)
        assert room
        chat.does(ann, how(room))
        chat.does(other, Stop(SpaceId("")))
        chat.does(ann, Stop(SpaceId("")))
        chat.does(ann, FindStranger("Ann", agreed=True))
    eve = seeks(chat, "Eve")
    assert chat.waits(ann) and chat.waits(eve)
    chat.passes(3)
    assert chat.room_of(ann) == chat.room_of(eve) is not None


def test_who_is_banned_is_taken_out_of_every_place_and_let_into_none(chat: ChatHarness) -> None:
    """Issue 11, line 11."""
    in_lobby, in_queue, in_pair = (chat.visitor(name, "Eve's") for name in ("one", "two", "three"))
    chat.does(in_lobby, Enter("Eve"), Kind.LOBBY, LOBBY)
    chat.does(in_queue, FindStranger("Eve", agreed=True), Kind.VIDEO)
    for number in range(REPORTERS_FOR_A_BAN):
        chat.does(in_pair, FindStranger("Eve", agreed=True))
        ann = seeks(chat, f"Ann {number}")
        room = chat.room_of(in_pair)
        assert room
        if number == REPORTERS_FOR_A_BAN - 1:
            says(chat, in_lobby, LOBBY, "still here")
        chat.does(ann, ReportStranger(room, ReportReason.HATE, ""))
    assert chat.heard_in(LOBBY) == ["still here"]
    chat.passes(2)
    for eve in (in_lobby, in_queue, in_pair):
        assert chat.where(eve) is None
        assert isinstance(chat.last_told(eve), Banned)
    chat.does(in_lobby, Enter("Eve"), Kind.LOBBY, LOBBY)
    chat.does(in_queue, FindStranger("Eve", agreed=True), Kind.VIDEO)
    assert chat.where(in_lobby) is chat.where(in_queue) is None


def test_an_address_fills_the_file_of_reports_only_so_far_and_every_talk_ends(chat: ChatHarness) -> None:
    """Issue 11, line 15."""
    for number in range(KEPT_OF_AN_ADDRESS.burst + 5):
        assert chat.room_of(reports_somebody(chat, number, "one address")) is None
    assert len(chat.reports.reports) == KEPT_OF_AN_ADDRESS.burst
    reports_somebody(chat, 100, "another address")
    assert len(chat.reports.reports) == KEPT_OF_AN_ADDRESS.burst + 1


def reports_somebody(chat: ChatHarness, number: int, network: str) -> Visitor:
    """Let somebody new, from a network, report a stranger."""
    ann = replace(chat.visitor(f"Ann {number}"), network=network)
    eve = chat.visitor(f"Eve {number}")
    for one in (ann, eve):
        chat.does(one, FindStranger(one.id, agreed=True))
    room = chat.room_of(ann)
    assert room and room == chat.room_of(eve)
    chat.does(ann, ReportStranger(room, ReportReason.SPAM, ""))
    chat.does(eve, Stop(SpaceId("")))
    return ann


def test_stop_takes_out_of_the_queue_and_out_of_the_talk(chat: ChatHarness) -> None:
    ann = seeks(chat, "Ann")
    chat.does(ann, Stop(SpaceId("")))
    assert chat.last_told(ann) == TalkEnded(Ending.LEFT)
    bob = seeks(chat, "Bob")
    assert chat.waits(bob)


def test_a_message_for_a_talk_already_over_reaches_nobody(chat: ChatHarness) -> None:
    ann, bob, room = pair(chat)
    chat.does(bob, Stop(room))
    cid = seeks(chat, "Cid")
    assert chat.room_of(ann) == chat.room_of(cid)
    says(chat, ann, room, "for Bob")
    assert chat.last_told(ann) == Refused(Refusal.NOT_DELIVERED, "key-for Bob")
    assert all("for Bob" not in chat.heard_in(each) for each in chat.rooms())


def test_a_message_offered_twice_is_said_once_and_kept(chat: ChatHarness) -> None:
    ann, _, room = pair(chat)
    says(chat, ann, room, "hello", "same-key")
    says(chat, ann, room, "hello", "same-key")
    assert chat.heard_in(room) == ["hello"]
    assert chat.last_told(ann) == MessageAcknowledged("same-key")


def test_a_message_offered_again_after_its_talk_has_ended_is_known_to_have_arrived(chat: ChatHarness) -> None:
    ann, bob, room = pair(chat)
    says(chat, ann, room, "hello", "same-key")
    chat.does(bob, Stop(room))
    says(chat, ann, room, "hello", "same-key")
    assert chat.last_told(ann) == MessageAcknowledged("same-key")


def test_who_presses_next_at_once_with_its_own_other_tab_talks_with_it_again(chat: ChatHarness) -> None:
    one, other = seeks(chat, "one", "same"), seeks(chat, "other", "same")
    first = chat.room_of(one)
    assert first
    chat.does(one, Next(first))
    second = chat.room_of(one)
    assert second and second == chat.room_of(other) != first
    for tab in (one, other):
        told = chat.last_told(tab)
        assert isinstance(told, RoomShown) and told.view.room == second


def test_an_absent_one_keeps_its_place_in_the_queue_and_is_passed_over(chat: ChatHarness) -> None:
    ann = seeks(chat, "Ann")
    chat.drops(ann)
    bob = seeks(chat, "Bob")
    assert chat.waits(ann) and chat.waits(bob)
    chat.drops(bob)
    chat.resumes(bob)
    chat.resumes(ann)
    assert chat.room_of(ann) == chat.room_of(bob) is not None


def test_a_partner_is_waited_for_and_then_has_left_once(chat: ChatHarness) -> None:
    ann, bob, room = pair(chat)
    chat.drops(ann)
    chat.passes(4)
    assert not chat.published(room)
    chat.passes(2)
    assert [type(event) for event in chat.published(room)] == [Disconnected]
    chat.passes(36)
    assert chat.room_of(bob) == room
    chat.passes(4)
    assert chat.waits(bob)
    left = [event for event in chat.told[bob.id] if isinstance(event, Waiting) and event.left]
    assert len(left) == 1
    assert chat.resumes(ann) is False


def test_a_partner_who_comes_back_in_time_is_simply_back(chat: ChatHarness) -> None:
    ann, bob, room = pair(chat)
    chat.drops(ann)
    says(chat, bob, room, "are you there")
    chat.passes(40)
    assert chat.resumes(ann, since=0)
    assert [message.text for message in chat.last_view(ann).view.messages] == ["are you there"]
    assert isinstance(chat.published(room)[-1], Reconnected)
    chat.passes(60)
    assert chat.room_of(bob) == room


def test_one_who_is_left_while_away_meets_nobody_until_back(chat: ChatHarness) -> None:
    ann, bob, room = pair(chat)
    chat.drops(bob)
    chat.does(ann, Next(room))
    cid = seeks(chat, "Cid")
    assert chat.room_of(cid) == chat.room_of(ann)
    dot = seeks(chat, "Dot")
    assert chat.waits(bob) and chat.waits(dot)
    chat.resumes(bob)
    assert chat.room_of(bob) == chat.room_of(dot) is not None


def test_a_seat_in_the_lobby_is_kept_for_two_minutes_without_noise(chat: ChatHarness) -> None:
    ann, bob = enters_lobby(chat, "Ann"), enters_lobby(chat, "Bob")
    chat.forgets_published(LOBBY)
    chat.drops(bob)
    chat.passes(118)
    assert chat.resumes(bob)
    assert not any(isinstance(event, Joined | Left) for event in chat.published(LOBBY))
    chat.drops(ann)
    chat.passes(121)
    assert [event.member.name for event in chat.published(LOBBY) if isinstance(event, Left)] == ["Ann"]


def test_who_comes_late_sees_the_tail_of_the_lobby_and_nothing_of_a_room(chat: ChatHarness) -> None:
    ann = enters_lobby(chat, "Ann")
    for number in range(LOBBY_TAIL + 10):
        says(chat, ann, LOBBY, f"message {number}")
    bob = enters_lobby(chat, "Bob")
    assert [message.text for message in chat.last_view(bob).view.messages] == [
        f"message {number}" for number in range(10, LOBBY_TAIL + 10)
    ]


def test_a_room_is_gone_with_its_last_visitor_and_its_code_rests_a_day(chat: ChatHarness) -> None:
    room = room_of(CODE)
    assert chat.opens_room(CODE)
    ann, bob = chat.visitor("Ann"), chat.visitor("Bob")
    chat.does(ann, Enter("Ann"), Kind.ROOM, room)
    says(chat, ann, room, "before Bob")
    chat.does(bob, Enter("Bob"), Kind.ROOM, room)
    assert chat.last_view(bob).view.messages == ()
    chat.does(ann, Leave(room))
    assert chat.people_in(CODE) == 1
    chat.does(bob, Leave(room))
    assert chat.people_in(CODE) is None
    assert not chat.opens_room(CODE)
    chat.clock.seconds += 86_401
    assert chat.opens_room(CODE)


def test_a_created_room_waits_ten_minutes_for_its_first_visitor(chat: ChatHarness) -> None:
    chat.opens_room(CODE)
    chat.passes(599)
    assert chat.people_in(CODE) == 0
    chat.passes(2)
    assert chat.people_in(CODE) is None


def test_what_is_beyond_the_log_is_said_to_be_missing(chat: ChatHarness) -> None:
    ann, bob, room = pair(chat)
    says(chat, ann, room, "seen")
    chat.drops(bob)
    for number in range(LOG_LENGTH + 5):
        says(chat, ann, room, f"message {number}")
    chat.resumes(bob, since=1)
    view = chat.last_view(bob).view
    assert view.gap
    assert len(view.messages) == LOG_LENGTH
    chat.resumes(bob, since=view.messages[-1].seq)
    assert not chat.last_view(bob).view.gap


def test_a_hundred_people_are_listed_and_the_others_counted(chat: ChatHarness) -> None:
    people = [enters_lobby(chat, f"Visitor {number}") for number in range(105)]
    view = chat.last_view(people[-1]).view
    assert view.count == 105
    assert [member.name for member in view.people[:2]] == ["Visitor 104", "Visitor 103"]
    assert len(view.people) == 100
    chat.does(people[50], Leave(LOBBY), Kind.LOBBY, LOBBY)
    left = chat.published(LOBBY)[-1]
    assert isinstance(left, Left) and left.pulled and left.pulled.name == "Visitor 4"


def test_nobody_can_be_in_two_places(chat: ChatHarness) -> None:
    ann = enters_lobby(chat, "Ann")
    chat.does(ann, FindStranger("Ann", agreed=True))
    assert chat.room_of(ann) == LOBBY
    bob = seeks(chat, "Bob")
    chat.does(bob, Enter("Bob"), Kind.LOBBY, LOBBY)
    assert chat.waits(bob)
