"""The journal of one process, which ends with a planned restart and goes on in the next process."""

from quart_chat.domain.commands import Disconnect, Join, OpenRoom, SendMessage
from quart_chat.domain.naming import given_name
from quart_chat.domain.rooms import Room
from quart_chat.domain.spaces import SpaceId
from quart_chat.domain.timing import UNVISITED_ROOM
from quart_chat.domain.visitors import BrowserId, Visitor, VisitorId
from quart_chat.journal.memory import MemoryJournal
from tests.clock import FakeClock

ROOM = SpaceId("room-ABCDEF")
ANN = Visitor(VisitorId("ann"), BrowserId("ann"))


def journal_with_ann(clock: FakeClock) -> MemoryJournal:
    journal = MemoryJournal(clock)
    for command in (OpenRoom(), Join(ANN, given_name("Ann")), SendMessage(ANN.id, "key-1", "hello")):
        journal.append(ROOM, command)
    return journal


def texts_in(journal: MemoryJournal) -> list[str]:
    room = journal.state(ROOM)
    assert isinstance(room, Room)
    return [message.text for message in room.log]


def test_a_frozen_journal_takes_nothing_any_more_and_says_so() -> None:
    journal = journal_with_ann(FakeClock())
    assert not journal.is_away(ROOM)
    journal.freeze()
    journal.append(ROOM, SendMessage(ANN.id, "key-2", "too late"))
    assert journal.is_away(ROOM)
    assert texts_in(journal) == ["hello"]


def test_another_journal_goes_on_with_what_was_frozen() -> None:
    clock = FakeClock()
    frozen = journal_with_ann(clock).freeze()
    journal = MemoryJournal(clock)
    journal.restore(frozen)
    journal.append(ROOM, SendMessage(ANN.id, "key-1", "hello"))  # known already
    journal.append(ROOM, SendMessage(ANN.id, "key-2", "again"))
    assert texts_in(journal) == ["hello", "again"]


def test_what_time_asks_for_is_asked_for_in_the_next_process_too() -> None:
    clock = FakeClock()
    before = journal_with_ann(clock)
    before.append(ROOM, Disconnect(ANN.id))
    unvisited = SpaceId("room-GHJKLM")
    before.append(unvisited, OpenRoom())
    journal = MemoryJournal(clock)
    journal.restore(before.freeze())
    clock.seconds += UNVISITED_ROOM
    assert {space for space, _ in journal.due()} == {ROOM, unvisited}
