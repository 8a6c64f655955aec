"""Visitors over the real use cases and a real journal, with a clock that tests move; screens only take notes."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from quart_chat.chat import DEFAULT_RULES, NOTHING_SHOWN, Chat, Rules, Shown
from quart_chat.domain.answers import Answer, Banned, OpenedElsewhere, RoomShown, TalkEnded, Waiting
from quart_chat.domain.codes import RoomCode
from quart_chat.domain.events import MessageSent
from quart_chat.domain.events import Shown as ShownEvent
from quart_chat.domain.ports import Browsers, Kept
from quart_chat.domain.reports import Report
from quart_chat.domain.requests import Request
from quart_chat.domain.spaces import Kind, Place, SpaceId, kind_of_queue, kind_of_room
from quart_chat.domain.visitors import BrowserId, Visitor, VisitorId
from quart_chat.journal.memory import MemoryJournal
from quart_chat.log import log
from quart_chat.storage.bans import KeptBans
from quart_chat.storage.browsers import RememberedBrowsers
from quart_chat.storage.memory import MemoryRows
from quart_chat.storage.rows import Rows
from tests.clock import FakeClock

T = TypeVar("T")
MOVES = (RoomShown, Waiting, TalkEnded, Banned)


class NotedScreens:
    """The `Screens` of one process: who is connected, what each was told, what was published in each room."""

    def __init__(self) -> None:
        self.pages: dict[VisitorId, tuple[Visitor, Place, list[Answer]]] = {}
        self.published: dict[SpaceId, list[ShownEvent]] = defaultdict(list)
        self.listening: dict[VisitorId, SpaceId] = {}

    def connect(self, visitor: Visitor, place: Place, told: list[Answer]) -> None:
        self.pages[visitor.id] = (visitor, place, told)

    def disconnect(self, visitor: Visitor) -> None:
        del self.pages[visitor.id]
        self.listening.pop(visitor.id, None)

    def place_of(self, visitor: VisitorId) -> Place | None:
        page = self.pages.get(visitor)
        return page[1] if page else None

    def connected_with(self, browser: BrowserId) -> Sequence[VisitorId]:
        return [visitor.id for visitor, _, _ in self.pages.values() if visitor.browser == browser]

    def everybody(self) -> Sequence[VisitorId]:
        return list(self.pages)

    def subscribe(self, visitor: VisitorId, room: SpaceId) -> None:
        self.listening[visitor] = room

    def unsubscribe(self, visitor: VisitorId) -> None:
        self.listening.pop(visitor, None)

    def publish(self, room: SpaceId, event: ShownEvent) -> None:
        self.published[room].append(event)

    def send_away(self, visitor: VisitorId) -> None:
        self.pages.pop(visitor, None)

    def tell(self, visitor: VisitorId, answer: Answer) -> None:
        if isinstance(answer, OpenedElsewhere):
            self.pages.pop(visitor, None)
        elif visitor in self.pages:
            self.pages[visitor][2].append(answer)


class NotedReports:
    """A `ReportStore` that tests read."""

    def __init__(self) -> None:
        self.reports: list[Report] = []

    def add(self, report: Report, done: Kept) -> None:
        self.reports.append(report)
        done(True)


class Process:
    """One process: its chat, its journal, and the screens that are connected to it."""

    def __init__(self, journal: Any, browsers: Browsers, reports: NotedReports, rows: Rows, rules: Rules) -> None:
        self.screens = NotedScreens()
        self.journal = journal
        self.browsers = browsers
        self.chat = Chat(journal, self.screens, browsers, reports, KeptBans(rows), rules=rules)
        journal.listen(self.chat)


class LoggedErrors(logging.Handler):
    """What went wrong without anybody being told."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []
        log.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def close(self) -> None:
        log.removeHandler(self)
        super().close()


