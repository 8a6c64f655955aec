"""A small town of visitors over the real use cases and a real backend, with a clock that tests move."""

import itertools
from collections import defaultdict
from collections.abc import Coroutine
from typing import Any, TypeVar

from quart_chat.backends.memory import MemoryBackend
from quart_chat.chat import Chat, Doorway
from quart_chat.domain.codes import RoomCode
from quart_chat.domain.commands import Command
from quart_chat.domain.events import PersonalEvent, RoomEvent, Said, Talking
from quart_chat.domain.ports import Backend
from quart_chat.domain.rooms import Kind, RoomId
from quart_chat.domain.safety import Report
from quart_chat.domain.visitors import BrowserId, Visitor, VisitorId

T = TypeVar("T")


def now(work: Coroutine[Any, Any, T]) -> T:
    """Run what never really waits."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    raise AssertionError("the memory backend waited for something")


class TownClock:
    """A clock that goes when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def monotonic(self) -> float:
        return self.seconds

    def wall(self) -> float:
        return 1_700_000_000.0 + self.seconds


class Town:
    """Visitors, what each was told, and what was published in each room."""

    backend: Backend
    chat: Chat

    def __init__(self) -> None:
        self.clock = TownClock()
        self.told: dict[VisitorId, list[PersonalEvent]] = defaultdict(list)
        self.published: dict[RoomId, list[RoomEvent]] = defaultdict(list)
        self.reports: list[Report] = []
        self.pairs = itertools.count(1)
        self.found()

    def found(self) -> None:
        """Build the chat of this town."""
        self.backend = MemoryBackend(self, self.clock, lambda: str(next(self.pairs)))
        self.chat = Chat(self.backend, self, self.clock, self)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Let something be done, and all that follows from it at once."""
        return now(work)

    def publish(self, room: RoomId, event: RoomEvent) -> None:
        self.published[room].append(event)

    def tell(self, visitor: VisitorId, event: PersonalEvent) -> None:
        self.told[visitor].append(event)

    def file(self, report: Report) -> None:
        self.reports.append(report)

    def visitor(self, name: str, browser: str | None = None) -> Visitor:
        return Visitor(VisitorId(name), BrowserId(browser or f"browser of {name}"), f"house of {name}")

    def does(self, visitor: Visitor, wish: Command, kind: Kind = Kind.TEXT, room: RoomId | None = None) -> None:
        self.run(self.chat_of(visitor).handle(visitor, Doorway(kind, room), wish))

    def drops(self, visitor: Visitor) -> None:
        self.run(self.chat_of(visitor).drop(visitor))

    def resumes(self, visitor: Visitor, since: int | None = None) -> bool:
        return self.run(self.chat_of(visitor).resume(visitor, self.room_of(visitor), since))

    def chat_of(self, visitor: Visitor) -> Chat:
        """The chat of the process to which a visitor is connected."""
        return self.chat

    def passes(self, seconds: float) -> None:
        """Let time pass, one tick a second."""
        end = self.clock.seconds + seconds
        while self.clock.seconds < end:
            self.clock.seconds = min(self.clock.seconds + 1.0, end)
            self.run(self.chat.tick())

    def opens_room(self, code: RoomCode) -> bool:
        return self.run(self.backend.create_room(code))

    def people_in(self, room: RoomId) -> int | None:
        return self.run(self.backend.people_in(room))

    def room_of(self, visitor: Visitor) -> RoomId | None:
        place = self.run(self.backend.place_of(visitor.id))
        return place.room if place else None

    def waits(self, visitor: Visitor) -> bool:
        place = self.run(self.backend.place_of(visitor.id))
        return place is not None and place.room is None

    def last_told(self, visitor: Visitor) -> PersonalEvent:
        return self.told[visitor.id][-1]

    def heard_in(self, room: RoomId) -> list[str]:
        return [event.message.text for event in self.published[room] if isinstance(event, Said)]

    def last_view(self, visitor: Visitor) -> Talking:
        return next(event for event in reversed(self.told[visitor.id]) if isinstance(event, Talking))


class MemoryTown(Town):
    """One process, whose inside tests may look at."""

    backend: MemoryBackend
