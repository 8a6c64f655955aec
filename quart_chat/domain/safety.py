"""Being safe with strangers: reports, and the bans that follow from several of them."""

from collections import OrderedDict
from dataclasses import dataclass, field
from enum import StrEnum

from quart_chat.domain.visitors import BrowserId

MAX_WORDS = 500  # characters a reporter may add
REPORTABLE_FOR = 600.0  # seconds after a talk has ended
SEALED_LINES = 20  # of the talk, which go with a report
FIRST_BAN = 86_400.0  # seconds; each further one is twice as long
LONGEST_BAN = 30 * 86_400.0  # seconds
REPORTS_COUNT_FOR = 3_600.0  # seconds
ACCUSED_REMEMBERED = 50_000


class Accusation(StrEnum):
    """What somebody may be reported for."""

    MINOR = "minor"
    SEXUAL = "sexual"
    HATE = "hate"
    THREAT = "threat"
    SPAM = "spam"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Person:
    """A browser and the keyed hash of the address it came from."""

    browser: BrowserId
    address: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the reported talk."""

    by_accused: bool
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class Report:
    """What the operator gets to read: who is accused by whom of what, and the talk's last lines, sealed then."""

    at: float
    kind: str
    accusation: Accusation
    words: str
    accused: Person
    reporter: Person
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How many different reporters within an hour make a ban."""

    reporters: int = 3


@dataclass(slots=True)
class Record:
    """What is held against one browser: who has reported it when, and its bans."""

    reports: list[tuple[float, Person]] = field(default_factory=list)
    bans: int = 0
    until: float = 0.0


class Bans:
    """Counts reports and keeps bans, of browsers and of the addresses they came from.

    All times are wall clock seconds, since a banned visitor is told the hour.
    """

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._records: OrderedDict[BrowserId, Record] = OrderedDict()
        self._addresses: OrderedDict[str, float] = OrderedDict()

    def until(self, person: Person, now: float) -> float | None:
        """When the ban of this browser or address ends; None when there is none."""
        record = self._records.get(person.browser)
        end = max(record.until if record else 0.0, self._addresses.get(person.address, 0.0))
        return end if end > now else None

    def report(self, accused: Person, reporter: Person, now: float) -> float | None:
        """Count one report; returns the end of the ban that it completes."""
        record = self._record(accused.browser)
        record.reports = [entry for entry in record.reports if now - entry[0] < REPORTS_COUNT_FOR]
        record.reports.append((now, reporter))
        if not self._is_enough(record):
            return None
        record.reports.clear()
        record.until = now + min(FIRST_BAN * 2**record.bans, LONGEST_BAN)
        record.bans += 1
        self._ban_address(accused.address, record.until)
        return record.until

    def _is_enough(self, record: Record) -> bool:
        """One person with several browsers, or a house behind one address, counts once."""
        browsers = {reporter.browser for _, reporter in record.reports}
        addresses = {reporter.address for _, reporter in record.reports}
        return min(len(browsers), len(addresses)) >= self._thresholds.reporters

    def _record(self, browser: BrowserId) -> Record:
        record = self._records.setdefault(browser, Record())
        self._records.move_to_end(browser)
        if len(self._records) > ACCUSED_REMEMBERED:
            self._records.popitem(last=False)
        return record

    def _ban_address(self, address: str, until: float) -> None:
        self._addresses[address] = until
        self._addresses.move_to_end(address)
        if len(self._addresses) > ACCUSED_REMEMBERED:
            self._addresses.popitem(last=False)
