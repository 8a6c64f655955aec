from quart_chat.domain.codes import RoomCode
from quart_chat.domain.commands import Enter, Leave, Next, Say, Seek, Stop
from quart_chat.domain.events import (
    CameBack,
    Ending,
    Joined,
    Kept,
    Left,
    Refusal,
    Refused,
    Stood,
    Talking,
    Waiting,
    WentAway,
)
from quart_chat.domain.rooms import LOBBY, LOBBY_TAIL, LOG_LENGTH, Kind, RoomId, room_of
from quart_chat.domain.visitors import Visitor
from tests.town import Town

CODE = RoomCode("K7QM2X")


def seeks(town: Town, name: str, browser: str | None = None) -> Visitor:
    visitor = town.visitor(name, browser)
    town.does(visitor, Seek(name, agreed=True))
    return visitor


def pair(town: Town) -> tuple[Visitor, Visitor, RoomId]:
    ann, bob = seeks(town, "Ann"), seeks(town, "Bob")
    room = town.room_of(ann)
    assert room and room == town.room_of(bob)
    return ann, bob, room


def enters_lobby(town: Town, name: str) -> Visitor:
    visitor = town.visitor(name)
    town.does(visitor, Enter(name), Kind.LOBBY, LOBBY)
    return visitor


def says(town: Town, visitor: Visitor, room: RoomId, text: str, key: str | None = None) -> None:
    town.does(visitor, Say(room, key or f"key-{text}", text))


def test_first_come_first_served(town: Town) -> None:
    ann = seeks(town, "Ann")
    assert town.waits(ann)
    bob, cid, dot = seeks(town, "Bob"), seeks(town, "Cid"), seeks(town, "Dot")
    assert town.room_of(ann) == town.room_of(bob) != town.room_of(cid) == town.room_of(dot)


def test_two_tabs_alone_on_a_fresh_server_meet(town: Town) -> None:
    one, other = seeks(town, "one", "same"), seeks(town, "other", "same")
    assert town.room_of(one) == town.room_of(other)


def test_a_tab_of_ones_own_comes_after_everybody_else(town: Town) -> None:
    ann, bob, _ = pair(town)
    town.drops(ann)
    one = seeks(town, "one", "same")
    town.drops(one)
    cid = seeks(town, "Cid")
    town.resumes(one)
    assert town.room_of(one) == town.room_of(cid) is not None
    assert town.room_of(bob)


def test_without_the_rules_nobody_waits(town: Town) -> None:
    ann = town.visitor("Ann")
    town.does(ann, Seek("Ann"))
    assert town.last_told(ann) == Refused(Refusal.RULES)
    assert not town.waits(ann)


def test_next_tells_the_partner_and_puts_both_into_the_queue(town: Town) -> None:
    ann, bob, room = pair(town)
    town.does(ann, Next(room))
    told = town.last_told(bob)
    assert isinstance(told, Waiting) and told.left and told.left.name == "Ann"
    assert town.waits(ann) and town.waits(bob)


def test_those_who_have_just_parted_meet_again_only_when_nobody_else_comes(town: Town) -> None:
    ann, bob, room = pair(town)
    town.does(ann, Next(room))
    cid = seeks(town, "Cid")
    assert town.room_of(cid) == town.room_of(bob) is not None
    town.does(cid, Stop(town.room_of(cid) or RoomId("")))
    assert town.waits(ann) and town.waits(bob)
    town.passes(6)
    assert town.room_of(ann) == town.room_of(bob) is not None


def test_who_skips_without_end_waits_a_little_longer_each_time(town: Town) -> None:
    ann = seeks(town, "Ann")
    waits = [skip(town, ann, f"Other {number}") for number in range(24)]
    assert waits[:20] == [0] * 20
    made_to_wait = [wait for wait in waits[20:] if wait]
    assert len(made_to_wait) >= 2
    assert made_to_wait == sorted(set(made_to_wait))


