"""What is remembered of a browser for a while: whom it has met and blocked, and the seats it has just left behind."""

from dataclasses import dataclass, field
from typing import TypeVar

from quart_chat.domain.matching import RECENT_PARTNERS
from quart_chat.domain.spaces import Place, SpaceId
from quart_chat.domain.timing import BLOCKED_FOR, RECENT_FOR, RESUME_WINDOW
from quart_chat.domain.visitors import BrowserId, VisitorId

BLOCKS_KEPT = 200  # by one browser
K = TypeVar("K")
V = TypeVar("V")

PAGES_KEPT = 8  # that have taken over a visitor; each reload adds one, and going back may need the one before


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A visitor whose page has gone, where it was, and when: a reload looks like that."""

    visitor: VisitorId
    space: SpaceId
    at: float


@dataclass(slots=True)
class BrowserRecord:
    """What is remembered of one browser. `owners` are the visitors that its reloaded pages have become."""

    met: dict[BrowserId, float] = field(default_factory=dict)  # the earliest first, as all that follow
    blocked: dict[BrowserId, float] = field(default_factory=dict)
    left: dict[str, LeftBehind] = field(default_factory=dict)  # by place
    owners: dict[VisitorId, VisitorId] = field(default_factory=dict)

    def recent_partners(self, now: float) -> tuple[BrowserId, ...]:
        """Whom it has met lately."""
        return tuple(browser for browser, at in self.met.items() if now < at + RECENT_FOR)[-RECENT_PARTNERS:]

    def blocked_browsers(self, now: float) -> tuple[BrowserId, ...]:
        """Whom it must never meet."""
        return tuple(browser for browser, at in self.blocked.items() if now < at + BLOCKED_FOR)[-BLOCKS_KEPT:]

    def left_behind(self, place: Place, now: float) -> LeftBehind | None:
        """The visitor whose page has just gone from a place, if it can still come back."""
        left = self.left.get(key_of(place))
        return left if left and now < left.at + RESUME_WINDOW else None

    def meet(self, other: BrowserId, at: float) -> None:
        """Remember a partner."""
        _remember(self.met, other, at, 2 * RECENT_PARTNERS)

    def block(self, other: BrowserId, at: float) -> None:
        """Remember a block."""
        _remember(self.blocked, other, at, BLOCKS_KEPT)

    def leave_behind(self, place: Place, left: LeftBehind | None) -> None:
        """Remember whose page has gone from a place, or that it is back."""
        if left:
            self.left[key_of(place)] = left
        else:
            self.left.pop(key_of(place), None)

    def own(self, page: VisitorId, owner: VisitorId) -> None:
        """Remember that a page continues as another visitor."""
        _remember(self.owners, page, owner, PAGES_KEPT)


def key_of(place: Place) -> str:
    """Name a place."""
    return place.room or place.kind.value


def _remember(entries: dict[K, V], key: K, value: V, most: int) -> None:
    entries.pop(key, None)
    entries[key] = value
    while len(entries) > most:
        del entries[next(iter(entries))]
