"""What is remembered of browsers: in memory, and behind that in a store where several processes share one."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from quart_chat.domain.browsers import BrowserRecord, LeftBehind, key_of
from quart_chat.domain.spaces import Place
from quart_chat.domain.timing import BLOCKED_FOR, RECENT_FOR
from quart_chat.domain.visitors import BrowserId, VisitorId

BROWSERS_AT_HAND = 100_000  # the longest unused are forgotten first; some 100 MB if all have met and blocked many


class FieldStore(Protocol):
    """Keeps some fields of each browser, every one by its name and for so long."""

    async def read(self, browser: BrowserId) -> Mapping[str, bytes]:
        """All fields of a browser. Raises StoreAway."""

    def write(self, browser: BrowserId, field: str, value: bytes, seconds: float) -> None:
        """Keep a field; what a store that is away does not take is lost, which costs nobody a message."""


class RememberedBrowsers:
    """The `Browsers` of a process. A field of the store is a letter, that says of what kind it is, and a name."""

    def __init__(self, store: FieldStore | None = None) -> None:
        self._store = store
        self._records: OrderedDict[BrowserId, BrowserRecord] = OrderedDict()

    async def load(self, browser: BrowserId) -> BrowserRecord:
        """Have a browser's record at hand from now on. Raises StoreAway."""
        if self._store is None:
            return self.of(browser)
        record = BrowserRecord()
        for field, value in (await self._store.read(browser)).items():
            _read_field(record, field[0], field[1:], value)
        self._records[browser] = record
        return self._at_hand(browser)

    def of(self, browser: BrowserId) -> BrowserRecord:
        """A browser's record, as far as it is at hand; an empty one is not kept."""
        return self._records.get(browser) or BrowserRecord()

    def note_met(self, browser: BrowserId, other: BrowserId, at: float) -> None:
        """Remember a partner."""
        self._at_hand(browser).meet(other, at)
        self._write(browser, f"m{other}", at, RECENT_FOR)

    def note_blocked(self, browser: BrowserId, other: BrowserId, at: float) -> None:
        """Remember a block."""
        self._at_hand(browser).block(other, at)
        self._write(browser, f"b{other}", at, BLOCKED_FOR)

    def note_left(self, browser: BrowserId, place: Place, left: LeftBehind | None) -> None:
        """Remember whose page has gone from a place, or that it is back."""
        if left or key_of(place) in self.of(browser).left:
            self._at_hand(browser).leave_behind(place, left)
            self._write(browser, f"l{key_of(place)}", left, RECENT_FOR)

    def note_owner(self, browser: BrowserId, page: VisitorId, owner: VisitorId) -> None:
        """Remember that a page continues as another visitor."""
        self._at_hand(browser).own(page, owner)
        self._write(browser, f"o{page}", owner, RECENT_FOR)

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
        case "b":
            record.blocked[BrowserId(name)] = msgspec.json.decode(value, type=float)
        case "o":
            record.owners[VisitorId(name)] = VisitorId(msgspec.json.decode(value, type=str))
        case "l":
            if left := msgspec.json.decode(value, type=LeftBehind | None):
                record.left[name] = left
