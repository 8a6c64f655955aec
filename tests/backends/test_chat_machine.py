"""Anything anybody may do, in any order, and what must hold after each step (Hypothesis drives)."""

import atexit
from functools import cache
from itertools import pairwise

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from quart_chat.chat import RESUME_WINDOW
from quart_chat.domain.commands import Accuse, Block, Enter, Leave, Next, Say, Seek, Stop, Typing
from quart_chat.domain.events import Banned, Ending, Said, Stood, Talking, Waiting
from quart_chat.domain.rooms import LOBBY, Kind, RoomId
from quart_chat.domain.safety import Accusation
from quart_chat.domain.visitors import Visitor
from tests.backends.redis_town import RedisTown
from tests.redis_server import SERVERS, RedisServer, running
from tests.town import MemoryTown, Town, now

NAMES = [f"visitor {number}" for number in range(6)]
who = st.sampled_from(NAMES)
MOVES = (Talking, Waiting, Stood, Banned)


class Machine(RuleBasedStateMachine):
    """Six visitors of four browsers in one town, and what holds on every backend."""

    def __init__(self) -> None:
        super().__init__()
        self.town = self.found_town()
        self.visitors = {name: self.town.visitor(name, f"browser {index % 4}") for index, name in enumerate(NAMES)}
        self.rooms_seen: list[RoomId] = [RoomId(""), RoomId("room-NOSUCH"), LOBBY]
        self.away: set[str] = set()
        self.keys = 0

    def found_town(self) -> Town:
        raise NotImplementedError

    def _present(self, name: str) -> Visitor | None:
        return None if name in self.away else self.visitors[name]

    def _room(self, visitor: Visitor, stale: bool, index: int) -> RoomId:
        room = self.town.room_of(visitor) or RoomId("")
        if room and room not in self.rooms_seen:
            self.rooms_seen.append(room)
        return self.rooms_seen[index % len(self.rooms_seen)] if stale else room

    @rule(name=who, kind=st.sampled_from([Kind.TEXT, Kind.VIDEO]))
    def seek(self, name: str, kind: Kind) -> None:
        if visitor := self._present(name):
            self.town.does(visitor, Seek(name, agreed=True), kind)

    @rule(name=who)
    def enter_the_lobby(self, name: str) -> None:
        if visitor := self._present(name):
            self.town.does(visitor, Enter(name), Kind.LOBBY, LOBBY)

    @rule(
        name=who, wish=st.sampled_from([Next, Stop, Leave, Typing, Block]), stale=st.booleans(), index=st.integers(0, 9)
    )
    def wish(self, name: str, wish: type[Next | Stop | Leave | Typing | Block], stale: bool, index: int) -> None:
        if visitor := self._present(name):
            self.town.does(visitor, wish(self._room(visitor, stale, index)))

    @rule(name=who, stale=st.booleans(), index=st.integers(0, 9), again=st.booleans())
    def say(self, name: str, stale: bool, index: int, again: bool) -> None:
        if visitor := self._present(name):
            self.keys += not again
            room = self._room(visitor, stale, index)
            self.town.does(visitor, Say(room, f"key {self.keys}", f"{name} says {self.keys}"))

    @rule(name=who, index=st.integers(0, 9), stale=st.booleans())
    def report(self, name: str, index: int, stale: bool) -> None:
        if visitor := self._present(name):
            self.town.does(visitor, Accuse(self._room(visitor, stale, index), Accusation.SPAM, ""))

    @rule(name=who)
    def drop(self, name: str) -> None:
        if name not in self.away:
            self.away.add(name)
            self.town.drops(self.visitors[name])

    @precondition(lambda self: self.away)
    @rule(index=st.integers(0, 5))
    def resume(self, index: int) -> None:
        name = sorted(self.away)[index % len(self.away)]
        self.away.remove(name)
        visitor = self.visitors[name]
        if not self.town.resumes(visitor, since=index):
            self.town.tell(visitor.id, Stood(Ending.EXPIRED))  # as the socket does for a page that believes to be in

    @rule(seconds=st.sampled_from([1, 6, 46, 121]))
    def time_passes(self, seconds: int) -> None:
        self.town.passes(seconds)

    @invariant()
    def who_is_present_was_told_last_where_it_is(self) -> None:
        for name, visitor in self.visitors.items():
            if name in self.away:
                continue
            told = next((event for event in reversed(self.town.told[visitor.id]) if isinstance(event, MOVES)), None)
            room, waits = self.town.room_of(visitor), self.town.waits(visitor)
            assert waits == isinstance(told, Waiting)
            assert room == (told.view.room if isinstance(told, Talking) else None)

    @invariant()
    def who_talks_with_a_stranger_is_talked_with(self) -> None:
        rooms = [self.town.room_of(visitor) for visitor in self.visitors.values()]
        assert all(rooms.count(room) == 2 for room in rooms if room and room.startswith("pair-"))

    @invariant()
    def counts_are_what_is_there(self) -> None:
        counts = self.town.run(self.town.backend.counts())
        places = [self.town.run(self.town.backend.place_of(visitor.id)) for visitor in self.visitors.values()]
        for kind in Kind:
            assert counts[kind] == sum(place is not None and place.kind is kind for place in places)

    @invariant()
    def each_room_counts_its_messages_without_gap_and_each_key_once(self) -> None:
        for events in self.town.published.values():
            said = [event.message for event in events if isinstance(event, Said)]
            assert all(after.seq == before.seq + 1 for before, after in pairwise(said))
            assert len({(message.by.id, message.key) for message in said}) == len(said)

    def teardown(self) -> None:
        """Everybody goes, time passes: nobody is left."""
        for name, visitor in self.visitors.items():
            if name not in self.away:
                self.town.drops(visitor)
        self.town.passes(2 * RESUME_WINDOW)
        assert not any(self.town.run(self.town.backend.counts()).values())


