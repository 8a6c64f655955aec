from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quart_chat.domain import commands, events
from quart_chat.domain.naming import given_name
from quart_chat.domain.reports import ReportReason
from quart_chat.domain.rooms import KEYS_KEPT, LEFT_OUT_AFTER_LOSS, LISTED_PEOPLE, LOG_LENGTH, Room
from quart_chat.domain.spaces import LOBBY, Kind, SpaceId
from quart_chat.domain.text import MAX_NAME, fold_name
from quart_chat.domain.timing import CODE_RESTS, GROUPED_WITHIN, KEYS_REMEMBERED_FOR, REPORTABLE_FOR, UNVISITED_ROOM
from quart_chat.domain.visitors import Member, VisitorId
from tests.domain.journals import HERE, THERE, OneJournal, visitor

ANN, BOB = VisitorId("Ann"), VisitorId("Bob")
ROOM = SpaceId("room-K7QM2X")
PAIR = SpaceId("pair-text-1-1")


@pytest.fixture
def lobby() -> OneJournal:
    """A lobby with Ann and Bob."""
    journal = OneJournal(Room(LOBBY, Kind.LOBBY))
    for name in ("Ann", "Bob"):
        journal.append(commands.Join(visitor(name), given_name(name)))
    return journal


@pytest.fixture
def pair() -> OneJournal:
    """Ann and Bob, who were matched."""
    journal = OneJournal(Room(PAIR, Kind.TEXT))
    journal.append(open_pair("Ann", "Bob"))
    return journal


def open_pair(one: str, other: str) -> commands.OpenPair:
    parties = [commands.Party(visitor(name), given_name(name), HERE) for name in (one, other)]
    return commands.OpenPair((parties[0], parties[1]))


def sent(journal: OneJournal, author: VisitorId, text: str, at: float = 0.0) -> list[events.Event]:
    return journal.append(commands.SendMessage(author, f"key of {text}", text), at)


def test_messages_of_one_author_within_a_minute_belong_together(lobby: OneJournal) -> None:
    for author, at in [(ANN, 0.0), (ANN, GROUPED_WITHIN), (BOB, GROUPED_WITHIN), (BOB, 2 * GROUPED_WITHIN + 1)]:
        sent(lobby, author, f"at {at} by {author}", at)
    assert isinstance(lobby.state, Room)
    assert [message.continued for message in lobby.state.log] == [False, True, False, False]


def test_the_log_is_bounded_and_says_what_it_has_forgotten(lobby: OneJournal) -> None:
    for number in range(3 * LOG_LENGTH):
        sent(lobby, ANN, str(number))
    room = lobby.state
    assert isinstance(room, Room)
    assert len(room.messages_after(0)) == LOG_LENGTH
    assert [gap_after(room, since) for since in (2 * LOG_LENGTH - 1, 2 * LOG_LENGTH)] == [2 * LOG_LENGTH, 0]


def gap_after(room: Room, since: int | None) -> int:
    view = room.view(BOB, since)
    assert view
    return view.gap


def test_after_a_loss_no_number_is_given_again(lobby: OneJournal) -> None:
    sent(lobby, ANN, "kept")
    (lost,) = lobby.append(commands.NoteLoss(epoch=5))
    sent(lobby, ANN, "said afterwards")
    room = lobby.state
    assert isinstance(room, Room)
    assert lost == events.MessagesLost(1 + LEFT_OUT_AFTER_LOSS)
    assert [message.seq for message in room.log] == [1, 2 + LEFT_OUT_AFTER_LOSS]
    assert [message.text for message in room.messages_after(17)] == ["said afterwards"]  # 17 may have been lost
    assert [gap_after(room, since) for since in (1, 17, room.seq)] == [room.seq - 1, room.seq - 1, 0]


def test_a_loss_is_said_once_in_each_epoch_and_only_where_anything_was_said(lobby: OneJournal) -> None:
    assert lobby.append(commands.NoteLoss(epoch=5)) == []
    sent(lobby, ANN, "something")
    told = [lobby.append(commands.NoteLoss(epoch)) for epoch in (6, 6, 5, 7)]
    assert [bool(events) for events in told] == [True, False, False, True]


