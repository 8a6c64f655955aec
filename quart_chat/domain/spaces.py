"""Where things happen: a space is a room, a queue or the list of bans, and each has one journal.

The id of a space says what it is, so that nothing read from a store can become part of a space of another kind.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from quart_chat.domain.codes import RoomCode

SpaceId = NewType("SpaceId", str)


class Kind(StrEnum):
    """The four ways to talk."""

    TEXT = "text"
    VIDEO = "video"
    LOBBY = "lobby"
    ROOM = "room"

    @property
    def is_pair(self) -> bool:
        """Strangers, two by two."""
        return self in (Kind.TEXT, Kind.VIDEO)


PAIR_KINDS = (Kind.TEXT, Kind.VIDEO)
LOBBY = SpaceId("lobby")
BANS = SpaceId("bans")


def room_of(code: RoomCode) -> SpaceId:
    """Name the room that a code opens."""
    return SpaceId(f"room-{code}")


def queue_of(kind: Kind) -> SpaceId:
    """Name the queue of those who look for a stranger in this way."""
    return SpaceId(f"queue-{kind}")


def pair_of(kind: Kind, number: int, at: float) -> SpaceId:
    """Name the room of two strangers, who were matched by an entry of their queue.

    The time keeps it apart from all others, should a queue ever count from the start again.
    """
    return SpaceId(f"pair-{kind}-{number}-{int(at * 1000):x}")


def kind_of_room(space: SpaceId) -> Kind | None:
    """The kind of a room; None for what is no room."""
    if space == LOBBY:
        return Kind.LOBBY
    first, _, rest = space.partition("-")
    if first == "room" and rest:
        return Kind.ROOM
    second, _, last = rest.partition("-")
    return Kind(second) if first == "pair" and second in PAIR_KINDS and last else None


def kind_of_queue(space: SpaceId) -> Kind | None:
    """The kind of strangers who wait in a queue; None for what is no queue."""
    first, _, kind = space.partition("-")
    return Kind(kind) if first == "queue" and kind in PAIR_KINDS else None


@dataclass(frozen=True, slots=True)
class Place:
    """What a page is for: strangers of a kind, where `room` is None, or one room."""

    kind: Kind
    room: SpaceId | None = None

    def shows(self, space: SpaceId) -> bool:
        """Say whether a page of this place may show a space."""
        if self.kind.is_pair:
            return self.kind in (kind_of_room(space), kind_of_queue(space))
        return space == self.room