class ChatHarness:
    """One process with its memory. All that a call leads to has happened when it returns."""

    def __init__(self, rules: Rules = DEFAULT_RULES) -> None:
        self.clock = FakeClock()
        self.reports = NotedReports()
        self.places: dict[VisitorId, Place] = {}
        self.told: dict[VisitorId, list[Answer]] = defaultdict(list)
        self.chosen: dict[VisitorId, Process] = {}
        self.errors = LoggedErrors()
        self.processes = self.started(rules)

    def started(self, rules: Rules) -> list[Process]:
        """Put the processes together."""
        rows = MemoryRows(self.clock)
        return [Process(MemoryJournal(self.clock), RememberedBrowsers(rows), self.reports, rows, rules)]

    def act(self, do: Callable[..., None], *arguments: Any) -> None:
        """Do something, and let everything happen that it sets off."""
        do(*arguments)

    def close(self) -> None:
        """End what needs an end; nothing may have gone wrong unseen."""
        self.errors.close()
        assert not self.errors.records, self.errors.records[0].exc_info

    # What visitors do.

    def visitor(self, name: str, browser: str | None = None) -> Visitor:
        """Somebody with a page that is not connected yet."""
        return Visitor(VisitorId(name), BrowserId(browser or f"browser of {name}"), f"at {name}", f"near {name}")

    def does(self, visitor: Visitor, request: Request, kind: Kind = Kind.TEXT, room: SpaceId | None = None) -> None:
        """Ask for something; a page that is not connected yet connects first."""
        if visitor.id not in self.places:
            self.connects(visitor, Place(kind, room))
        self.act(self.process_of(visitor).chat.handle, visitor, self.places[visitor.id], request)

    def connects(self, visitor: Visitor, place: Place, shown: Shown = NOTHING_SHOWN) -> None:
        """Connect a page to one of the processes."""
        process = self.process_for(visitor)
        self.places[visitor.id] = place
        process.screens.connect(visitor, place, self.told[visitor.id])
        self.act(process.chat.connect, visitor, place, shown)

    def drops(self, visitor: Visitor) -> None:
        """Lose the connection."""
        process = self.process_of(visitor)
        process.screens.disconnect(visitor)
        self.act(process.chat.disconnect, visitor, self.places[visitor.id])

    def resumes(self, visitor: Visitor, since: int | None = None) -> bool:
        """Connect again as the same page, which shows what it showed; says whether the visitor is somewhere."""
        place = self.places[visitor.id]
        return self.comes_back(visitor, place.kind, place.room, since)

    def comes_back(self, visitor: Visitor, kind: Kind, room: SpaceId | None, since: int | None = None) -> bool:
        """The same, for a page of which the kind is given."""
        last = next((told for told in reversed(self.told[visitor.id]) if isinstance(told, MOVES)), None)
        shows = last.view.room if isinstance(last, RoomShown) else None
        shown = Shown(inside=isinstance(last, RoomShown | Waiting), room=shows, since=since)
        self.connects(visitor, Place(kind, room), shown)
        return self.where(visitor) is not None

    def passes(self, seconds: float) -> None:
        """Let time pass, one tick a second."""
        end = self.clock.seconds + seconds
        while self.clock.seconds < end:
            self.clock.seconds = min(self.clock.seconds + 1.0, end)
            self.act(self.tick)

    def tick(self) -> None:
        """Let every process do what time asks for."""
        for process in self.living():
            process.chat.tick()

    def opens_room(self, code: RoomCode) -> bool:
        """Make a room."""
        return self.run(self.processes[0].chat.create_room(code))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do what may have to wait."""
        return asyncio.run(work)

    # What can be seen.

    def living(self) -> Sequence[Process]:
        """The processes that run."""
        return self.processes

    def process_for(self, visitor: Visitor) -> Process:
        """The process that a page connects to."""
        return self.processes[0]

    def process_of(self, visitor: Visitor) -> Process:
        """The process that a page is connected to."""
        return next(process for process in self.processes if process.screens.place_of(visitor.id))

    def where(self, visitor: Visitor) -> SpaceId | None:
        """Where a visitor is, as the process says that it is at home with."""
        places = [process.chat.where_is(visitor.id) for process in self.living()]
        found = [place for place in places if place]
        assert len(found) <= 1, f"{visitor.id} is at home with {len(found)} processes"
        return found[0] if found else None

    def room_of(self, visitor: Visitor) -> SpaceId | None:
        """The room that a visitor is in."""
        space = self.where(visitor)
        return space if space and kind_of_room(space) else None

    def waits(self, visitor: Visitor) -> bool:
        """Say whether a visitor waits for a stranger."""
        space = self.where(visitor)
        return space is not None and kind_of_queue(space) is not None

    def people_in(self, code: RoomCode) -> int | None:
        """How many are in a room by code."""
        return self.run(self.processes[0].chat.people_in(code))

    def counts(self) -> Mapping[Kind, int]:
        """How many are in each kind of place."""
        return self.processes[0].chat.counts()

    def last_told(self, visitor: Visitor) -> Answer:
        """What a visitor was told last."""
        return self.told[visitor.id][-1]

    def last_view(self, visitor: Visitor) -> RoomShown:
        """The last room that a visitor was shown."""
        return next(event for event in reversed(self.told[visitor.id]) if isinstance(event, RoomShown))

    def published(self, room: SpaceId) -> list[ShownEvent]:
        """What was published in a room: the longest of what the processes have published, which agree."""
        each = [process.screens.published[room] for process in self.processes]
        return max(each, key=len)

    def forgets_published(self, room: SpaceId) -> None:
        """Look only at what is published in a room from now on."""
        for process in self.processes:
            process.screens.published[room].clear()

    def rooms(self) -> set[SpaceId]:
        """The rooms in which anything was published."""
        return {room for process in self.processes for room in process.screens.published}

    def heard_in(self, room: SpaceId) -> list[str]:
        """The messages of a room."""
        return [event.message.text for event in self.published(room) if isinstance(event, MessageSent)]
