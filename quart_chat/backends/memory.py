"""Rooms and queues of a single process: plain objects, changed by one task at a time."""

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from quart_chat.backends.telling import show
from quart_chat.domain.codes import RoomCode
from quart_chat.domain.events import CameBack, Joined, Left, Said, StartedTyping, Waiting, WentAway
from quart_chat.domain.matching import REMEMBERED_PARTNERS, Queue, Ticket
from quart_chat.domain.messages import KeyRing
from quart_chat.domain.ports import Absence, Bus, Clock, Parting, Place, Saying
from quart_chat.domain.rooms import LOBBY, Kind, Room, RoomId, room_of
from quart_chat.domain.safety import (
    REPORTABLE_FOR,
    SEALED_LINES,
    Accusation,
    Bans,
    Line,
    Person,
    Report,
    Thresholds,
)
from quart_chat.domain.visitors import BrowserId, Member, Visitor, VisitorId

UNVISITED_ROOM = 600.0  # seconds a created room waits for its first visitor
CODE_RESTS = 86_400.0  # seconds before the code of a closed room may open another one
DEFAULT_THRESHOLDS = Thresholds()
BLOCKS_KEPT = 200  # by one browser
BROWSERS_REMEMBERED = 100_000  # whose last partners are kept, the latest first,
MET_LATELY = 3_600.0  # and for so many seconds after the last of them


@dataclass(slots=True)
class Talk:
    """What is held of a pair, until some minutes after it, so that it can be reported."""

    kind: Kind
    parties: dict[VisitorId, Person]
    lines: deque[tuple[VisitorId, str, float]] = field(default_factory=lambda: deque(maxlen=SEALED_LINES))
    reported_by: set[VisitorId] = field(default_factory=set)

    def other(self, visitor: VisitorId) -> Person:
        """The one whom this visitor has met."""
        return next(person for each, person in self.parties.items() if each != visitor)


