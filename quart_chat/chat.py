"""The use cases: a visitor's command comes in, the rules are applied, events go out."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from quart_chat.domain.commands import Accuse, Block, Command, Enter, Leave, Next, Say, Seek, Send, Stop, Typing
from quart_chat.domain.events import (
    Banned,
    CallBegan,
    Ending,
    Kept,
    Refusal,
    Refused,
    Reported,
    Signalled,
    StillWaiting,
    Stood,
    Talking,
    Waiting,
)
from quart_chat.domain.limits import GrowingWait, Ledger, Limit
from quart_chat.domain.ports import Backend, Bus, Cabinet, Clock, Meeting, Parting, Repeated
from quart_chat.domain.rooms import Kind, RoomId, View
from quart_chat.domain.signals import Addresses, BadSignal, cleaned
from quart_chat.domain.text import Reason, Unwritable, clean_message, clean_name
from quart_chat.domain.visitors import Visitor, VisitorId

SHOWN_AWAY_AFTER = 5.0  # seconds; shorter than that nobody needs to know
PARTNER_WAIT = 45.0  # seconds; longer than a phone's switch from wifi to cellular
SKIPS = Limit(20, 60.0)  # before each further *Next* waits a little longer
RESUME_WINDOW = 120.0  # seconds a dropped visitor keeps its seat in the lobby, a room or a queue

REFUSALS = {
    Reason.EMPTY: Refusal.EMPTY,
    Reason.TOO_LONG: Refusal.TOO_LONG,
    Reason.RESERVED: Refusal.RESERVED,
    Reason.UNREADABLE: Refusal.UNREADABLE,
}


@dataclass(frozen=True, slots=True)
class Doorway:
    """The place a page is for; `room` is None where strangers meet."""

    kind: Kind
    room: RoomId | None = None


@dataclass(slots=True)
class Absence:
    """Since when a visitor's connection is gone, and whether its room knows."""

    visitor: Visitor
    since: float
    marked: bool = False


