"""Commands on their way to a journal that may be away for a while."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from quart_chat.domain.commands import Command, OpenPair, OpenRoom, Passing
from quart_chat.journal.codec import write_command


@dataclass(slots=True)
class Unsent:
    """A command; its `id` is given to it when it is sent for the first time, and never changes."""

    command: Command
    body: bytes
    id: int = 0

    @property
    def is_kept(self) -> bool:
        """Whether it gets a number."""
        return not isinstance(self.command, Passing)


@dataclass(slots=True)
class Outbox:
    """What a process appends to one space, in its order, and how much of that has been sent and not answered yet.

    Only one batch is on its way at a time. A journal that has done a batch, whose answer was lost, knows that by its
    ids when it is sent again.
    """

    last_id: int = 0
    _waiting: deque[Unsent] = field(default_factory=deque)
    _in_flight: Sequence[Unsent] = ()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def begins_space(self) -> bool:
        """Whether the first command makes a space that nobody can know of yet."""
        return bool(self._waiting) and isinstance(self._waiting[0].command, OpenRoom | OpenPair)

    @property
    def commands(self) -> Sequence[Command]:
        """What has no answer yet."""
        return [unsent.command for unsent in self._waiting]

    def put(self, command: Command, first: bool = False) -> None:
        """Let a command wait, behind all others, or before all that have no id yet: ids must not go down."""
        place = sum(1 for unsent in self._waiting if unsent.id) if first else len(self._waiting)
        self._waiting.insert(place, Unsent(command, write_command(command)))

    def next_batch(self, most: int) -> Sequence[Unsent]:
        """What is to be sent now; nothing while something is on its way."""
        if self._in_flight:
            return ()
        self._in_flight = list(islice(self._waiting, most))
        for unsent in self._in_flight:
            self.last_id += not unsent.id
            unsent.id = unsent.id or self.last_id
        return self._in_flight

    def is_in_flight(self, batch: Sequence[Unsent]) -> bool:
        """Say whether a batch still waits for its answer; it does not after `begin_anew`."""
        return self._in_flight is batch

    def done(self) -> None:
        """The batch has been appended."""
        for _ in self._in_flight:
            self._waiting.popleft()
        self._in_flight = ()

    def failed(self) -> None:
        """The batch has no answer: it is to be sent again."""
        self._in_flight = ()

    def begin_anew(self, last_id: int) -> None:
        """A new epoch begins, in which commands are known up to this id. The others are new to it, and get new ids.

        Whatever is still on its way names the epoch before, and has no effect any more.
        """
        while self._waiting and 0 < self._waiting[0].id <= last_id:
            self._waiting.popleft()
        for unsent in self._waiting:
            unsent.id = 0
        self._in_flight = ()
