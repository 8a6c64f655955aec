"""What is held against browsers and addresses, as rows: a ban outlives the process that has made it."""

from typing import TypeVar

import msgspec

from quart_chat.domain.bans import AddressRecord, Bans, Record
from quart_chat.domain.spaces import BANS
from quart_chat.domain.timing import BANS_REMEMBERED_FOR, FIRST_BAN, REPORTS_COUNT_FOR
from quart_chat.domain.visitors import BrowserId
from quart_chat.log import log
from quart_chat.storage.rows import Row, RowKind, Rows

T = TypeVar("T")


class KeptBans:
    """The `BanStore` over rows. Each change of a record replaces its row."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def keep(self, bans: Bans, browser: BrowserId, address: str) -> None:
        """Keep what is held against a browser, and against the address that it came from."""
        if record := bans.records.get(browser):
            self._rows.put(_browser_row(browser, record))
        if held := bans.addresses.get(address):
            self._rows.put(_address_row(address, held))

    async def load(self) -> Bans:
        """The list of bans as the rows have it; one that cannot be read must not cost the others."""
        bans = Bans(BANS)
        for row in await self._rows.all(RowKind.BROWSER):
            if record := _read(row, Record):
                bans.records[BrowserId(row.key)] = record
        for row in await self._rows.all(RowKind.ADDRESS):
            if held := _read(row, AddressRecord):
                bans.addresses[row.key] = held
        return bans


def _browser_row(browser: BrowserId, record: Record) -> Row:
    """Somebody who was never banned is forgotten as soon as the reports count no more."""
    life = BANS_REMEMBERED_FOR if record.bans else REPORTS_COUNT_FOR
    return Row(RowKind.BROWSER, browser, browser, record.changed, record.changed + life, _body(record))


def _address_row(address: str, held: AddressRecord) -> Row:
    """A ban of an address is shorter than the time for which browsers count against it."""
    return Row(RowKind.ADDRESS, address, address, held.changed, held.changed + FIRST_BAN, _body(held))


def _body(record: Record | AddressRecord) -> str:
    return msgspec.json.encode(record).decode()


def _read(row: Row, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(row.body, type=kind)
    except msgspec.MsgspecError as error:
        log.error("row not read", extra={"kind": row.kind, "why": type(error).__name__})
        return None
