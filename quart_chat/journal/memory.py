"""The journal of a single process: appending applies at once, in the same call."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence

from quart_chat.domain.commands import Command, Entry, Passing
from quart_chat.domain.ports import Clock, Listener, Space
from quart_chat.domain.spaces import SpaceId
from quart_chat.domain.visitors import ProcessId
from quart_chat.journal.states import Agenda, announce, begin, exists

PROCESS = ProcessId("memory")


class MemoryJournal:
    """The `Journal` of one process. Nothing here awaits."""

    process = PROCESS

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._states: dict[SpaceId, Space] = {}
        self._numbers: dict[SpaceId, int] = {}
        self._waiting: deque[tuple[SpaceId, Command]] = deque()
        self._is_applying = False
        self._is_frozen = False
        self._agenda = Agenda()
        self._listener: Listener | None = None

    def listen(self, listener: Listener) -> None:
        """Tell somebody of everything that happens from now on."""
        self._listener = listener

    def append(self, space: SpaceId, command: Command) -> None:
        """Apply a command, and all that follow from it, in the order in which they are appended."""
        if self._is_frozen:
            return  # nobody has been told that it was done
        self._waiting.append((space, command))
        if self._is_applying:
            return  # appended by what another entry has caused: its turn comes
        self._is_applying = True
        try:
            while self._waiting:
                self._apply(*self._waiting.popleft())
        finally:
            self._is_applying = False

    def freeze(self) -> Sequence[tuple[int, Space]]:
        """Apply nothing any more; returns each space after the number of its last entry.

        Whatever comes later gets no answer, so that its page offers it again after the restart.
        """
        self._is_frozen = True
        return [(self._numbers[space], state) for space, state in self._states.items()]

    def restore(self, spaces: Iterable[tuple[int, Space]]) -> None:
        """Go on with spaces that another process has frozen."""
        restored = list(spaces)
        for number, state in restored:
            self._states[state.id], self._numbers[state.id] = state, number
            self._agenda.note(state.id, state)
        for _, state in restored:
            if self._listener:
                self._listener.reloaded(state.id, state, None)

    def hold(self, space: SpaceId) -> None:
        """All is in memory already."""

    def release(self, space: SpaceId) -> None:
        """It stays until it is forgotten."""

    def holds(self, space: SpaceId) -> bool:
        """Say whether a space is known."""
        return space in self._states

    def state(self, space: SpaceId) -> Space | None:
        """The state of a space, if anything has happened there."""
        return self._states.get(space)

    async def read(self, space: SpaceId) -> Space | None:
        """The state of a space; None for what is no space."""
        return self._states.get(space) or begin(space)

    def due(self) -> Iterator[tuple[SpaceId, Command]]:
        """The commands that time asks for; spaces that do not matter any more are forgotten."""
        now = self._clock.now()
        for space in list(self._agenda.due(now)):
            state = self._states.get(space)
            if state is None:
                continue
            if state.forgotten_at() <= now:
                del self._states[space], self._numbers[space]
                continue
            yield from [(space, command) for command in state.due(now)]
            self._agenda.note(space, state)

    def is_away(self, space: SpaceId) -> bool:
        """Memory is always there, until it is frozen."""
        return self._is_frozen

    def is_alive(self, process: ProcessId) -> bool:
        """There is no other process."""
        return True

    def now(self) -> float:
        """The time of the process."""
        return self._clock.now()

    def elsewhere(self) -> Mapping[str, int]:
        """Nobody is at home with another process."""
        return {}

    def _apply(self, space: SpaceId, command: Command) -> None:
        state = self._states.get(space) or begin(space)
        if state is None:
            return
        passing = isinstance(command, Passing)
        number = self._numbers.get(space, 0) + (not passing)
        entry = Entry(0 if passing else number, self._clock.now(), PROCESS, command)
        events = state.apply(entry)
        if exists(state):
            self._states[space], self._numbers[space] = state, number
            self._agenda.note_after(command, space, state)
        announce(self._listener, space, state, entry, events)
