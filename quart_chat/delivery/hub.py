"""From what has happened to frames: one per room and language, however many people are in it."""

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from quart_chat.chat import Doorway
from quart_chat.delivery.session import Session, Sessions
from quart_chat.delivery.wire import REPLACED, Frame
from quart_chat.domain.events import (
    CameBack,
    Ending,
    Joined,
    Kept,
    Left,
    OpenedElsewhere,
    PersonalEvent,
    Refused,
    RoomEvent,
    Said,
    StartedTyping,
    Stood,
    Talking,
    Waiting,
    WentAway,
)
from quart_chat.domain.messages import Message
from quart_chat.domain.rooms import RoomId
from quart_chat.domain.visitors import Member, VisitorId
from quart_chat.log import log

WRITES_AT_ONCE = 100  # members written to before other work gets a turn
BEAT_EVERY = 20  # seconds
BEAT = Frame('{"beat": 1}')  # JSON without content, which htmx hears and does not show
GATHERED_FOR = 1.0  # seconds in which joins and leaves are gathered once there was one


@dataclass(slots=True)
class PeopleChanged:
    """Joins and leaves of a room, gathered.

    `joined` and `left` are for the notice; `listed` and `unlisted` are the changes of the list of people.
    Whoever came and went meanwhile is left out of all. `number` tells one notice of a room from another.
    """

    count: int = 0
    number: int = 0
    joined: dict[VisitorId, Member] = field(default_factory=dict)
    left: dict[VisitorId, Member] = field(default_factory=dict)
    listed: dict[VisitorId, Member] = field(default_factory=dict)
    unlisted: dict[VisitorId, Member] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.joined or self.left or self.listed or self.unlisted)

    def add(self, event: Joined | Left) -> None:
        """Take one more change in."""
        self.count = event.count
        if isinstance(event, Joined):
            self.joined[event.member.id] = event.member
            self.listed[event.member.id] = event.member
            if event.pushed:
                self._unlist(event.pushed)
        else:
            if not self.joined.pop(event.member.id, None):
                self.left[event.member.id] = event.member
            self._unlist(event.member)
            if event.pulled:
                self.listed[event.pulled.id] = event.pulled

    def _unlist(self, member: Member) -> None:
        if not self.listed.pop(member.id, None):
            self.unlisted[member.id] = member


@dataclass(slots=True)
class Spoken:
    """Messages that follow one another, gathered: a page takes them in with one swap."""

    messages: list[Message]

    def keys(self) -> Iterator[tuple[VisitorId, str]]:
        """Who has written, and the key of each message."""
        return ((message.by.id, message.key) for message in self.messages)


Happening = Spoken | PeopleChanged | StartedTyping | WentAway | CameBack


class Renderer(Protocol):
    """Turns what has happened into HTML fragments."""

    def for_room(self, room: RoomId, happening: Happening, language: str) -> str:
        """The fragment that every member of a room gets, the same for all."""

    def for_one(self, session: Session, event: PersonalEvent) -> str:
        """The fragment that one visitor gets."""


@dataclass(slots=True)
class Batch:
    """What goes out in one frame to all, and after it to single members."""

    number: int
    happenings: list[Happening] = field(default_factory=list)
    own: dict[Session, list[Frame]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.happenings or self.own)

    def add(self, event: Said | Happening) -> None:
        """Take one more in; messages join those just before them."""
        last = self.happenings[-1] if self.happenings else None
        if not isinstance(event, Said):
            self.happenings.append(event)
        elif isinstance(last, Spoken):
            last.messages.append(event.message)
        else:
            self.happenings.append(Spoken([event.message]))

    def kept(self) -> dict[VisitorId, list[str]]:
        """The keys of the messages in here, by who has written them."""
        found: dict[VisitorId, list[str]] = {}
        for happening in self.happenings:
            for author, key in happening.keys() if isinstance(happening, Spoken) else ():
                found.setdefault(author, []).append(key)
        return found


