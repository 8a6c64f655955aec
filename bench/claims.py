"""What a claim costs in the queue of one process, whatever its length: no socket, no second process."""

import time

from quart_chat.domain.matching import Queue, Ticket
from quart_chat.domain.visitors import BrowserId, VisitorId

CLAIMS = 20_000


def claim_cost(waiting: int) -> float:
    """Seek and claim with so many waiting, who have all met lately and so do not meet each other."""
    queue = Queue()
    crowd = BrowserId("crowd")
    for number in range(waiting):
        queue.add(Ticket(VisitorId(f"w{number}"), BrowserId(f"b{number}"), "Guest", 0.0, recent=(crowd,)))
    began = time.process_time()
    for number in range(CLAIMS):
        visitor = VisitorId(f"n{number}")
        queue.add(Ticket(visitor, BrowserId(f"c{number}"), "Guest", 0.0))
        claimed = queue.claim(visitor, 1.0)
        assert claimed
        queue.add(Ticket(VisitorId(f"r{number}"), BrowserId(f"d{number}"), "Guest", 0.0))
    return (time.process_time() - began) / CLAIMS * 1e6
