"""Witnesses: guests whose pages remember what they show, and a checker of what all of them have seen."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from html import unescape
from itertools import pairwise
from typing import Self

from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.web.guest import Guest

OFFERED_EVERY = 0.1  # seconds; a page takes 5

WHAT_COUNTS = re.compile(
    r'id="state" data-at="(?P<at>[^"]*)" hidden><input type="hidden" id="room" name="room" value="(?P<room>[^"]*)"'
    r'|<hx-partial hx-target="#messages" hx-swap="innerHTML">(?P<whole>.*?)</hx-partial>'
    r'|<hx-partial hx-target="#messages" hx-swap="beforeend">(?P<live>.*?)</hx-partial>'
    r'|<hx-upsert hx-target="#messages"[^>]*>(?P<again>.*?)</hx-upsert>'
    r'|<hx-partial hx-target="#p-(?P<kept>[^"]+)" hx-swap="delete">'
    r'|<hx-partial hx-target="#why-(?P<refused>[^"]+)" hx-swap="innerHTML">',
    re.DOTALL,
)
MESSAGE = re.compile(r'<li id="m-(\d+)".*?<span class="words">(.*?)</span> <time', re.DOTALL)
MISSING = "Some messages may be missing"


@dataclass(frozen=True, slots=True)
class Offer:
    """A message on its way."""

    room: str
    text: str


class Witness(Guest):
    """A guest whose page behaves as ours does.

    It remembers all messages it ever showed, offers its own until they are answered, and comes back with its state.
    `complaints` tell what no page must ever show.
    """

    def __init__(self, base: str, path: str, cookies: dict[str, str] | None = None, address: str = "") -> None:
        super().__init__(base, path, cookies, address)
        self.at = "door"
        self.seen: dict[str, dict[int, str]] = {}
        self.gaps = 0
        self.complaints: list[str] = []
        self.on_their_way: dict[str, Offer] = {}
        self.accepted: dict[str, Offer] = {}
        self.refused: dict[str, Offer] = {}
        self._shows: list[int] = []

    async def say(self, text: str, room: str | None = None, key: str | None = None) -> str:
        """Write a message; it is offered now, and again until it is answered."""
        self._keys += 1
        key = key or f"key-{id(self)}-{self._keys}"
        self.on_their_way[key] = Offer(self.room if room is None else room, text)
        with suppress(ConnectionClosed):
            await self._offer(key)
        return key

    async def comes_back(self) -> Self:
        """Connect once more, as the same page."""
        if self._socket and self.close_code is None:
            await self.drop()
        last = str(self._shows[-1]) if self._shows else ""
        more = {"talking": "1", "room": self.room, "seq": last} if self.at in ("talk", "waiting") else {}
        await self.connect(**more)
        self.close_code = None
        for key in list(self.on_their_way):
            await self._offer(key)
        return self

    def goes_to(self, base: str) -> None:
        """Be sent to another process from the next connection on."""
        self.address = self.address.replace(self.base.replace("http", "ws"), base.replace("http", "ws"))
        self.base = base

    async def reloads(self) -> "Witness":
        """Load the page anew in the same browser; the old one is gone."""
        await self.drop()
        return await Witness(self.base, self.path, self.cookies).connect()

    async def opens_a_second_socket(self) -> "Witness":
        """Connect as the same page, while this socket is still open."""
        second = Witness(self.base, self.path, self.cookies)
        second.address, second.at, second._rooms = self.address, self.at, list(self._rooms)
        return await second.comes_back()

    async def stays(self) -> None:
        """Do what a page does for as long as it is open: come back, and offer what has no answer yet."""
        while True:
            with suppress(OSError, TimeoutError, WebSocketException, EOFError):
                if self.close_code is not None:
                    await self.comes_back()
                for key in list(self.on_their_way):
                    await self._offer(key)
            await asyncio.sleep(OFFERED_EVERY)

    async def is_at(self, where: str) -> None:
        """Wait until the page shows its door, its search or its talk."""
        await self._until(lambda: self.at == where, f"is at {self.at}, not at {where}")

    async def has_no_answer_left_to_get(self) -> None:
        await self._until(lambda: not self.on_their_way, f"{self.on_their_way} were never answered")

    async def is_up_to_date(self) -> None:
        """Wait until all is here that the server has sent before now."""
        key = await self.say("", room="nowhere")
        await self._until(lambda: key in self.refused, "was never answered")
        del self.refused[key]

    async def _offer(self, key: str) -> None:
        if offer := self.on_their_way.get(key):
            await self.send(do="say", room=offer.room, key=key, text=offer.text)

    def _show(self, frame: str) -> None:
        super()._show(frame)
        self.gaps += frame.count(MISSING)
        for part in WHAT_COUNTS.finditer(frame):
            if part["at"]:
                self.at, self._rooms[-1] = part["at"], part["room"]
            elif part["kept"]:
                self._answered(part["kept"], self.accepted)
            elif part["refused"]:
                self._answered(part["refused"], self.refused)
            else:
                self._show_messages(part)

    def _answered(self, key: str, answers: dict[str, Offer]) -> None:
        if offer := self.on_their_way.pop(key, None):
            answers[key] = offer

    def _show_messages(self, part: re.Match[str]) -> None:
        if part["whole"] is not None:
            self._shows = []
        for number, text in MESSAGE.findall(part["whole"] or part["live"] or part["again"] or ""):
            seq = int(number)
            self._remember(seq, unescape(text))
            if part["again"] is None and self._shows and seq <= self._shows[-1]:
                self.complaints.append(f"message {seq} appeared below message {self._shows[-1]}")
            self._shows = sorted({*self._shows, seq})

    def _remember(self, seq: int, text: str) -> None:
        known = self.seen.setdefault(self.room, {}).setdefault(seq, text)
        if known != text:
            self.complaints.append(f"message {seq} was {known!r}, then {text!r}")


class Crowd:
    """Witnesses of one server, who all hang up in the end."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.witnesses: list[Witness] = []

    async def guest(
        self, path: str, cookies: dict[str, str] | None = None, base: str = "", address: str = ""
    ) -> Witness:
        """Somebody who opens a page; `base` is another way to the server."""
        witness = await Witness(base or self.base, path, cookies, address).connect()
        self.witnesses.append(witness)
        return witness

    async def in_lobby(self, name: str, base: str = "") -> Witness:
        return await (await self.guest("/lobby", base=base)).enter(name)

    async def strangers(self, kind: str = "text", base: str = "") -> tuple[Witness, Witness]:
        """Ann, who may come another way, and Bob."""
        ann, bob = await self.guest(f"/{kind}", base=base), await self.guest(f"/{kind}")
        await ann.seek("Ann")
        await bob.seek("Bob")
        await ann.is_at("talk")
        await bob.is_at("talk")
        return ann, bob

    async def hang_up(self) -> None:
        await asyncio.gather(*(witness.hang_up() for witness in self.witnesses))


