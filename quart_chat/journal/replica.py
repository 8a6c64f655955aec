"""What one process knows of the journal of a space that others append to as well."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from quart_chat.domain.commands import Command, Entry
from quart_chat.domain.ports import Space
from quart_chat.domain.spaces import SpaceId
from quart_chat.domain.visitors import ProcessId
from quart_chat.journal.codec import BadRecord, decode, read_command, read_state, write_state
from quart_chat.journal.states import begin
from quart_chat.log import log


class EntryRecord(msgspec.Struct, array_like=True):
    """An entry as it is stored; `at` is in milliseconds, `id` counts what its process has appended.

    Entries with the number 0 are not kept; nor do they change a state.
    """

    n: int
    at: int
    by: ProcessId
    id: int
    command: msgspec.Raw

    def entry(self) -> Entry | None:
        """The entry; None for one that nobody can read, and that so does nothing anywhere. Raises NewerRules."""
        try:
            return self.entry_of(read_command(self.command))
        except BadRecord as error:
            log.warning("bad record", extra={"why": str(error)})
            return None

    def entry_of(self, command: Command) -> Entry:
        """The entry, of a command that is known."""
        return Entry(self.n, self.at / 1000, self.by, command)


class Published(msgspec.Struct, array_like=True):
    """Entries of an epoch as they are published; the epoch 0 asks all who hold the space to read it."""

    epoch: int
    entries: list[EntryRecord]


NO_COMMAND = msgspec.Raw(b"")
_published = msgspec.json.Decoder(Published)


def read_published(data: bytes) -> Published:
    """What a store has published. Raises BadRecord."""
    try:
        return _published.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise BadRecord(type(error).__name__) from None


def read_entry(data: bytes) -> EntryRecord:
    """One entry as it is kept. Raises BadRecord."""
    return decode(data, EntryRecord)


class SnapshotRecord(msgspec.Struct):
    """A state after its entry `n`, and the last id of each process until then."""

    n: int
    at: int
    ids: dict[ProcessId, int]
    state: msgspec.Raw


@dataclass(slots=True, eq=False)
class Replica:
    """The state of a space after entry `n`, which was written `at`; None before it is read for the first time.

    `epoch` tells apart journals of which a store has lost something: the same number may be of another entry there. It
    is 0 for a journal that nobody has begun yet.
    """

    space: SpaceId
    state: Space | None = None
    epoch: int = 0
    n: int = 0
    at: int = 0
    ids: dict[ProcessId, int] = field(default_factory=dict)  # the last one of each process

    def count(self, record: EntryRecord) -> None:
        """Note that an entry has had its effect."""
        self.n, self.at, self.ids[record.by] = record.n, record.at, record.id

    def snapshot(self) -> bytes:
        """All of this, as JSON; nothing of a state that is not known."""
        if self.state is None:
            return b""
        return msgspec.json.encode(SnapshotRecord(self.n, self.at, self.ids, msgspec.Raw(write_state(self.state))))

    def rebuild(self, snapshot: bytes | None, entries: Sequence[bytes]) -> None:
        """Become what a snapshot says, or the beginning, and apply all entries after it.

        Raises NewerRules, and BadRecord.
        """
        if snapshot:
            record = decode(snapshot, SnapshotRecord)
            self.state, self.n = read_state(self.space, record.state), record.n
            self.at, self.ids = record.at, record.ids
        else:
            self.state, self.n, self.at, self.ids = begin(self.space), 0, 0, {}
        for entry in entries:
            self._catch_up(read_entry(entry))

    def _catch_up(self, record: EntryRecord) -> None:
        if record.n == self.n + 1:
            self.count(record)
            if self.state and (entry := record.entry()):
                self.state.apply(entry)
