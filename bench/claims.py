"""What finding a stranger costs in the queue of one process, however long that is: no socket, no other process."""

import time

from quart_chat.domain.commands import Entry, Seek
from quart_chat.domain.events import Matched
from quart_chat.domain.matching import Ticket
from quart_chat.domain.naming import given_name
from quart_chat.domain.queues import Queue
from quart_chat.domain.spaces import Kind, queue_of
from quart_chat.domain.visitors import BrowserId, ProcessId, Visitor, VisitorId

CLAIMS = 20_000
HERE = ProcessId("bench")
CROWD = BrowserId("crowd")
GUEST = given_name("Guest")


def claim_cost(waiting: int) -> float:
    """Microseconds for a newcomer to meet the first of so many, who have all blocked each other.

    One more of them comes after each newcomer, so that the queue keeps its length; that is not counted.
    """
    tickets = [_ticket(number) for number in range(1, waiting + 1)]
    queue = Queue(queue_of(Kind.TEXT), Kind.TEXT, waiting, {ticket.visitor.id: ticket for ticket in tickets})
    taken = 0.0
    for number in range(1, CLAIMS + 1):
        newcomer = Seek(Visitor(VisitorId(f"n{number}"), BrowserId(f"c{number}")), GUEST)
        began = time.perf_counter()
        events = queue.apply(Entry(2 * number, 1.0, HERE, newcomer))
        taken += time.perf_counter() - began
        assert isinstance(events[-1], Matched)
        another = _ticket(waiting + number)
        queue.apply(Entry(2 * number + 1, 1.0, HERE, Seek(another.visitor, GUEST, blocked=another.blocked)))
    return taken / CLAIMS * 1e6


def _ticket(number: int) -> Ticket:
    visitor = Visitor(VisitorId(f"w{number}"), CROWD)
    return Ticket(visitor, GUEST, HERE, number, 0.0, blocked=(CROWD,))
