"""The states that a process holds, and when time asks something of them."""

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from math import inf

from quart_chat.domain import commands
from quart_chat.domain.bans import Bans
from quart_chat.domain.commands import Command, Entry
from quart_chat.domain.events import Event
from quart_chat.domain.ports import Listener, Space
from quart_chat.domain.queues import Queue
from quart_chat.domain.rooms import Phase, Room
from quart_chat.domain.spaces import BANS, SpaceId, kind_of_queue, kind_of_room
from quart_chat.log import log

TIMELESS = (commands.SendMessage, commands.ShowTyping, commands.PassSignal)  # they change nothing that time looks at


def begin(space: SpaceId) -> Space | None:
    """The state that a space begins with; None for what is no space. The id alone says what it is."""
    if space == BANS:
        return Bans(space)
    if kind := kind_of_room(space):
        return Room(space, kind)
    if kind := kind_of_queue(space):
        return Queue(space, kind)
    return None


def exists(state: Space) -> bool:
    """Say whether anything has happened in a space that must not be forgotten."""
    return not isinstance(state, Room) or state.phase is not Phase.NEW


def note_of_loss(state: Space, epoch: int) -> Command | None:
    """What tells the members of a room that its journal may have lost something; None where nobody would miss it."""
    return commands.NoteLoss(epoch) if isinstance(state, Room) and state.seq and state.lost_in < epoch else None


class Agenda:
    """When which space has something due."""

    def __init__(self) -> None:
        self._alarms: list[tuple[float, SpaceId]] = []
        self._next: dict[SpaceId, float] = {}

    def note_after(self, command: Command, space: SpaceId, state: Space) -> None:
        """Look at a space again when time asks something of it, after a command that may have changed that."""
        if not isinstance(command, TIMELESS):
            self.note(space, state)

    def note(self, space: SpaceId, state: Space) -> None:
        """Look at a space again when time asks something of it."""
        wakes_at = state.wakes_at()
        if wakes_at < self._next.get(space, inf):
            self._next[space] = wakes_at
            heappush(self._alarms, (wakes_at, space))

    def forget(self, space: SpaceId) -> None:
        """Look at a space no more."""
        self._next.pop(space, None)

    def due(self, now: float) -> Iterator[SpaceId]:
        """The spaces to be looked at now; note each of them again afterwards."""
        while self._alarms and self._alarms[0][0] <= now:
            at, space = heappop(self._alarms)
            if self._next.get(space) == at:
                del self._next[space]
                yield space


def announce(listener: Listener | None, space: SpaceId, state: Space, entry: Entry, events: Sequence[Event]) -> None:
    """Let a listener hear what an entry has done; an error of what it makes of that must not stop the journal."""
    try:
        if listener:
            listener.heard(space, state, entry, events)
    except Exception:
        log.exception("not heard", extra={"command": type(entry.command).__name__})
