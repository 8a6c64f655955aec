"""What a page asks for, and why it may be refused.

`room` names the conversation that is meant, never just "the current one": a request that arrives late, from a talk
already over, must not reach the next stranger.
"""

from dataclasses import dataclass
from enum import StrEnum

from quart_chat.domain.reports import ReportReason
from quart_chat.domain.signals import Signal
from quart_chat.domain.spaces import SpaceId


class Refusal(StrEnum):
    """Why a request was not granted."""

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
    NO_EMOJI = "no emoji"
    MESSAGE_GONE = "message gone"
    ENOUGH_REACTIONS = "enough reactions"
    ENOUGH_CHANGES = "enough changes"
    NOT_YOURS = "not yours"
    TOO_LATE_TO_CHANGE = "too late to change"


@dataclass(frozen=True, slots=True)
class Enter:
    """Go into the lobby or a room by code."""

    name: str


@dataclass(frozen=True, slots=True)
class FindStranger:
    """Look for a stranger; `agreed` to the rules, and 18 or older."""

    name: str
    agreed: bool = False


@dataclass(frozen=True, slots=True)
class Say:
    """Send a message; `key` is the author's own id for it, so that offering it twice is harmless."""

    room: SpaceId
    key: str
    text: str
    reply_to: int | None = None


@dataclass(frozen=True, slots=True)
class React:
    """Put an emoji under the message with a number, or take it away again."""

    room: SpaceId
    seq: int
    emoji: str
    on: bool


@dataclass(frozen=True, slots=True)
class Edit:
    """Say something else in the message with a number; `key` names the change as it names a message."""

    room: SpaceId
    seq: int
    key: str
    text: str


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Take the message with a number back."""

    room: SpaceId
    seq: int


@dataclass(frozen=True, slots=True)
class Typing:
    """Let the others know that something is being written."""

    room: SpaceId


@dataclass(frozen=True, slots=True)
class Next:
    """Leave this stranger and look for another one."""

    room: SpaceId


@dataclass(frozen=True, slots=True)
class Stop:
    """Leave the stranger or the queue and go back to the door."""

    room: SpaceId


@dataclass(frozen=True, slots=True)
class Leave:
    """Go out of the lobby or a room by code."""

    room: SpaceId


@dataclass(frozen=True, slots=True)
class RelaySignal:
    """Pass something on to the other browser of a call.

    `page` tells the sender's loads of the page apart, `relay` hides its own addresses.
    """

    room: SpaceId
    page: str
    signal: Signal
    relay: bool = False


@dataclass(frozen=True, slots=True)
class ReportStranger:
    """Report the stranger of a talk, also for a while after it."""

    room: SpaceId
    reason: ReportReason
    words: str


@dataclass(frozen=True, slots=True)
class Block:
    """Never meet the stranger of this talk again."""

    room: SpaceId


Costly = Say | React | Edit
"""What a whole room is shown: the limits of messages count it."""

Request = (
    Enter
    | FindStranger
    | Say
    | React
    | Edit
    | TakeBack
    | Typing
    | Next
    | Stop
    | Leave
    | RelaySignal
    | ReportStranger
    | Block
)