def test_those_who_enter_after_a_loss_hear_nothing_of_it(lobby: OneJournal) -> None:
    sent(lobby, ANN, "before")
    lobby.append(commands.NoteLoss(epoch=5))
    lobby.append(commands.Join(visitor("late"), given_name("Late")))
    assert isinstance(lobby.state, Room)
    view = lobby.state.view(VisitorId("late"))
    assert view and not view.gap and not view.messages


def test_only_members_speak_and_see(lobby: OneJournal) -> None:
    stranger = VisitorId("stranger")
    assert sent(lobby, stranger, "x") == [events.MessageRefused(stranger, "key of x")]
    assert isinstance(lobby.state, Room) and lobby.state.view(stranger) is None
    assert lobby.append(commands.Leave(stranger)) == []


def test_a_key_belongs_to_its_author(lobby: OneJournal) -> None:
    first, again, other = (lobby.append(commands.SendMessage(who, "same-key", "x")) for who in (ANN, ANN, BOB))
    assert [type(done[0]) for done in (first, again, other)] == [
        events.MessageSent,
        events.MessageKnown,
        events.MessageSent,
    ]


def test_a_key_is_known_after_its_author_has_left(lobby: OneJournal) -> None:
    sent(lobby, ANN, "last words")
    lobby.append(commands.Leave(ANN))
    assert sent(lobby, ANN, "last words") == [events.MessageKnown(ANN, "key of last words")]


def test_only_the_last_keys_of_somebody_are_kept_and_none_of_the_silent(lobby: OneJournal) -> None:
    for number in range(KEYS_KEPT + 1):
        sent(lobby, ANN, str(number))
    assert isinstance(sent(lobby, ANN, "0")[0], events.MessageSent)
    sent(lobby, BOB, "much later", KEYS_REMEMBERED_FOR)
    assert isinstance(lobby.state, Room) and list(lobby.state.sent) == [BOB]


def test_what_an_earlier_home_says_is_void(lobby: OneJournal) -> None:
    lobby.append(commands.Resume(visitor("Ann")), by=THERE)
    for command in (
        commands.SendMessage(ANN, "key", "x"),
        commands.ShowTyping(ANN),
        commands.Leave(ANN),
        commands.Disconnect(ANN),
    ):
        assert lobby.append(command, by=HERE) == []
    assert isinstance(lobby.state, Room) and lobby.state.present == 2


def test_a_seat_is_for_the_browser_that_took_it(lobby: OneJournal) -> None:
    """Issue 11, line 16: a stolen page speaks for nobody, whatever process it comes to."""
    assert lobby.append(commands.Resume(visitor("Ann", "thief")), by=THERE) == [events.ResumeRefused(ANN)]
    assert isinstance(lobby.state, Room) and lobby.state.home_of(ANN) == HERE


def test_a_pair_opens_once_though_both_homes_say_so(pair: OneJournal) -> None:
    assert pair.append(open_pair("Ann", "Bob"), by=THERE) == []
    assert isinstance(pair.state, Room) and list(pair.state.seats) == [ANN, BOB]


@pytest.mark.parametrize("space", [LOBBY, ROOM])
def test_no_other_room_becomes_a_pair(space: SpaceId) -> None:
    """Issue 22: the first of three locks."""
    kind = Kind.LOBBY if space == LOBBY else Kind.ROOM
    journal = OneJournal(Room(space, kind))
    journal.append(commands.OpenRoom())
    assert journal.append(open_pair("Ann", "Bob")) == []
    assert isinstance(journal.state, Room) and not journal.state.seats


def test_nobody_joins_a_pair(pair: OneJournal) -> None:
    eve = visitor("Eve")
    assert pair.append(commands.Join(eve, given_name("Eve"))) == [events.EnterRefused(eve.id)]


def test_a_report_ends_the_talk_first_and_carries_what_the_accused_said(pair: OneJournal) -> None:
    sent(pair, BOB, "something bad", 1.0)
    ended, blocked, made = pair.append(commands.Report(ANN, ReportReason.HATE, "look"), 2.0)
    assert isinstance(ended, events.PairEnded) and ended.why is events.Why.REPORTED
    assert isinstance(blocked, events.Blocked) and blocked.by.id == ANN
    assert isinstance(made, events.ReportMade) and made.ended_talk
    assert [(line.by_accused, line.text) for line in made.report.lines] == [(True, "something bad")]
    assert made.report.accused == visitor("Bob")


