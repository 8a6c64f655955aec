"""What a room's members in this process are about to be sent: one frame for all of them, however many they are."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from quart_chat.delivery.sessions import Session
from quart_chat.delivery.wire import Frame
from quart_chat.domain.answers import Answer, MessageAcknowledged
from quart_chat.domain.events import Joined, Left, MessageSent, Shown, ShownAlone
from quart_chat.domain.messages import Message
from quart_chat.domain.spaces import SpaceId
from quart_chat.domain.timing import GATHERED_FOR
from quart_chat.domain.visitors import Member, VisitorId
from quart_chat.log import log

WRITES_AT_ONCE = 100  # members written to before other work gets a turn


@dataclass(slots=True)
class PeopleChanged:
    """Joins and leaves of a room, gathered.

    `joined` and `left` are for the notice; `listed` and `unlisted` are the changes of the list of people.
    Somebody who came and went meanwhile is left out of all. `number` tells one notice of a room from another.
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
class MessageBatch:
    """Messages that follow one another, gathered: a page takes them in with one swap."""

    messages: list[Message]

    def keys(self) -> Iterator[tuple[VisitorId, str]]:
        """Who has written, and the key of each message."""
        return ((message.by.id, message.key) for message in self.messages)


Gathered = MessageBatch | PeopleChanged | ShownAlone
"""What is rendered as one fragment for a whole room."""


class Renderer(Protocol):
    """Turns what has happened into HTML fragments."""

    def for_room(self, room: SpaceId, gathered: Gathered, language: str) -> str:
        """The fragment that every member of a room gets, the same for all."""

    def for_one(self, session: Session, answer: Answer) -> str:
        """The fragment that one visitor gets."""

    def forget(self, room: SpaceId, message: Message) -> None:
        """Keep nothing of what a message was before it became this one."""


@dataclass(slots=True)
class Batch:
    """What goes out in one frame to all, and after it to single members."""

    number: int
    gathered: list[Gathered] = field(default_factory=list)
    own: dict[Session, list[Frame]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.gathered or self.own)

    def add(self, event: MessageSent | Gathered) -> None:
        """Take one more in; messages join those just before them."""
        last = self.gathered[-1] if self.gathered else None
        if not isinstance(event, MessageSent):
            self.gathered.append(event)
        elif isinstance(last, MessageBatch):
            last.messages.append(event.message)
        else:
            self.gathered.append(MessageBatch([event.message]))

    def keys(self) -> dict[VisitorId, list[str]]:
        """The keys of the messages in here, by who has written them."""
        found: dict[VisitorId, list[str]] = {}
        for gathered in self.gathered:
            for author, key in gathered.keys() if isinstance(gathered, MessageBatch) else ():
                found.setdefault(author, []).append(key)
        return found


class Channel:
    """One room's members in this process, and what is about to be sent to them.

    What happens while members are being written to waits and goes out together, so a busier room
    sends fewer, larger frames.
    """

    def __init__(self, room: SpaceId, renderer: Renderer) -> None:
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
        """Let a session listen from now on. Its view holds all that waits to be sent, so it is not sent that again."""
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

    def publish(self, event: Shown) -> None:
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

    def _append(self, event: MessageSent | Gathered) -> None:
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
            receipts, frames = self._receipts(batch), dict[str, Frame]()
            members = iter(list(self._members.values()))
            self._left.clear()
            while some := tuple(islice(members, WRITES_AT_ONCE)):
                self._write_to(self._still_here(some), batch, receipts, frames)
                if len(some) == WRITES_AT_ONCE:
                    yield

    def _still_here(self, members: tuple[Session, ...]) -> tuple[Session, ...]:
        """Somebody who has left meanwhile may be in another room, and must not read there what is said in this one."""
        return tuple(session for session in members if session not in self._left) if self._left else members

    def _write_to(
        self,
        members: tuple[Session, ...],
        batch: Batch,
        receipts: dict[Session, list[str]],
        frames: dict[str, Frame],
    ) -> None:
        if batch.gathered:
            self._write_to_all(members, batch, receipts, frames)
        for session in members if batch.own else ():
            for frame in batch.own.get(session, ()):
                session.send(frame)

    def _write_to_all(
        self, members: tuple[Session, ...], batch: Batch, receipts: dict[Session, list[str]], frames: dict[str, Frame]
    ) -> None:
        """Done once for each member, so it touches as few objects of each as it can: they have left the CPU's cache."""
        number = batch.number
        for session in members:
            if session.first_batch <= number:
                frame = frames.get(session.language) or self._frame(frames, batch, session.language)
                if session in receipts:
                    frame = self._with_receipts(frame, session, receipts[session])
                if wire := session.wire:
                    wire.send(frame)

    def _receipts(self, batch: Batch) -> dict[Session, list[str]]:
        return {self._members[author]: keys for author, keys in batch.keys().items() if author in self._members}

    def _frame(self, frames: dict[str, Frame], batch: Batch, language: str) -> Frame:
        frames[language] = Frame("".join(self._fragment(gathered, language) for gathered in batch.gathered))
        return frames[language]

    def _with_receipts(self, frame: Frame, session: Session, keys: list[str]) -> Frame:
        """The author's frame: the message, and the removal of its pending copies."""
        return frame.followed_by("".join(self._renderer.for_one(session, MessageAcknowledged(key)) for key in keys))

    def _fragment(self, gathered: Gathered, language: str) -> str:
        """What cannot be shown is left out: it must not silence the room for good."""
        try:
            return self._renderer.for_room(self.room, gathered, language)
        except Exception:
            if isinstance(gathered, MessageBatch) and len(gathered.messages) > 1:
                return "".join(self._fragment(MessageBatch([message]), language) for message in gathered.messages)
            log.exception("not shown", extra={"what": type(gathered).__name__})
            return ""

    def _seal(self) -> None:
        """Begin a new batch, unless the last one is still empty."""
        if self._batches[-1]:
            self._batches.append(Batch(self._batches[-1].number + 1))


class Channels:
    """The rooms that somebody in this process listens to, and who listens to which."""

    def __init__(self, renderer: Renderer, new_channel: Callable[[SpaceId, Renderer], Channel] = Channel) -> None:
        self._renderer = renderer
        self._new_channel = new_channel
        self._by_room: dict[SpaceId, Channel] = {}
        self._by_visitor: dict[VisitorId, Channel] = {}

    def __len__(self) -> int:
        return len(self._by_room)

    def of_room(self, room: SpaceId) -> Channel | None:
        """The channel of a room that somebody listens to."""
        return self._by_room.get(room)

    def of_visitor(self, visitor: VisitorId) -> Channel | None:
        """The channel that a visitor listens to."""
        return self._by_visitor.get(visitor)

    def subscribe(self, session: Session, room: SpaceId) -> None:
        """Let a session hear a room, and no other one."""
        self.unsubscribe(session)
        channel = self._by_room.get(room) or self._new_channel(room, self._renderer)
        self._by_room[room] = self._by_visitor[session.visitor.id] = channel
        channel.add(session)

    def unsubscribe(self, session: Session) -> None:
        """Let a session hear no more of its room, after what has been said there until now."""
        channel = self._by_visitor.pop(session.visitor.id, None)
        if channel is None:
            return
        if len(channel) <= WRITES_AT_ONCE:
            channel.flush()
        channel.remove(session)
        if not len(channel):
            channel.close()
            self._by_room.pop(channel.room, None)
