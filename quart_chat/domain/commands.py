"""What changes a space, once it stands in the space's journal.

A command says everything that its effect depends on: who, what, and what chance has chosen. Time, and the process that
appended it, come from the entry. One that makes no sense any more is refused or does nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from quart_chat.domain.naming import GivenName
from quart_chat.domain.reports import ReportReason
from quart_chat.domain.spaces import SpaceId
from quart_chat.domain.visitors import BrowserId, ProcessId, Visitor, VisitorId

RULES: Final = 2
"""The version of the rules: raise it with every change of what a command does or of what a state holds.

A process that meets a higher one leaves the space to newer processes.
"""


@dataclass(frozen=True, slots=True)
class Party:
    """One of two strangers: who, called what, and the process that holds its socket."""

    visitor: Visitor
    name: GivenName
    home: ProcessId


@dataclass(frozen=True, slots=True)
class OpenRoom:
    """Open the room that a code leads to; it waits for its first visitor."""


@dataclass(frozen=True, slots=True)
class OpenPair:
    """Open the room of two strangers who were matched; both homes say so, and the first one counts."""

    parties: tuple[Party, Party]


@dataclass(frozen=True, slots=True)
class Join:
    """Enter the lobby or an open room."""

    visitor: Visitor
    name: GivenName


@dataclass(frozen=True, slots=True)
class Leave:
    """Go for good. In a pair that ends the talk for both; `next` says that the one who leaves looks for another."""

    visitor: VisitorId
    next: bool = False


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Add a message, once for each key; it may answer another one."""

    visitor: VisitorId
    key: str
    text: str
    reply_to: int | None = None


@dataclass(frozen=True, slots=True)
class React:
    """Put an emoji under a message, or take it away again."""

    visitor: VisitorId
    seq: int
    emoji: str
    on: bool


@dataclass(frozen=True, slots=True)
class EditMessage:
    """Say something else in a message of one's own; `key` is the author's own id for the change."""

    visitor: VisitorId
    seq: int
    key: str
    text: str


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Take back a message of one's own."""

    visitor: VisitorId
    seq: int


@dataclass(frozen=True, slots=True)
class ShowTyping:
    """Tell the others that a member writes. It changes nothing."""

    visitor: VisitorId


@dataclass(frozen=True, slots=True)
class PassSignal:
    """Tell the other browser of a call something, as its `RTCPeerConnection` takes it. It changes nothing."""

    visitor: VisitorId
    page: str
    signal: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Report:
    """Accuse the other one of a pair, during the talk or for a while after it; a talk that goes on ends."""

    visitor: VisitorId
    reason: ReportReason
    words: str


@dataclass(frozen=True, slots=True)
class BlockPartner:
    """Never meet the other one of a pair again; a talk that goes on ends."""

    visitor: VisitorId


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Note that a visitor's line is gone. That is never a leave."""

    visitor: VisitorId


@dataclass(frozen=True, slots=True)
class Resume:
    """Welcome a visitor back, whose home is now the process that says so."""

    visitor: Visitor


@dataclass(frozen=True, slots=True)
class MarkAway:
    """Show the others that a member has been away for a while."""

    visitor: VisitorId


@dataclass(frozen=True, slots=True)
class GiveUp:
    """End the stay of one who has been away for too long."""

    visitor: VisitorId


@dataclass(frozen=True, slots=True)
class HomeLost:
    """A process is dead: who was at home with it is away since then, in seconds since the epoch."""

    process: ProcessId
    since: float


@dataclass(frozen=True, slots=True)
class NoteLoss:
    """Some entries may be lost; each `epoch` of the journal begins with such a loss, and says so once."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Tidy:
    """Close a room that nobody came to in time, or forget what a closed one need not know any longer."""


@dataclass(frozen=True, slots=True)
class Seek:
    """Wait for a stranger.

    `recent` and `blocked` are browsers met lately and never to be met. `held_until` is when a visitor who skips without
    end may be met again. `ended` names the pair that the visitor comes from, if the stranger has left it there.
    """

    visitor: Visitor
    name: GivenName
    recent: tuple[BrowserId, ...] = ()
    blocked: tuple[BrowserId, ...] = ()
    held_until: float = 0.0
    ended: SpaceId | None = None


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Stop waiting."""

    visitor: VisitorId


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Let a waiting visitor meet somebody whom it would rather not have met before."""

    visitor: VisitorId


@dataclass(frozen=True, slots=True)
class KeepApart:
    """Add to the blocks of a browser that may be waiting in another tab."""

    browser: BrowserId
    blocked: BrowserId


@dataclass(frozen=True, slots=True)
class CountReport:
    """Hold a report against a visitor; `needed` different reporters make a ban."""

    accused: Visitor
    reporter: Visitor
    needed: int


Command = (
    OpenRoom
    | OpenPair
    | Join
    | Leave
    | SendMessage
    | React
    | EditMessage
    | TakeBack
    | ShowTyping
    | PassSignal
    | Report
    | BlockPartner
    | Disconnect
    | Resume
    | MarkAway
    | GiveUp
    | HomeLost
    | NoteLoss
    | Tidy
    | Seek
    | Withdraw
    | LookAgain
    | KeepApart
    | CountReport
)

Passing = ShowTyping | PassSignal
"""Commands that change nothing: they are told to those who are there, and neither numbered nor kept."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A command in the journal of a space.

    `n` counts the entries of the space from 1 without a gap; a passing command has none, and 0 here. `at` is when the
    order was made, in seconds since the epoch, never before the entry before it. `by` is the process that appended it.
    """

    n: int
    at: float
    by: ProcessId
    command: Command