class Chat:
    """Everything a visitor can do, and what time does to those who are away."""

    def __init__(
        self,
        backend: Backend,
        bus: Bus,
        clock: Clock,
        cabinet: Cabinet,
        are_neighbours: Callable[[VisitorId, VisitorId], bool],
        skips: Limit = SKIPS,
    ) -> None:
        """Take the parts; `are_neighbours` says whether two visitors come from one address."""
        self._backend = backend
        self._bus = bus
        self._clock = clock
        self._cabinet = cabinet
        self._are_neighbours = are_neighbours
        self._skips = Ledger(lambda now: GrowingWait(skips, now))
        self._held: dict[VisitorId, tuple[Visitor, Kind]] = {}
        self._absent: OrderedDict[VisitorId, Absence] = OrderedDict()
        self._told_waiting: dict[Kind, int] = {}

    async def handle(self, visitor: Visitor, doorway: Doorway, command: Command) -> None:
        """Grant a visitor's wish, or tell it why not. Total: any command in any state has an answer."""
        try:
            await self._handle(visitor, doorway, command)
        except BadSignal:
            self._bus.tell(visitor.id, Refused(Refusal.UNREADABLE))
        except Unwritable as error:
            key = command.key if isinstance(command, Say) else None
            self._bus.tell(visitor.id, Refused(REFUSALS[error.reason], key))

    async def _handle(self, visitor: Visitor, doorway: Doorway, command: Command) -> None:
        match command:
            case Say():
                await self._say(visitor, command)
            case Typing(room):
                await self._typing(visitor, doorway, room)
            case Enter(name):
                await self._enter(visitor, doorway, name)
            case Leave(room):
                await self._leave(visitor, room)
            case Seek(name, agreed):
                await self._seek(visitor, doorway.kind, clean_name(name), agreed)
            case Next(room):
                await self._next_stranger(visitor, room)
            case Stop(room):
                await self._stop(visitor, room)
            case Send():
                await self._send(visitor, command)
            case Accuse():
                await self._accuse(visitor, command)
            case Block(room):
                await self._block(visitor, room)

    async def drop(self, visitor: Visitor) -> None:
        """Note that a visitor's connection is gone. That is never a leave: its seat is kept for a while."""
        if await self._backend.place_of(visitor.id) is None:
            return
        self._absent[visitor.id] = Absence(visitor, self._clock.monotonic())
        await self._backend.pass_over(visitor.id)

    async def resume(self, visitor: Visitor, since: int | None) -> bool:
        """Show a visitor who has come back where it is and what it has missed after message `since`.

        Returns False when it is nowhere any more.
        """
        self._absent.pop(visitor.id, None)
        if visitor.id not in self._held:
            await self._backend.welcome_back(visitor.id)
        place = await self._backend.place_of(visitor.id)
        if place is None:
            return False
        if place.room is None:
            await self._wait(visitor.id, place.kind)
        elif view := await self._backend.view(place.room, visitor.id, since):
            self._show(visitor.id, view, resumed=True)
        return True

    async def tick(self) -> None:
        """Do what time asks for; to be called about once a second."""
        await self._look_after_the_absent()
        await self._release_the_held()
        await self._backend.tidy()
        for kind in Kind:
            if kind.is_pair:
                await self._look_after_the_queue(kind)

    async def _say(self, visitor: Visitor, wish: Say) -> None:
        text = clean_message(wish.text)
        said = await self._backend.say(wish.room, visitor.id, wish.key, text)
        if said is None:
            self._bus.tell(visitor.id, Refused(Refusal.NOT_DELIVERED, wish.key))
        elif said is Repeated.REPEATED:
            self._bus.tell(visitor.id, Kept(wish.key))

    async def _typing(self, visitor: Visitor, doorway: Doorway, room: RoomId) -> None:
        if doorway.kind is not Kind.LOBBY:  # among so many somebody always writes
            await self._backend.typing(room, visitor.id)

    async def _enter(self, visitor: Visitor, doorway: Doorway, name: str) -> None:
        clean = clean_name(name)
        if doorway.room is None or await self._backend.place_of(visitor.id) or await self._is_banned(visitor):
            return
        view = await self._backend.enter(doorway.room, visitor.id, clean)
        self._bus.tell(visitor.id, Talking(view) if view else Refused(Refusal.NO_SUCH_ROOM))

    async def _send(self, visitor: Visitor, wish: Send) -> None:
        """Pass a signal on to the present partner and to nobody else, ever."""
        partner = await self._backend.partner_of(wish.room, visitor.id)
        if partner is None:
            return
        same_network = self._are_neighbours(visitor.id, partner)
        addresses = Addresses.RELAY if wish.relay else Addresses.ALL if same_network else Addresses.PUBLIC
        if signal := cleaned(wish.signal, addresses):
            self._bus.tell(partner, Signalled(wish.room, wish.page, signal))

    async def _leave(self, visitor: Visitor, room: RoomId) -> None:
        if await self._backend.leave(room, visitor.id):
            self._bus.tell(visitor.id, Stood(Ending.LEFT))

    async def _seek(self, visitor: Visitor, kind: Kind, name: str, agreed: bool) -> None:
        if not agreed:
            self._bus.tell(visitor.id, Refused(Refusal.RULES))
        elif not await self._is_banned(visitor) and kind.is_pair and await self._backend.seek(kind, visitor, name):
            await self._wait(visitor.id, kind)

    async def _is_banned(self, visitor: Visitor) -> bool:
        until = await self._backend.banned_until(visitor)
        if until is not None:
            self._bus.tell(visitor.id, Banned(until))
        return until is not None

    async def _accuse(self, visitor: Visitor, wish: Accuse) -> None:
        """File a report and end the talk, if it is still going on."""
        report = await self._backend.accuse(wish.room, visitor.id, wish.accusation, wish.words)
        if report is None:
            self._bus.tell(visitor.id, Refused(Refusal.TOO_LATE))
            return
        self._cabinet.file(report)
        if not await self._end_talk(visitor, wish.room, Ending.REPORTED):
            self._bus.tell(visitor.id, Reported())

    async def _block(self, visitor: Visitor, room: RoomId) -> None:
        if await self._backend.block(room, visitor.id):
            await self._end_talk(visitor, room, Ending.BLOCKED)
        else:
            self._bus.tell(visitor.id, Refused(Refusal.TOO_LATE))

    async def _end_talk(self, visitor: Visitor, room: RoomId, ending: Ending) -> bool:
        parting = await self._backend.part(room, visitor.id)
        if parting:
            self._bus.tell(visitor.id, Stood(ending))
            await self._console(parting)
        return parting is not None

    async def _next_stranger(self, visitor: Visitor, room: RoomId) -> None:
        """Leave this stranger and look for another one."""
        parting = await self._backend.part(room, visitor.id)
        if parting:
            await self._backend.seek(parting.kind, visitor, parting.gone.name)
            await self._hold_who_skips(visitor, parting.kind)
            await self._wait(visitor.id, parting.kind)
            await self._console(parting)

    async def _hold_who_skips(self, visitor: Visitor, kind: Kind) -> None:
        """Whoever skips without end is passed over for a while, a little longer each time."""
        now = self._clock.monotonic()
        skips = self._skips.of(visitor.browser, now)
        skips.fail(now)
        if not skips.may_try(now):
            self._held[visitor.id] = (visitor, kind)
            await self._backend.pass_over(visitor.id)

    async def _release_the_held(self) -> None:
        now = self._clock.monotonic()
        for visitor, kind in list(self._held.values()):
            if not self._skips.of(visitor.browser, now).may_try(now):
                continue
            del self._held[visitor.id]
            if visitor.id not in self._absent:
                await self._backend.welcome_back(visitor.id)
                await self._meet(visitor.id, kind)

    async def _stop(self, visitor: Visitor, room: RoomId) -> None:
        parting = await self._backend.part(room, visitor.id)
        if parting or await self._backend.withdraw(visitor.id):
            self._bus.tell(visitor.id, Stood(Ending.LEFT))
        if parting:
            await self._console(parting)

    async def _console(self, parting: Parting) -> None:
        """Tell the one who stayed, and look for somebody else at once."""
        if await self._is_banned(parting.stayed):
            await self._backend.withdraw(parting.stayed.id)
            return
        waiting = await self._backend.waiting(parting.kind)
        self._bus.tell(parting.stayed.id, Waiting(parting.kind, waiting, left=parting.gone))
        if parting.stayed.id in self._absent:
            await self._backend.pass_over(parting.stayed.id)
        else:
            await self._meet(parting.stayed.id, parting.kind)

    async def _wait(self, visitor: VisitorId, kind: Kind) -> None:
        """Let a queued visitor meet somebody, or tell it that it waits."""
        if not await self._meet(visitor, kind):
            self._bus.tell(visitor, Waiting(kind, await self._backend.waiting(kind)))

    async def _meet(self, visitor: VisitorId, kind: Kind) -> bool:
        meeting = await self._backend.match(kind, visitor)
        if meeting:
            await self._introduce(meeting)
        return meeting is not None

    async def _introduce(self, meeting: Meeting) -> None:
        for ticket in (meeting.first, meeting.second):
            if view := await self._backend.view(meeting.room, ticket.visitor, None):
                self._show(ticket.visitor, view)

    def _show(self, visitor: VisitorId, view: View, resumed: bool = False) -> None:
        self._bus.tell(visitor, Talking(view, resumed))
        if view.kind is Kind.VIDEO and view.partner:
            self._bus.tell(visitor, CallBegan(view.room, polite=view.me.seat > view.partner.seat))

    async def _look_after_the_absent(self) -> None:
        now = self._clock.monotonic()
        for absence in list(self._absent.values()):
            away_for = now - absence.since
            if away_for >= SHOWN_AWAY_AFTER and not absence.marked:
                absence.marked = True
                await self._backend.mark_away(absence.visitor.id)
            if away_for >= PARTNER_WAIT:
                await self._give_up_on(absence.visitor, away_for)

    async def _give_up_on(self, visitor: Visitor, away_for: float) -> None:
        place = await self._backend.place_of(visitor.id)
        if place and place.room and place.kind.is_pair:
            if parting := await self._backend.part(place.room, visitor.id):
                await self._console(parting)
        elif away_for < RESUME_WINDOW:
            return
        elif place and place.room:
            await self._backend.leave(place.room, visitor.id)
        elif place:
            await self._backend.withdraw(visitor.id)
        self._absent.pop(visitor.id, None)

    async def _look_after_the_queue(self, kind: Kind) -> None:
        """Give those who have waited long enough another look, and tell a changed number."""
        for visitor in await self._backend.longest_waiting(kind):
            await self._meet(visitor, kind)
        waiting = await self._backend.waiting(kind)
        if waiting != self._told_waiting.get(kind, 0):
            self._told_waiting[kind] = waiting
            for visitor in await self._backend.longest_waiting(kind):
                self._bus.tell(visitor, StillWaiting(waiting))
