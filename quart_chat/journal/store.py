"""What several processes share: a store that orders, keeps and publishes entries. It knows nothing of their meaning."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from quart_chat.domain.ports import StoreAway
from quart_chat.domain.spaces import SpaceId
from quart_chat.domain.visitors import ProcessId
from quart_chat.journal.outbox import Unsent
from quart_chat.journal.replica import Replica

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Appended:
    """Some commands are in the journal, the last one as entry `n`; `skipped` were there before."""

    epoch: int
    n: int
    at: int
    skipped: int


class LostEntries:
    """The store does not know what its caller knows: it has to be read, and may have to be offered that."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A space as the store has it: its last entry, the last id of the process that asks, and what that process lacks.

    `snapshot` is None if `entries` alone do. Nothing can be appended for `opens_in` seconds. `is_uncertain` says that
    the store was started anew or knows nothing of the space, so that it may have lost something; `has_loss` that it may
    have done so before this epoch began.
    """

    epoch: int
    n: int
    last_id: int
    opens_in: float
    now: float
    is_uncertain: bool
    has_loss: bool
    snapshot: bytes | None
    entries: Sequence[bytes]


class StoreListener(Protocol):
    """Is told what becomes of spaces that it has subscribed to."""

    def up(self, space: SpaceId) -> None:
        """The store can be asked for a space, for the first time or again; something may have been missed."""

    def down(self, space: SpaceId) -> None:
        """It cannot be asked for it."""

    def heard(self, space: SpaceId, data: bytes) -> None:
        """Entries were appended, as `read_entries` takes them."""


class Store(Protocol):
    """Orders entries. Nothing here waits: what becomes of a question is told to `done`."""

    def listen(self, listener: StoreListener) -> None:
        """Tell somebody of the spaces."""

    def start(self) -> None:
        """Connect, and stay connected."""

    async def stop(self) -> None:
        """Disconnect for good."""

    def check(self) -> None:
        """Notice that servers are dead, or others than before; to be called from time to time."""

    def is_up(self, space: SpaceId) -> bool:
        """Say whether a space can be asked for."""

    def subscribe(self, space: SpaceId) -> None:
        """Hear what is appended, from before the next question is answered."""

    def unsubscribe(self, space: SpaceId) -> None:
        """Hear no more of a space."""

    def append(
        self,
        replica: Replica,
        process: ProcessId,
        batch: Sequence[Unsent],
        life: float,
        done: Callable[[Appended | LostEntries | StoreAway], None],
    ) -> None:
        """Put commands at the end of a journal, those left out that are there; keep it for `life` seconds from now."""

    def read(self, replica: Replica, process: ProcessId, done: Callable[[Reading | StoreAway], None]) -> None:
        """Read what a replica lacks."""

    def keep(self, replica: Replica, life: float) -> None:
        """Let the store have a newer snapshot, so that it need not keep all entries."""

    def offer(self, replica: Replica, life: float, done: Callable[[float | StoreAway], None]) -> None:
        """Let a store that may have lost something have a state; answered by the seconds until it can be read."""

    def write_lease(self, process: ProcessId, lease: bytes | None) -> None:
        """Keep a few words on a process, or forget them; lost ones are said again."""

    def read_leases(self, done: Callable[[Mapping[ProcessId, bytes]], None]) -> None:
        """Read what is kept on all processes; there may be no answer."""


def resolve(future: asyncio.Future[T], answer: T) -> None:
    """Give an answer to somebody who may have given up waiting."""
    if not future.done():
        future.set_result(answer)