class MachineInMemory(Machine):
    """The same in one process, whose inside can be looked at after each step."""

    town: MemoryTown

    def found_town(self) -> Town:
        return MemoryTown()

    @invariant()
    def each_is_in_at_most_one_place_and_all_indexes_agree(self) -> None:
        backend = self.town.backend
        for visitor in self.visitors.values():
            holding = [room.id for room in backend._rooms.values() if visitor.id in room.people]
            queued = [kind for kind, queue in backend._queues.items() if visitor.id in queue]
            place = now(backend.place_of(visitor.id))
            assert len(holding) + len(queued) == (place is not None)
            assert not place or holding == ([place.room] if place.room else [])
            assert not place or queued == ([] if place.room else [place.kind])

    @invariant()
    def a_pair_has_two_members_or_does_not_exist(self) -> None:
        for room in self.town.backend._rooms.values():
            assert not room.kind.is_pair or len(room.people) == 2
            assert room.kind is Kind.LOBBY or len(room.people) > 0

    @invariant()
    def nobody_meets_itself_or_one_it_has_blocked(self) -> None:
        backend = self.town.backend
        for talk in backend._talks.values():
            assert len(talk.parties) == 2

    @invariant()
    def two_who_fit_do_not_both_wait_present(self) -> None:
        clock = self.town.clock.monotonic()
        for queue in self.town.backend._queues.values():
            waiting = [ticket for _, ticket in queue._present.values()]
            for one in waiting:
                for other in waiting:
                    assert not (one.may_meet(other) and one.is_new_to(other)), clock

    def teardown(self) -> None:
        """Everybody goes, time passes: nothing is left."""
        super().teardown()
        backend = self.town.backend
        assert list(backend._rooms) == [LOBBY]
        assert not backend._places and not backend._tickets and not backend._absent and not backend._held
        assert not any(len(queue) for queue in backend._queues.values())
        assert not backend._rooms[LOBBY].people and not backend._rooms[LOBBY].away
        self.town.passes(600)
        assert not backend._talks and not backend._ended and not len(backend._keys)


class MachineOnAStore(Machine):
    """The same on two processes that share a store."""

    town: RedisTown

    def found_town(self) -> Town:
        return RedisTown(shared_store().url)

    def teardown(self) -> None:
        super().teardown()
        self.town.close()


@cache
def shared_store() -> RedisServer:
    """A server for the whole run of tests; ended with it."""
    serving = running(SERVERS[0])
    atexit.register(serving.__exit__, None, None, None)
    return serving.__enter__()


TestInMemory = MachineInMemory.TestCase
TestInMemory.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

if SERVERS:
    TestOnAStore = MachineOnAStore.TestCase
    TestOnAStore.settings = settings(
        max_examples=12, stateful_step_count=30, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate)
    )
