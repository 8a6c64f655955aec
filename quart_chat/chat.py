"""The use cases: a page's request comes in, commands go to the journals, and what they have done is shown to people.

Nothing here waits but at the edges, where a room is made or looked up.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, get_args

from quart_chat.domain import answers, commands, events, requests
from quart_chat.domain.answers import Ending, Refusal, Refused
from quart_chat.domain.bans import Bans
from quart_chat.domain.browsers import LeftBehind
from quart_chat.domain.codes import RoomCode
from quart_chat.domain.commands import Command, Entry, Party
from quart_chat.domain.events import Event, Why
from quart_chat.domain.limits import Bucket, GrowingWait, Ledger, Limit
from quart_chat.domain.messages import is_emoji
from quart_chat.domain.naming import GivenName, given_name
from quart_chat.domain.ports import BanStore, Browsers, Journal, ReportStore, Screens, Space, StoreAway
from quart_chat.domain.queues import Queue
from quart_chat.domain.reports import KEPT_OF_AN_ADDRESS, MAX_WORDS, Report
from quart_chat.domain.requests import Request
from quart_chat.domain.rooms import Room
from quart_chat.domain.signals import BadSignal, CallPages, addresses_for, as_json, cleaned
from quart_chat.domain.spaces import (
    BANS,
    PAIR_KINDS,
    Kind,
    Place,
    SpaceId,
    kind_of_queue,
    kind_of_room,
    queue_of,
    room_of,
)
from quart_chat.domain.text import Reason, Unwritable, clean_message, clean_note
from quart_chat.domain.timing import ANSWER_LIMIT, REPORTABLE_FOR, UNVISITED_ROOM
from quart_chat.domain.visitors import BrowserId, Member, Visitor, VisitorId
from quart_chat.domain.whereabouts import Whereabouts
from quart_chat.log import SampledLog

SKIPS = Limit(20, 60.0)  # talks one may end in a minute before it waits for the next one a little longer each time
REPORTERS_FOR_A_BAN = 3
ROOMS = 5_000  # by code, open at once in one process
REFUSALS_LOGGED = 10  # lines of a kind in a minute
HOPS = 4  # spaces in which a returning visitor is looked for
TOLD_OF_OTHERS = 200  # who wait, each second; beyond, a number that changes so fast says nothing

REFUSALS = {
    Reason.EMPTY: Refusal.EMPTY,
    Reason.TOO_LONG: Refusal.TOO_LONG,
    Reason.RESERVED: Refusal.RESERVED,
    Reason.UNREADABLE: Refusal.UNREADABLE,
}
ENDINGS = {
    Why.LEFT: Ending.LEFT,
    Why.NEXT: Ending.LEFT,
    Why.EXPIRED: Ending.EXPIRED,
    Why.REPORTED: Ending.REPORTED,
    Why.BLOCKED: Ending.BLOCKED,
}

IceServers = Sequence[Mapping[str, object]]


def no_ice_servers(visitor: Visitor) -> IceServers:
    """Let two browsers find each other by themselves."""
    return ()


@dataclass(frozen=True, slots=True)
class Rules:
    """What an operator may set."""

    skips: Limit = SKIPS
    reporters_for_a_ban: int = REPORTERS_FOR_A_BAN
    rooms: int = ROOMS


DEFAULT_RULES = Rules()


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page that connects says about itself.

    If it is `inside`, it shows the room `room` up to message `since`, or its search where `room` is None. `ending` is
    what the page shows when its place there is unknown to every process.
    """

    inside: bool = False
    room: SpaceId | None = None
    since: int | None = None
    ending: Ending = Ending.EXPIRED


NOTHING_SHOWN = Shown()


@dataclass(slots=True)
class Return:
    """A visitor on its way back: what its page shows, the pair it was left in, and how often it was sent on."""

    visitor: Visitor
    shown: Shown
    ended: SpaceId | None = None
    hops: int = 0


