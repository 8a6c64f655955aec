"""What has happened, in the past tense: to a room, or to one visitor."""

from dataclasses import dataclass
from enum import StrEnum

from quart_chat.domain.messages import Message
from quart_chat.domain.rooms import Kind, RoomId, View
from quart_chat.domain.signals import Signal
from quart_chat.domain.visitors import Member


@dataclass(frozen=True, slots=True)
class Said:
    """A message was accepted."""

    message: Message


@dataclass(frozen=True, slots=True)
class Joined:
    """Somebody came in. `pushed` dropped out of the list of the newest people."""

    member: Member
    count: int
    pushed: Member | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """Somebody went for good. `pulled` takes the free place at the end of the list."""

    member: Member
    count: int
    pulled: Member | None = None


@dataclass(frozen=True, slots=True)
class WentAway:
    """Somebody's connection is gone and has not come back yet."""

    member: Member


@dataclass(frozen=True, slots=True)
class CameBack:
    """Somebody who was away is here again."""

    member: Member


@dataclass(frozen=True, slots=True)
class StartedTyping:
    """Somebody is writing."""

    member: Member


RoomEvent = Said | Joined | Left | WentAway | CameBack | StartedTyping


class Refusal(StrEnum):
    """Why a wish was not granted."""

    UNREADABLE = "unreadable"
    EMPTY = "empty"
    TOO_LONG = "too long"
    RESERVED = "reserved"
    TOO_FAST = "too fast"
    NOT_DELIVERED = "not delivered"
    NO_SUCH_ROOM = "no such room"
    TOO_LATE = "too late"
    RULES = "rules"
    NOT_NOW = "not now"


class Ending(StrEnum):
    """Why a talk is over, for the visitor who finds itself at the door."""

    LEFT = "left"
    EXPIRED = "expired"
    RESTARTED = "restarted"
    REPORTED = "reported"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Waiting:
    """The visitor is in the queue, one of `waiting`; `left` is the stranger who has just gone."""

    kind: Kind
    waiting: int
    left: Member | None = None


@dataclass(frozen=True, slots=True)
class StillWaiting:
    """The number of those who wait has changed."""

    waiting: int


@dataclass(frozen=True, slots=True)
class Talking:
    """The visitor is in a room. `resumed` says that its page already shows some of it."""

    view: View
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class Stood:
    """The visitor stands at the door."""

    ending: Ending


@dataclass(frozen=True, slots=True)
class Refused:
    """A wish was not granted; `key` names the message it was about."""

    why: Refusal
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A message sent again had arrived before."""

    key: str


@dataclass(frozen=True, slots=True)
class CallBegan:
    """Two browsers may call each other now; the polite one gives way when both speak at once."""

    room: RoomId
    polite: bool


@dataclass(frozen=True, slots=True)
class Signalled:
    """The other browser of the call has sent something; `page` tells its loads of the page apart."""

    room: RoomId
    page: str
    signal: Signal


@dataclass(frozen=True, slots=True)
class Reported:
    """A report about a talk already over was filed."""


@dataclass(frozen=True, slots=True)
class Banned:
    """The visitor may not come in until then, in seconds since the epoch."""

    until: float


@dataclass(frozen=True, slots=True)
class OpenedElsewhere:
    """The visitor's page is connected to another process now."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What rooms and queues are kept in is away, or back again."""

    away: bool


PersonalEvent = (
    Waiting
    | StillWaiting
    | Talking
    | Stood
    | Refused
    | Kept
    | CallBegan
    | Signalled
    | Reported
    | Banned
    | OpenedElsewhere
    | Trouble
)
