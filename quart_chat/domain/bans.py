"""Who may not come in: browsers that several people have reported, and addresses that keep sending such browsers.

The list of bans is one space that every process holds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import inf

from quart_chat.domain import commands, events
from quart_chat.domain.commands import Command, Entry
from quart_chat.domain.events import Event
from quart_chat.domain.spaces import SpaceId
from quart_chat.domain.timing import (
    ADDRESS_BAN,
    BANS_REMEMBERED_FOR,
    FIRST_BAN,
    LONGEST_BAN,
    REPORTS_COUNT_FOR,
)
from quart_chat.domain.visitors import BrowserId, ProcessId, Visitor, VisitorId

BROWSERS_FOR_AN_ADDRESS = 3  # banned within a day; fewer would punish a household or a school for one of its people
ADDRESS_COUNTS_FOR = FIRST_BAN  # seconds in which they add up
RECORDS_KEPT = 50_000  # browsers, and as many addresses; some 20 MB


@dataclass(frozen=True, slots=True)
class HeldReport:
    """Who has reported a browser, and when."""

    at: float
    browser: BrowserId
    network: str


@dataclass(slots=True)
class Record:
    """What is held against one browser."""

    reports: list[HeldReport] = field(default_factory=list)
    bans: int = 0
    until: float = 0.0
    changed: float = 0.0


@dataclass(slots=True)
class AddressRecord:
    """The browsers of one address that were banned lately, with the times, and until when it is banned itself."""

    browsers: dict[BrowserId, float] = field(default_factory=dict)
    until: float = 0.0
    changed: float = 0.0


@dataclass
class Bans:
    """The state of the list of bans. All of it is data, so that it can be stored and read again."""

    id: SpaceId
    records: dict[BrowserId, Record] = field(default_factory=dict)  # the longest unchanged first
    addresses: dict[str, AddressRecord] = field(default_factory=dict)

    def apply(self, entry: Entry) -> Sequence[Event]:
        """Change by one entry; returns what has happened. Deterministic and total."""
        command = entry.command
        return tuple(self._count(entry, command)) if isinstance(command, commands.CountReport) else ()

    def due(self, now: float) -> Iterator[Command]:
        """Time asks for nothing: what is over is looked over."""
        return iter(())

    def wakes_at(self) -> float:
        """Never."""
        return inf

    def forgotten_at(self) -> float:
        """When nothing of it matters any more."""
        latest = next(reversed(self.records.values()), None)
        return latest.changed + BANS_REMEMBERED_FOR if latest else inf

    def home_of(self, visitor: VisitorId) -> ProcessId | None:
        """Nobody's."""
        return None

    def homes(self) -> set[ProcessId]:
        """None: nobody is in here."""
        return set()

    def until(self, visitor: Visitor, now: float, among_strangers: bool) -> float | None:
        """When a visitor's ban ends; None when there is none. An address is banned among strangers only."""
        record, address = self.records.get(visitor.browser), self.addresses.get(visitor.address)
        ends = [record.until if record else 0.0, address.until if address and among_strangers else 0.0]
        return max(ends) if max(ends) > now else None

    def _count(self, entry: Entry, command: commands.CountReport) -> Iterator[Event]:
        """Count one report, which may make a ban."""
        accused, reporter = command.accused, command.reporter
        record = self._record(accused.browser, entry.at)
        record.reports = [held for held in record.reports if entry.at - held.at < REPORTS_COUNT_FOR]
        record.reports.append(HeldReport(entry.at, reporter.browser, reporter.network))
        is_banned = _reporters(record) >= command.needed
        if is_banned:
            self._ban(record, accused, entry.at)
        yield events.ReportCounted(accused.browser, accused.address)
        if is_banned:
            yield events.BrowserBanned(accused.browser, record.until)

    def _ban(self, record: Record, accused: Visitor, at: float) -> None:
        record.reports.clear()
        record.until = at + min(FIRST_BAN * 2**record.bans, LONGEST_BAN)
        record.bans += 1
        self._count_against_address(accused, at)

    def _count_against_address(self, accused: Visitor, at: float) -> None:
        address = self.addresses.pop(accused.address, None) or AddressRecord()
        self.addresses[accused.address] = address
        address.changed = at
        address.browsers = {
            browser: then for browser, then in address.browsers.items() if at - then < ADDRESS_COUNTS_FOR
        }
        address.browsers[accused.browser] = at
        if len(address.browsers) >= BROWSERS_FOR_AN_ADDRESS:
            address.until = at + ADDRESS_BAN
        if len(self.addresses) > RECORDS_KEPT:
            del self.addresses[next(iter(self.addresses))]

    def _record(self, browser: BrowserId, at: float) -> Record:
        record = self.records.pop(browser, None)
        if record is None or record.changed + BANS_REMEMBERED_FOR < at:
            record = Record()
        self.records[browser] = record
        record.changed = at
        if len(self.records) > RECORDS_KEPT:
            del self.records[next(iter(self.records))]
        return record


def _reporters(record: Record) -> int:
    """How many have reported somebody: one with several browsers, or a household with several addresses, is one."""
    return min(len({held.browser for held in record.reports}), len({held.network for held in record.reports}))
