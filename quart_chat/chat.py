"""The use cases: a visitor's command comes in, the rules are applied, events go out."""

from dataclasses import dataclass

from quart_chat.domain.commands import Accuse, Block, Command, Enter, Leave, Next, Say, Seek, Send, Stop, Typing
from quart_chat.domain.events import (
    Banned,
    Ending,
    Kept,
    Refusal,
    Refused,
    Reported,
    Signalled,
    StillWaiting,
    Stood,
)
from quart_chat.domain.limits import GrowingWait, Ledger, Limit
from quart_chat.domain.ports import Absence, Backend, Bus, Cabinet, Clock, Parting, Saying
from quart_chat.domain.rooms import Kind, RoomId
from quart_chat.domain.signals import BadSignal, CallPages, addresses_for, cleaned
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

    def shows(self, kind: Kind, room: RoomId | None) -> bool:
        """Say whether a page of this place may show a room, or the queue where `room` is None."""
        return kind is self.kind and (self.kind.is_pair or (room is not None and room == self.room))


class Chat:
    """Everything a visitor can do, and what time does to those who are away."""

    def __init__(self, backend: Backend, bus: Bus, clock: Clock, cabinet: Cabinet, skips: Limit = SKIPS) -> None:
        self._backend = backend
        self._bus = bus
        self._clock = clock
        self._cabinet = cabinet
        self._skips = Ledger(lambda now: GrowingWait(skips, now))
        self._call_pages = Ledger(CallPages)
        self._held: dict[VisitorId, Visitor] = {}
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
        await self._backend.drop(visitor.id)

    async def resume(self, visitor: Visitor, shown: RoomId | None, since: int | None) -> bool:
        """Show a visitor who has come back where it is, and what it has missed.

        Its page shows the room `shown` up to message `since`; of any other room it gets the whole view. Returns False
        when it is nowhere any more.
        """
        return await self._backend.resume(visitor, shown, since)

    async def tick(self) -> None:
        """Do what time asks for; to be called about once a second."""
        await self._backend.tidy()
        await self._look_after_the_absent()
        await self._release_the_held()
        for kind in Kind:
            if kind.is_pair:
                await self._look_after_the_queue(kind)

    async def _say(self, visitor: Visitor, wish: Say) -> None:
        text = clean_message(wish.text)
        match await self._backend.say(wish.room, visitor.id, wish.key, text):
            case Saying.REFUSED:
                self._bus.tell(visitor.id, Refused(Refusal.NOT_DELIVERED, wish.key))
            case Saying.REPEATED:
                self._bus.tell(visitor.id, Kept(wish.key))

    async def _typing(self, visitor: Visitor, doorway: Doorway, room: RoomId) -> None:
        if doorway.kind is not Kind.LOBBY:  # among so many somebody always writes
            await self._backend.typing(room, visitor.id)

    async def _enter(self, visitor: Visitor, doorway: Doorway, name: str) -> None:
        clean = clean_name(name)
        if doorway.room is None or await self._backend.place_of(visitor.id) or await self._is_banned(visitor):
            return
        if not await self._backend.enter(doorway.room, visitor, clean):
            self._bus.tell(visitor.id, Refused(Refusal.NO_SUCH_ROOM))

    async def _send(self, visitor: Visitor, wish: Send) -> None:
        """Pass a signal on to the present partner and to nobody else, ever."""
        partner = await self._backend.partner_of(wish.room, visitor.id)
        if partner is None or not self._may_send_from(wish.page, wish.room, visitor):
            return
        addresses = addresses_for(wish.relay, same_network=partner.address == visitor.address)
        if signal := cleaned(wish.signal, addresses):
            self._bus.tell(partner.id, Signalled(wish.room, wish.page, signal))

    def _may_send_from(self, page: str, room: RoomId, visitor: Visitor) -> bool:
        now = self._clock.monotonic()
        return self._call_pages.of(f"{room} {visitor.id}", now).may_send(page, now)

    async def _leave(self, visitor: Visitor, room: RoomId) -> None:
        if await self._backend.leave(room, visitor.id):
            self._bus.tell(visitor.id, Stood(Ending.LEFT))

    async def _seek(self, visitor: Visitor, kind: Kind, name: str, agreed: bool) -> None:
        if not agreed:
            self._bus.tell(visitor.id, Refused(Refusal.RULES))
        elif not await self._is_banned(visitor) and kind.is_pair:
            await self._backend.seek(kind, visitor, name)

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
            await self._backend.seek(parting.kind, visitor, parting.name, held=self._skips_too_often(visitor))
            await self._console(parting)

    def _skips_too_often(self, visitor: Visitor) -> bool:
        """Whoever skips without end is held for a while, a little longer each time."""
        now = self._clock.monotonic()
        skips = self._skips.of(visitor.browser, now)
        skips.fail(now)
        if skips.may_try(now):
            return False
        self._held[visitor.id] = visitor
        return True

    async def _release_the_held(self) -> None:
        now = self._clock.monotonic()
        for visitor in list(self._held.values()):
            if self._skips.of(visitor.browser, now).may_try(now):
                del self._held[visitor.id]
                await self._backend.release(visitor.id)

    async def _stop(self, visitor: Visitor, room: RoomId) -> None:
        parting = await self._backend.part(room, visitor.id)
        if parting or await self._backend.withdraw(visitor.id):
            self._bus.tell(visitor.id, Stood(Ending.LEFT))
        if parting:
            await self._console(parting)

    async def _console(self, parting: Parting) -> None:
        """Let the one who stayed, and waits again, meet somebody else at once."""
        if parting.stayed is None:
            return
        if await self._is_banned(parting.stayed):
            await self._backend.withdraw(parting.stayed.id)
        else:
            await self._backend.meet(parting.stayed.id)

    async def _look_after_the_absent(self) -> None:
        for absence in await self._backend.absences():
            if absence.away_for < SHOWN_AWAY_AFTER:
                return
            if not absence.marked:
                await self._backend.mark_away(absence.visitor)
            if absence.away_for >= _patience_with(absence) and (parting := await self._backend.give_up(absence)):
                await self._console(parting)

    async def _look_after_the_queue(self, kind: Kind) -> None:
        """Give those who have waited long enough another look, and tell a changed number."""
        for visitor in await self._backend.longest_waiting(kind):
            await self._backend.meet(visitor)
        waiting = await self._backend.waiting(kind)
        if waiting != self._told_waiting.get(kind, 0):
            self._told_waiting[kind] = waiting
            for visitor in await self._backend.longest_waiting(kind):
                self._bus.tell(visitor, StillWaiting(waiting))


def _patience_with(absence: Absence) -> float:
    """Strangers are not kept waiting as long as a room keeps a seat."""
    return PARTNER_WAIT if absence.place.room and absence.place.kind.is_pair else RESUME_WINDOW