def skip(town: Town, ann: Visitor, name: str) -> float:
    """Let Ann meet somebody new and go on; returns how long that took to come about."""
    other, started = seeks(town, name), town.clock.seconds
    while (room := town.room_of(ann)) is None and town.clock.seconds < started + 100:
        town.passes(1)
    assert room
    town.does(ann, Next(room))
    town.does(other, Stop(RoomId("")))
    return town.clock.seconds - started


def test_stop_takes_out_of_the_queue_and_out_of_the_talk(town: Town) -> None:
    ann = seeks(town, "Ann")
    town.does(ann, Stop(RoomId("")))
    assert town.last_told(ann) == Stood(Ending.LEFT)
    bob = seeks(town, "Bob")
    assert town.waits(bob)


def test_a_message_for_a_talk_already_over_reaches_nobody(town: Town) -> None:
    ann, bob, room = pair(town)
    town.does(bob, Next(room))
    cid = seeks(town, "Cid")
    assert town.room_of(ann) == town.room_of(cid)
    says(town, ann, room, "for Bob")
    assert town.last_told(ann) == Refused(Refusal.NOT_DELIVERED, "key-for Bob")
    assert all("for Bob" not in town.heard_in(each) for each in town.published)


def test_a_message_offered_twice_is_said_once_and_kept(town: Town) -> None:
    ann, _, room = pair(town)
    says(town, ann, room, "hello", "same-key")
    says(town, ann, room, "hello", "same-key")
    assert town.heard_in(room) == ["hello"]
    assert town.last_told(ann) == Kept("same-key")


def test_a_message_offered_again_after_its_talk_has_ended_is_known_to_have_arrived(town: Town) -> None:
    ann, bob, room = pair(town)
    says(town, ann, room, "hello", "same-key")
    town.does(bob, Stop(room))
    says(town, ann, room, "hello", "same-key")
    assert town.last_told(ann) == Kept("same-key")


def test_who_presses_next_at_once_with_its_own_other_tab_talks_with_it_again(town: Town) -> None:
    one, other = seeks(town, "one", "same"), seeks(town, "other", "same")
    first = town.room_of(one)
    assert first
    town.does(one, Next(first))
    second = town.room_of(one)
    assert second and second == town.room_of(other) != first
    for tab in (one, other):
        told = town.last_told(tab)
        assert isinstance(told, Talking) and told.view.room == second


def test_an_absent_one_keeps_its_place_in_the_queue_and_is_passed_over(town: Town) -> None:
    ann = seeks(town, "Ann")
    town.drops(ann)
    bob = seeks(town, "Bob")
    assert town.waits(ann) and town.waits(bob)
    town.drops(bob)
    town.resumes(bob)
    town.resumes(ann)
    assert town.room_of(ann) == town.room_of(bob) is not None


def test_a_partner_is_waited_for_and_then_has_left_once(town: Town) -> None:
    ann, bob, room = pair(town)
    town.drops(ann)
    town.passes(4)
    assert not town.published[room]
    town.passes(2)
    assert [type(event) for event in town.published[room]] == [WentAway]
    town.passes(36)
    assert town.room_of(bob) == room
    town.passes(4)
    assert town.waits(bob)
    left = [event for event in town.told[bob.id] if isinstance(event, Waiting) and event.left]
    assert len(left) == 1
    assert town.resumes(ann) is False


def test_a_partner_who_comes_back_in_time_is_simply_back(town: Town) -> None:
    ann, bob, room = pair(town)
    town.drops(ann)
    says(town, bob, room, "are you there")
    town.passes(40)
    assert town.resumes(ann, since=0)
    assert [message.text for message in town.last_view(ann).view.messages] == ["are you there"]
    assert isinstance(town.published[room][-1], CameBack)
    town.passes(60)
    assert town.room_of(bob) == room