async def check_history(members: Sequence[Witness], room: str, everyone: Iterable[Witness] = ()) -> list[str]:
    """Fail unless each member saw each accepted message of a room exactly once, in one order; returns that order.

    The members were in the room all the time and are connected; `everyone` are all those who may have written there.
    """
    await asyncio.gather(*(member.has_no_answer_left_to_get() for member in members))
    await asyncio.gather(*(member.is_up_to_date() for member in members))
    for witness in {*members, *everyone}:
        assert not witness.complaints, witness.complaints
    orders = [witness.seen.get(room, {}) for witness in members]
    one_order = dict(sorted(pair for order in orders for pair in order.items()))
    assert all(one_order[seq] == text for order in orders for seq, text in order.items()), "there are two orders"
    for order in orders:
        missed = [one_order[seq] for seq in one_order if seq not in order and seq > min(order, default=0)]
        assert not missed, f"a member missed {missed}"
    assert all(after == before + 1 for before, after in pairwise(one_order)), "a number was left out"
    _check_accepted(Counter(one_order.values()), room, {*members, *everyone})
    return list(one_order.values())


def _check_accepted(times_seen: Counter[str], room: str, writers: Iterable[Witness]) -> None:
    twice = [text for text, times in times_seen.items() if times > 1]
    assert not twice, f"seen twice: {twice}"
    for writer in writers:
        lost = [offer.text for offer in writer.accepted.values() if offer.room == room and not times_seen[offer.text]]
        assert not lost, f"accepted and lost: {lost}"
        leaked = [offer.text for offer in writer.refused.values() if offer.room == room and times_seen[offer.text]]
        assert not leaked, f"refused and yet seen: {leaked}"