class Channel:
    """One room's members in this process, and what is about to be sent to them.

    What happens while members are being written to waits and goes out together, so a busier room
    sends fewer, larger frames.
    """

    def __init__(self, room: RoomId, renderer: Renderer) -> None:
        self.room = room
        self._renderer = renderer
        self._loop = asyncio.get_running_loop()
        self._members: dict[VisitorId, Session] = {}  # in the order of their coming
        self._left: set[Session] = set()  # since the batch that is being written was begun
        self._batches: deque[Batch] = deque([Batch(0)])
        self._writing: Iterator[None] | None = None
        self._people = PeopleChanged()
        self._gathering: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._members)

    def add(self, session: Session) -> None:
        """Let a session listen from now on. Its view holds all that waits to be sent, so that is kept from it."""
        self._seal()
        session.first_batch = self._batches[-1].number
        self._left.discard(session)
        self._members[session.visitor.id] = session

    def remove(self, session: Session) -> None:
        """Let a session listen no longer."""
        if self._members.get(session.visitor.id) is session:
            del self._members[session.visitor.id]
            if self._writing is not None:
                self._left.add(session)

    def publish(self, event: RoomEvent) -> None:
        """Send an event to all members, soon; joins and leaves are gathered when there are many."""
        if isinstance(event, Joined | Left):
            self._gather(event)
        else:
            self._append(event)

    def send_own(self, session: Session, frame: Frame) -> None:
        """Send one member an answer of its own, after what the room was told before."""
        if self._writing is None:
            session.send(frame)
        else:
            self._batches[-1].own.setdefault(session, []).append(frame)

    def flush(self) -> None:
        """Send everything now."""
        for _ in self._writing or self._write():
            pass
        self._writing = None

    def close(self) -> None:
        """Stop the timer of a channel nobody listens to."""
        if self._gathering:
            self._gathering.cancel()

    def _append(self, event: Said | Happening) -> None:
        if self._batches[-1].own:
            self._seal()  # so that nobody hears of this before the answer to what came first
        self._batches[-1].add(event)
        if self._writing is None:
            self._writing = self._write()
            self._loop.call_soon(self._write_some)

    def _gather(self, event: Joined | Left) -> None:
        self._people.add(event)
        if self._gathering is None:
            self._tell_people()
            self._gathering = self._loop.call_later(GATHERED_FOR, self._gathered)

    def _gathered(self) -> None:
        self._gathering = None
        if self._people:
            self._tell_people()
            self._gathering = self._loop.call_later(GATHERED_FOR, self._gathered)

    def _tell_people(self) -> None:
        self._append(self._people)
        self._people = PeopleChanged(count=self._people.count, number=self._people.number + 1)

    def _write_some(self) -> None:
        """Write to the next members, then let others have a turn."""
        for _ in self._writing or ():
            self._loop.call_soon(self._write_some)
            return
        self._writing = None

    def _write(self) -> Iterator[None]:
        """Write out batch after batch; stops after every WRITES_AT_ONCE members when there are more."""
        while self._batches[0]:
            self._seal()
            batch = self._batches.popleft()
            kept, frames = self._kept(batch), dict[str, Frame]()
            members = iter(list(self._members.values()))
            self._left.clear()
            while some := tuple(islice(members, WRITES_AT_ONCE)):
                self._write_to(self._still_here(some), batch, kept, frames)
                if len(some) == WRITES_AT_ONCE:
                    yield

    def _still_here(self, members: tuple[Session, ...]) -> tuple[Session, ...]:
        """Whoever has left meanwhile may be in another room, and must not read there what is said in this one."""
        return tuple(session for session in members if session not in self._left) if self._left else members

    def _write_to(
        self,
        members: tuple[Session, ...],
        batch: Batch,
        kept: dict[Session, list[str]],
        frames: dict[str, Frame],
    ) -> None:
        if batch.happenings:
            self._write_to_all(members, batch, kept, frames)
        for session in members if batch.own else ():
            for frame in batch.own.get(session, ()):
                session.send(frame)

    def _write_to_all(
        self, members: tuple[Session, ...], batch: Batch, kept: dict[Session, list[str]], frames: dict[str, Frame]
    ) -> None:
        """Done once for each member, so it touches as few objects of each as it can: they have left the CPU's cache."""
        number = batch.number
        for session in members:
            if session.first_batch <= number:
                frame = frames.get(session.language) or self._frame(frames, batch, session.language)
                if session in kept:
                    frame = self._with_receipts(frame, session, kept[session])
                if wire := session.wire:
                    wire.send(frame)

    def _kept(self, batch: Batch) -> dict[Session, list[str]]:
        return {self._members[author]: keys for author, keys in batch.kept().items() if author in self._members}

    def _frame(self, frames: dict[str, Frame], batch: Batch, language: str) -> Frame:
        frames[language] = Frame("".join(self._fragment(happening, language) for happening in batch.happenings))
        return frames[language]

    def _with_receipts(self, frame: Frame, session: Session, keys: list[str]) -> Frame:
        """An author's own frame: as the message appears, what stood there for it goes."""
        return Frame(frame.text + "".join(self._renderer.for_one(session, Kept(key)) for key in keys))

    def _fragment(self, happening: Happening, language: str) -> str:
        """What cannot be shown is left out: it must not silence the room for good."""
        try:
            return self._renderer.for_room(self.room, happening, language)
        except Exception:
            if isinstance(happening, Spoken) and len(happening.messages) > 1:
                return "".join(self._fragment(Spoken([message]), language) for message in happening.messages)
            log.exception("not shown", extra={"happening": type(happening).__name__})
            return ""

    def _seal(self) -> None:
        """Begin a new batch, unless the last one is still empty."""
        if self._batches[-1]:
            self._batches.append(Batch(self._batches[-1].number + 1))


