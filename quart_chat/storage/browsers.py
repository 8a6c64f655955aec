"""What is remembered of browsers: in memory, and behind that blocks as rows, and all in a store that others share."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from quart_chat.domain.browsers import BrowserRecord, LeftBehind, key_of
from quart_chat.domain.ports import Kept
from quart_chat.domain.spaces import Place
from quart_chat.domain.timing import BLOCKED_FOR, RECENT_FOR
from quart_chat.domain.visitors import BrowserId, VisitorId
from quart_chat.storage.rows import Row, RowKind, Rows

BROWSERS_AT_HAND = 100_000  # the longest unused are forgotten first; some 100 MB if all have met and blocked many


class FieldStore(Protocol):
    """Keeps some fields of each browser for a while, every one by its name."""

    async def read(self, browser: BrowserId) -> Mapping[str, bytes]:
        """All fields of a browser. Raises StoreAway."""

    def write(self, browser: BrowserId, field: str, value: bytes, seconds: float) -> None:
        """Keep a field; what a store that is away does not take is lost, which costs nobody a message."""


class RememberedBrowsers:
    """The `Browsers` of a process. A field of the store is a letter, that says of what kind it is, and a name."""

    def __init__(self, rows: Rows, store: FieldStore | None = None) -> None:
        self._rows = rows
        self._store = store
        self._records: OrderedDict[BrowserId, BrowserRecord] = OrderedDict()

    def records(self) -> Mapping[BrowserId, BrowserRecord]:
        """All records at hand, the longest unused first."""
        return self._records

    def restore(self, records: Mapping[BrowserId, BrowserRecord]) -> None:
        """Have the records at hand that another process had."""
        self._records.update(records)

    async def load(self, browser: BrowserId) -> BrowserRecord:
        """Have a browser's record at hand from now on. Raises StoreAway."""
        if self._store is None and browser in self._records:
            return self._at_hand(browser)
        fields = await self._store.read(browser) if self._store else {}
        blocks = await self._rows.about(RowKind.BLOCK, browser)
        record = BrowserRecord()
        for field, value in fields.items():
            _read_field(record, field[0], field[1:], value)
        for block in blocks:
            record.block(BrowserId(block.key.partition(" ")[2]), block.at)
        self._take_in(browser, record)
        return self._at_hand(browser)

    def of(self, browser: BrowserId) -> BrowserRecord:
        """A browser's record, as far as it is at hand; an empty one is not kept."""
        return self._records.get(browser) or BrowserRecord()

    def note_met(self, browser: BrowserId, other: BrowserId, at: float) -> None:
        """Remember a partner."""
        self._at_hand(browser).meet(other, at)
        self._write(browser, f"m{other}", at, RECENT_FOR)

    def note_blocked(self, browser: BrowserId, other: BrowserId, at: float, done: Kept) -> None:
        """Remember a block."""
        self._at_hand(browser).block(other, at)
        self._rows.put(Row(RowKind.BLOCK, f"{browser} {other}", browser, at, at + BLOCKED_FOR), done)

    def note_left(self, browser: BrowserId, place: Place, left: LeftBehind | None) -> None:
        """Remember whose page has gone from a place, or that it is back."""
        if left or key_of(place) in self.of(browser).left:
            self._at_hand(browser).leave_behind(place, left)
            self._write(browser, f"l{key_of(place)}", left, RECENT_FOR)

    def note_owner(self, browser: BrowserId, page: VisitorId, owner: VisitorId) -> None:
        """Remember that a page continues as another visitor."""
        self._at_hand(browser).own(page, owner)
        self._write(browser, f"o{page}", owner, RECENT_FOR)

    def _take_in(self, browser: BrowserId, loaded: BrowserRecord) -> None:
        """Have at hand what was read; a block that was made meanwhile holds too."""
        known = self._records.get(browser)
        if known is None or self._store:
            self._records[browser] = loaded
        if known:
            self._records[browser].blocked = {**loaded.blocked, **known.blocked}

    def _at_hand(self, browser: BrowserId) -> BrowserRecord:
        record = self._records.setdefault(browser, BrowserRecord())
        self._records.move_to_end(browser)
        if len(self._records) > BROWSERS_AT_HAND:
            self._records.popitem(last=False)
        return record

    def _write(self, browser: BrowserId, field: str, value: Any, seconds: float) -> None:
        if self._store:
            self._store.write(browser, field, msgspec.json.encode(value), seconds)


def _read_field(record: BrowserRecord, kind: str, name: str, value: bytes) -> None:
    match kind:
        case "m":
            record.met[BrowserId(name)] = msgspec.json.decode(value, type=float)
        case "o":
            record.owners[VisitorId(name)] = VisitorId(msgspec.json.decode(value, type=str))
        case "l":
            if left := msgspec.json.decode(value, type=LeftBehind | None):
                record.left[name] = left
