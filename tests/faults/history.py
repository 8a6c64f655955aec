"""Clients that behave as our pages do and remember all that they ever showed, for checks.py to judge."""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from html import unescape
from typing import Self

from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.web.guest import PATIENCE, Guest

OFFERED_EVERY = 0.1  # seconds; a page takes 5

PARTS = re.compile(
    r'id="state" data-at="(?P<at>[^"]*)" hidden><input type="hidden" id="room" name="room" value="(?P<room>[^"]*)"'
    r'|<hx-partial hx-target="#messages" hx-swap="innerHTML">(?P<whole>.*?)</hx-partial>'
    r'|<hx-partial hx-target="#messages" hx-swap="beforeend">(?P<live>.*?)</hx-partial>'
    r'|<hx-upsert hx-target="#messages"[^>]*>(?P<again>.*?)</hx-upsert>'
    r'|<hx-partial hx-target="#p-(?P<acknowledged>[^"]+)" hx-swap="delete">'
    r'|<hx-partial hx-target="#why-(?P<refused>[^"]+)" hx-swap="innerHTML">',
    re.DOTALL,
)
MESSAGE = re.compile(r'<li id="m-(\d+)".*?<span class="words">(.*?)</span> <time', re.DOTALL)
WORDS = '<span class="words">'
GAP = re.compile(r'<li id="gap-(\d+)"[^>]*><span>Some messages may be missing')


@dataclass(frozen=True, slots=True)
class PendingMessage:
    """A message that has no answer yet."""

    room: str
    text: str


class HistoryClient(Guest):
    """A client whose page behaves as ours does.

    `seen` are all messages it ever showed, by room and number. Its own messages are offered until they are answered.
    `said` holds all of them by their keys; each is `pending`, `accepted` or `refused`. `gaps` are the places at which
    it says that messages may be missing. `violations` tell what no page must ever show.
    """

    def __init__(self, base: str, path: str, cookies: dict[str, str] | None = None, address: str = "") -> None:
        super().__init__(base, path, cookies, address)
        self.at = "door"
        self.seen: dict[str, dict[int, str]] = {}
        self.gaps: set[tuple[str, str]] = set()
        self.violations: list[str] = []
        self.said: dict[str, PendingMessage] = {}
        self.pending: dict[str, PendingMessage] = {}
        self.accepted: dict[str, PendingMessage] = {}
        self.refused: dict[str, PendingMessage] = {}
        self.next_base: Callable[[], str] | None = None  # the process that each connection goes to; the same if None
        self._shows: list[int] = []

    async def say(self, text: str, room: str | None = None, key: str | None = None) -> str:
        """Write a message; it is offered now, and again until it is answered."""
        self._keys += 1
        key = key or f"key-{id(self)}-{self._keys}"
        self.said[key] = self.pending[key] = PendingMessage(self.room if room is None else room, text)
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
        for key in list(self.pending):
            await self._offer(key)
        return self

    def moves_to(self, base: str) -> None:
        """Be sent to another process from the next connection on."""
        self.address = self.address.replace(self.base.replace("http", "ws"), base.replace("http", "ws"))
        self.base = base

    def copy(self) -> "HistoryClient":
        """The same page, in the state it is in, without a socket."""
        copy = HistoryClient(self.base, self.path, self.cookies)
        copy.address, copy.at, copy._rooms, copy._shows = self.address, self.at, list(self._rooms), list(self._shows)
        return copy

    async def stays_connected(self) -> None:
        """Do what a page does for as long as it is open: come back, and offer what has no answer yet."""
        while True:
            with suppress(OSError, TimeoutError, WebSocketException, EOFError):
                if self.close_code is not None:
                    self.moves_to(self.next_base() if self.next_base else self.base)
                    await self.comes_back()
                for key in list(self.pending):
                    await self._offer(key)
            await asyncio.sleep(OFFERED_EVERY)

    async def is_at(self, where: str) -> None:
        """Wait until the page shows its door, its search or its talk."""
        await self._until(lambda: self.at == where, f"is at {self.at}, not at {where}")

    async def has_all_answers(self, limit: float = PATIENCE) -> None:
        """Wait until all messages that it wrote are accepted or refused."""
        try:
            async with asyncio.timeout(limit), self._news:
                await self._news.wait_for(lambda: not self.pending)
        except TimeoutError:
            raise AssertionError(f"at {self.base} {list(self.pending.values())} were never answered") from None

    async def is_up_to_date(self) -> None:
        """Wait until all is here that the server has sent before now."""
        key = await self.say("", room="nowhere")
        await self._until(lambda: key in self.refused, "was never answered")
        del self.refused[key], self.said[key]

    async def _offer(self, key: str) -> None:
        if message := self.pending.get(key):
            await self.send(do="say", room=message.room, key=key, text=message.text)

    def _show(self, frame: str) -> None:
        super()._show(frame)
        shown = 0
        for part in PARTS.finditer(frame):
            if part["at"]:
                self.at, self._rooms[-1] = part["at"], part["room"]
            elif part["acknowledged"]:
                self._answered(part["acknowledged"], self.accepted)
            elif part["refused"]:
                self._answered(part["refused"], self.refused)
            else:
                shown += self._show_messages(part)
        if shown != frame.count(WORDS):
            self.violations.append("a message was shown outside the log")

    def _answered(self, key: str, answers: dict[str, PendingMessage]) -> None:
        if message := self.pending.pop(key, None):
            answers[key] = message

    def _show_messages(self, part: re.Match[str]) -> int:
        if part["whole"] is not None:
            self._shows = []
        html = part["whole"] or part["live"] or part["again"] or ""
        self.gaps.update((self.room, number) for number in GAP.findall(html))
        messages = MESSAGE.findall(html)
        for number, text in messages:
            seq = int(number)
            self._remember(seq, unescape(text))
            if part["again"] is None and self._shows and seq <= self._shows[-1]:
                self.violations.append(f"message {seq} appeared below message {self._shows[-1]}")
            self._shows = sorted({*self._shows, seq})
        return len(messages)

    def _remember(self, seq: int, text: str) -> None:
        known = self.seen.setdefault(self.room, {}).setdefault(seq, text)
        if known != text:
            self.violations.append(f"message {seq} was {known!r}, then {text!r}")
