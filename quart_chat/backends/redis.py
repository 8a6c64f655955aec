"""Rooms and queues of any number of processes, kept in a Redis or Valkey.

Whatever changes, changes by one call of the script (`redis.lua`). What has happened comes back through two kinds of
channels: one for each room that somebody here is in, and one for this process, about the visitors who are at home here.
Nothing rests on those alone: rooms number their events, visitors' moves are stamped, and both are compared with the
store time and again.
"""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from quart_chat.backends import codec
from quart_chat.backends.codec import BadRecord, HomeNews, listed
from quart_chat.backends.listener import TRY_EVERY, Listener
from quart_chat.backends.mirrors import Mirror
from quart_chat.backends.shared_rooms import SharedRooms, arrival_of
from quart_chat.backends.store import Store
from quart_chat.backends.tasks import Tasks
from quart_chat.backends.telling import show
from quart_chat.domain.codes import RoomCode
from quart_chat.domain.events import Ending, OpenedElsewhere, PersonalEvent, RoomEvent, Stood, Trouble, Waiting
from quart_chat.domain.ports import Absence, Bus, Clock, Parting, Place, Saying, Unavailable
from quart_chat.domain.rooms import LOBBY, Kind, RoomId, room_of
from quart_chat.domain.safety import (
    FIRST_BAN,
    LONGEST_BAN,
    REPORTABLE_FOR,
    REPORTS_COUNT_FOR,
    Accusation,
    Line,
    Person,
    Report,
    Thresholds,
)
from quart_chat.domain.text import fold_name, numbered
from quart_chat.domain.visitors import BrowserId, Visitor, VisitorId
from quart_chat.log import log

UNVISITED_ROOM = 600.0  # seconds a created room waits for its first visitor
LEASE_EVERY = 5.0  # seconds; the script believes a lease for 30
DEAF_AFTER = 3 * LEASE_EVERY  # each lease is followed by a beat over the connection that listens
RENEW_EVERY = 60.0  # seconds; records live for 900
RENEWED_AT_ONCE = 500  # visitors
TOLD_AFTER = 3.0  # seconds of looking for the store until people are told; what is shorter nobody needs to know
REASSEMBLY = 1.0  # seconds for all processes to put back their visitors after the store was reset
CANDIDATES = 16  # names tried at once
DEFAULT_THRESHOLDS = Thresholds()

Ask = Callable[..., Awaitable[dict[str, Any]]]


@dataclass(slots=True)
class Home:
    """A visitor who is connected here, or was last: where it is, as of its move `stamp`.

    `kind` is None until the store has said where a returning visitor is.
    """

    visitor: Visitor
    kind: Kind | None
    room: RoomId | None
    name: str
    stamp: int = 0


class Audience(Protocol):
    """Who is connected to this process, at doors too."""

    def is_connected(self, visitor: VisitorId) -> bool:
        """Say whether a visitor is."""

    def connected_visitors(self) -> Iterable[VisitorId]:
        """All of them."""