def test_whoever_is_left_by_one_gone_and_is_away_too_meets_nobody_until_back(town: Town) -> None:
    ann, bob, room = pair(town)
    town.drops(bob)
    town.does(ann, Next(room))
    cid = seeks(town, "Cid")
    assert town.room_of(cid) == town.room_of(ann)
    dot = seeks(town, "Dot")
    assert town.waits(bob) and town.waits(dot)
    town.resumes(bob)
    assert town.room_of(bob) == town.room_of(dot) is not None


def test_a_seat_in_the_lobby_is_kept_for_two_minutes_without_noise(town: Town) -> None:
    ann, bob = enters_lobby(town, "Ann"), enters_lobby(town, "Bob")
    town.published[LOBBY].clear()
    town.drops(bob)
    town.passes(118)
    assert town.resumes(bob)
    assert not any(isinstance(event, Joined | Left) for event in town.published[LOBBY])
    town.drops(ann)
    town.passes(121)
    assert [event.member.name for event in town.published[LOBBY] if isinstance(event, Left)] == ["Ann"]


def test_who_comes_late_sees_the_tail_of_the_lobby_and_nothing_of_a_room(town: Town) -> None:
    ann = enters_lobby(town, "Ann")
    for number in range(LOBBY_TAIL + 10):
        says(town, ann, LOBBY, f"message {number}")
    bob = enters_lobby(town, "Bob")
    assert [message.text for message in town.last_view(bob).view.messages] == [
        f"message {number}" for number in range(10, LOBBY_TAIL + 10)
    ]


def test_a_room_is_gone_with_its_last_visitor_and_its_code_rests_a_day(town: Town) -> None:
    room = room_of(CODE)
    assert town.opens_room(CODE)
    ann, bob = town.visitor("Ann"), town.visitor("Bob")
    town.does(ann, Enter("Ann"), Kind.ROOM, room)
    says(town, ann, room, "before Bob")
    town.does(bob, Enter("Bob"), Kind.ROOM, room)
    assert town.last_view(bob).view.messages == ()
    town.does(ann, Leave(room))
    assert town.people_in(room) == 1
    town.does(bob, Leave(room))
    assert town.people_in(room) is None
    assert not town.opens_room(CODE)
    town.clock.seconds += 86_401
    assert town.opens_room(CODE)


def test_a_created_room_waits_ten_minutes_for_its_first_visitor(town: Town) -> None:
    town.opens_room(CODE)
    town.passes(599)
    assert town.people_in(room_of(CODE)) == 0
    town.passes(2)
    assert town.people_in(room_of(CODE)) is None


def test_what_is_beyond_the_log_is_said_to_be_missing(town: Town) -> None:
    ann, bob, room = pair(town)
    says(town, ann, room, "seen")
    town.drops(bob)
    for number in range(LOG_LENGTH + 5):
        says(town, ann, room, f"message {number}")
    town.resumes(bob, since=1)
    view = town.last_view(bob).view
    assert view.gap
    assert len(view.messages) == LOG_LENGTH
    town.resumes(bob, since=view.messages[-1].seq)
    assert not town.last_view(bob).view.gap


def test_a_hundred_people_are_listed_and_the_others_counted(town: Town) -> None:
    people = [enters_lobby(town, f"Visitor {number}") for number in range(105)]
    view = town.last_view(people[-1]).view
    assert view.count == 105
    assert [member.name for member in view.people[:2]] == ["Visitor 104", "Visitor 103"]
    assert len(view.people) == 100
    town.does(people[50], Leave(LOBBY), Kind.LOBBY, LOBBY)
    left = town.published[LOBBY][-1]
    assert isinstance(left, Left) and left.pulled and left.pulled.name == "Visitor 4"


def test_nobody_can_be_in_two_places(town: Town) -> None:
    ann = enters_lobby(town, "Ann")
    town.does(ann, Seek("Ann", agreed=True))
    assert town.room_of(ann) == LOBBY
    bob = seeks(town, "Bob")
    town.does(bob, Enter("Bob"), Kind.LOBBY, LOBBY)
    assert town.waits(bob)
