"""What one visitor is told: answers to its requests, and what has happened to itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from quart_chat.domain.requests import Refusal as Refusal
from quart_chat.domain.rooms import RoomView
from quart_chat.domain.spaces import Kind, SpaceId
from quart_chat.domain.visitors import Member


class Ending(StrEnum):
    """Why a visitor finds itself at the door."""

    LEFT = "left"
    EXPIRED = "expired"
    RESTARTED = "restarted"
    REPORTED = "reported"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Waiting:
    """The visitor is in the queue, with `others`; `left` is the stranger who has just gone."""

    kind: Kind
    others: int
    left: Member | None = None


@dataclass(frozen=True, slots=True)
class OthersWaiting:
    """The number of others who wait has changed."""

    others: int


@dataclass(frozen=True, slots=True)
class RoomShown:
    """The visitor is in a room. `resumed` says that its page already shows some of it.

    `left` is the stranger who has gone just before, when the page has not been told of that yet.
    """

    view: RoomView
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class TalkEnded:
    """The visitor is at the door."""

    ending: Ending


@dataclass(frozen=True, slots=True)
class Refused:
    """A request was not granted; `key` names the message it was about."""

    why: Refusal
    key: str | None = None


@dataclass(frozen=True, slots=True)
class MessageAcknowledged:
    """A message offered again had arrived before."""

    key: str


@dataclass(frozen=True, slots=True)
class CallBegan:
    """Two browsers may call each other now; the polite one gives way when both speak at once.

    `ice_servers` is what `RTCPeerConnection` takes under that name.
    """

    room: SpaceId
    polite: bool
    ice_servers: Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Signalled:
    """The other browser of the call has sent something; `page` tells its loads of the page apart."""

    room: SpaceId
    page: str
    signal: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Reported:
    """A report was made; `ended_talk` says whether it has ended the talk, `kept` whether somebody can read it."""

    ended_talk: bool
    kept: bool


@dataclass(frozen=True, slots=True)
class Blocked:
    """The stranger will not be met again; `ended_talk` and `kept` say whether that has ended the talk, and lasts."""

    ended_talk: bool
    kept: bool


@dataclass(frozen=True, slots=True)
class Banned:
    """The visitor may not come in until then, in seconds since the epoch."""

    until: float


@dataclass(frozen=True, slots=True)
class OpenedElsewhere:
    """The visitor's page is connected to another process now."""


@dataclass(frozen=True, slots=True)
class StoreUnavailable:
    """What rooms and queues are kept in is away, or back again."""

    away: bool


Answer = (
    Waiting
    | OthersWaiting
    | RoomShown
    | TalkEnded
    | Refused
    | MessageAcknowledged
    | CallBegan
    | Signalled
    | Reported
    | Blocked
    | Banned
    | OpenedElsewhere
    | StoreUnavailable
)
