"""A room: who is in it, what was said, in which order.

The lobby, a room by code and a pair of strangers are all rooms; only their `Kind` differs.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import NewType

from quart_chat.domain.codes import RoomCode
from quart_chat.domain.messages import Message, continues
from quart_chat.domain.text import fold_name, numbered
from quart_chat.domain.visitors import Member, VisitorId

RoomId = NewType("RoomId", str)

LOG_LENGTH = 200  # messages kept for those who come late or come back
LOBBY_TAIL = 50  # messages shown to whoever enters the lobby
LISTED_PEOPLE = 100  # the newest people, shown by name; the others are only counted


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


LOBBY = RoomId("lobby")


def room_of(code: RoomCode) -> RoomId:
    """Name the room that a code opens."""
    return RoomId(f"room-{code}")


@dataclass(frozen=True, slots=True)
class View:
    """A room as one member sees it on entering or coming back.

    `people` holds the newest members first, at most `LISTED_PEOPLE` of `count`; `away` those of them
    who are reconnecting. `gap` says that messages between what the member has and `messages` are lost.
    """

    room: RoomId
    kind: Kind
    me: Member
    people: tuple[Member, ...]
    count: int
    messages: tuple[Message, ...]
    away: frozenset[VisitorId] = frozenset()
    gap: bool = False

    @property
    def partner(self) -> Member | None:
        """The other one of a pair."""
        return next((member for member in self.people if member.id != self.me.id), None)


class People:
    """The members of one room, newest first, with the newest `LISTED_PEOPLE` listed by name.

    Every change costs the same whatever their number, since a change is told as a change:
    who appears in the list and who drops out of it.
    """

    def __init__(self) -> None:
        self._listed: OrderedDict[VisitorId, Member] = OrderedDict()  # oldest first
        self._unlisted: OrderedDict[VisitorId, Member] = OrderedDict()  # older than all listed
        self._names: dict[str, VisitorId] = {}
        self._numbers: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._listed) + len(self._unlisted)

    def __contains__(self, visitor: VisitorId) -> bool:
        return visitor in self._listed or visitor in self._unlisted

    def get(self, visitor: VisitorId) -> Member | None:
        """Find one member."""
        return self._listed.get(visitor) or self._unlisted.get(visitor)

    def all(self) -> Iterable[Member]:
        """Everybody, oldest first."""
        yield from self._unlisted.values()
        yield from self._listed.values()

    def newest(self) -> tuple[Member, ...]:
        """Those listed by name, newest first."""
        return tuple(reversed(self._listed.values()))

    def free_name(self, name: str) -> str:
        """Number a name until nobody in the room has it.

        The last number given to a name is remembered, so that a thousand of one name cost no more than one each.
        """
        if fold_name(name) not in self._names:
            return name
        if len(self._numbers) > 2 * len(self) + 64:
            self._numbers.clear()
        number = self._numbers.get(fold_name(name), 1) + 1
        while fold_name(numbered(name, number)) in self._names:
            number += 1
        self._numbers[fold_name(name)] = number
        return numbered(name, number)

    def add(self, member: Member) -> Member | None:
        """Add a member; returns whom that pushed out of the list."""
        self._names[fold_name(member.name)] = member.id
        self._listed[member.id] = member
        if len(self._listed) <= LISTED_PEOPLE:
            return None
        pushed_id, pushed = self._listed.popitem(last=False)
        self._unlisted[pushed_id] = pushed
        return pushed

    def remove(self, member: Member) -> Member | None:
        """Remove a member; returns who takes the free place at the list's end."""
        del self._names[fold_name(member.name)]
        if self._unlisted.pop(member.id, None):
            return None
        del self._listed[member.id]
        if not self._unlisted:
            return None
        pulled_id, pulled = self._unlisted.popitem()
        self._listed[pulled_id] = pulled
        self._listed.move_to_end(pulled_id, last=False)
        return pulled


class Room:
    """One room's members and log; every change goes through here."""

    def __init__(self, room: RoomId, kind: Kind) -> None:
        self.id = room
        self.kind = kind
        self.people = People()
        self.away: set[VisitorId] = set()
        self.seq = 0
        self._seated = 0
        self._sees_after: dict[VisitorId, int] = {}
        self._log: deque[Message] = deque(maxlen=LOG_LENGTH)

    def join(self, visitor: VisitorId, name: str) -> tuple[Member, Member | None]:
        """Let a visitor in under a name free in this room; returns it and whom it pushed out of the list."""
        member = Member(visitor, self.people.free_name(name), self._seated + 1)
        return member, self.admit(member, self._first_readable())

    def admit(self, member: Member, sees_after: int) -> Member | None:
        """Seat a member who may read what comes after a message; returns whom that pushed out of the list."""
        self._seated = max(self._seated, member.seat)
        self._sees_after[member.id] = sees_after
        return self.people.add(member)

    def leave(self, visitor: VisitorId) -> tuple[Member, Member | None] | None:
        """Let a member go; returns it and who takes its place in the list, or None for a stranger here."""
        member = self.people.get(visitor)
        if member is None:
            return None
        del self._sees_after[visitor]
        self.away.discard(visitor)
        return member, self.people.remove(member)

    def say(self, visitor: VisitorId, key: str, text: str, at: float) -> Message:
        """Add a message to the log; raises KeyError for somebody who is not a member."""
        by = self.people.get(visitor)
        if by is None:
            raise KeyError(visitor)
        return self.record(self.seq + 1, key, by, text, at)

    def record(self, seq: int, key: str, by: Member, text: str, at: float) -> Message:
        """Put a message at the end of the log."""
        previous = self._log[-1] if self._log else None
        message = Message(seq, key, by, text, at, continues(previous, by, at))
        self.seq = seq
        self._log.append(message)
        return message

    def view(self, visitor: VisitorId, since: int | None = None) -> View:
        """Show the room to a member who has seen everything up to `since`, or nothing yet.

        Raises KeyError for somebody who is not a member.
        """
        after = max(self._sees_after[visitor], since or 0)
        me = self.people.get(visitor)
        assert me is not None  # noqa: S101 - whoever may read is a member
        return View(
            room=self.id,
            kind=self.kind,
            me=me,
            people=self.people.newest(),
            count=len(self.people),
            messages=self.messages_after(after),
            away=frozenset(self.away),
            gap=after < self._forgotten(),
        )

    def messages_after(self, seq: int) -> tuple[Message, ...]:
        """The messages still kept that are newer than `seq`, in order."""
        newer = min(max(self.seq - seq, 0), len(self._log))
        return tuple(reversed(tuple(islice(reversed(self._log), newer))))

    def _forgotten(self) -> int:
        """The newest message that is no longer kept."""
        return self.seq - len(self._log)

    def _first_readable(self) -> int:
        if self.kind.is_pair:
            return 0
        if self.kind is Kind.LOBBY:
            return max(self.seq - LOBBY_TAIL, 0)
        return self.seq
