"""A queue: those who wait for a stranger of one kind, in the order they came.

A queue is a state machine over the entries of its journal: the same entries give the same pairs on every process.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from math import inf
from typing import Any

from quart_chat.domain import commands, events
from quart_chat.domain.commands import Command, Entry, Party
from quart_chat.domain.events import Event, Why
from quart_chat.domain.matching import OFFERS_LOOKED_AT, Ticket, best_for
from quart_chat.domain.spaces import Kind, SpaceId, pair_of
from quart_chat.domain.timing import RESUME_WINDOW
from quart_chat.domain.visitors import BrowserId, ProcessId, VisitorId

MATCHES_REMEMBERED = 20_000  # for those who were cut off just then; some 5 MB


@dataclass(frozen=True, slots=True)
class Match:
    """Where a visitor has been taken, and when."""

    room: SpaceId
    at: float


@dataclass
class Queue:
    """The state of one queue. All of it is data, so that it can be stored and read again.

    Everything but the walk over the dead processes' visitors costs at most O(log n): the order is a heap of numbered
    tickets, from which those gone meanwhile are dropped when they come to its top. The absent keep their number and are
    passed over until they are back.
    """

    id: SpaceId
    kind: Kind
    number: int = 0  # the last one given
    tickets: dict[VisitorId, Ticket] = field(default_factory=dict)
    away: dict[VisitorId, float] = field(default_factory=dict)  # since then, the longest first
    matched: dict[VisitorId, Match] = field(default_factory=dict)  # lately, the earliest first

    def __post_init__(self) -> None:
        """Derive what finds the next tickets quickly."""
        present = [ticket for visitor, ticket in self.tickets.items() if visitor not in self.away]
        self._order = [(ticket.number, ticket.visitor.id) for ticket in present]
        self._looks = [(at, ticket.visitor.id) for ticket in present for at in ticket.looks_at]
        heapify(self._order)
        heapify(self._looks)

    # What changes it.

    def apply(self, entry: Entry) -> Sequence[Event]:
        """Change by one entry; returns what has happened. Deterministic and total."""
        change = _CHANGES.get(type(entry.command))
        return tuple(change(self, entry, entry.command)) if change else ()

    def due(self, now: float) -> Iterator[Command]:
        """The commands that time asks for. Anybody may append them; the first one of each counts."""
        for visitor, since in self.away.items():
            if since + RESUME_WINDOW > now:
                break
            yield commands.GiveUp(visitor)
        while self._looks and self._looks[0][0] <= now:
            _, visitor = heappop(self._looks)
            if self._is_present(visitor):
                yield commands.LookAgain(visitor)

    def wakes_at(self) -> float:
        """When time asks for something next; infinity for never."""
        return min(next(iter(self.away.values()), inf) + RESUME_WINDOW, self._looks[0][0] if self._looks else inf)

    def forgotten_at(self) -> float:
        """A queue is never forgotten."""
        return inf

    # What can be seen of it.

    @property
    def present(self) -> int:
        """How many wait and are connected."""
        return len(self.tickets) - len(self.away)

    def others_for(self, browser: BrowserId) -> int:
        """How many wait and are connected, the pages of one browser left out."""
        own = (id for id, ticket in self.tickets.items() if ticket.visitor.browser == browser)
        return self.present - sum(id not in self.away for id in own)

    def home_of(self, visitor: VisitorId) -> ProcessId | None:
        """The process that somebody who waits is at home with."""
        ticket = self.tickets.get(visitor)
        return ticket.home if ticket else None

    def homes(self) -> set[ProcessId]:
        """The processes that those who wait are at home with."""
        return {ticket.home for ticket in self.tickets.values()}

    # Waiting.

    def _seek(self, entry: Entry, command: commands.Seek) -> Iterator[Event]:
        visitor = command.visitor
        known = self.tickets.get(visitor.id)
        match = self.matched.get(visitor.id)
        if not self.kind.is_pair or known or (match and command.ended and match.room != command.ended):
            return  # it waits already, or both processes have sent it here after its stranger left
        self.number += 1
        ticket = Ticket(
            visitor, command.name, entry.by, self.number, entry.at, command.recent, command.blocked, command.held_until
        )
        self.tickets[visitor.id] = ticket
        self._put(ticket)
        yield events.Queued(visitor.id, entry.by, command.ended)
        yield from self._match(entry, ticket)

    def _withdraw(self, entry: Entry, command: commands.Withdraw) -> Iterator[Event]:
        if self._ticket_at(entry, command.visitor):
            self._remove(command.visitor)
            yield events.Gone(command.visitor, Why.LEFT)

    def _look_again(self, entry: Entry, command: commands.LookAgain) -> Iterator[Event]:
        ticket = self.tickets.get(command.visitor)
        if ticket and self._is_present(command.visitor):
            yield from self._match(entry, ticket)
            for at in ticket.looks_at:
                if entry.at < at:  # asked for by a clock that is a little ahead
                    heappush(self._looks, (at, command.visitor))

    def _keep_apart(self, entry: Entry, command: commands.KeepApart) -> Sequence[Event]:
        for ticket in self.tickets.values():
            if ticket.visitor.browser == command.browser and command.blocked not in ticket.blocked:
                ticket.blocked = (*ticket.blocked, command.blocked)
        return ()

    # Being away.

    def _disconnect(self, entry: Entry, command: commands.Disconnect) -> Sequence[Event]:
        if self._ticket_at(entry, command.visitor):
            self.away.setdefault(command.visitor, entry.at)
        return ()

    def _resume(self, entry: Entry, command: commands.Resume) -> Iterator[Event]:
        visitor = command.visitor
        ticket = self.tickets.get(visitor.id)
        if ticket is None or ticket.visitor.browser != visitor.browser:
            match = self.matched.get(visitor.id)
            yield events.ResumeRefused(visitor.id, match.room if match else None)
            return
        before, ticket.home, ticket.visitor = ticket.home, entry.by, visitor
        yield events.Resumed(visitor.id, entry.by, before)
        if self.away.pop(visitor.id, None) is not None:
            self._put(ticket)
        yield from self._match(entry, ticket)

    def _give_up(self, entry: Entry, command: commands.GiveUp) -> Iterator[Event]:
        if entry.at >= self.away.get(command.visitor, inf) + RESUME_WINDOW:
            self._remove(command.visitor)
            yield events.Gone(command.visitor, Why.EXPIRED)

    def _home_lost(self, entry: Entry, command: commands.HomeLost) -> Iterator[Event]:
        lost = [id for id, ticket in self.tickets.items() if ticket.home == command.process and id not in self.away]
        away = {**self.away, **dict.fromkeys(lost, command.since)}
        self.away = dict(sorted(away.items(), key=lambda item: item[1]))
        for visitor in lost:
            yield events.HomeMissed(visitor, command.process)

    # Meeting.

    def _match(self, entry: Entry, mine: Ticket) -> Iterator[Event]:
        looked_at: list[tuple[int, VisitorId]] = []
        other = best_for(mine, self._offers(looked_at), entry.at)
        for item in looked_at:
            heappush(self._order, item)
        if other is None:
            return
        room = pair_of(self.kind, entry.n, entry.at)
        for ticket in (other, mine):
            self._remove(ticket.visitor.id)
            self._remember(ticket.visitor.id, Match(room, entry.at))
        yield events.Matched(room, (_party(other), _party(mine)))

    def _offers(self, looked_at: list[tuple[int, VisitorId]]) -> Iterator[Ticket]:
        """Take the first few who are present from the heap, one by one; the caller puts them back."""
        while self._order and len(looked_at) < OFFERS_LOOKED_AT:
            item = number, visitor = heappop(self._order)
            ticket = self.tickets.get(visitor)
            if ticket is None or ticket.number != number or visitor in self.away:
                continue  # gone meanwhile
            if not looked_at or looked_at[-1] != item:  # else twice in the heap, because it was away and came back
                looked_at.append(item)
                yield ticket

    def _remember(self, visitor: VisitorId, match: Match) -> None:
        self.matched.pop(visitor, None)
        self.matched[visitor] = match
        while len(self.matched) > MATCHES_REMEMBERED or next(iter(self.matched.values())).at + RESUME_WINDOW < match.at:
            del self.matched[next(iter(self.matched))]

    # Small steps.

    def _put(self, ticket: Ticket) -> None:
        heappush(self._order, (ticket.number, ticket.visitor.id))
        for at in ticket.looks_at:
            heappush(self._looks, (at, ticket.visitor.id))

    def _remove(self, visitor: VisitorId) -> None:
        self.tickets.pop(visitor, None)
        self.away.pop(visitor, None)
        if len(self._order) > 2 * len(self.tickets) + 64 or len(self._looks) > 3 * len(self.tickets) + 64:
            self.__post_init__()

    def _is_present(self, visitor: VisitorId) -> bool:
        return visitor in self.tickets and visitor not in self.away

    def _ticket_at(self, entry: Entry, visitor: VisitorId) -> Ticket | None:
        """The ticket of a visitor, if the entry comes from its home: what an earlier home still says is void."""
        ticket = self.tickets.get(visitor)
        return ticket if ticket and ticket.home == entry.by else None


def _party(ticket: Ticket) -> Party:
    return Party(ticket.visitor, ticket.name, ticket.home)


_CHANGES: dict[type[Command], Callable[[Queue, Entry, Any], Iterable[Event]]] = {
    commands.Seek: Queue._seek,
    commands.Withdraw: Queue._withdraw,
    commands.LookAgain: Queue._look_again,
    commands.KeepApart: Queue._keep_apart,
    commands.Disconnect: Queue._disconnect,
    commands.Resume: Queue._resume,
    commands.GiveUp: Queue._give_up,
    commands.HomeLost: Queue._home_lost,
}
