"""What the domain needs from outside, as short Protocols. Every implementation passes the same tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from quart_chat.domain.codes import RoomCode
from quart_chat.domain.events import PersonalEvent, RoomEvent
from quart_chat.domain.rooms import Kind, RoomId
from quart_chat.domain.safety import Accusation, Report
from quart_chat.domain.visitors import Visitor, VisitorId


class Clock(Protocol):
    """Time, twice: for timers, and for people."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    def wall(self) -> float:
        """Seconds since the epoch."""


class Bus(Protocol):
    """Carries what has happened to the screens it concerns."""

    def publish(self, room: RoomId, event: RoomEvent) -> None:
        """Tell every member of a room."""

    def tell(self, visitor: VisitorId, event: PersonalEvent) -> None:
        """Tell one visitor."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a visitor is: in a room, or in the queue of a kind when `room` is None."""

    kind: Kind
    room: RoomId | None


@dataclass(frozen=True, slots=True)
class Parting:
    """A pair that is over.

    `name` is what the one who went had sought with; `stayed` is queued again, if still there.
    """

    kind: Kind
    name: str
    stayed: Visitor | None


@dataclass(frozen=True, slots=True)
class Absence:
    """A visitor whose connection has been gone for so many seconds, and whether its room knows."""

    visitor: VisitorId
    place: Place
    away_for: float
    marked: bool


class Unavailable(Exception):
    """What rooms and queues are kept in cannot be reached now; nothing is lost by asking again later."""


class Saying(Enum):
    """What became of a message: accepted, said before under the same key, or written for a room one is not in."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    REFUSED = "refused"


class Cabinet(Protocol):
    """Where reports go, for the operator to read."""

    def file(self, report: Report) -> None:
        """Keep a report."""


class Backend(Protocol):
    """Keeps rooms, queues and places. Each method happens wholly or not at all.

    What changes a room is told to the room. Whoever is moved into a room or a queue, by its own wish or another's, is
    told so (`Talking`, `CallBegan`, `Waiting`), in the order of its moves.
    """

    async def create_room(self, code: RoomCode) -> bool:
        """Open an empty room; False when the code is in use or rests."""

    async def people_in(self, room: RoomId) -> int | None:
        """How many are in a room; None when there is no such room."""

    async def counts(self) -> Mapping[Kind, int]:
        """How many people are in each kind of place, queues included."""

    async def place_of(self, visitor: VisitorId) -> Place | None:
        """Where a visitor is; None at a door."""

    async def enter(self, room: RoomId, visitor: Visitor, name: str) -> bool:
        """Go into the lobby or an open room; False when there is no such room or the visitor is elsewhere."""

    async def leave(self, room: RoomId, visitor: VisitorId) -> bool:
        """Go out of the lobby or a room by code; False for a stranger there."""

    async def say(self, room: RoomId, visitor: VisitorId, key: str, text: str) -> Saying:
        """Add a message to a room, once for each key."""

    async def typing(self, room: RoomId, visitor: VisitorId) -> None:
        """Tell the room that a member writes."""

    async def seek(self, kind: Kind, visitor: Visitor, name: str, held: bool = False) -> bool:
        """Join the queue, and meet somebody if anybody fits; False when the visitor is in a room or another queue.

        Nobody meets one who is `held` until it is released.
        """

    async def release(self, visitor: VisitorId) -> None:
        """Let one who was held meet somebody."""

    async def meet(self, visitor: VisitorId) -> bool:
        """Give a waiting visitor another look; True when it has met somebody."""

    async def withdraw(self, visitor: VisitorId) -> bool:
        """Leave the queue."""

    async def part(self, room: RoomId, visitor: VisitorId) -> Parting | None:
        """End a pair: this visitor is nowhere, the other one in the queue again; None for a stranger there."""

    async def partner_of(self, room: RoomId, visitor: VisitorId) -> Visitor | None:
        """The other one of a video pair; None for a stranger there."""

    async def waiting(self, kind: Kind) -> int:
        """How many are in a queue."""

    async def longest_waiting(self, kind: Kind) -> Sequence[VisitorId]:
        """The first few of a queue who are present, as far as they are connected here."""

    async def block(self, room: RoomId, visitor: VisitorId) -> bool:
        """Keep the two browsers of a talk apart; False when this visitor was not in it, or it is too long ago."""

    async def accuse(self, room: RoomId, visitor: VisitorId, accusation: Accusation, words: str) -> Report | None:
        """Count a report and block; None when this visitor was not in that talk, has reported it, or is too late."""

    async def banned_until(self, visitor: Visitor) -> float | None:
        """When this visitor's ban ends; None when there is none."""

    async def whose(self, visitor: Visitor, place: Place) -> VisitorId:
        """Whose page it is that comes as this visitor: its own, or that of one whom its browser has left behind there.

        A place without a room stands for wherever strangers of its kind are.
        """

    async def drop(self, visitor: VisitorId) -> None:
        """Note that a visitor's connection is gone: it keeps its place, and nobody meets it."""

    async def resume(self, visitor: Visitor, shown: RoomId | None, since: int | None) -> bool:
        """Welcome a visitor back and tell it where it is; False when it is nowhere any more.

        Its page shows the room `shown` up to message `since`; of any other room it gets the whole view.
        """

    async def absences(self) -> Sequence[Absence]:
        """Those who are away, the longest first; each of several processes may be given a part of them, or none."""

    async def mark_away(self, visitor: VisitorId) -> None:
        """Show the room of one who is still away that it is reconnecting."""

    async def give_up(self, absence: Absence) -> Parting | None:
        """End the stay of one who is still away; returns the pair that this has ended."""

    async def tidy(self) -> None:
        """Do what time asks for: close rooms nobody came to, let rested codes be used again, say that one lives."""
