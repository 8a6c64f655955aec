"""Rows in memory, for a chat without a folder and without a store: they end with the process."""

from collections import OrderedDict
from collections.abc import Sequence

from quart_chat.domain.ports import Clock, Kept
from quart_chat.storage.rows import Row, RowKind, in_order, nobody

ROWS_KEPT = 100_000  # of each kind; beyond, those put first are forgotten


class MemoryRows:
    """The `Rows` of a process that forgets."""

    trouble = ""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows: dict[RowKind, OrderedDict[str, Row]] = {kind: OrderedDict() for kind in RowKind}
        self._about: dict[tuple[RowKind, str], dict[str, Row]] = {}

    async def start(self) -> None:
        """Nothing is to be done."""

    async def stop(self) -> None:
        """Nothing is to be done."""

    def put(self, row: Row, done: Kept = nobody) -> None:
        """Keep a row, in the place of the one with its key."""
        rows = self._rows[row.kind]
        if row.key in rows:
            self._forget(rows[row.key])
        rows[row.key] = row
        self._about.setdefault((row.kind, row.about), {})[row.key] = row
        if len(rows) > ROWS_KEPT:
            self._forget(next(iter(rows.values())))
        done(True)

    async def about(self, kind: RowKind, about: str) -> Sequence[Row]:
        """The rows of a kind on one browser or address, the earliest first."""
        return self._living(list(self._about.get((kind, about), {}).values()))

    async def all(self, kind: RowKind) -> Sequence[Row]:
        """All rows of a kind, the earliest first."""
        return self._living(list(self._rows[kind].values()))

    def forget_expired(self) -> None:
        """Delete what has expired."""
        now = self._clock.now()
        for row in [row for rows in self._rows.values() for row in rows.values() if row.expires <= now]:
            self._forget(row)

    def _living(self, rows: list[Row]) -> list[Row]:
        now = self._clock.now()
        return in_order([row for row in rows if row.expires > now])

    def _forget(self, row: Row) -> None:
        del self._rows[row.kind][row.key]
        known = self._about[row.kind, row.about]
        del known[row.key]
        if not known:
            del self._about[row.kind, row.about]