class MemoryBackend:
    """The `Backend` of one process.

    Nothing here awaits, so every method is atomic among the tasks of one event loop.
    """

    def __init__(
        self, bus: Bus, clock: Clock, new_pair_id: Callable[[], str], thresholds: Thresholds = DEFAULT_THRESHOLDS
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._new_pair_id = new_pair_id
        self._rooms: dict[RoomId, Room] = {LOBBY: Room(LOBBY, Kind.LOBBY)}
        self._queues = {kind: Queue(kind) for kind in Kind if kind.is_pair}
        self._places: dict[VisitorId, Place] = {}
        self._tickets: dict[VisitorId, Ticket] = {}
        self._absent: dict[VisitorId, float] = {}  # since when
        self._held: set[VisitorId] = set()
        self._keys = KeyRing()
        self._met: dict[BrowserId, deque[BrowserId]] = {}
        self._met_at: OrderedDict[BrowserId, float] = OrderedDict()
        self._blocked: OrderedDict[BrowserId, OrderedDict[BrowserId, None]] = OrderedDict()
        self._talks: dict[RoomId, Talk] = {}
        self._ended: OrderedDict[RoomId, float] = OrderedDict()
        self._bans = Bans(thresholds)
        self._unvisited: OrderedDict[RoomId, float] = OrderedDict()
        self._resting: OrderedDict[RoomId, float] = OrderedDict()
        self._people = dict.fromkeys(Kind, 0)

    async def create_room(self, code: RoomCode) -> bool:
        """Open an empty room."""
        await self.tidy()
        room = room_of(code)
        if room in self._rooms or room in self._resting:
            return False
        self._rooms[room] = Room(room, Kind.ROOM)
        self._unvisited[room] = self._clock.monotonic()
        return True

    async def people_in(self, room: RoomId) -> int | None:
        """How many are in a room."""
        await self.tidy()
        found = self._rooms.get(room)
        return len(found.people) if found else None

    async def counts(self) -> Mapping[Kind, int]:
        """How many people are in each kind of place, queues included."""
        return dict(self._people)

    async def place_of(self, visitor: VisitorId) -> Place | None:
        """Where a visitor is."""
        return self._places.get(visitor)

    async def enter(self, room: RoomId, visitor: Visitor, name: str) -> bool:
        """Go into the lobby or an open room."""
        await self.tidy()
        entered = self._rooms.get(room)
        if entered is None or visitor.id in self._places:
            return False
        self._unvisited.pop(room, None)
        self._join(entered, visitor.id, name)
        show(self._bus, visitor.id, entered.view(visitor.id))
        return True

    async def leave(self, room: RoomId, visitor: VisitorId) -> bool:
        """Go out of the lobby or a room by code; the last one to leave closes the room."""
        left = self._rooms.get(room)
        return left is not None and not left.kind.is_pair and self._leave(left, visitor) is not None

    async def say(self, room: RoomId, visitor: VisitorId, key: str, text: str) -> Saying:
        """Add a message and tell the room."""
        if self._keys.has(visitor, room, key):
            return Saying.REPEATED
        spoken_in = self._rooms.get(room)
        if spoken_in is None or visitor not in spoken_in.people:
            return Saying.REFUSED
        message = spoken_in.say(visitor, key, text, self._clock.wall())
        self._keys.add(visitor, room, key, self._clock.monotonic())
        if talk := self._talks.get(room):
            talk.lines.append((visitor, text, message.at))
        self._bus.publish(room, Said(message))
        return Saying.ACCEPTED

    async def typing(self, room: RoomId, visitor: VisitorId) -> None:
        """Tell the room that a member writes."""
        written_in = self._rooms.get(room)
        member = written_in.people.get(visitor) if written_in else None
        if member:
            self._bus.publish(room, StartedTyping(member))

    async def seek(self, kind: Kind, visitor: Visitor, name: str, held: bool = False) -> bool:
        """Join the queue; one who waits there already keeps its place."""
        place = self._places.get(visitor.id)
        if place is not None:
            return place == Place(kind, None)
        self._enqueue(kind, visitor, name)
        if held:
            self._held.add(visitor.id)
            self._queues[kind].pass_over(visitor.id)
        if not await self.meet(visitor.id):
            self._bus.tell(visitor.id, Waiting(kind, len(self._queues[kind])))
        return True

    async def release(self, visitor: VisitorId) -> None:
        """Let one who was held meet somebody, unless it is away."""
        self._held.discard(visitor)
        self._let_be_met(visitor)
        await self.meet(visitor)

    async def meet(self, visitor: VisitorId) -> bool:
        """Let a waiting visitor meet the longest waiting one who fits, in a room of their own."""
        place = self._places.get(visitor)
        if place is None or place.room is not None:
            return False
        pair = self._queues[place.kind].claim(visitor, self._clock.monotonic())
        if pair is None:
            return False
        self._introduce(place.kind, pair)
        return True

    async def withdraw(self, visitor: VisitorId) -> bool:
        """Leave the queue."""
        place = self._places.get(visitor)
        if place is None or place.room is not None:
            return False
        self._queues[place.kind].withdraw(visitor)
        self._leave_place(visitor)
        return True

    async def part(self, room: RoomId, visitor: VisitorId) -> Parting | None:
        """End a pair and queue the one who stays."""
        pair = self._rooms.get(room)
        if pair is None or not pair.kind.is_pair or visitor not in pair.people:
            return None
        gone, stayed = self._tickets[visitor], self._tickets[self._other_in(pair, visitor)]
        away_since = self._absent.get(stayed.visitor)
        left = self._leave(pair, gone.visitor)
        self._leave(pair, stayed.visitor)
        self._ended[room] = self._clock.monotonic()
        waiting = Visitor(stayed.visitor, stayed.browser, stayed.address)
        self._enqueue(pair.kind, waiting, stayed.name)
        if away_since is not None:
            self._note_absence(stayed.visitor, away_since)
        self._bus.tell(stayed.visitor, Waiting(pair.kind, len(self._queues[pair.kind]), left=left))
        return Parting(pair.kind, gone.name, waiting)

    async def partner_of(self, room: RoomId, visitor: VisitorId) -> Visitor | None:
        """The other one of a video pair."""
        pair = self._rooms.get(room)
        if pair is None or pair.kind is not Kind.VIDEO or visitor not in pair.people:
            return None
        ticket = self._tickets[self._other_in(pair, visitor)]
        return Visitor(ticket.visitor, ticket.browser, ticket.address)

    async def waiting(self, kind: Kind) -> int:
        """How many are in a queue."""
        return len(self._queues[kind])

    async def longest_waiting(self, kind: Kind) -> Sequence[VisitorId]:
        """The first few of a queue who are present."""
        return self._queues[kind].longest_waiting()

    async def block(self, room: RoomId, visitor: VisitorId) -> bool:
        """Keep the two browsers of a talk apart."""
        await self.tidy()
        talk = self._talks.get(room)
        if talk is None or visitor not in talk.parties:
            return False
        self._keep_apart(talk.parties[visitor].browser, talk.other(visitor).browser)
        return True

    async def accuse(self, room: RoomId, visitor: VisitorId, accusation: Accusation, words: str) -> Report | None:
        """Count a report and block; the talk's last lines are sealed into it."""
        if not await self.block(room, visitor):
            return None
        talk, now = self._talks[room], self._clock.wall()
        if visitor in talk.reported_by:
            return None
        talk.reported_by.add(visitor)
        accused, reporter = talk.other(visitor), talk.parties[visitor]
        self._bans.report(accused, reporter, now)
        lines = tuple(Line(by != visitor, text, at) for by, text, at in talk.lines)
        return Report(now, talk.kind.value, accusation, words, accused, reporter, lines)

    async def banned_until(self, visitor: Visitor) -> float | None:
        """When this visitor's ban ends."""
        return self._bans.until(Person(visitor.browser, visitor.address), self._clock.wall())

    async def whose(self, visitor: Visitor, place: Place) -> VisitorId:
        """In one process the sessions know already."""
        return visitor.id

    async def drop(self, visitor: VisitorId) -> None:
        """Note that a visitor is away."""
        if visitor in self._places:
            self._note_absence(visitor, self._clock.monotonic())

    async def resume(self, visitor: Visitor, shown: RoomId | None, since: int | None) -> bool:
        """Welcome a visitor back, from whatever address it comes now."""
        place = self._places.get(visitor.id)
        if place is None:
            return False
        self._absent.pop(visitor.id, None)
        if place.room is None:
            self._let_be_met(visitor.id)
            if not await self.meet(visitor.id):
                self._bus.tell(visitor.id, Waiting(place.kind, len(self._queues[place.kind])))
            return True
        if ticket := self._tickets.get(visitor.id):
            self._tickets[visitor.id] = replace(ticket, address=visitor.address)
        self._take_seat_again(self._rooms[place.room], visitor.id, shown, since)
        return True

    async def absences(self) -> Sequence[Absence]:
        """Those who are away, the longest first."""
        now = self._clock.monotonic()
        return [
            Absence(visitor, self._places[visitor], now - since, self._is_shown_away(visitor))
            for visitor, since in sorted(self._absent.items(), key=lambda entry: entry[1])
        ]

    async def mark_away(self, visitor: VisitorId) -> None:
        """Show the visitor's room that it is reconnecting."""
        place = self._places.get(visitor)
        room = self._rooms.get(place.room) if place and place.room else None
        member = room.people.get(visitor) if room else None
        if room and member and visitor not in room.away:
            room.away.add(visitor)
            self._bus.publish(room.id, WentAway(member))

    async def give_up(self, absence: Absence) -> Parting | None:
        """End the stay of one who is still away."""
        visitor, place = absence.visitor, self._places.get(absence.visitor)
        if place is None or visitor not in self._absent:
            return None
        if place.room is None:
            await self.withdraw(visitor)
        elif place.kind.is_pair:
            return await self.part(place.room, visitor)
        else:
            await self.leave(place.room, visitor)
        return None

    async def tidy(self) -> None:
        """Close rooms nobody came to and let rested codes be used again."""
        now = self._clock.monotonic()
        while self._unvisited and next(iter(self._unvisited.values())) + UNVISITED_ROOM <= now:
            room, _ = self._unvisited.popitem(last=False)
            self._close(self._rooms[room])
        while self._resting and next(iter(self._resting.values())) + CODE_RESTS <= now:
            self._resting.popitem(last=False)
        while self._ended and next(iter(self._ended.values())) + REPORTABLE_FOR <= now:
            ended, _ = self._ended.popitem(last=False)
            del self._talks[ended]
        while self._met_at and next(iter(self._met_at.values())) + MET_LATELY <= now:
            self._forget_who_met_first()
        self._keys.forget(now)

    def _join(self, room: Room, visitor: VisitorId, name: str) -> None:
        member, pushed = room.join(visitor, name)
        self._places[visitor] = Place(room.kind, room.id)
        self._people[room.kind] += 1
        if not room.kind.is_pair:
            self._bus.publish(room.id, Joined(member, len(room.people), pushed))

    def _leave(self, room: Room, visitor: VisitorId) -> Member | None:
        left = room.leave(visitor)
        if left is None:
            return None
        member, pulled = left
        self._leave_place(visitor)
        if not room.kind.is_pair:
            self._bus.publish(room.id, Left(member, len(room.people), pulled))
        if not room.people and room.kind is not Kind.LOBBY:
            self._close(room)
        return member

    def _leave_place(self, visitor: VisitorId) -> None:
        self._people[self._places.pop(visitor).kind] -= 1
        self._tickets.pop(visitor, None)
        self._held.discard(visitor)
        self._absent.pop(visitor, None)

    def _note_absence(self, visitor: VisitorId, since: float) -> None:
        self._absent[visitor] = since
        place = self._places[visitor]
        if place.room is None:
            self._queues[place.kind].pass_over(visitor)

    def _introduce(self, kind: Kind, pair: tuple[Ticket, Ticket]) -> None:
        room = Room(RoomId(f"pair-{self._new_pair_id()}"), kind)
        self._rooms[room.id] = room
        self._talks[room.id] = Talk(kind, {ticket.visitor: Person(ticket.browser, ticket.address) for ticket in pair})
        for ticket in pair:
            self._leave_place(ticket.visitor)
            self._tickets[ticket.visitor] = ticket
            self._join(room, ticket.visitor, ticket.name)
        self._remember(pair[0].browser, pair[1].browser)
        for ticket in pair:
            show(self._bus, ticket.visitor, room.view(ticket.visitor))

    def _other_in(self, pair: Room, visitor: VisitorId) -> VisitorId:
        return next(member.id for member in pair.people.all() if member.id != visitor)

    def _let_be_met(self, visitor: VisitorId) -> None:
        place = self._places.get(visitor)
        if place and place.room is None and visitor not in self._held and visitor not in self._absent:
            self._queues[place.kind].welcome_back(visitor)

    def _take_seat_again(self, room: Room, visitor: VisitorId, shown: RoomId | None, since: int | None) -> None:
        same = room.id == shown
        member = room.people.get(visitor)
        if member and visitor in room.away:
            room.away.discard(visitor)
            self._bus.publish(room.id, CameBack(member))
        show(self._bus, visitor, room.view(visitor, since if same else None), resumed=same)

    def _is_shown_away(self, visitor: VisitorId) -> bool:
        """Those in a queue have nobody to be shown to."""
        room = self._places[visitor].room
        return room is None or visitor in self._rooms[room].away

    def _close(self, room: Room) -> None:
        del self._rooms[room.id]
        if room.kind is Kind.ROOM:
            self._resting[room.id] = self._clock.monotonic()

    def _enqueue(self, kind: Kind, visitor: Visitor, name: str) -> None:
        ticket = Ticket(
            visitor.id,
            visitor.browser,
            name,
            self._clock.monotonic(),
            recent=tuple(self._met.get(visitor.browser, ())),
            blocked=frozenset(self._blocked.get(visitor.browser, ())),
            address=visitor.address,
            kind=kind,
        )
        self._queues[kind].add(ticket)
        self._places[visitor.id] = Place(kind, None)
        self._people[kind] += 1

    def _keep_apart(self, blocker: BrowserId, blocked: BrowserId) -> None:
        """One of the two tickets is enough to keep them apart, so only the blocker's list grows."""
        mine = self._blocked.setdefault(blocker, OrderedDict())
        mine[blocked] = None
        self._blocked.move_to_end(blocker)
        if len(mine) > BLOCKS_KEPT:
            mine.popitem(last=False)
        if len(self._blocked) > BROWSERS_REMEMBERED:
            self._blocked.popitem(last=False)

    def _remember(self, one: BrowserId, other: BrowserId) -> None:
        if one == other:
            return
        for mine, theirs in ((one, other), (other, one)):
            self._met.setdefault(mine, deque(maxlen=REMEMBERED_PARTNERS)).append(theirs)
            self._met_at[mine] = self._clock.monotonic()
            self._met_at.move_to_end(mine)
        while len(self._met) > BROWSERS_REMEMBERED:
            self._forget_who_met_first()

    def _forget_who_met_first(self) -> None:
        browser, _ = self._met_at.popitem(last=False)
        del self._met[browser]