class Chat:
    """Everything a visitor can do, and what becomes of it."""

    def __init__(
        self,
        journal: Journal,
        screens: Screens,
        browsers: Browsers,
        reports: ReportStore,
        bans: BanStore,
        ice_servers: Callable[[Visitor], IceServers] = no_ice_servers,
        rules: Rules = DEFAULT_RULES,
    ) -> None:
        self._journal = journal
        self._screens = screens
        self._browsers = browsers
        self._reports = reports
        self._bans = bans
        self._ice_servers = ice_servers
        self._rules = rules
        self._whereabouts = Whereabouts()
        self._returning: dict[VisitorId, Return] = {}
        self._left_by: dict[VisitorId, Member] = {}
        self._expelled: dict[VisitorId, float] = {}
        self._skips = Ledger(lambda now: GrowingWait(rules.skips, now))
        self._call_pages = Ledger(CallPages)
        self._kept_reports = Ledger(partial(Bucket, KEPT_OF_AN_ADDRESS))
        self._refusals = SampledLog(REFUSALS_LOGGED)
        self._told_present: dict[SpaceId, int] = {}
        self._lingering: dict[SpaceId, float] = {}  # held until then, the first to end first
        self._unvisited: dict[SpaceId, float] = {}  # rooms made here, until when they may be empty
        self._opening: dict[SpaceId, asyncio.Future[bool]] = {}

    # What pages ask for.

    def handle(self, visitor: Visitor, place: Place, request: Request) -> None:
        """Do what a page asks for, or tell it why not. Total: any request in any state has an answer."""
        try:
            if self._journal.is_away(getattr(request, "room", None) or place.room or queue_of(place.kind)):
                self._ask_for_patience(visitor, request)
            else:
                _REQUESTS[type(request)](self, visitor, place, request)
        except BadSignal:
            self._screens.tell(visitor.id, Refused(Refusal.UNREADABLE))
        except Unwritable as error:
            self._screens.tell(visitor.id, Refused(REFUSALS[error.reason], getattr(request, "key", None)))

    async def recognise(self, page: VisitorId, browser: BrowserId, place: Place) -> VisitorId:
        """Whose page it is that comes: its own, or that of a visitor whose page its browser has just left there.

        Raises StoreAway.
        """
        record = await self._browsers.load(browser)
        if owner := record.owners.get(page):
            return owner
        left = record.left_behind(place, self._journal.now())
        if left is None or left.visitor == page or self._is_connected(left.visitor):
            return page
        self._browsers.note_owner(browser, page, left.visitor)
        return left.visitor

    def connect(self, visitor: Visitor, place: Place, shown: Shown) -> None:
        """Bring a page that has connected to where its visitor is, and show it what it has missed.

        If nobody knows of the visitor any more, a page that was inside is told so, and shows its door.
        """
        start = self._last_known(visitor, place, shown)
        back = Return(visitor, shown)
        if start is None or not place.shows(start):
            self._end_return(back)
            self._tell_nobody_knows(back)
        else:
            self._returning[visitor.id] = back
            self._ask_for_seat(start, back)

    def disconnect(self, visitor: Visitor, place: Place) -> None:
        """Note that a page's line is gone. That is never a leave: its seat is kept for a while."""
        space = self._whereabouts.of(visitor.id)
        self._returning.pop(visitor.id, None)
        if space is not None:
            self._whereabouts.set_absent(visitor.id)
            self._journal.append(space, commands.Disconnect(visitor.id))
            left = LeftBehind(visitor.id, space, self._journal.now())
            self._browsers.note_left(visitor.browser, place, left)

    def tick(self) -> None:
        """Do what time asks for; to be called about once a second."""
        now = self._journal.now()
        for space, command in list(self._journal.due()):
            if self._is_ours_to_append(space, command):
                self._journal.append(space, command)
        for kind in PAIR_KINDS:
            self._tell_others_waiting(queue_of(kind))
        self._unvisited = {room: until for room, until in self._unvisited.items() if until > now}
        while self._lingering and next(iter(self._lingering.values())) <= now:
            space = next(iter(self._lingering))
            del self._lingering[space]
            self._release_unused(space)

    async def create_room(self, code: RoomCode) -> bool:
        """Open an empty room; False when the code is in use or rests. Raises StoreAway."""
        room = room_of(code)
        if self._journal.is_away(room):
            raise StoreAway("no journal takes it")
        if room in self._opening:
            return False
        opened = self._opening[room] = asyncio.get_running_loop().create_future()
        self._journal.hold(room)
        self._journal.append(room, commands.OpenRoom())
        try:
            async with asyncio.timeout(2 * ANSWER_LIMIT):
                return bool(await opened)
        except TimeoutError:
            raise StoreAway("the store does not answer") from None
        finally:
            del self._opening[room]
            self._release_unused(room)

    def has_place_for_a_room(self) -> bool:
        """Say whether one more room by code may be open in this process."""
        visited = sum(kind_of_room(space) is Kind.ROOM for space in self._whereabouts.spaces())
        return visited + len(self._unvisited) < self._rules.rooms

    async def people_in(self, code: RoomCode) -> int | None:
        """How many are in a room; None when it is not open. Raises StoreAway."""
        room = await self._journal.read(room_of(code))
        is_open = isinstance(room, Room) and room.is_open_at(self._journal.now())
        return room.present if isinstance(room, Room) and is_open else None

    def present(self) -> Mapping[str, int]:
        """How many people with pages connected here are in each kind of place and queue, for other processes."""
        return self._whereabouts.counts()

    def counts(self) -> Mapping[Kind, int]:
        """How many people are in each kind of place, those who wait included."""
        return {kind: self._count(kind) for kind in Kind}

    def waiting(self, kind: Kind, reader: BrowserId) -> int:
        """How many look for a stranger.

        The reader is not counted: while its page is loaded anew, the one before may still be waiting.
        """
        queue = self._journal.state(queue_of(kind))
        return queue.others_for(reader) if isinstance(queue, Queue) else self._count(queue_of(kind))

    def where_is(self, visitor: VisitorId) -> SpaceId | None:
        """The room or queue that a visitor at home here is in; None at a door."""
        return self._whereabouts.of(visitor)

    def ban_of(self, visitor: Visitor, kind: Kind) -> float | None:
        """When a visitor's ban ends, in seconds since the epoch; None when it may come in."""
        bans = self._journal.state(BANS)
        return bans.until(visitor, self._journal.now(), kind.is_pair) if isinstance(bans, Bans) else None

    # Requests, each with its answer.

    def _say(self, visitor: Visitor, place: Place, request: requests.Say) -> None:
        if self._journal.holds(request.room):
            command = commands.SendMessage(visitor.id, request.key, clean_message(request.text), request.reply_to)
            self._journal.append(request.room, command)
        else:
            self._screens.tell(visitor.id, Refused(Refusal.NOT_DELIVERED, request.key))

    def _react(self, visitor: Visitor, place: Place, request: requests.React) -> None:
        if not is_emoji(request.emoji):
            self._screens.tell(visitor.id, Refused(Refusal.NO_EMOJI))
        else:
            command = commands.React(visitor.id, request.seq, request.emoji, request.on)
            self._append_change(visitor, request.room, command)

    def _edit(self, visitor: Visitor, place: Place, request: requests.Edit) -> None:
        command = commands.EditMessage(visitor.id, request.seq, request.key, clean_message(request.text))
        self._append_change(visitor, request.room, command, request.key)

    def _take_back(self, visitor: Visitor, place: Place, request: requests.TakeBack) -> None:
        self._append_change(visitor, request.room, commands.TakeBack(visitor.id, request.seq))

    def _append_change(self, visitor: Visitor, room: SpaceId, command: Command, key: str | None = None) -> None:
        """Append what changes something that was said in the room that the visitor is in."""
        if self._is_in(visitor, room):
            self._journal.append(room, command)
        else:
            self._screens.tell(visitor.id, Refused(Refusal.MESSAGE_GONE, key))

    def _typing(self, visitor: Visitor, place: Place, request: requests.Typing) -> None:
        if place.kind is not Kind.LOBBY and self._is_in(visitor, request.room):  # among so many somebody always writes
            self._journal.append(request.room, commands.ShowTyping(visitor.id))

    def _enter(self, visitor: Visitor, place: Place, request: requests.Enter) -> None:
        name = given_name(request.name)
        if place.room is None or self._whereabouts.of(visitor.id) or self._refuse_banned(visitor, place.kind):
            return
        self._journal.hold(place.room)
        self._journal.append(place.room, commands.Join(visitor, name))

    def _find_stranger(self, visitor: Visitor, place: Place, request: requests.FindStranger) -> None:
        name = given_name(request.name)
        if not request.agreed:
            self._screens.tell(visitor.id, Refused(Refusal.RULES))
        elif place.kind.is_pair and not self._whereabouts.of(visitor.id):
            self._seek(visitor, place.kind, name)

    def _next(self, visitor: Visitor, place: Place, request: requests.Next) -> None:
        if place.kind.is_pair and self._is_in(visitor, request.room):
            self._journal.append(request.room, commands.Leave(visitor.id, next=True))

    def _stop(self, visitor: Visitor, place: Place, request: requests.Stop) -> None:
        """Leave the pair that is meant, or the queue; never another pair that has begun meanwhile."""
        if not place.kind.is_pair:
            return
        if self._is_in(visitor, request.room):
            self._journal.append(request.room, commands.Leave(visitor.id))
        elif self._whereabouts.of(visitor.id) in (None, queue_of(place.kind)):
            self._journal.append(queue_of(place.kind), commands.Withdraw(visitor.id))

    def _leave(self, visitor: Visitor, place: Place, request: requests.Leave) -> None:
        if not place.kind.is_pair and self._is_in(visitor, request.room):
            self._journal.append(request.room, commands.Leave(visitor.id))

    def _relay_signal(self, visitor: Visitor, place: Place, request: requests.RelaySignal) -> None:
        """Pass a signal on to the present partner and to nobody else, ever."""
        room = self._journal.state(request.room) if self._is_in(visitor, request.room) else None
        partner = room.partner_of(visitor.id) if isinstance(room, Room) else None
        if partner is None or not self._may_send_from(visitor, request):
            return
        addresses = addresses_for(request.relay, same_network=partner.visitor.address == visitor.address)
        if signal := cleaned(request.signal, addresses):
            self._journal.append(request.room, commands.PassSignal(visitor.id, request.page, as_json(signal)))

    def _may_send_from(self, visitor: Visitor, request: requests.RelaySignal) -> bool:
        now = self._journal.now()
        return self._call_pages.of(f"{request.room} {visitor.id}", now).may_send(request.page, now)

    def _report_stranger(self, visitor: Visitor, place: Place, request: requests.ReportStranger) -> None:
        words = clean_note(request.words, MAX_WORDS)
        self._append_to_talk(visitor, request.room, commands.Report(visitor.id, request.reason, words))

    def _block(self, visitor: Visitor, place: Place, request: requests.Block) -> None:
        self._append_to_talk(visitor, request.room, commands.BlockPartner(visitor.id))

    def _append_to_talk(self, visitor: Visitor, room: SpaceId, command: Command) -> None:
        """Append to a pair that may be over, and need not be at hand here any more."""
        kind = kind_of_room(room)
        if kind is None or not kind.is_pair:
            self._screens.tell(visitor.id, Refused(Refusal.TOO_LATE))
            return
        self._linger(room)
        self._journal.hold(room)
        self._journal.append(room, command)

    def _ask_for_patience(self, visitor: Visitor, request: Request) -> None:
        """Nothing is done while the store is away; a message stays pending, and its page offers it again."""
        if not isinstance(request, requests.Say | requests.Edit | requests.Typing | requests.RelaySignal):
            self._screens.tell(visitor.id, Refused(Refusal.NOT_NOW))

    # What happens in spaces.

    def heard(self, space: SpaceId, state: Space, entry: Entry, events: Sequence[Event]) -> None:
        """Show what an entry has done to those whom it concerns here, and do what follows from it."""
        for event in events:
            _EVENTS[type(event)](self, space, state, entry, event)

    def reloaded(self, space: SpaceId, state: Space, before: Space | None) -> None:
        """Show a space anew to those who are in it here; ask for the seats of those of whom it knows nothing."""
        since = before.seq if isinstance(before, Room) else None
        shown = Shown(inside=True, room=space if isinstance(before, Room) else None, since=since)
        for id in self._arrived_unheard(state):
            self._settle(id, space)
        for id in self._whereabouts.inside(space):
            visitor = _visitor_in(state, id) or (_visitor_in(before, id) if before else None)
            if state.home_of(id) == self._journal.process:
                # A page that has just come back may have seen less than was known here.
                back = self._returning.get(id) or (Return(visitor, shown) if visitor else None)
                self._show_again(space, state, id, back)
            elif visitor and self._is_connected(id):
                self._returning[id] = back = Return(visitor, shown)
                self._ask_for_seat(space, back)
            elif before:  # else what was appended for it is still on its way
                self._depart(id)

    def _arrived_unheard(self, state: Space) -> list[VisitorId]:
        """Those at home here who have come in by an entry that was never heard, but is in what was read."""
        at_home = [id for id in _visitors_in(state) if state.home_of(id) == self._journal.process]
        return [id for id in at_home if self._whereabouts.of(id) is None]

    def superseded(self, space: SpaceId, unsent: Sequence[Command]) -> None:
        """Let the pages of those who are in a space, or have asked for something there, go on with a newer process."""
        for visitor in {*self._whereabouts.inside(space), *filter(None, map(_author_of, unsent))}:
            self._returning.pop(visitor, None)
            self._whereabouts.remove(visitor)
            self._screens.send_away(visitor)

    def store_away(self, away: bool) -> None:
        """Tell everybody that the store cannot be reached, or can be again."""
        for visitor in self._screens.everybody():
            self._screens.tell(visitor, answers.StoreUnavailable(away))

    def _show(self, space: SpaceId, state: Space, entry: Entry, event: events.Shown) -> None:
        self._screens.publish(space, event)

    def _room_opened(self, space: SpaceId, state: Space, entry: Entry, event: events.RoomOpened) -> None:
        opened = self._opening.get(space)
        if entry.by != self._journal.process or opened is None or opened.done():
            return
        opened.set_result(event.opened)
        if event.opened:
            self._unvisited[space] = entry.at + UNVISITED_ROOM

    def _entered(self, space: SpaceId, state: Space, entry: Entry, event: events.Entered) -> None:
        self._unvisited.pop(space, None)
        if event.home == self._journal.process and isinstance(state, Room):
            self._settle(event.visitor, space)
            if not self._expel_if_banned(event.visitor, state):
                self._show_room(event.visitor, state, NOTHING_SHOWN)

    def _enter_refused(self, space: SpaceId, state: Space, entry: Entry, event: events.EnterRefused) -> None:
        if self._is_by_us(entry):
            self._screens.tell(event.visitor, Refused(Refusal.NO_SUCH_ROOM))
            self._release_unused(space)

    def _message_known(self, space: SpaceId, state: Space, entry: Entry, event: events.MessageKnown) -> None:
        if self._is_by_us(entry):
            self._screens.tell(event.visitor, answers.MessageAcknowledged(event.key))

    def _message_refused(self, space: SpaceId, state: Space, entry: Entry, event: events.MessageRefused) -> None:
        if self._is_by_us(entry):
            self._screens.tell(event.visitor, Refused(Refusal.NOT_DELIVERED, event.key))

    def _change_refused(self, space: SpaceId, state: Space, entry: Entry, event: events.ChangeRefused) -> None:
        if self._is_by_us(entry):
            self._screens.tell(event.visitor, Refused(event.why, event.key))

    def _signal_passed(self, space: SpaceId, state: Space, entry: Entry, event: events.SignalPassed) -> None:
        self._screens.tell(event.to, answers.Signalled(space, event.page, event.signal))

    def _gone(self, space: SpaceId, state: Space, entry: Entry, event: events.Gone) -> None:
        if self._whereabouts.of(event.visitor) == space:
            self._depart(event.visitor)
            self._tell_ended(event.visitor, event.why)

    def _queued(self, space: SpaceId, state: Space, entry: Entry, event: events.Queued) -> None:
        if event.home == self._journal.process and isinstance(state, Queue):
            self._settle(event.visitor, space)
            if not self._expel_if_banned(event.visitor, state):
                self._show_queue(event.visitor, state)

    def _matched(self, space: SpaceId, state: Space, entry: Entry, event: events.Matched) -> None:
        ours = [party for party in event.parties if self._is_at_home(party)]
        for party in ours:
            self._whereabouts.put(party.visitor.id, event.room, self._is_connected(party.visitor.id))
            other = next(other for other in event.parties if other is not party)
            if other.visitor.browser != party.visitor.browser:
                self._browsers.note_met(party.visitor.browser, other.visitor.browser, entry.at)
        if ours:
            self._journal.hold(event.room)
            self._journal.append(event.room, commands.OpenPair(event.parties))
            self._release_unused(space)

    def _pair_ended(self, space: SpaceId, state: Space, entry: Entry, event: events.PairEnded) -> None:
        """Let the one who left for another stranger look for one first, then the one who was left."""
        self._linger(space)
        if self._is_at_home(event.gone):
            self._depart(event.gone.visitor.id)
            self._note_skip(event.gone.visitor, event.why)
            if event.why is Why.NEXT:
                self._seek(event.gone.visitor, event.kind, event.gone.name)
            else:
                self._tell_ended(event.gone.visitor.id, event.why)
        if self._is_at_home(event.stayed):
            self._depart(event.stayed.visitor.id)
            self._left_by[event.stayed.visitor.id] = event.left
            self._seek(event.stayed.visitor, event.kind, event.stayed.name, ended=space)

    def _report_made(self, space: SpaceId, state: Space, entry: Entry, event: events.ReportMade) -> None:
        """Count a report and keep it; one that is not kept counts all the same."""
        if not self._is_by_us(entry):
            return
        report = event.report
        command = commands.CountReport(report.accused, report.reporter, self._rules.reporters_for_a_ban)
        self._journal.append(BANS, command)

        def tell(kept: bool) -> None:
            self._screens.tell(report.reporter.id, answers.Reported(event.ended_talk, kept))

        if self._may_keep(report):
            self._reports.add(report, tell)
        else:
            tell(False)

    def _may_keep(self, report: Report) -> bool:
        """Say whether a report may be kept; so many of one address may not that they would fill the storage."""
        now = self._journal.now()
        if self._kept_reports.of(report.reporter.network, now).take(now):
            return True
        self._refusals.warning("report not kept", why="too many from one address")
        return False

    def _report_counted(self, space: SpaceId, state: Space, entry: Entry, event: events.ReportCounted) -> None:
        if self._is_by_us(entry) and isinstance(state, Bans):
            self._bans.keep(state, event.browser, event.address)

    def _report_refused(self, space: SpaceId, state: Space, entry: Entry, event: events.ReportRefused) -> None:
        if self._is_by_us(entry):
            self._screens.tell(event.visitor, Refused(Refusal.TOO_LATE))

    def _blocked(self, space: SpaceId, state: Space, entry: Entry, event: events.Blocked) -> None:
        if not self._is_by_us(entry):
            return
        one, other = event.by.browser, event.blocked.browser
        for kind in PAIR_KINDS:
            self._journal.append(queue_of(kind), commands.KeepApart(one, other))

        def tell(kept: bool) -> None:
            if not event.with_report:
                self._screens.tell(event.by.id, answers.Blocked(event.ended_talk, kept))

        self._browsers.note_blocked(one, other, entry.at, tell)

    def _browser_banned(self, space: SpaceId, state: Space, entry: Entry, event: events.BrowserBanned) -> None:
        for visitor in self._screens.connected_with(event.browser):
            self._expel(visitor, event.until)

    # Coming back.

    def _last_known(self, visitor: Visitor, place: Place, shown: Shown) -> SpaceId | None:
        """Where a visitor was last: as this process knows, as its browser's record says, or as its page shows."""
        left = self._browsers.of(visitor.browser).left_behind(place, self._journal.now())
        if at := self._whereabouts.of(visitor.id):
            return at
        if left and left.visitor == visitor.id:
            return left.space
        return (shown.room or queue_of(place.kind)) if shown.inside else None

    def _ask_for_seat(self, space: SpaceId, back: Return) -> None:
        self._journal.hold(space)
        self._journal.append(space, commands.Resume(back.visitor))

    def _resumed(self, space: SpaceId, state: Space, entry: Entry, event: events.Resumed) -> None:
        if event.home == self._journal.process:
            back = self._returning.pop(event.visitor, None)
            self._settle(event.visitor, space)
            self._show_again(space, state, event.visitor, back)
        elif self._whereabouts.of(event.visitor) == space:
            self._depart(event.visitor)
            self._screens.tell(event.visitor, answers.OpenedElsewhere())

    def _show_again(self, space: SpaceId, state: Space, visitor: VisitorId, back: Return | None) -> None:
        place = self._screens.place_of(visitor)
        if back and place:
            self._browsers.note_left(back.visitor.browser, place, None)
            if until := self.ban_of(back.visitor, place.kind):
                self._expel(visitor, until)
                return
        if isinstance(state, Room):
            self._show_room(visitor, state, back.shown if back else NOTHING_SHOWN)
        elif isinstance(state, Queue):
            self._show_queue(visitor, state)

    def _resume_refused(self, space: SpaceId, state: Space, entry: Entry, event: events.ResumeRefused) -> None:
        """Follow the trail: from a pair that has ended to the queue, from the queue to the next pair."""
        back = self._returning.get(event.visitor)
        place = self._screens.place_of(event.visitor)
        if not self._is_by_us(entry) or back is None:
            return
        back.hops += 1
        leads_on = event.then is not None and event.then != back.ended and back.hops <= HOPS
        if event.then and leads_on and place and place.shows(event.then):
            back.ended = space if isinstance(state, Room) else back.ended
            self._ask_for_seat(event.then, back)
        elif isinstance(state, Queue) and back.ended and (name := self._name_in(back.ended, event.visitor)):
            self._end_return(back)
            self._seek(back.visitor, state.kind, name, ended=back.ended)
        else:
            self._end_return(back)
            self._tell_nobody_knows(back)
        self._release_unused(space)

    def _end_return(self, back: Return) -> None:
        self._returning.pop(back.visitor.id, None)
        self._depart(back.visitor.id)

    def _tell_nobody_knows(self, back: Return) -> None:
        if back.shown.inside:
            self._screens.tell(back.visitor.id, answers.TalkEnded(back.shown.ending))

    def _home_missed(self, space: SpaceId, state: Space, entry: Entry, event: events.HomeMissed) -> None:
        """Say for those who are connected here that their process lives, which was taken for dead."""
        visitor = _visitor_in(state, event.visitor)
        if event.home == self._journal.process and visitor and self._is_connected(event.visitor):
            self._journal.append(space, commands.Resume(visitor))

    # Being banned.

    def _refuse_banned(self, visitor: Visitor, kind: Kind) -> bool:
        until = self.ban_of(visitor, kind)
        if until is not None:
            self._screens.tell(visitor.id, answers.Banned(until))
        return until is not None

    def _expel_if_banned(self, id: VisitorId, state: Room | Queue) -> bool:
        """Take out one who was banned while it was on its way in."""
        visitor = _visitor_in(state, id)
        until = self.ban_of(visitor, state.kind) if visitor else None
        if until is not None:
            self._expel(id, until)
        return until is not None

    def _expel(self, visitor: VisitorId, until: float) -> None:
        """Take a banned visitor out of wherever it is."""
        space = self._whereabouts.of(visitor)
        if space is None:
            self._screens.tell(visitor, answers.Banned(until))
        else:
            self._expelled[visitor] = until
            leaves = commands.Withdraw(visitor) if kind_of_queue(space) else commands.Leave(visitor)
            self._journal.append(space, leaves)

    def _tell_ended(self, visitor: VisitorId, why: Why) -> None:
        until = self._expelled.pop(visitor, None)
        ended = answers.TalkEnded(ENDINGS[why]) if until is None else answers.Banned(until)
        self._screens.tell(visitor, ended)

    # Small steps.

    def _seek(self, visitor: Visitor, kind: Kind, name: GivenName, ended: SpaceId | None = None) -> None:
        if self._refuse_banned(visitor, kind):
            self._left_by.pop(visitor.id, None)
            return
        now, record = self._journal.now(), self._browsers.of(visitor.browser)
        skips = self._skips.of(visitor.browser, now)
        held_until = 0.0 if skips.may_try(now) else skips.until
        recent, blocked = record.recent_partners(now), record.blocked_browsers(now)
        self._linger(queue_of(kind))
        self._journal.hold(queue_of(kind))
        self._journal.append(queue_of(kind), commands.Seek(visitor, name, recent, blocked, held_until, ended))

    def _note_skip(self, visitor: Visitor, why: Why) -> None:
        """Ending talk after talk makes one wait before the next, whichever button it is done by."""
        if why in (Why.NEXT, Why.LEFT):
            now = self._journal.now()
            self._skips.of(visitor.browser, now).fail(now)

    def _settle(self, visitor: VisitorId, space: SpaceId) -> None:
        """Note where a visitor at home here is now; if its page has gone meanwhile, so does its seat know."""
        connected = self._is_connected(visitor)
        self._journal.hold(space)  # somebody else may have been the last one to leave, while this one was on its way
        self._whereabouts.put(visitor, space, connected)
        if not connected:
            self._journal.append(space, commands.Disconnect(visitor))

    def _depart(self, visitor: VisitorId) -> None:
        """Note that a visitor is nowhere."""
        space = self._whereabouts.of(visitor)
        if space is not None:
            self._whereabouts.remove(visitor)
            self._screens.unsubscribe(visitor)
            self._release_unused(space)

    def _linger(self, space: SpaceId) -> None:
        """Hold a pair that is over for as long as it can be reported; and a queue, for the next one who seeks.

        To read a queue again for each of them would cost more than to hear what happens there.
        """
        self._lingering.pop(space, None)
        self._lingering[space] = self._journal.now() + REPORTABLE_FOR

    def _release_unused(self, space: SpaceId) -> None:
        if not self._whereabouts.is_anybody_in(space) and space not in self._lingering and space != BANS:
            self._journal.release(space)

    def _show_room(self, visitor: VisitorId, room: Room, shown: Shown) -> None:
        """Show a room to one of its members; where strangers see each other, the call begins."""
        resumed = shown.room == room.id
        view = room.view(visitor, shown.since if resumed else None)
        if view is None or not self._is_connected(visitor):
            return
        self._screens.subscribe(visitor, room.id)
        self._screens.tell(visitor, answers.RoomShown(view, resumed))
        if view.kind is Kind.VIDEO and view.partner:
            polite, servers = view.me.seat > view.partner.seat, self._ice_servers(room.seats[visitor].visitor)
            self._screens.tell(visitor, answers.CallBegan(view.room, polite, servers))

    def _show_queue(self, visitor: VisitorId, queue: Queue) -> None:
        """Show that a visitor waits, unless it has been matched by the same entry and was left by nobody."""
        left = self._left_by.pop(visitor, None)
        waits = visitor in queue.tickets
        if waits or left:
            self._screens.tell(visitor, answers.Waiting(queue.kind, max(queue.present - waits, 0), left))

    def _tell_others_waiting(self, space: SpaceId) -> None:
        queue = self._journal.state(space)
        if not isinstance(queue, Queue) or self._told_present.get(space, 0) == queue.present:
            return
        self._told_present[space] = queue.present
        for visitor in islice(self._whereabouts.inside(space), TOLD_OF_OTHERS):
            self._screens.tell(visitor, answers.OthersWaiting(max(queue.present - 1, 0)))

    def _count(self, what: str) -> int:
        return self._whereabouts.counts().get(what, 0) + self._journal.elsewhere().get(what, 0)

    def _is_ours_to_append(self, space: SpaceId, command: Command) -> bool:
        """What time asks for a visitor is appended by its home, or by anybody once that is dead."""
        state, visitor = self._journal.state(space), getattr(command, "visitor", None)
        home = state.home_of(visitor) if state and visitor else None
        return home in (None, self._journal.process) or not self._journal.is_alive(home)

    def _is_in(self, visitor: Visitor, space: SpaceId) -> bool:
        return self._whereabouts.of(visitor.id) == space

    def _is_by_us(self, entry: Entry) -> bool:
        return entry.by == self._journal.process

    def _is_at_home(self, party: Party) -> bool:
        return party.home == self._journal.process

    def _is_connected(self, visitor: VisitorId) -> bool:
        return self._screens.place_of(visitor) is not None

    def _name_in(self, pair: SpaceId, visitor: VisitorId) -> GivenName | None:
        room = self._journal.state(pair)
        return room.name_of(visitor) if isinstance(room, Room) else None


