"""Which processes live, and how many people are at home with each."""

from collections import Counter
from collections.abc import Callable, Mapping

import msgspec

from quart_chat.domain.timing import LEASE, STORE_KEEPS
from quart_chat.domain.visitors import ProcessId
from quart_chat.journal.store import Store


class Lease(msgspec.Struct):
    """Until when a process is believed to live, in seconds since the epoch, and its counts."""

    until: float
    counts: dict[str, int] = {}


_lease = msgspec.json.Decoder(Lease)


class Leases:
    """Says from time to time that this process lives, and reads who else does."""

    def __init__(self, process: ProcessId, store: Store, now: Callable[[], float]) -> None:
        self._process = process
        self._store = store
        self._now = now
        self._counts: Callable[[], Mapping[str, int]] = dict
        self._leases: dict[ProcessId, Lease] = {}
        self._missed: dict[ProcessId, float] = {}  # processes without a lease, since when
        self.is_read = False

    def count_with(self, counts: Callable[[], Mapping[str, int]]) -> None:
        """Ask for the counts of this process whenever it is said that it lives."""
        self._counts = counts

    def renew(self) -> None:
        """Say that this process lives, and hear of the others."""
        self._write(Lease(self._now() + LEASE, {kind: count for kind, count in self._counts().items() if count}))
        self._store.read_leases(self._take)

    def end(self) -> None:
        """Say that this process is no more."""
        self._write(Lease(self._now()))

    def is_alive(self, process: ProcessId) -> bool:
        """Say whether a process is believed to live. One that is not known yet has a lease's time to say so."""
        if lease := self._leases.get(process):
            return lease.until > self._now()
        return self._missed.setdefault(process, self._now()) + LEASE > self._now()

    def dead_since(self, process: ProcessId) -> float | None:
        """When a dead process gave its last word; None for one that lives."""
        if process == self._process or self.is_alive(process):
            return None
        lease = self._leases.get(process)
        return (lease.until if lease else self._missed[process] + LEASE) - LEASE

    def counts(self) -> Mapping[str, int]:
        """How many people are at home with all the others."""
        total: Counter[str] = Counter()
        for process, lease in self._leases.items():
            if process != self._process and lease.until > self._now():
                total.update(lease.counts)
        return total

    def _take(self, leases: Mapping[ProcessId, bytes]) -> None:
        self._leases = {process: _lease.decode(data) for process, data in leases.items()}
        self._missed = {process: since for process, since in self._missed.items() if process not in self._leases}
        self.is_read = True
        for process, lease in self._leases.items():
            if lease.until + STORE_KEEPS < self._now():
                self._store.write_lease(process, None)

    def _write(self, lease: Lease) -> None:
        self._store.write_lease(self._process, msgspec.json.encode(lease))
