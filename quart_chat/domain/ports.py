"""What the domain needs from outside, as short Protocols. Every implementation passes the same tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from quart_chat.domain.codes import RoomCode
from quart_chat.domain.events import PersonalEvent, RoomEvent
from quart_chat.domain.matching import Ticket
from quart_chat.domain.messages import Message
from quart_chat.domain.rooms import Kind, RoomId, View
from quart_chat.domain.safety import Accusation, Report
from quart_chat.domain.visitors import Member, Visitor, VisitorId


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
class Meeting:
    """Two strangers who now share a room, the longer waiting one first."""

    room: RoomId
    kind: Kind
    first: Ticket
    second: Ticket


@dataclass(frozen=True, slots=True)
class Parting:
    """A pair that is over: who went, and who stayed and is in the queue again."""

    kind: Kind
    gone: Member
    stayed: Visitor


class Repeated(Enum):
    """The answer to a message whose key has been said before."""

    REPEATED = "repeated"


class Cabinet(Protocol):
    """Where reports go, for the operator to read."""

    def file(self, report: Report) -> None:
        """Keep a report."""


class Backend(Protocol):
    """Keeps rooms, queues and places. Each method happens wholly or not at all, and tells the room itself."""

    async def create_room(self, code: RoomCode) -> bool:
        """Open an empty room; False when the code is in use or rests."""

    async def people_in(self, room: RoomId) -> int | None:
        """How many are in a room; None when there is no such room."""

    async def counts(self) -> Mapping[Kind, int]:
        """How many people are in each kind of place."""

    async def place_of(self, visitor: VisitorId) -> Place | None:
        """Where a visitor is; None at a door."""

    async def enter(self, room: RoomId, visitor: VisitorId, name: str) -> View | None:
        """Go into the lobby or an open room; None when there is no such room or the visitor is elsewhere."""

    async def leave(self, room: RoomId, visitor: VisitorId) -> Member | None:
        """Go out of the lobby or a room by code; None for a stranger there."""

    async def say(self, room: RoomId, visitor: VisitorId, key: str, text: str) -> Message | Repeated | None:
        """Add a message; `REPEATED` when the key was said before, None for a stranger there."""

    async def typing(self, room: RoomId, visitor: VisitorId) -> None:
        """Tell the room that a member writes."""

    async def seek(self, kind: Kind, visitor: Visitor, name: str) -> bool:
        """Join the queue; False when the visitor is in a room or another queue."""

    async def match(self, kind: Kind, visitor: VisitorId) -> Meeting | None:
        """Let a waiting visitor meet somebody, if anybody fits."""

    async def withdraw(self, visitor: VisitorId) -> bool:
        """Leave the queue."""

    async def part(self, room: RoomId, visitor: VisitorId) -> Parting | None:
        """End a pair: this visitor is nowhere, the other one in the queue again; None for a stranger there."""

    async def partner_of(self, room: RoomId, visitor: VisitorId) -> VisitorId | None:
        """The other one of a video pair; None for a stranger there."""

    async def waiting(self, kind: Kind) -> int:
        """How many are in a queue."""

    async def longest_waiting(self, kind: Kind) -> Sequence[VisitorId]:
        """The first few of a queue who are present."""

    async def view(self, room: RoomId, visitor: VisitorId, since: int | None) -> View | None:
        """Show a room to its member who has everything up to `since`."""

    async def block(self, room: RoomId, visitor: VisitorId) -> bool:
        """Keep the two browsers of a talk apart; False when this visitor was not in it, or it is too long ago."""

    async def accuse(self, room: RoomId, visitor: VisitorId, accusation: Accusation, words: str) -> Report | None:
        """Count a report and block; None when this visitor was not in that talk, has reported it, or is too late."""

    async def banned_until(self, visitor: Visitor) -> float | None:
        """When this visitor's ban ends; None when there is none."""

    async def pass_over(self, visitor: VisitorId) -> None:
        """Nobody meets this visitor until it is welcomed back; its place is kept."""

    async def welcome_back(self, visitor: VisitorId) -> None:
        """Undo `pass_over` and `mark_away`."""

    async def mark_away(self, visitor: VisitorId) -> None:
        """Show the visitor's room that it is reconnecting."""

    async def tidy(self) -> None:
        """Close rooms nobody came to and let rested codes be used again."""
