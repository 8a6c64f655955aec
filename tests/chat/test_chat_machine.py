"""Anything anybody may do, in any order, and what must hold after each step (Hypothesis drives)."""

import atexit
from functools import cache
from itertools import pairwise

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from quart_chat.chat import Rules
from quart_chat.domain.answers import RoomShown, Waiting
from quart_chat.domain.codes import RoomCode
from quart_chat.domain.events import MessageSent, ReactionsChanged
from quart_chat.domain.limits import Limit
from quart_chat.domain.queues import Queue
from quart_chat.domain.reports import ReportReason
from quart_chat.domain.requests import (
    Block,
    Edit,
    Enter,
    FindStranger,
    Leave,
    Next,
    React,
    ReportStranger,
    Say,
    Stop,
    TakeBack,
    Typing,
)
from quart_chat.domain.rooms import Phase as RoomPhase
from quart_chat.domain.rooms import Room
from quart_chat.domain.spaces import LOBBY, PAIR_KINDS, Kind, SpaceId, kind_of_queue, kind_of_room, queue_of, room_of
from quart_chat.domain.timing import CODE_RESTS, RESUME_WINDOW
from quart_chat.domain.visitors import Visitor
from tests.chat.harness import MOVES, ChatHarness
from tests.chat.redis_harness import RedisHarness
from tests.redis_server import SERVERS, RedisServer, running

CODE = RoomCode("K7QM2X")
NAMES = [f"visitor {number}" for number in range(8)]
who = st.sampled_from(NAMES)
PLACES: list[tuple[Kind, SpaceId | None]] = [
    *[(Kind.TEXT, None)] * 3,
    *[(Kind.VIDEO, None)] * 2,
    *[(Kind.LOBBY, LOBBY)] * 2,
    (Kind.ROOM, room_of(CODE)),
]