class RedisBackend:
    """The `Backend` of several processes, and the `Bus` that finds a visitor on any of them."""

    def __init__(
        self,
        store: Store,
        hub: Bus,
        clock: Clock,
        new_pair_id: Callable[[], str],
        audience: Audience,
        thresholds: Thresholds = DEFAULT_THRESHOLDS,
    ) -> None:
        self._store = store
        self._hub = hub
        self._clock = clock
        self._new_pair_id = new_pair_id
        self._audience = audience
        self._thresholds = thresholds
        self._node = secrets.token_urlsafe(9)
        self._homes: dict[VisitorId, Home] = {}
        self._tasks = Tasks()
        self._listener = Listener(store, DEAF_AFTER)
        self._rooms = SharedRooms(store, self._listener, hub, self._tasks, self._show_what_was_missed)
        self._hears_home = asyncio.Event()
        self._heard_home = asyncio.Event()
        self._beats = 0
        self._leased = self._renewed = clock.monotonic()
        self._told_trouble = False
        self._was_reset = False  # and not everybody is back yet
        self._recovering = asyncio.Lock()

    async def open(self) -> None:
        """Connect, and begin to listen; raises Unavailable."""
        await self._store.settle()
        self._listener.subscribe(self._home_channel)
        self._tasks.start(self._listener.run(self._take, self._subscribed))
        await arrival_of(self._hears_home)
        await self._lease()
        self._tasks.start(self._watch())

    async def close(self) -> None:
        """Leave: whoever was at home here is at once somebody that another process may take up."""
        with suppress(Unavailable):
            await self._store.ask("leave_for_good", node=self._node)
        await self._tasks.cancel()
        await self._store.close()

    def publish(self, room: RoomId, event: RoomEvent) -> None:
        """Tell those members of a room who are here; the store tells the other processes itself."""
        self._hub.publish(room, event)

    def tell(self, visitor: VisitorId, event: PersonalEvent) -> None:
        """Tell one visitor, wherever it is at home."""
        if self._audience.is_connected(visitor):
            self._hub.tell(visitor, event)
        else:
            self._tasks.start(self._tell_elsewhere(visitor, event))

    async def create_room(self, code: RoomCode) -> bool:
        """Open an empty room."""
        answer = await self._store.change("create_room", room=room_of(code), unvisited=UNVISITED_ROOM * 1000)
        return bool(answer["made"])

    async def people_in(self, room: RoomId) -> int | None:
        """How many are in a room."""
        return (await self._store.ask("people_in", room=room)).get("people")

    async def counts(self) -> Mapping[Kind, int]:
        """How many people are in each kind of place, queues included."""
        counts = (await self._store.ask("counts"))["counts"]
        return {kind: int(counts.get(kind, 0)) for kind in Kind}

    async def place_of(self, visitor: VisitorId) -> Place | None:
        """Where a visitor is."""
        answer = await self._store.ask("place_of", visitor=visitor)
        return Place(Kind(answer["kind"]), RoomId(answer["room"]) or None) if answer else None

    async def enter(self, room: RoomId, visitor: Visitor, name: str) -> bool:
        """Go into the lobby or an open room."""
        kind = Kind.LOBBY if room == LOBBY else Kind.ROOM
        first = 1
        while True:
            names = [_named(name, number) for number in range(first, first + CANDIDATES)]
            answer = await self._store.change(
                "enter", room=room, kind=kind, visitor=_record(visitor), names=names, node=self._node
            )
            if not answer.get("taken"):
                break
            first += CANDIDATES
        if not answer:
            return False
        self._homes[visitor.id] = Home(visitor, kind, room, answer["name"], answer["stamp"])
        await self._settle_in(visitor.id, room, answer["n"])
        return True

    async def leave(self, room: RoomId, visitor: VisitorId) -> bool:
        """Go out of the lobby or a room by code."""
        answer = await self._store.change("leave", room=room, visitor=visitor)
        return self._is_gone(visitor, bool(answer["done"]))

    async def say(self, room: RoomId, visitor: VisitorId, key: str, text: str) -> Saying:
        """Add a message; the room hears of it from the store."""
        return Saying((await self._store.ask("say", room=room, visitor=visitor, key=key, text=text))["answer"])

    async def typing(self, room: RoomId, visitor: VisitorId) -> None:
        """Tell the room that a member writes."""
        await self._store.ask("typing", room=room, visitor=visitor)

    async def seek(self, kind: Kind, visitor: Visitor, name: str, held: bool = False) -> bool:
        """Join the queue; what becomes of it is told by the store."""
        if visitor.id in self._homes:
            return self._homes[visitor.id].room is None
        self._homes[visitor.id] = Home(visitor, kind, None, name)  # the news may be faster than the answer
        answer = await self._store.change(
            "seek", kind=kind, visitor=_record(visitor), held=held, **self._ticket(name), node=self._node
        )
        return self._is_gone(visitor.id, not answer["done"]) is False

    async def release(self, visitor: VisitorId) -> None:
        """Let one who was held meet somebody."""
        await self._store.ask("release", visitor=visitor, pair=self._new_pair())

    async def meet(self, visitor: VisitorId) -> bool:
        """Give a waiting visitor another look."""
        return bool((await self._store.change("meet", visitor=visitor, pair=self._new_pair()))["done"])

    async def withdraw(self, visitor: VisitorId) -> bool:
        """Leave the queue."""
        answer = await self._store.change("withdraw", visitor=visitor)
        return self._is_gone(visitor, bool(answer["done"]))

    async def part(self, room: RoomId, visitor: VisitorId) -> Parting | None:
        """End a pair and queue the one who stays."""
        answer = await self._store.change("part", room=room, visitor=visitor)
        self._is_gone(visitor, "parting" in answer)
        return _parting(answer)

    async def partner_of(self, room: RoomId, visitor: VisitorId) -> Visitor | None:
        """The other one of a video pair."""
        answer = await self._store.ask("partner_of", room=room, visitor=visitor)
        return _visitor(answer["partner"]) if answer else None

    async def waiting(self, kind: Kind) -> int:
        """How many are in a queue."""
        return int((await self._store.ask("waiting", kind=kind))["waiting"])

    async def longest_waiting(self, kind: Kind) -> Sequence[VisitorId]:
        """Those of the first few of a queue who are at home here."""
        answer = await self._store.ask("longest_waiting", kind=kind, node=self._node)
        return [VisitorId(visitor) for visitor in listed(answer["visitors"])]

    async def block(self, room: RoomId, visitor: VisitorId) -> bool:
        """Keep the two browsers of a talk apart."""
        answer = await self._store.ask("block", room=room, visitor=visitor, reportable=REPORTABLE_FOR * 1000)
        return bool(answer["done"])

    async def accuse(self, room: RoomId, visitor: VisitorId, accusation: Accusation, words: str) -> Report | None:
        """Count a report and block; the talk's last lines are sealed into it."""
        answer = await self._store.change(
            "accuse",
            room=room,
            visitor=visitor,
            reportable=REPORTABLE_FOR * 1000,
            counts_for=REPORTS_COUNT_FOR * 1000,
            first_ban=FIRST_BAN * 1000,
            longest_ban=LONGEST_BAN * 1000,
            reporters=self._thresholds.reporters,
        )
        if not answer:
            return None
        accused, reporter = _person(answer["accused"]), _person(answer["reporter"])
        lines = tuple(_line(text, answer["accused"]["id"]) for text in listed(answer["lines"]))
        return Report(self._clock.wall(), answer["kind"], accusation, words, accused, reporter, lines)

    async def banned_until(self, visitor: Visitor) -> float | None:
        """When this visitor's ban ends."""
        answer = await self._store.ask("banned_until", browser=visitor.browser, address=visitor.address)
        return answer["ends"] / 1000 if answer else None

    async def whose(self, visitor: Visitor, place: Place) -> VisitorId:
        """Whose page it is that comes as this visitor."""
        answer = await self._store.ask(
            "whose", visitor=visitor.id, browser=visitor.browser, kind=place.kind, room=place.room or ""
        )
        return VisitorId(answer["owner"])

    async def drop(self, visitor: VisitorId) -> None:
        """Note that a visitor is away, unless it has come back by another process."""
        if visitor in self._homes:
            await self._store.ask("drop", visitor=visitor, node=self._node)

    async def resume(self, visitor: Visitor, shown: RoomId | None, since: int | None) -> bool:
        """Welcome a visitor back, whichever process it was on."""
        was_home = self._homes.setdefault(visitor.id, Home(visitor, None, None, ""))
        try:
            answer = await self._store.change(
                "resume", visitor=_record(visitor), pair=self._new_pair(), node=self._node
            )
        except Unavailable:
            if was_home.kind is None:  # nothing is known of it, so there is no place to put it back into
                self._homes.pop(visitor.id, None)
            raise
        if not answer:
            return not self._is_gone(visitor.id, True)
        room = RoomId(answer["room"]) or None
        was_home.visitor, was_home.name = visitor, answer["name"]
        if was_home.stamp < answer["stamp"]:  # else the news was faster than this answer
            was_home.kind, was_home.room, was_home.stamp = Kind(answer["kind"]), room, answer["stamp"]
        if room:
            await self._settle_in(visitor.id, room, answer.get("n", 0), shown, since)
        return True

    async def absences(self) -> Sequence[Absence]:
        """Those who are away, whosever they were, if it is this process's turn to look after them."""
        answer = await self._store.ask("absences", node=self._node)
        return [
            Absence(
                VisitorId(each["visitor"]),
                Place(Kind(each["kind"]), RoomId(each["room"]) or None),
                each["away"] / 1000,
                each["marked"],
            )
            for each in listed(answer["absences"])
        ]

    async def mark_away(self, visitor: VisitorId) -> None:
        """Show the visitor's room that it is reconnecting."""
        await self._store.ask("mark_away", visitor=visitor)

    async def give_up(self, absence: Absence) -> Parting | None:
        """End the stay of one who is still away."""
        return _parting(await self._store.change("give_up", visitor=absence.visitor))

    async def tidy(self) -> None:
        """Say that this process lives, renew what it holds, and let go of rooms nobody here is in any more."""
        now = self._clock.monotonic()
        if now - self._leased >= LEASE_EVERY:
            self._leased = now
            await self._lease()
        if now - self._renewed >= RENEW_EVERY:
            self._renewed = now
            await self._reconcile()
        self._rooms.close_all_but({home.room for home in self._homes.values()})

    async def caught_up(self) -> None:
        """Wait until all has arrived here that the store has sent before now; raises Unavailable."""
        beats = self._beats
        while self._beats == beats:
            self._heard_home.clear()
            await self._lease()
            with suppress(TimeoutError):  # its beat is lost where this process does not listen at the moment
                async with asyncio.timeout(TRY_EVERY):
                    await self._heard_home.wait()
        await self._tasks.finish("move")

    @property
    def _home_channel(self) -> bytes:
        return f"{self._store.prefix}:node:{self._node}".encode()

    def _new_pair(self) -> str:
        return f"pair-{self._new_pair_id()}"

    def _ticket(self, name: str) -> dict[str, str]:
        second = _named(name, 2)
        return {"pair": self._new_pair(), **_named(name, 1), "name2": second["name"], "fold2": second["fold"]}

    def _is_gone(self, visitor: VisitorId, done: bool) -> bool:
        if done:
            self._homes.pop(visitor, None)
        return done

    async def _tell_elsewhere(self, visitor: VisitorId, event: PersonalEvent) -> None:
        await self._store.ask("tell", visitor=visitor, event=codec.pack(event))

    async def _settle_in(
        self, visitor: VisitorId, room: RoomId, n: int = 0, shown: RoomId | None = None, since: int | None = None
    ) -> None:
        """Show a room to a visitor who has come in by the room's event `n`, once that has arrived here."""
        mirror = await self._rooms.at(room, n)
        home = self._homes.get(visitor)
        same = room == shown
        if home and home.room == room and (view := mirror.view(visitor, since if same else None)):
            show(self._hub, visitor, view, resumed=same)

    def _show_what_was_missed(self, mirror: Mirror, since: int) -> None:
        for visitor, home in list(self._homes.items()):
            if home.room == mirror.id and (view := mirror.view(visitor, since)):
                show(self._hub, visitor, view, resumed=True)

    async def _take(self, channel: bytes, data: bytes) -> None:
        """Take in a message; a bad one harms no other."""
        try:
            if channel == self._home_channel:
                self._take_home(codec.read_home_news(data))
            else:
                await self._rooms.take(channel, data)
        except BadRecord as error:
            log.warning("bad record", extra={"why": str(error)})
        except Exception:
            log.exception("news failed")

    def _subscribed(self, channel: bytes) -> None:
        """As with rooms, the second time means a loss."""
        if channel != self._home_channel:
            self._rooms.subscribed(channel)
        elif self._hears_home.is_set():
            self._tasks.start(self._reconcile())
        else:
            self._hears_home.set()

    def _take_home(self, news: HomeNews) -> None:
        """Move a visitor who is at home here, unless it has moved on since."""
        if news.e == "beat":
            self._beats += 1
            self._heard_home.set()
        elif news.e == "told":
            self._hub.tell(news.visitor, codec.unpack(news.event))
        elif (home := self._homes.get(news.visitor)) and home.stamp < news.stamp:
            home.stamp = news.stamp
            self._move(home, news)

    def _move(self, home: Home, news: HomeNews) -> None:
        visitor = home.visitor.id
        if news.e == "moved":
            del self._homes[visitor]
            self._hub.tell(visitor, OpenedElsewhere())
        elif news.e == "waiting":
            home.kind, home.room = Kind(news.kind), None
            self._hub.tell(visitor, Waiting(home.kind, news.waiting, news.left.member if news.left else None))
        elif news.e == "met":
            home.kind, home.room = Kind(news.kind), RoomId(news.room)
            self._tasks.start(self._settle_in(visitor, home.room), name="move")

    async def _watch(self) -> None:
        """Find the store again whenever it was away."""
        while True:
            await asyncio.sleep(TRY_EVERY)
            try:
                if self._store.is_away:
                    await self._find_again()
            except Unavailable:
                continue
            except Exception:
                log.exception("the store cannot be found again")

    async def _lease(self, ask: Ask | None = None) -> None:
        ask = ask or self._store.ask
        answer = await ask("lease", node=self._node, rooms=[mirror.id for mirror in self._rooms])
        self._rooms.compare(answer["reached"] if isinstance(answer["reached"], dict) else {})

    async def _find_again(self) -> None:
        """Look whether the store answers; when it does, put everything right that has changed meanwhile."""
        telling = asyncio.get_running_loop().call_later(TOLD_AFTER, self._tell_trouble, True)
        try:
            self._was_reset = await self._settled() or self._was_reset
        finally:
            telling.cancel()
        await self._lease(self._store.try_again)
        was_reset = self._was_reset
        if was_reset:
            await self._put_back()
        self._store.is_away = False  # not before: a room that is not put back yet would refuse what is said in it
        unready = [mirror for mirror in self._rooms if was_reset or not mirror.ready.is_set()]
        await asyncio.gather(*(self._rooms.read_anew(mirror) for mirror in unready))
        if was_reset:
            await self._mend_pairs()
        await self._reconcile()
        self._was_reset = False
        log.info("store back", extra={"reset": was_reset})
        if self._told_trouble:
            self._tell_trouble(False)

    async def _settled(self) -> bool:
        """Try until the store answers; True when it has lost what it knew."""
        while True:
            with suppress(Unavailable):
                return await self._store.settle()
            await asyncio.sleep(TRY_EVERY)

    def _tell_trouble(self, away: bool) -> None:
        self._told_trouble = away
        for visitor in list(self._audience.connected_visitors()):
            self._hub.tell(visitor, Trouble(away))

    async def _put_back(self) -> None:
        """Tell a store that has forgotten everything who is here, and show all rooms anew once others have too."""
        for homes in _portions(list(self._homes.values())):
            await asyncio.gather(*(self._put_one_back(home) for home in homes))
        await asyncio.sleep(REASSEMBLY)

    async def _put_one_back(self, home: Home) -> None:
        if home.kind is None or (home.room is None and not home.kind.is_pair):
            return  # its page is asked when it comes back
        home.stamp = 0
        mirror = self._rooms.find(home.room)
        await self._store.try_again(
            "reassert",
            visitor=_record(home.visitor),
            kind=home.kind,
            room=home.room or "",
            seq=mirror.seq if mirror else 0,
            node=self._node,
            **self._ticket(home.name),
        )

    async def _mend_pairs(self) -> None:
        """Whose stranger nobody has put back looks for another one."""
        for home in list(self._homes.values()):
            mirror = self._rooms.find(home.room)
            if home.room and home.kind and home.kind.is_pair and mirror and mirror.partner_of(home.visitor.id) is None:
                await self.part(home.room, home.visitor.id)
                await self.seek(home.kind, home.visitor, home.name)

    async def _reconcile(self) -> None:
        """Compare where everybody here is with what the store says; each difference is told."""
        async with self._recovering:
            for homes in _portions(list(self._homes.values())):
                visitors = [home.visitor.id for home in homes]
                places = (await self._store.ask("renew", visitors=visitors, node=self._node))["places"]
                for home in homes:
                    if self._homes.get(home.visitor.id) is home:
                        await self._correct(home, places.get(home.visitor.id))

    async def _correct(self, home: Home, place: dict[str, str] | None) -> None:
        visitor = home.visitor
        if place is None:
            del self._homes[visitor.id]
            self._hub.tell(visitor.id, Stood(Ending.EXPIRED))
        elif place["node"] != self._node:
            del self._homes[visitor.id]
            self._hub.tell(visitor.id, OpenedElsewhere())
        elif self._is_wrong(home, place):
            mirror = self._rooms.find(home.room)
            await self.resume(visitor, home.room, mirror.seq if mirror else None)

    def _is_wrong(self, home: Home, place: dict[str, str]) -> bool:
        is_connected = self._audience.is_connected(home.visitor.id)
        return is_connected and (bool(place.get("absent")) or (place["room"] or None) != home.room)


def _named(name: str, number: int) -> dict[str, str]:
    candidate = name if number == 1 else numbered(name, number)
    return {"name": candidate, "fold": fold_name(candidate)}


def _record(visitor: Visitor) -> dict[str, str]:
    return {"id": visitor.id, "browser": visitor.browser, "address": visitor.address}


def _visitor(record: dict[str, str]) -> Visitor:
    return Visitor(VisitorId(record["id"]), BrowserId(record["browser"]), record["address"])


def _person(record: dict[str, str]) -> Person:
    return Person(BrowserId(record["browser"]), record["address"])


def _line(text: str, accused: str) -> Line:
    record = json.loads(text)
    return Line(record["by"] == accused, record["text"], record["at"] / 1000)


def _parting(answer: dict[str, Any]) -> Parting | None:
    parting = answer.get("parting")
    if not parting:
        return None
    stayed = parting.get("stayed")
    return Parting(Kind(parting["kind"]), parting["name"], _visitor(stayed) if stayed else None)


def _portions(homes: list[Home]) -> Iterator[list[Home]]:
    rest = iter(homes)
    while portion := list(islice(rest, RENEWED_AT_ONCE)):
        yield portion