def _visitors_in(state: Space) -> list[VisitorId]:
    """Everybody who is in a room or a queue."""
    if isinstance(state, Room):
        return list(state.seats)
    return list(state.tickets) if isinstance(state, Queue) else []


def _author_of(command: Command) -> VisitorId | None:
    """Who has asked for a command; None where nobody has."""
    visitor: Visitor | VisitorId | None = getattr(command, "visitor", None)
    return visitor.id if isinstance(visitor, Visitor) else visitor


def _visitor_in(state: Space, visitor: VisitorId) -> Visitor | None:
    """Somebody who is in a room or a queue."""
    if isinstance(state, Room):
        return state.seats[visitor].visitor if visitor in state.seats else None
    if isinstance(state, Queue):
        return state.tickets[visitor].visitor if visitor in state.tickets else None
    return None


_REQUESTS: dict[type[Request], Callable[[Chat, Visitor, Place, Any], None]] = {
    requests.Say: Chat._say,
    requests.React: Chat._react,
    requests.Edit: Chat._edit,
    requests.TakeBack: Chat._take_back,
    requests.Typing: Chat._typing,
    requests.Enter: Chat._enter,
    requests.Leave: Chat._leave,
    requests.FindStranger: Chat._find_stranger,
    requests.Next: Chat._next,
    requests.Stop: Chat._stop,
    requests.RelaySignal: Chat._relay_signal,
    requests.ReportStranger: Chat._report_stranger,
    requests.Block: Chat._block,
}

_EVENTS: dict[type[Event], Callable[[Chat, SpaceId, Space, Entry, Any], None]] = {
    **dict.fromkeys(get_args(events.Shown), Chat._show),
    events.RoomOpened: Chat._room_opened,
    events.Entered: Chat._entered,
    events.EnterRefused: Chat._enter_refused,
    events.MessageKnown: Chat._message_known,
    events.MessageRefused: Chat._message_refused,
    events.ChangeRefused: Chat._change_refused,
    events.SignalPassed: Chat._signal_passed,
    events.Resumed: Chat._resumed,
    events.ResumeRefused: Chat._resume_refused,
    events.HomeMissed: Chat._home_missed,
    events.Gone: Chat._gone,
    events.PairEnded: Chat._pair_ended,
    events.ReportMade: Chat._report_made,
    events.ReportRefused: Chat._report_refused,
    events.Blocked: Chat._blocked,
    events.Queued: Chat._queued,
    events.Matched: Chat._matched,
    events.ReportCounted: Chat._report_counted,
    events.BrowserBanned: Chat._browser_banned,
}
