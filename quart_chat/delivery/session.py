"""One visitor's line to the server, which outlives the sockets that carry it."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from hashlib import blake2s
from typing import TYPE_CHECKING, NewType
from zlib import crc32

from quart_chat.chat import RESUME_WINDOW, Doorway
from quart_chat.delivery.wire import REPLACED, Frame, Wire
from quart_chat.domain.limits import Bucket, Limit
from quart_chat.domain.ports import Clock
from quart_chat.domain.visitors import BrowserId, Visitor, VisitorId

if TYPE_CHECKING:
    from quart_chat.delivery.hub import Channel

PAGES_KEPT = 8  # of one visitor; each reload adds one, and going back may need the one before

PageToken = NewType("PageToken", str)
"""Secret of one loaded page: whoever connects with it is this visitor."""


def visitor_of(page: PageToken) -> VisitorId:
    """The public id of a page's visitor: it can be told from the token, but not the token from it."""
    return VisitorId(blake2s(page.encode(), digest_size=9, person=b"visitor").hexdigest())


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one session may send."""

    frames: Limit
    messages: Limit
    typing: Limit
    strikes: Limit
    signals: Limit


class Session:
    """A visitor, its wire if it is connected, and the room it listens to."""

    __slots__ = (
        "beat_slot",
        "channel",
        "doorway",
        "first_batch",
        "frames",
        "language",
        "messages",
        "signals",
        "strikes",
        "typing",
        "visitor",
        "wire",
    )

    def __init__(self, visitor: Visitor, doorway: Doorway, language: str, allowance: Allowance, now: float) -> None:
        self.visitor = visitor
        self.beat_slot = crc32(visitor.id.encode())
        self.doorway = doorway
        self.language = language
        self.wire: Wire | None = None
        self.channel: Channel | None = None
        self.first_batch = 0  # of the channel, that its view did not hold already
        self.frames = Bucket(allowance.frames, now)
        self.messages = Bucket(allowance.messages, now)
        self.typing = Bucket(allowance.typing, now)
        self.strikes = Bucket(allowance.strikes, now)
        self.signals = Bucket(allowance.signals, now)

    def send(self, frame: Frame) -> None:
        """Hand a frame to the wire; without one it is dropped, and coming back shows the whole view."""
        if self.wire:
            self.wire.send(frame)


class Arrival(Enum):
    """How a socket found its session."""

    NEW = "new"
    RESUMED = "resumed"
    TAKEN_OVER = "taken over"


class Sessions:
    """All sessions of this process, found by page token or by visitor."""

    def __init__(self, allowance: Allowance, clock: Clock) -> None:
        self._allowance = allowance
        self._clock = clock
        self._by_page: dict[PageToken, Session] = {}
        self._by_visitor: dict[VisitorId, Session] = {}
        self._pages: dict[VisitorId, list[PageToken]] = {}
        self._dropped: OrderedDict[VisitorId, float] = OrderedDict()
        self._dropped_at: dict[tuple[BrowserId, Doorway], dict[VisitorId, None]] = {}  # the last one last

    def __len__(self) -> int:
        return len(self._by_visitor)

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._by_visitor.values()))

    def of(self, visitor: VisitorId) -> Session | None:
        """Find a visitor's session."""
        return self._by_visitor.get(visitor)

    def is_connected(self, visitor: VisitorId) -> bool:
        """Say whether a visitor has a socket here."""
        session = self._by_visitor.get(visitor)
        return session is not None and session.wire is not None

    def connected_visitors(self) -> list[VisitorId]:
        """All who have a socket here."""
        return [visitor for visitor, session in self._by_visitor.items() if session.wire]

    def knows(self, page: PageToken) -> bool:
        """Say whether a page has been connected here before."""
        return page in self._by_page

    def connected(self) -> int:
        """How many sessions have a socket now."""
        return len(self._by_visitor) - len(self._dropped)

    def may_open(self, page: PageToken, browser: BrowserId) -> bool:
        """Say whether this browser may connect as this page: nobody else's browser ever may."""
        session = self._by_page.get(page)
        return session is None or session.visitor.browser == browser

    def open(
        self,
        page: PageToken,
        browser: BrowserId,
        address: str,
        doorway: Doorway,
        language: str,
        wire: Wire,
        owner: VisitorId | None = None,
    ) -> tuple[Session, Arrival]:
        """Connect a page: to its own session, to the one its browser has just dropped there, or to a new one.

        A new one is that of `owner`, if the page is known to belong to somebody who was on another process. The newest
        wire wins; the one before is closed with 4409.
        """
        session, arrival = self._find(page, browser, doorway, language, owner or visitor_of(page))
        if session.wire:
            session.wire.close(REPLACED, "open in another window")
        if self._dropped.pop(session.visitor.id, None) is not None:
            self._is_dropped_no_more(session)
        session.wire = wire
        session.visitor = replace(session.visitor, address=address)
        return session, arrival

    def drop(self, session: Session, wire: Wire) -> bool:
        """Note that a wire is gone; False when a newer one has taken its place already."""
        if session.wire is not wire:
            return False
        session.wire = None
        self._dropped[session.visitor.id] = self._clock.monotonic()
        self._dropped_at.setdefault((session.visitor.browser, session.doorway), {})[session.visitor.id] = None
        return True

    def forget_the_gone(self) -> None:
        """Let go of sessions nobody can resume any more."""
        now = self._clock.monotonic()
        while self._dropped and next(iter(self._dropped.values())) + RESUME_WINDOW < now:
            visitor, _ = self._dropped.popitem(last=False)
            self._is_dropped_no_more(self._by_visitor.pop(visitor))
            for page in self._pages.pop(visitor):
                del self._by_page[page]

    def _find(
        self, page: PageToken, browser: BrowserId, doorway: Doorway, language: str, owner: VisitorId
    ) -> tuple[Session, Arrival]:
        if own := self._by_page.get(page):
            return own, Arrival.RESUMED
        if left := self._left_behind(browser, doorway):
            self._adopt(page, left)
            return left, Arrival.TAKEN_OVER
        session = self._by_visitor.get(owner)
        if session is None:
            session = Session(Visitor(owner, browser), doorway, language, self._allowance, self._clock.monotonic())
            self._by_visitor[owner] = session
        self._adopt(page, session)
        return session, Arrival.NEW if owner == visitor_of(page) else Arrival.TAKEN_OVER

    def _left_behind(self, browser: BrowserId, doorway: Doorway) -> Session | None:
        """The session this browser has dropped last in this place: a reload looks like that."""
        dropped = self._dropped_at.get((browser, doorway))
        return self._by_visitor[next(reversed(dropped))] if dropped else None

    def _is_dropped_no_more(self, session: Session) -> None:
        place = session.visitor.browser, session.doorway
        del self._dropped_at[place][session.visitor.id]
        if not self._dropped_at[place]:
            del self._dropped_at[place]

    def _adopt(self, page: PageToken, session: Session) -> None:
        self._by_page[page] = session
        pages = self._pages.setdefault(session.visitor.id, [])
        pages.append(page)
        if len(pages) > PAGES_KEPT:
            del self._by_page[pages.pop(0)]
