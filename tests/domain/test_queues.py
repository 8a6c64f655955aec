from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quart_chat.domain import commands, events
from quart_chat.domain.queues import Queue
from quart_chat.domain.spaces import Kind, SpaceId, queue_of
from quart_chat.domain.timing import PATIENCE, RESUME_WINDOW
from quart_chat.domain.visitors import BrowserId, VisitorId
from tests.domain.journals import THERE, OneJournal, seek, visitor


@pytest.fixture
def queue() -> OneJournal:
    return OneJournal(Queue(queue_of(Kind.TEXT), Kind.TEXT))


def met(done: list[events.Event]) -> list[str]:
    """Who is matched by an entry."""
    return [party.visitor.id for event in done if isinstance(event, events.Matched) for party in event.parties]


def waiting(journal: OneJournal) -> list[str]:
    assert isinstance(journal.state, Queue)
    return list(journal.state.tickets)


def test_the_longest_waiting_one_is_met_first(queue: OneJournal) -> None:
    for name in ("Ann", "Bob"):
        queue.append(seek(name, "one browser", blocked=(BrowserId("one browser"),)))
    assert met(queue.append(seek("Cid"))) == ["Ann", "Cid"]


def test_a_match_names_a_room_of_the_queue_s_own_kind(queue: OneJournal) -> None:
    """Issue 22: a pair is formed of two who look for a stranger in that very way."""
    queue.append(seek("Ann"))
    (_, matched) = queue.append(seek("Bob"), at=1.5)
    assert isinstance(matched, events.Matched) and matched.room == "pair-text-2-5dc"


@pytest.mark.parametrize("kind", [Kind.LOBBY, Kind.ROOM])
def test_nobody_waits_where_no_strangers_meet(kind: Kind) -> None:
    """Issue 22: the first of three locks."""
    journal = OneJournal(Queue(SpaceId("queue-lobby"), kind))
    assert journal.append(seek("Ann")) == journal.append(seek("Bob")) == []
    assert waiting(journal) == []


def test_a_reader_counts_the_present_others_and_none_of_its_own_tabs(queue: OneJournal) -> None:
    """Issue 11, line 6."""
    assert isinstance(queue.state, Queue)
    apart = (BrowserId("Ann"), BrowserId("Bob"), BrowserId("Cid"))
    for name, browser in (("Ann", "Ann"), ("Ann's tab", "Ann"), ("Bob", "Bob"), ("Cid", "Cid")):
        queue.append(seek(name, browser, blocked=apart))
    assert queue.state.others_for(BrowserId("Ann")) == 2
    for name in ("Ann's tab", "Cid"):
        queue.append(commands.Disconnect(VisitorId(name)))
    assert queue.state.others_for(BrowserId("Ann")) == 1
    assert queue.state.others_for(BrowserId("Dan")) == 2


def test_seeking_twice_keeps_the_place(queue: OneJournal) -> None:
    blocks: dict[str, Any] = {"browser": "one browser", "blocked": (BrowserId("one browser"),)}
    queue.append(seek("Ann", **blocks))
    queue.append(seek("Bob", **blocks))
    assert queue.append(seek("Ann", **blocks)) == []
    assert met(queue.append(seek("Cid"))) == ["Ann", "Cid"]


def test_the_blocked_never_meet_either_way(queue: OneJournal) -> None:
    queue.append(seek("Ann", blocked=(BrowserId("Eve"),)))
    assert met(queue.append(seek("Eve"))) == []
    assert met(queue.append(commands.LookAgain(VisitorId("Ann")), at=1e9)) == []


def test_a_block_binds_those_who_wait_in_another_tab(queue: OneJournal) -> None:
    queue.append(seek("Ann's other tab", "Ann"))
    queue.append(commands.KeepApart(BrowserId("Ann"), BrowserId("Eve")))
    assert met(queue.append(seek("Eve"))) == []


def test_those_who_have_met_lately_wait_for_others_a_while(queue: OneJournal) -> None:
    queue.append(seek("Ann", recent=(BrowserId("Bob"),)))
    assert met(queue.append(seek("Bob"))) == []
    assert met(queue.append(commands.LookAgain(VisitorId("Bob")), at=PATIENCE - 0.1)) == []
    assert met(queue.append(commands.LookAgain(VisitorId("Bob")), at=PATIENCE)) == ["Ann", "Bob"]


def test_somebody_who_is_patient_is_looked_at_again_by_itself(queue: OneJournal) -> None:
    assert isinstance(queue.state, Queue)
    queue.append(seek("Ann", recent=(BrowserId("Bob"),)))
    queue.append(seek("Bob"), at=1.0)
    assert queue.state.wakes_at() == PATIENCE
    assert list(queue.state.due(PATIENCE)) == [commands.LookAgain(VisitorId("Ann"))]
    assert queue.state.wakes_at() == 1.0 + PATIENCE


