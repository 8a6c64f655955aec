"""What must be true of everything that clients have seen, whatever has failed meanwhile."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

from quart_chat.domain.rooms import LEFT_OUT_AFTER_LOSS
from tests.faults.history import HistoryClient


def check_rules(clients: Sequence[HistoryClient]) -> None:
    """Fail if a page showed what no page must show; holds at any time and after any fault.

    No message appears twice, under two numbers or out of order. None is refused and shown all the same. Nobody reads
    what was said in a room that it has not entered, and a pair is read by two people only.
    """
    for client in clients:
        assert not client.violations, client.violations
        for room in client.seen:
            assert _may_read(client, room), f"a page of {client.path} shows messages of {room}"
    said, refused = _said_in(clients, "said"), _said_in(clients, "refused")
    for client in clients:
        for room, messages in client.seen.items():
            _check_messages(Counter(messages.values()), room, said, refused)
    _check_pairs(clients)


def _may_read(client: HistoryClient, room: str) -> bool:
    """Say whether a page may show a room by what the page is for."""
    _, kind, *code = client.path.split("/")
    if kind in ("text", "video"):
        return room.startswith(f"pair-{kind}-")
    return room == (f"room-{code[0]}" if kind == "room" else kind)


def _said_in(clients: Iterable[HistoryClient], what: str) -> dict[str, dict[str, set[str]]]:
    """Of each text the keys under which it was offered, by room."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for client in clients:
        for key, message in getattr(client, what).items():
            found[message.text][message.room].add(key)
    return found


def _check_messages(
    times_seen: Counter[str],
    room: str,
    said: dict[str, dict[str, set[str]]],
    refused: dict[str, dict[str, set[str]]],
) -> None:
    for text, times in times_seen.items():
        if text in said:  # else a test has sent it in its own way
            assert room in said[text], f"{text!r} was said in {list(said[text])}, and read in {room}"
            assert times <= len(said[text][room]), f"seen twice: {text!r}"
            accepted = said[text][room] - refused.get(text, {}).get(room, set())
            assert times <= len(accepted), f"refused and yet seen: {text!r}"


def _check_pairs(clients: Iterable[HistoryClient]) -> None:
    readers: dict[str, set[str]] = defaultdict(set)
    for client in clients:
        for room in client.seen:
            if room.startswith("pair-"):
                readers[room].add(str(sorted(client.cookies.items())))
    for room, people in readers.items():
        assert len(people) <= 2, f"{len(people)} people have read {room}"


async def check_history(
    members: Sequence[HistoryClient], room: str, everyone: Iterable[HistoryClient] = ()
) -> list[str]:
    """Fail unless each member saw each accepted message of a room exactly once, in one order; returns that order.

    The members were in the room all the time and are connected; `everyone` are all those who may have written there.
    Numbers are given without a gap, but for those left out on purpose where something may be lost.
    Numbers are given without a gap, but for those left out on purpose where something may be lost.
    """
    await asyncio.gather(*(member.has_all_answers() for member in members))
    await asyncio.gather(*(member.is_up_to_date() for member in members))
    check_rules([*members, *everyone])
    orders = [client.seen.get(room, {}) for client in members]
    one_order = dict(sorted(pair for order in orders for pair in order.items()))
    assert all(one_order[seq] == text for order in orders for seq, text in order.items()), "there are two orders"
    for order in orders:
        missed = [one_order[seq] for seq in one_order if seq not in order and seq > min(order, default=0)]
        assert not missed, f"a member missed {missed}"
    steps = {after - before for before, after in pairwise(one_order)}
    assert all(step == 1 or step > LEFT_OUT_AFTER_LOSS for step in steps), f"numbers were left out: {steps}"
    for writer in {*members, *everyone}:
        lost = [
            message.text
            for message in writer.accepted.values()
            if message.room == room and message.text not in one_order.values()
        ]
        assert not lost, f"accepted and lost: {lost}"
    return list(one_order.values())