class Machine(RuleBasedStateMachine):
    """Eight visitors of five browsers, each with a page for one place, and what holds with every journal."""

    def __init__(self) -> None:
        super().__init__()
        self.chat = self.found()
        self.visitors = {name: self.chat.visitor(name, f"browser {index % 5}") for index, name in enumerate(NAMES)}
        self.places = dict(zip(NAMES, PLACES, strict=True))
        self.rooms_seen: list[SpaceId] = [SpaceId(""), SpaceId("room-NOSUCH"), SpaceId("pair-text-1-x"), LOBBY]
        self.entered: dict[str, set[SpaceId]] = {name: set() for name in NAMES}
        self.away: set[str] = set(NAMES)
        self.messages = 0
        self.said_in: dict[str, SpaceId] = {}
        self.chat.opens_room(CODE)

    def found(self) -> ChatHarness:
        return ChatHarness(Rules(skips=Limit(1000, 1.0)))

    def _present(self, name: str) -> Visitor:
        """Somebody who is connected, from now on at the latest."""
        visitor = self.visitors[name]
        if name in self.away:
            self.come_back(name, 0)
        return visitor

    def _room(self, visitor: Visitor, stale: bool, index: int) -> SpaceId:
        room = self.chat.room_of(visitor) or SpaceId("")
        if room and room not in self.rooms_seen:
            self.rooms_seen.append(room)
        return self.rooms_seen[index % len(self.rooms_seen)] if stale else room

    @rule(name=who)
    def seek_or_enter(self, name: str) -> None:
        visitor, (kind, room) = self._present(name), self.places[name]
        request = FindStranger(name, agreed=True) if kind.is_pair else Enter(name)
        self.chat.does(visitor, request, kind, room)

    @rule(name=who, room=st.booleans())
    def ask_for_what_the_page_is_not_for(self, name: str, room: bool) -> None:
        self.chat.does(self._present(name), Enter(name) if room else FindStranger(name, agreed=True))

    @rule(
        name=who, asks=st.sampled_from([Next, Stop, Leave, Typing, Block]), stale=st.booleans(), index=st.integers(0, 9)
    )
    def ask(self, name: str, asks: type[Next | Stop | Leave | Typing | Block], stale: bool, index: int) -> None:
        visitor = self._present(name)
        self.chat.does(visitor, asks(self._room(visitor, stale, index)))

    @rule(name=who, stale=st.booleans(), index=st.integers(0, 9), again=st.booleans())
    def say(self, name: str, stale: bool, index: int, again: bool) -> None:
        visitor = self._present(name)
        self.messages += not again
        room = self._room(visitor, stale, index)
        text = f"{name} says {self.messages} in {room}"
        self.said_in[text] = room
        self.chat.does(visitor, Say(room, f"key-{self.messages}", text))

    @rule(
        name=who,
        stale=st.booleans(),
        index=st.integers(0, 9),
        seq=st.integers(0, 5),
        emoji=st.sampled_from(["👍", "🎉", "no emoji"]),
        on=st.booleans(),
    )
    def react(self, name: str, stale: bool, index: int, seq: int, emoji: str, on: bool) -> None:
        visitor = self._present(name)
        self.chat.does(visitor, React(self._room(visitor, stale, index), seq, emoji, on))

    @rule(name=who, stale=st.booleans(), index=st.integers(0, 9), seq=st.integers(0, 5), edits=st.booleans())
    def change(self, name: str, stale: bool, index: int, seq: int, edits: bool) -> None:
        visitor = self._present(name)
        room = self._room(visitor, stale, index)
        text = f"{name} edits {seq} in {room}"
        self.said_in[text] = room
        self.chat.does(visitor, Edit(room, seq, f"edit-{seq}", text) if edits else TakeBack(room, seq))

    @rule(name=who, index=st.integers(0, 9), stale=st.booleans())
    def report(self, name: str, index: int, stale: bool) -> None:
        visitor = self._present(name)
        self.chat.does(visitor, ReportStranger(self._room(visitor, stale, index), ReportReason.SPAM, ""))

    @rule(name=who)
    def drop(self, name: str) -> None:
        if name not in self.away:
            self.away.add(name)
            self.chat.drops(self.visitors[name])

    @precondition(lambda self: self.away)
    @rule(index=st.integers(0, 7), since=st.integers(0, 5))
    def resume(self, index: int, since: int) -> None:
        self.come_back(sorted(self.away)[index % len(self.away)], since)

    def come_back(self, name: str, since: int) -> None:
        self.away.discard(name)
        self.chat.comes_back(self.visitors[name], *self.places[name], since=since)

    @rule(seconds=st.sampled_from([1, 6, 46, 121]))
    def time_passes(self, seconds: int) -> None:
        self.chat.passes(seconds)

    @invariant()
    def nothing_has_failed_unseen(self) -> None:
        assert not self.chat.errors.records, self.chat.errors.records[0].exc_info

    @invariant()
    def who_is_present_was_told_last_where_it_is(self) -> None:
        for name, visitor in self.visitors.items():
            if name in self.away:
                continue
            told = next((event for event in reversed(self.chat.told[visitor.id]) if isinstance(event, MOVES)), None)
            room, waits = self.chat.room_of(visitor), self.chat.waits(visitor)
            assert waits == isinstance(told, Waiting)
            assert room == (told.view.room if isinstance(told, RoomShown) else None)

    @invariant()
    def who_talks_with_a_stranger_is_talked_with(self) -> None:
        rooms = [self.chat.room_of(visitor) for visitor in self.visitors.values()]
        assert all(rooms.count(room) == 2 for room in rooms if room and room.startswith("pair-"))

    @invariant()
    def nobody_is_in_a_place_that_its_page_is_not_for(self) -> None:
        for name, visitor in self.visitors.items():
            kind, room = self.places[name]
            where = self.chat.where(visitor)
            assert where is None or (kind in (kind_of_room(where), kind_of_queue(where)) and room in (None, where))

    @invariant()
    def nobody_reads_what_was_said_in_a_room_it_has_not_entered(self) -> None:
        for name, visitor in self.visitors.items():
            shown = [told for told in self.chat.told[visitor.id] if isinstance(told, RoomShown)]
            self.entered[name] |= {told.view.room for told in shown}
            for told in shown:
                said = [message.text for message in told.view.messages if not message.taken_back]
                assert all(self.said_in[text] == told.view.room for text in said)
        for process in self.chat.processes:
            for id, room in process.screens.listening.items():
                assert room in self.entered[id]
        for room in self.chat.rooms():
            assert all(self.said_in[text] == room for text in self.chat.heard_in(room))

    @invariant()
    def counts_are_those_who_are_present(self) -> None:
        counts = self.chat.counts()
        here = [self.chat.where(visitor) for name, visitor in self.visitors.items() if name not in self.away]
        for kind in Kind:
            assert counts[kind] == sum(
                where is not None and kind in (kind_of_room(where), kind_of_queue(where)) for where in here
            )

    @invariant()
    def each_room_counts_its_messages_without_gap_and_each_key_once(self) -> None:
        for room in self.chat.rooms():
            sent = [event.message for event in self.chat.published(room) if isinstance(event, MessageSent)]
            assert all(after.seq == before.seq + 1 for before, after in pairwise(sent))
            assert len({(message.by.id, message.key) for message in sent}) == len(sent)

    @invariant()
    def each_reacts_once_with_each_emoji_and_only_where_it_is(self) -> None:
        for room in self.chat.rooms():
            for event in self.chat.published(room):
                if isinstance(event, ReactionsChanged):
                    assert self.said_in[event.message.text] == room
                    for reaction in event.message.reactions:
                        assert reaction.by and len({member.id for member in reaction.by}) == len(reaction.by)
                        assert all(room in self.entered[member.id] for member in reaction.by)

    def teardown(self) -> None:
        """Everybody goes, time passes: nobody is left."""
        for name, visitor in self.visitors.items():
            if name not in self.away:
                self.chat.drops(visitor)
        self.chat.passes(2 * RESUME_WINDOW)
        assert not any(self.chat.counts().values())
        assert not any(self.chat.where(visitor) for visitor in self.visitors.values())
        self.chat.close()


