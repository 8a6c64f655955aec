"""Rooms kept in the store, as one process sees them: built from a snapshot, then kept up by numbered events."""

import asyncio
from collections.abc import Iterator

from quart_chat.backends.codec import MessageRecord, RoomNews, Snapshot
from quart_chat.domain.events import CameBack, Joined, Left, RoomEvent, Said, StartedTyping, WentAway
from quart_chat.domain.messages import Message
from quart_chat.domain.rooms import Kind, Room, RoomId, View
from quart_chat.domain.visitors import Member, VisitorId

HELD_BACK = 10_000  # events kept while a snapshot is on its way


class Gap(Exception):
    """Events of a room are missing, so that it has to be read anew."""


class Mirror:
    """One room. It is `ready` once it holds a snapshot; what arrives before is held back."""

    def __init__(self, room: RoomId) -> None:
        self.id = room
        self.ready = asyncio.Event()
        self.heard = asyncio.Condition()
        self.subscribed = asyncio.Event()
        self.n = 0
        self.lagging = False
        self._room: Room | None = None
        self._held_back: list[RoomNews] = []

    @property
    def seq(self) -> int:
        """The last message here."""
        return self._room.seq if self._room else 0

    def forget(self) -> None:
        """Hold back all events until there is a new snapshot."""
        self.ready.clear()

    def load(self, snapshot: Snapshot) -> list[RoomEvent]:
        """Take a snapshot; returns what has happened since it was made."""
        self._room = room = Room(self.id, Kind(snapshot.kind))
        for seat in snapshot.members:
            room.admit(seat.member, seat.after)
        room.away.update(snapshot.away)
        for record in snapshot.log:
            _record(room, record)
        room.seq, self.n = snapshot.seq, snapshot.n
        self.ready.set()
        held_back, self._held_back = self._held_back, []
        return [event for news in held_back for event in self.take(news)]

    def take(self, news: RoomNews) -> Iterator[RoomEvent]:
        """Keep up with one event; yields what it means here. Raises Gap when one before it is missing."""
        room = self._room
        if not self.ready.is_set() or room is None:
            self._held_back = [*self._held_back[-HELD_BACK:], news]
        elif news.n is None:
            if news.id and (member := room.people.get(news.id)):
                yield StartedTyping(member)
        elif news.n > self.n + 1:
            raise Gap
        elif news.n == self.n + 1:
            self.n = news.n
            if event := _applied(room, news):
                yield event

    def view(self, visitor: VisitorId, since: int | None) -> View | None:
        """Show the room to its member."""
        if self._room is None or visitor not in self._room.people:
            return None
        return self._room.view(visitor, since)

    def partner_of(self, visitor: VisitorId) -> Member | None:
        """The other one of a pair."""
        people = self._room.people.all() if self._room else ()
        return next((member for member in people if member.id != visitor), None)


def _applied(room: Room, news: RoomNews) -> RoomEvent | None:
    """Change the room as the store has changed it."""
    member: Member | None
    match news.e:
        case "said" if news.message:
            return Said(_record(room, news.message))
        case "joined" if news.member and news.member.id not in room.people:
            pushed = room.admit(news.member.member, news.member.after)
            return None if room.kind.is_pair else Joined(news.member.member, len(room.people), pushed)
        case "left" if news.id and (left := room.leave(news.id)):
            member, pulled = left
            return None if room.kind.is_pair else Left(member, len(room.people), pulled)
        case "away" if news.id and (member := room.people.get(news.id)):
            room.away.add(news.id)
            return WentAway(member)
        case "back" if news.id and (member := room.people.get(news.id)):
            room.away.discard(news.id)
            return CameBack(member)
    return None


def _record(room: Room, record: MessageRecord) -> Message:
    return room.record(record.seq, record.key, record.by, record.text, record.at / 1000)
