"""What the chat needs from outside, as short Protocols. Every implementation passes the same tests."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from quart_chat.domain.answers import Answer
from quart_chat.domain.bans import Bans
from quart_chat.domain.browsers import BrowserRecord, LeftBehind
from quart_chat.domain.commands import Command, Entry
from quart_chat.domain.events import Event, Shown
from quart_chat.domain.queues import Queue
from quart_chat.domain.reports import Report
from quart_chat.domain.rooms import Room
from quart_chat.domain.spaces import Place, SpaceId
from quart_chat.domain.visitors import BrowserId, ProcessId, VisitorId

Space = Room | Queue | Bans
"""What an entry can be applied to."""


Kept = Callable[[bool], None]
"""Is told, soon and on the event loop, whether something is kept safely."""


class Clock(Protocol):
    """Time."""

    def now(self) -> float:
        """Seconds since the epoch. It goes on evenly, whatever is done to the machine's clock meanwhile."""


class StoreAway(Exception):
    """What journals and records are kept in cannot be reached now; nothing is lost by asking again later."""


class Listener(Protocol):
    """Is told what happens in the spaces that a process holds."""

    def heard(self, space: SpaceId, state: Space, entry: Entry, events: Sequence[Event]) -> None:
        """An entry was applied, and this is what it has done."""

    def reloaded(self, space: SpaceId, state: Space, before: Space | None) -> None:
        """The whole state was read: for the first time, or anew, since some entries were missed for good."""

    def superseded(self, space: SpaceId, unsent: Sequence[Command]) -> None:
        """Processes with newer rules look after a space from now on; nothing more is heard of it here.

        Nor is there any answer to what was appended here and is not sent.
        """

    def store_away(self, away: bool) -> None:
        """The store cannot be reached, or can be again."""


class Journal(Protocol):
    """Orders the commands of each space, and applies them in that order."""

    process: ProcessId

    def is_away(self, space: SpaceId) -> bool:
        """Say whether the journal of a space cannot be reached at the moment."""

    def append(self, space: SpaceId, command: Command) -> None:
        """Put a command at the end of a space's journal. It never waits; what becomes of it is heard."""

    def hold(self, space: SpaceId) -> None:
        """Keep the state of a space at hand until it is released, and hear what happens there."""

    def release(self, space: SpaceId) -> None:
        """Let go of a space."""

    def holds(self, space: SpaceId) -> bool:
        """Say whether a space is held; its state may still be on its way, or something unsaid there."""

    def state(self, space: SpaceId) -> Space | None:
        """The state of a space that is held; None while it is not at hand."""

    async def read(self, space: SpaceId) -> Space | None:
        """The state of any space, as it was a moment ago; None for what is no space. Raises StoreAway."""

    def due(self) -> Iterator[tuple[SpaceId, Command]]:
        """The commands that time asks for in the spaces that are held."""

    def is_alive(self, process: ProcessId) -> bool:
        """Say whether a process is believed to live."""

    def now(self) -> float:
        """The time of the journals, in seconds since the epoch."""

    def elsewhere(self) -> Mapping[str, int]:
        """How many people are in each kind of place and queue with other processes, as of a moment ago."""


class Browsers(Protocol):
    """Remembers browsers for a while."""

    async def load(self, browser: BrowserId) -> BrowserRecord:
        """Have a browser's record at hand from now on. Raises StoreAway."""

    def of(self, browser: BrowserId) -> BrowserRecord:
        """A browser's record, as far as it is at hand."""

    def note_met(self, browser: BrowserId, other: BrowserId, at: float) -> None:
        """Remember a partner."""

    def note_blocked(self, browser: BrowserId, other: BrowserId, at: float, done: Kept) -> None:
        """Remember a block; `done` is told when that outlives this process, as far as anything here does."""

    def note_left(self, browser: BrowserId, place: Place, left: LeftBehind | None) -> None:
        """Remember whose page has gone from a place, or that it is back."""

    def note_owner(self, browser: BrowserId, page: VisitorId, owner: VisitorId) -> None:
        """Remember that a page continues as another visitor."""


class Screens(Protocol):
    """The pages that are connected to this process."""

    def place_of(self, visitor: VisitorId) -> Place | None:
        """What a connected visitor's page is for; None when it is not connected."""

    def connected_with(self, browser: BrowserId) -> Sequence[VisitorId]:
        """The connected visitors of a browser."""

    def everybody(self) -> Sequence[VisitorId]:
        """All connected visitors."""

    def subscribe(self, visitor: VisitorId, room: SpaceId) -> None:
        """Let a visitor hear what is published in a room, and in no other one."""

    def unsubscribe(self, visitor: VisitorId) -> None:
        """Let a visitor hear no more of its room."""

    def publish(self, room: SpaceId, event: Shown) -> None:
        """Show something to every member of a room who is connected here."""

    def tell(self, visitor: VisitorId, answer: Answer) -> None:
        """Tell one visitor, if it is connected here."""

    def send_away(self, visitor: VisitorId) -> None:
        """Let a page connect again, to another process if it can."""


class ReportStore(Protocol):
    """Where reports go, for the operator to read."""

    def add(self, report: Report, done: Kept) -> None:
        """Keep a report; `done` is told whether somebody will be able to read it."""


class BanStore(Protocol):
    """Where bans outlive the process that has made them."""

    def keep(self, bans: Bans, browser: BrowserId, address: str) -> None:
        """Keep what the list of bans holds against a browser and an address now."""


class Storage(Protocol):
    """Where reports, bans and blocks go."""

    @property
    def trouble(self) -> str:
        """Why nothing can be kept at the moment, for the operator to read; empty if all is well."""
