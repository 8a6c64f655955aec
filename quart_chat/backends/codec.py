"""What processes tell each other by way of the store: JSON, checked on its way in."""

from typing import Any, TypeVar

import msgspec

from quart_chat.domain.events import Banned, PersonalEvent, Signalled
from quart_chat.domain.signals import Candidate, Description, Media
from quart_chat.domain.visitors import Member, VisitorId

VERSION = 1  # of every record and event; another one is not understood

T = TypeVar("T")
Versioned = TypeVar("Versioned", "RoomNews", "HomeNews", "MessageRecord")

SIGNALS: dict[str, Any] = {kind.__name__: kind for kind in (Description, Candidate, Media)}


class BadRecord(ValueError):
    """Something that no process of ours has written, or one of another version."""


class SeatRecord(msgspec.Struct):
    """A member as the store keeps it; it may read what comes after the message `after`."""

    id: VisitorId
    name: str
    seat: int
    after: int

    @property
    def member(self) -> Member:
        """The member as others see it."""
        return Member(self.id, self.name, self.seat)


class MessageRecord(msgspec.Struct):
    """A message as the store keeps it; `at` is in milliseconds since the epoch."""

    v: int
    seq: int
    key: str
    by: Member
    text: str
    at: float


class RoomNews(msgspec.Struct):
    """What has happened in a room. `n` numbers what changes it; typing changes nothing and has none."""

    v: int
    e: str
    n: int | None = None
    id: VisitorId | None = None
    member: SeatRecord | None = None
    message: MessageRecord | None = None


class HomeNews(msgspec.Struct):
    """What has happened to a visitor who is at home here; of two pieces the one with the higher `stamp` is newer."""

    v: int
    e: str
    visitor: VisitorId = VisitorId("")
    stamp: int = 0
    kind: str = ""
    room: str = ""
    waiting: int = 0
    left: SeatRecord | None = None
    event: str = ""


class Snapshot(msgspec.Struct):
    """A room as the store keeps it, after its event `n`."""

    kind: str
    n: int
    seq: int
    members: list[SeatRecord]
    away: list[VisitorId]
    log: list[MessageRecord]


def read_room_news(data: bytes) -> RoomNews:
    """Raises BadRecord."""
    return _checked(_decode(data, RoomNews))


def read_home_news(data: bytes) -> HomeNews:
    """Raises BadRecord."""
    return _checked(_decode(data, HomeNews))


def read_snapshot(answer: dict[str, Any]) -> Snapshot:
    """Read the script's answer, in which members and messages are texts; raises BadRecord."""
    seats = [_decode(text, SeatRecord) for text in listed(answer["members"])]
    log = [_checked(_decode(text, MessageRecord)) for text in listed(answer["log"])]
    away = [VisitorId(visitor) for visitor in listed(answer["away"])]
    return Snapshot(answer["kind"], answer["n"], answer["seq"], sorted(seats, key=lambda s: s.seat), away, log)


def listed(answer: Any) -> list[Any]:
    """A list from a script, which writes an empty one as an empty object."""
    return answer if isinstance(answer, list) else []


def pack(event: PersonalEvent) -> str:
    """Write an event that concerns a visitor who is at home elsewhere."""
    inner = type(event.signal).__name__ if isinstance(event, Signalled) else ""
    return msgspec.json.encode({"is": type(event).__name__, "signal": inner, "event": event}).decode()


def unpack(text: str) -> PersonalEvent:
    """Read what `pack` has written; raises BadRecord."""
    try:
        record = msgspec.json.decode(text)
        fields = record["event"]
        if record["is"] == "Banned":
            return msgspec.convert(fields, Banned)
        if record["is"] == "Signalled":
            signal = msgspec.convert(fields["signal"], SIGNALS[record["signal"]])
            return Signalled(fields["room"], fields["page"], signal)
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise BadRecord(type(error).__name__) from None
    raise BadRecord(record["is"])


def _decode(data: bytes | str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise BadRecord(type(error).__name__) from None


def _checked(record: Versioned) -> Versioned:
    if record.v != VERSION:
        raise BadRecord(f"version {record.v}")
    return record
