import pytest
from hypothesis import given
from hypothesis import strategies as st

from quart_chat.domain.matching import PATIENCE, Queue, Ticket
from quart_chat.domain.rooms import Kind
from quart_chat.domain.visitors import BrowserId, VisitorId


def ticket(name: str, browser: str = "", **more: object) -> Ticket:
    return Ticket(VisitorId(name), BrowserId(browser or name), name, 0.0, **more)  # type: ignore[arg-type]


def queue_of(*tickets: Ticket) -> Queue:
    queue = Queue()
    for each in tickets:
        queue.add(each)
    return queue


def met(queue: Queue, name: str, now: float = 0.0) -> list[str]:
    return [each.name for each in queue.claim(VisitorId(name), now) or ()]


def test_the_longest_waiting_one_is_met_first() -> None:
    assert met(queue_of(ticket("ann"), ticket("bob"), ticket("cid")), "cid") == ["ann", "cid"]


@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.LOBBY, Kind.ROOM])
def test_nobody_waits_in_the_queue_of_another_kind(kind: Kind) -> None:
    """Issue 22: a pair is formed of two who look for a stranger in that very way."""
    with pytest.raises(ValueError, match="in the queue for video"):
        Queue(Kind.VIDEO).add(ticket("ann", kind=kind))


def test_adding_twice_keeps_the_place() -> None:
    queue = queue_of(ticket("ann"), ticket("bob"), ticket("ann"), ticket("cid"))
    assert len(queue) == 3
    assert met(queue, "cid") == ["ann", "cid"]


def test_one_alone_and_one_unknown_meet_nobody() -> None:
    queue = queue_of(ticket("ann"))
    assert met(queue, "ann") == met(queue, "nobody") == []
    assert len(queue) == 1


def test_the_blocked_never_meet_either_way() -> None:
    blocking = ticket("ann", blocked=frozenset({BrowserId("eve")}))
    for order in ((blocking, ticket("eve")), (ticket("eve"), blocking)):
        queue = queue_of(*order)
        assert met(queue, order[-1].name, now=1e9) == []


def test_the_ones_met_lately_wait_for_each_other_a_while() -> None:
    queue = queue_of(ticket("ann", recent=(BrowserId("bob"),)), ticket("bob"))
    assert met(queue, "bob", PATIENCE - 0.1) == []
    assert met(queue, "bob", PATIENCE) == ["ann", "bob"]


def test_a_stranger_is_preferred_to_one_met_lately_and_to_an_own_tab() -> None:
    queue = queue_of(
        ticket("tab", "mine"), ticket("old", recent=(BrowserId("mine"),)), ticket("new"), ticket("me", "mine")
    )
    assert met(queue, "me", now=1e9) == ["new", "me"]


def test_the_absent_are_passed_over_and_keep_their_place() -> None:
    queue = queue_of(ticket("ann"), ticket("bob"), ticket("cid"), ticket("dot"))
    queue.pass_over(VisitorId("ann"))
    assert met(queue, "dot") == ["bob", "dot"]
    queue.welcome_back(VisitorId("ann"))
    queue.add(ticket("eve"))
    assert met(queue, "eve") == ["ann", "eve"]


names = st.sampled_from("abcdefgh")


@given(st.lists(st.tuples(st.sampled_from(["add", "withdraw", "away", "back", "claim"]), names), max_size=80))
def test_whatever_happens_nobody_is_lost_or_doubled(steps: list[tuple[str, str]]) -> None:
    queue, waiting, matched = Queue(), set(), 0
    for what, name in steps:
        visitor = VisitorId(name)
        if what == "add":
            queue.add(ticket(name))
            waiting.add(name)
        elif what == "withdraw":
            assert (queue.withdraw(visitor) is not None) == (name in waiting)
            waiting.discard(name)
        elif what == "away":
            queue.pass_over(visitor)
        elif what == "back":
            queue.welcome_back(visitor)
        elif pair := queue.claim(visitor, 0.0):
            matched += 1
            assert pair[0].visitor != pair[1].visitor == visitor
            waiting -= {each.name for each in pair}
        assert len(queue) == len(waiting)
        assert all(VisitorId(each) in queue for each in waiting)
        assert len(queue._order) <= 2 * len(queue._present) + 66


def test_a_claim_looks_at_a_few_only_however_long_the_queue_is() -> None:
    crowd = [ticket(f"tab {number}", "one browser") for number in range(10_000)]
    queue = queue_of(*crowd, ticket("me", "one browser", blocked=frozenset({BrowserId("one browser")})))
    assert met(queue, "me") == []
    assert len(queue) == 10_001
