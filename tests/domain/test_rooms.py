import pytest
from hypothesis import given
from hypothesis import strategies as st

from quart_chat.domain.messages import GROUPED_WITHIN
from quart_chat.domain.rooms import LISTED_PEOPLE, LOBBY, LOG_LENGTH, Kind, Room
from quart_chat.domain.text import MAX_NAME, fold_name
from quart_chat.domain.visitors import Member, VisitorId

ANN, BOB = VisitorId("ann"), VisitorId("bob")


@pytest.fixture
def room() -> Room:
    room = Room(LOBBY, Kind.LOBBY)
    room.join(ANN, "Ann")
    room.join(BOB, "Bob")
    return room


def test_messages_of_one_author_within_a_minute_belong_together(room: Room) -> None:
    told = [
        room.say(ANN, "1", "one", 0.0),
        room.say(ANN, "2", "two", GROUPED_WITHIN),
        room.say(BOB, "3", "three", GROUPED_WITHIN),
        room.say(BOB, "4", "four", 2 * GROUPED_WITHIN + 1),
    ]
    assert [message.continued for message in told] == [False, True, False, False]


def test_the_log_is_bounded(room: Room) -> None:
    for number in range(3 * LOG_LENGTH):
        room.say(ANN, f"key {number}", "x", 0.0)
    assert len(room.messages_after(0)) == LOG_LENGTH


def test_only_members_speak_and_see(room: Room) -> None:
    stranger = VisitorId("stranger")
    for attempt in (lambda: room.say(stranger, "key", "x", 0.0), lambda: room.view(stranger)):
        with pytest.raises(KeyError):
            attempt()
    assert room.leave(stranger) is None


def test_a_crowd_of_namesakes_is_numbered_without_counting_from_the_start(room: Room) -> None:
    members = [room.join(VisitorId(f"v{number}"), "Ann")[0] for number in range(2_000)]
    assert [member.name for member in members[:2]] == ["Ann 2", "Ann 3"]
    assert len({fold_name(member.name) for member in members}) == 2_000


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 300), st.sampled_from(["Ann", "ann", "Bob", "x" * 24]))))
def test_names_stay_different_and_changes_of_the_list_tell_all(steps: list[tuple[bool, int, str]]) -> None:
    room, listed, here = Room(LOBBY, Kind.LOBBY), {}, set()
    for comes, number, name in [(True, n, "Ann") for n in range(1000, 1000 + LISTED_PEOPLE)] + steps:
        visitor = VisitorId(str(number))
        if comes and visitor not in here:
            member, pushed = room.join(visitor, name)
            here.add(visitor)
            listed[visitor] = member
            if pushed:
                del listed[pushed.id]
        elif not comes and (left := room.leave(visitor)):
            here.remove(visitor)
            listed.pop(visitor, None)
            if left[1]:
                listed[left[1].id] = left[1]
    everybody = list(room.people.all())
    assert {member.id for member in everybody} == here
    assert len({fold_name(member.name) for member in everybody}) == len(everybody)
    assert all(len(member.name) <= MAX_NAME for member in everybody)
    newest: list[Member] = sorted(everybody, key=lambda member: -member.seat)[:LISTED_PEOPLE]
    assert list(room.people.newest()) == newest
    assert {member.id for member in newest} == set(listed)