class Hub:
    """The `Bus` of one process: finds the sessions an event concerns and writes to them."""

    def __init__(self, sessions: Sessions, renderer: Renderer) -> None:
        self._sessions = sessions
        self._renderer = renderer
        self._channels: dict[RoomId, Channel] = {}

    def publish(self, room: RoomId, event: RoomEvent) -> None:
        """Tell every member of a room who is connected here."""
        if channel := self._channels.get(room):
            channel.publish(event)

    def tell(self, visitor: VisitorId, event: PersonalEvent) -> None:
        """Tell one visitor; what it is told about its place also decides what it listens to."""
        session = self._sessions.of(visitor)
        if session is None:
            return
        if not _fits(session.doorway, event):
            log.error("wrong place", extra={"place": session.doorway.kind, "event": type(event).__name__})
            event = Stood(Ending.EXPIRED)
        if isinstance(event, Waiting | Stood):
            self.unsubscribe(session)
        elif isinstance(event, Talking):
            self._subscribe(session, event.view.room)
        if isinstance(event, Refused):
            log.info("refused", extra={"why": event.why, "place": session.doorway.kind})
        if not session.wire:
            return
        if isinstance(event, OpenedElsewhere):
            session.wire.close(REPLACED, "open in another window")
            return
        frame = Frame(self._renderer.for_one(session, event))
        if session.channel and not isinstance(event, Talking):
            session.channel.send_own(session, frame)
        else:
            session.send(frame)

    def beat(self, second: int) -> None:
        """Let every page hear something every `BEAT_EVERY` seconds, a part of them each second.

        A page that hears nothing for longer knows that its line is dead, even if its system calls it open.
        """
        for session in self._sessions:
            if (session.beat_slot + second) % BEAT_EVERY == 0:
                session.send(BEAT)

    def unsubscribe(self, session: Session) -> None:
        """Let a session hear no more of its room, after what has been said there until now."""
        channel, session.channel = session.channel, None
        if channel is None:
            return
        if len(channel) <= WRITES_AT_ONCE:
            channel.flush()
        channel.remove(session)
        if not len(channel):
            channel.close()
            self._channels.pop(channel.room, None)

    def _subscribe(self, session: Session, room: RoomId) -> None:
        self.unsubscribe(session)
        channel = self._channels.get(room) or Channel(room, self._renderer)
        self._channels[room] = channel
        channel.add(session)
        session.channel = channel


def _fits(doorway: Doorway, event: PersonalEvent) -> bool:
    """Whatever goes wrong elsewhere, a page for a room or the lobby never becomes part of a pair, nor the reverse."""
    match event:
        case Waiting(kind):
            return doorway.shows(kind, None)
        case Talking(view):
            return doorway.shows(view.kind, view.room)
        case _:
            return True