class MachineInMemory(Machine):
    """The same in one process, whose inside can be looked at after each step."""

    def _states(self) -> list[Room]:
        states = self.chat.processes[0].journal._states.values()
        return [state for state in states if isinstance(state, Room)]

    def _queues(self) -> list[Queue]:
        states = [self.chat.processes[0].journal.state(queue_of(kind)) for kind in PAIR_KINDS]
        return [state for state in states if isinstance(state, Queue)]

    @invariant()
    def each_is_in_at_most_one_place_and_all_indexes_agree(self) -> None:
        for visitor in self.visitors.values():
            holding = [room.id for room in self._states() if visitor.id in room.seats]
            queued = [queue.id for queue in self._queues() if visitor.id in queue.tickets]
            where = self.chat.where(visitor)
            assert [*holding, *queued] == ([where] if where else [])

    @invariant()
    def a_pair_has_two_members_or_is_over(self) -> None:
        for room in self._states():
            if room.kind.is_pair:
                assert len(room.seats) == (2 if room.phase is RoomPhase.OPEN else 0)
            if room.kind is Kind.ROOM and room.visited and room.phase is RoomPhase.OPEN:
                assert room.seats

    @invariant()
    def two_who_fit_do_not_both_wait_present(self) -> None:
        now = self.chat.clock.now()
        for queue in self._queues():
            present = [ticket for id, ticket in queue.tickets.items() if id not in queue.away]
            for one in present:
                for other in present:
                    assert not (one.may_meet(other, now) and one.is_new_to(other))

    def teardown(self) -> None:
        """Everybody goes, time passes: nothing is left."""
        self.chat.passes(2 * RESUME_WINDOW)
        super().teardown()
        self.chat.passes(601)
        rooms = [room for room in self._states() if room.kind is not Kind.LOBBY]
        assert all(room.kind is Kind.ROOM and room.phase is RoomPhase.CLOSED and not room.sent for room in rooms)
        assert not any(queue.tickets or queue.away for queue in self._queues())
        process = self.chat.processes[0]
        assert not process.chat._returning and not process.chat._lingering and not process.chat._left_by
        assert not process.chat._expelled and not process.chat._whereabouts._at
        self.chat.clock.seconds += CODE_RESTS
        process.chat.tick()
        assert not [room for room in self._states() if room.kind is not Kind.LOBBY]


TestInMemory = MachineInMemory.TestCase
TestInMemory.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


class MachineOnAStore(Machine):
    """The same on two processes that share a store; pages come back by the other one."""

    def found(self) -> ChatHarness:
        return RedisHarness(shared_store(), Rules(skips=Limit(1000, 1.0)))


@cache
def shared_store() -> RedisServer:
    """A server for the whole run of tests; ended with it."""
    serving = running(SERVERS[0])
    atexit.register(serving.__exit__, None, None, None)
    return serving.__enter__()


if SERVERS:
    TestOnAStore = MachineOnAStore.TestCase
    TestOnAStore.settings = settings(
        max_examples=12, stateful_step_count=30, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate)
    )
