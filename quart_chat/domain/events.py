"""What has happened in a space, in the past tense, as the space tells every process that holds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from quart_chat.domain.commands import Party
from quart_chat.domain.messages import Message
from quart_chat.domain.reports import Report
from quart_chat.domain.requests import Refusal
from quart_chat.domain.spaces import Kind, SpaceId
from quart_chat.domain.visitors import BrowserId, Member, ProcessId, Visitor, VisitorId

# What all members of a room are shown.


@dataclass(frozen=True, slots=True)
class MessageSent:
    """A message was accepted."""

    message: Message


@dataclass(frozen=True, slots=True)
class MessagesChanged:
    """Messages say something else from now on, or nothing any more."""

    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class ReactionsChanged:
    """Somebody has reacted to a message, or does so no longer."""

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
class Disconnected:
    """Somebody's connection is gone and has not come back yet."""

    member: Member


@dataclass(frozen=True, slots=True)
class Reconnected:
    """Somebody who was shown as disconnected is here again."""

    member: Member


@dataclass(frozen=True, slots=True)
class TypingStarted:
    """Somebody is writing."""

    member: Member


@dataclass(frozen=True, slots=True)
class MessagesLost:
    """Messages up to this number may be missing."""

    seq: int


ShownAlone = MessagesChanged | ReactionsChanged | Disconnected | Reconnected | TypingStarted | MessagesLost
"""What is shown as it is; messages, joins and leaves are gathered."""

Shown = MessageSent | Joined | Left | ShownAlone

# What concerns one visitor, or those who look after it.


@dataclass(frozen=True, slots=True)
class RoomOpened:
    """A room by code waits for its first visitor, or it does not, since the code is in use or rests."""

    opened: bool


@dataclass(frozen=True, slots=True)
class Entered:
    """A visitor has its seat in a room."""

    visitor: VisitorId
    home: ProcessId


@dataclass(frozen=True, slots=True)
class EnterRefused:
    """There is no such room any more."""

    visitor: VisitorId


@dataclass(frozen=True, slots=True)
class MessageKnown:
    """A message offered again had arrived before."""

    visitor: VisitorId
    key: str


@dataclass(frozen=True, slots=True)
class MessageRefused:
    """A message was for a room that its author is not in."""

    visitor: VisitorId
    key: str


@dataclass(frozen=True, slots=True)
class ChangeRefused:
    """Something that was said cannot be changed like that."""

    visitor: VisitorId
    why: Refusal
    key: str | None = None


@dataclass(frozen=True, slots=True)
class SignalPassed:
    """The other browser of a call has sent something; `page` tells its loads of the page apart."""

    to: VisitorId
    page: str
    signal: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Resumed:
    """A visitor is back in its seat or its place in the queue; `before` is where it was at home until now."""

    visitor: VisitorId
    home: ProcessId
    before: ProcessId


@dataclass(frozen=True, slots=True)
class ResumeRefused:
    """A visitor has no seat here any more; `then` is where it went next, if that is known."""

    visitor: VisitorId
    then: SpaceId | None = None


@dataclass(frozen=True, slots=True)
class HomeMissed:
    """A visitor counts as away, since its home was taken for dead."""

    visitor: VisitorId
    home: ProcessId


class Why(StrEnum):
    """Why a visitor is no longer in a space."""

    LEFT = "left"
    NEXT = "next"
    EXPIRED = "expired"
    REPORTED = "reported"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Gone:
    """A visitor is no longer in the lobby, a room by code or a queue."""

    visitor: VisitorId
    why: Why


@dataclass(frozen=True, slots=True)
class PairEnded:
    """Two strangers have parted: `gone` went, `stayed` will wait for another one."""

    kind: Kind
    gone: Party
    stayed: Party
    left: Member
    why: Why


@dataclass(frozen=True, slots=True)
class ReportMade:
    """A report counts; it may have ended the talk."""

    report: Report
    ended_talk: bool


@dataclass(frozen=True, slots=True)
class ReportRefused:
    """Somebody was not in that talk, has reported it before, or is too late."""

    visitor: VisitorId


@dataclass(frozen=True, slots=True)
class Blocked:
    """The browsers of a talk are to be kept apart; that may have ended the talk, and come with a report."""

    by: Visitor
    blocked: Visitor
    ended_talk: bool
    with_report: bool = False


@dataclass(frozen=True, slots=True)
class Queued:
    """A visitor waits for a stranger; `ended` is the pair it comes from, if it was left there."""

    visitor: VisitorId
    home: ProcessId
    ended: SpaceId | None = None


@dataclass(frozen=True, slots=True)
class Matched:
    """Two who fit will meet in a room of their own."""

    room: SpaceId
    parties: tuple[Party, Party]


@dataclass(frozen=True, slots=True)
class ReportCounted:
    """The list of bans holds something new against a browser, and maybe against the address that it comes from."""

    browser: BrowserId
    address: str


@dataclass(frozen=True, slots=True)
class BrowserBanned:
    """A browser may not come in until then, in seconds since the epoch."""

    browser: BrowserId
    until: float


Event = (
    Shown
    | RoomOpened
    | Entered
    | EnterRefused
    | MessageKnown
    | MessageRefused
    | ChangeRefused
    | SignalPassed
    | Resumed
    | ResumeRefused
    | HomeMissed
    | Gone
    | PairEnded
    | ReportMade
    | ReportRefused
    | Blocked
    | Queued
    | Matched
    | ReportCounted
    | BrowserBanned
)
