"""Who meets whom: one queue per kind of strangers, first come, first served among those who fit."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from quart_chat.domain.rooms import Kind
from quart_chat.domain.visitors import BrowserId, VisitorId

PATIENCE = 5.0  # seconds both must have waited before they meet the one they have just left
REMEMBERED_PARTNERS = 8  # the strangers met last, whom one does not meet again while others wait
OFFERS_LOOKED_AT = 64  # tickets a claim looks at: more than own tabs, recent partners and blocks can explain


@dataclass(frozen=True, slots=True)
class Ticket:
    """One visitor's place in a queue.

    `recent` are the browsers met last, `blocked` those never to be met; both are bounded by who keeps them.
    `since` is when the visitor began to wait, in seconds of a clock that never goes back.
    """

    visitor: VisitorId
    browser: BrowserId
    name: str
    since: float
    recent: tuple[BrowserId, ...] = ()
    blocked: frozenset[BrowserId] = field(default_factory=frozenset)
    address: str = ""
    kind: Kind = Kind.TEXT

    def may_meet(self, other: "Ticket") -> bool:
        """Neither has blocked the other, and they are two visitors."""
        return self.visitor != other.visitor and other.browser not in self.blocked and self.browser not in other.blocked

    def is_new_to(self, other: "Ticket") -> bool:
        """They are of two browsers and have not met lately."""
        return self.browser != other.browser and other.browser not in self.recent and self.browser not in other.recent

    def is_patient_with(self, other: "Ticket", now: float) -> bool:
        """Both would rather meet again (or another tab of their own) than wait on."""
        if self.browser == other.browser:
            return True
        return now - max(self.since, other.since) >= PATIENCE


class Queue:
    """Visitors waiting for a stranger of one kind, in the order they came.

    Adding, withdrawing and claiming cost O(log n): the order is a heap of numbered tickets
    in which those gone meanwhile are dropped when they come up. The absent keep their number
    and are passed over until they are back.
    """

    def __init__(self, kind: Kind = Kind.TEXT) -> None:
        self.kind = kind
        self._next = 0
        self._present: dict[VisitorId, tuple[int, Ticket]] = {}
        self._absent: OrderedDict[VisitorId, tuple[int, Ticket]] = OrderedDict()
        self._order: list[tuple[int, VisitorId]] = []

    def __len__(self) -> int:
        return len(self._present) + len(self._absent)

    def __contains__(self, visitor: VisitorId) -> bool:
        return visitor in self._present or visitor in self._absent

    def add(self, ticket: Ticket) -> None:
        """Queue a visitor at the end; one who waits already keeps its place.

        Raises ValueError for a ticket of another kind: nobody meets a stranger in a way it has not asked for.
        """
        if ticket.kind is not self.kind or not self.kind.is_pair:
            raise ValueError(f"{ticket.kind} in the queue for {self.kind}")
        if ticket.visitor in self:
            return
        self._next += 1
        self._put(self._next, ticket)

    def withdraw(self, visitor: VisitorId) -> Ticket | None:
        """Take a visitor out of the queue."""
        entry = self._present.pop(visitor, None) or self._absent.pop(visitor, None)
        self._forget_the_gone()
        return entry[1] if entry else None

    def pass_over(self, visitor: VisitorId) -> None:
        """Keep a visitor's place while it is away."""
        if entry := self._present.pop(visitor, None):
            self._absent[visitor] = entry
            self._forget_the_gone()

    def welcome_back(self, visitor: VisitorId) -> None:
        """Put one who was away back to its old place."""
        if entry := self._absent.pop(visitor, None):
            self._put(*entry)

    def claim(self, visitor: VisitorId, now: float) -> tuple[Ticket, Ticket] | None:
        """Take this visitor and the one it meets out of the queue, or nobody.

        The longest waiting stranger comes first; another tab of one's own browser, or somebody
        met lately, only when nobody else is there.
        """
        if visitor not in self._present:
            return None
        mine = self._present[visitor][1]
        other = self._best_for(mine, now)
        if other is None:
            return None
        del self._present[mine.visitor], self._present[other.visitor]
        self._forget_the_gone()
        return other, mine

    def longest_waiting(self) -> list[VisitorId]:
        """The first few in the queue, for another look at them as time passes."""
        with self._looking() as offers:
            return [ticket.visitor for ticket in offers]

    def _best_for(self, mine: Ticket, now: float) -> Ticket | None:
        fallback: Ticket | None = None
        with self._looking() as offers:
            for other in offers:
                if not mine.may_meet(other):
                    continue
                if mine.is_new_to(other):
                    return other
                if fallback is None and mine.is_patient_with(other, now):
                    fallback = other
        return fallback

    @contextmanager
    def _looking(self) -> Iterator[Iterator[Ticket]]:
        """Walk along the first tickets, then put back those that were looked at."""
        looked_at: list[tuple[int, VisitorId]] = []
        yield self._walk(looked_at)
        for item in looked_at:
            heappush(self._order, item)

    def _walk(self, looked_at: list[tuple[int, VisitorId]]) -> Iterator[Ticket]:
        while self._order and len(looked_at) < OFFERS_LOOKED_AT:
            item = heappop(self._order)
            number, visitor = item
            entry = self._present.get(visitor)
            if entry is None or entry[0] != number or (looked_at and looked_at[-1] == item):
                continue  # gone meanwhile, or twice in the heap because it was away and came back
            looked_at.append(item)
            yield entry[1]

    def _put(self, number: int, ticket: Ticket) -> None:
        self._present[ticket.visitor] = (number, ticket)
        heappush(self._order, (number, ticket.visitor))

    def _forget_the_gone(self) -> None:
        """Keep the heap no larger than twice the queue."""
        if len(self._order) > 2 * len(self._present) + 64:
            self._order = [(number, visitor) for visitor, (number, _) in self._present.items()]
            heapify(self._order)