def test_a_talk_is_reported_once_by_each_for_ten_minutes_and_by_nobody_else(pair: OneJournal) -> None:
    pair.append(commands.Leave(BOB))

    def outcome(who: VisitorId, at: float) -> str:
        return type(pair.append(commands.Report(who, ReportReason.SPAM, ""), at)[-1]).__name__

    assert [outcome(ANN, 1.0), outcome(ANN, 2.0)] == ["ReportMade", "ReportRefused"]
    assert [outcome(BOB, REPORTABLE_FOR), outcome(VisitorId("Eve"), 3.0)] == ["ReportRefused", "ReportRefused"]


def test_the_one_who_was_left_is_sent_on_to_the_queue(pair: OneJournal) -> None:
    pair.append(commands.Leave(ANN))
    assert pair.append(commands.Resume(visitor("Bob"))) == [events.ResumeRefused(BOB, SpaceId("queue-text"))]
    assert pair.append(commands.Resume(visitor("Bob", "thief"))) == [events.ResumeRefused(BOB)]
    assert pair.append(commands.Resume(visitor("Ann"))) == [events.ResumeRefused(ANN)]


def test_a_room_by_code_closes_unvisited_or_with_its_last_visitor_and_its_code_rests() -> None:
    journal = OneJournal(Room(ROOM, Kind.ROOM))
    room = journal.state
    assert isinstance(room, Room)
    assert journal.append(commands.OpenRoom(), 0.0) == [events.RoomOpened(True)]
    assert not room.is_open_at(UNVISITED_ROOM)
    assert list(room.due(UNVISITED_ROOM)) == [commands.Tidy()]
    journal.append(commands.Tidy(), UNVISITED_ROOM)
    assert journal.append(commands.OpenRoom(), UNVISITED_ROOM + 1) == [events.RoomOpened(False)]
    at = UNVISITED_ROOM + CODE_RESTS
    assert journal.append(commands.OpenRoom(), at) == [events.RoomOpened(True)]
    journal.append(commands.Join(visitor("Ann"), given_name("Ann")), at)
    assert journal.append(commands.OpenRoom(), at) == [events.RoomOpened(False)]
    journal.append(commands.Leave(ANN), at)
    assert not room.is_open_at(at)


def test_a_crowd_of_namesakes_is_numbered_without_counting_from_the_start(lobby: OneJournal) -> None:
    name = given_name("Ann")
    joined = [lobby.append(commands.Join(visitor(f"v{number}"), name))[0] for number in range(2_000)]
    names = [event.member.name for event in joined if isinstance(event, events.Joined)]
    assert names[:2] == ["Ann 2", "Ann 3"]
    assert len({fold_name(each) for each in names}) == 2_000


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 300), st.sampled_from(["Ann", "ann", "Bob", "x" * 24]))))
def test_names_stay_different_and_changes_of_the_list_tell_all(steps: list[tuple[bool, int, str]]) -> None:
    room, listed = Room(LOBBY, Kind.LOBBY), dict[VisitorId, Member]()
    journal = OneJournal(room)
    crowd = [(True, number, "Ann") for number in range(1000, 1000 + LISTED_PEOPLE)]
    for comes, number, name in crowd + steps:
        who = visitor(str(number))
        command = commands.Join(who, given_name(name)) if comes else commands.Leave(who.id)
        for event in journal.append(command):
            if isinstance(event, events.Joined):
                listed[event.member.id] = event.member
                if event.pushed:
                    del listed[event.pushed.id]
            elif isinstance(event, events.Left):
                listed.pop(event.member.id, None)
                if event.pulled:
                    listed[event.pulled.id] = event.pulled
    everybody = [seat.member for seat in room.seats.values()]
    assert len({fold_name(member.name) for member in everybody}) == len(everybody)
    assert all(len(member.name) <= MAX_NAME for member in everybody)
    newest = sorted(everybody, key=lambda member: -member.seat)[:LISTED_PEOPLE]
    assert {member.id for member in newest} == set(listed)
    view = room.view(everybody[0].id)
    assert view and list(view.people) == newest


def test_messages_are_numbered_without_a_gap(lobby: OneJournal) -> None:
    for number in range(10):
        sent(lobby, (ANN, BOB)[number % 2], str(number))
    assert isinstance(lobby.state, Room)
    assert all(after.seq == before.seq + 1 for before, after in pairwise(lobby.state.log))