def test_a_look_that_comes_too_early_by_a_fast_clock_is_repeated(queue: OneJournal) -> None:
    assert isinstance(queue.state, Queue)
    queue.append(seek("Ann"))
    (look,) = queue.state.due(PATIENCE)
    queue.append(look, at=PATIENCE - 0.01)
    assert list(queue.state.due(PATIENCE)) == [look]


def test_nobody_meets_one_who_is_held(queue: OneJournal) -> None:
    """Issue 11, line 16: the time stands in the queue, not in a process."""
    queue.append(seek("Ann", held_until=20.0))
    assert met(queue.append(seek("Bob"), at=10.0)) == []
    assert met(queue.append(commands.LookAgain(VisitorId("Ann")), at=20.0)) == ["Bob", "Ann"]


def test_a_stranger_is_preferred_to_one_met_lately_and_to_an_own_tab(queue: OneJournal) -> None:
    everybody = (BrowserId("mine"), BrowserId("old"), BrowserId("new"))
    queue.append(seek("tab", "mine", held_until=1.0))
    queue.append(seek("old", recent=everybody, held_until=1.0))
    queue.append(seek("new", held_until=1.0))
    assert met(queue.append(seek("me", "mine"), at=1e9)) == ["new", "me"]


def test_the_absent_are_passed_over_and_keep_their_place(queue: OneJournal) -> None:
    held: dict[str, Any] = {"held_until": 1.0}
    for name in ("Ann", "Bob", "Cid"):
        queue.append(seek(name, **held))
    queue.append(commands.Disconnect(VisitorId("Ann")))
    assert met(queue.append(seek("Dot"), at=2.0)) == ["Bob", "Dot"]
    assert met(queue.append(commands.Resume(visitor("Ann")), at=2.0)) == ["Cid", "Ann"]


def test_one_who_stays_away_is_given_up(queue: OneJournal) -> None:
    assert isinstance(queue.state, Queue)
    queue.append(seek("Ann"))
    queue.append(commands.Disconnect(VisitorId("Ann")), at=1.0)
    give_up = commands.GiveUp(VisitorId("Ann"))
    assert give_up in list(queue.state.due(1.0 + RESUME_WINDOW))
    assert queue.append(give_up, at=RESUME_WINDOW) == []
    assert queue.append(give_up, at=1.0 + RESUME_WINDOW) == [events.Gone(VisitorId("Ann"), events.Why.EXPIRED)]


def test_the_visitors_of_a_dead_process_are_away_since_its_last_word(queue: OneJournal) -> None:
    assert isinstance(queue.state, Queue)
    queue.append(seek("Ann"), by=THERE)
    queue.append(commands.HomeLost(THERE, 3.0), at=40.0)
    assert queue.state.away == {"Ann": 3.0}
    assert met(queue.append(seek("Bob"), at=41.0)) == []


def test_one_who_was_matched_while_away_learns_where(queue: OneJournal) -> None:
    queue.append(seek("Ann"), by=THERE)
    (_, matched) = queue.append(seek("Bob"))
    assert isinstance(matched, events.Matched)
    assert queue.append(commands.Resume(visitor("Ann"))) == [events.ResumeRefused(VisitorId("Ann"), matched.room)]


def test_one_who_was_left_is_queued_once_though_both_homes_say_so(queue: OneJournal) -> None:
    queue.append(seek("Ann"))
    (_, matched) = queue.append(seek("Bob"))
    assert isinstance(matched, events.Matched)
    assert [type(done) for done in queue.append(seek("Ann", ended=matched.room))] == [events.Queued]
    queue.append(seek("Cid"))
    assert queue.append(seek("Ann", ended=matched.room), by=THERE) == []


names = st.sampled_from("abcdefgh")
steps = st.lists(st.tuples(st.sampled_from(["seek", "withdraw", "away", "back", "look"]), names), max_size=80)


@given(steps)
def test_whatever_happens_nobody_is_lost_or_doubled(steps: list[tuple[str, str]]) -> None:
    queue, expected = Queue(queue_of(Kind.TEXT), Kind.TEXT), set[str]()
    journal = OneJournal(queue)
    for what, name in steps:
        visitor_id = VisitorId(name)
        commands_of: dict[str, commands.Command] = {
            "seek": seek(name),
            "withdraw": commands.Withdraw(visitor_id),
            "away": commands.Disconnect(visitor_id),
            "back": commands.Resume(visitor(name)),
            "look": commands.LookAgain(visitor_id),
        }
        done = journal.append(commands_of[what])
        expected |= {name} if what == "seek" else set()
        expected -= {name} if what == "withdraw" else set()
        expected -= set(met(done))
        assert set(queue.tickets) == expected
        assert queue.present == len(expected) - len(queue.away)
        assert len(queue._order) <= 2 * len(queue.tickets) + 66


def test_a_claim_looks_at_a_few_only_however_long_the_queue_is(queue: OneJournal) -> None:
    tabs: dict[str, Any] = {"browser": "one browser", "blocked": (BrowserId("one browser"),)}
    for number in range(2_000):
        queue.append(seek(f"tab {number}", **tabs))
    assert met(queue.append(seek("me", **tabs))) == []
    assert len(waiting(queue)) == 2_001
