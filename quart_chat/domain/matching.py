"""Who meets whom: first come, first served among those who fit."""

from collections.abc import Iterable
from dataclasses import dataclass

from quart_chat.domain.naming import GivenName
from quart_chat.domain.timing import PATIENCE
from quart_chat.domain.visitors import BrowserId, ProcessId, Visitor

OFFERS_LOOKED_AT = 64  # tickets a claim looks at: more than own tabs, recent partners and blocks can explain
RECENT_PARTNERS = 8  # the strangers met last, whom one does not meet again while others wait


@dataclass(slots=True)
class Ticket:
    """One visitor's place in a queue.

    `number` is its place, `since` when it began to wait, `recent` are the browsers met last and `blocked` those never
    to be met. Nobody meets it before `held_until`.
    """

    visitor: Visitor
    name: GivenName
    home: ProcessId
    number: int
    since: float
    recent: tuple[BrowserId, ...] = ()
    blocked: tuple[BrowserId, ...] = ()
    held_until: float = 0.0

    @property
    def is_patient_at(self) -> float:
        """When it would rather meet somebody whom it has just met than wait on."""
        return max(self.since + PATIENCE, self.held_until)

    @property
    def looks_at(self) -> tuple[float, ...]:
        """When it looks again for somebody to meet, though nobody has come."""
        return (self.held_until, self.is_patient_at) if self.held_until else (self.is_patient_at,)

    def may_meet(self, other: "Ticket", now: float) -> bool:
        """Neither has blocked the other, they are two visitors, and nobody is held."""
        mine, theirs = self.visitor, other.visitor
        return (
            mine.id != theirs.id
            and theirs.browser not in self.blocked
            and mine.browser not in other.blocked
            and max(self.held_until, other.held_until) <= now
        )

    def is_new_to(self, other: "Ticket") -> bool:
        """They are of two browsers and have not met lately."""
        mine, theirs = self.visitor.browser, other.visitor.browser
        return mine != theirs and theirs not in self.recent and mine not in other.recent

    def is_patient_with(self, other: "Ticket", now: float) -> bool:
        """Both would rather meet again (or another tab of their own) than wait on."""
        return self.visitor.browser == other.visitor.browser or now >= max(self.is_patient_at, other.is_patient_at)


def best_for(mine: Ticket, offers: Iterable[Ticket], now: float) -> Ticket | None:
    """Choose whom a visitor meets, of those who wait, the longest waiting first.

    Another tab of one's own browser, or somebody met lately, is met only when nobody else is there.
    """
    fallback: Ticket | None = None
    for other in offers:
        if not mine.may_meet(other, now):
            continue
        if mine.is_new_to(other):
            return other
        if fallback is None and mine.is_patient_with(other, now):
            fallback = other
    return fallback
