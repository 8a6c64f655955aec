"""Bans, blocks and reports as rows: what a process has kept, the next one knows."""

import asyncio
import json

import pytest

from quart_chat.domain.bans import BROWSERS_FOR_AN_ADDRESS, Bans
from quart_chat.domain.commands import CountReport
from quart_chat.domain.events import ReportCounted
from quart_chat.domain.reports import Line, Report, ReportReason
from quart_chat.domain.spaces import BANS
from quart_chat.domain.timing import ADDRESS_BAN, BANS_REMEMBERED_FOR, BLOCKED_FOR, DAY, FIRST_BAN, REPORTS_COUNT_FOR
from quart_chat.domain.visitors import BrowserId, Visitor, VisitorId
from quart_chat.storage.bans import KeptBans
from quart_chat.storage.browsers import RememberedBrowsers
from quart_chat.storage.memory import MemoryRows
from quart_chat.storage.report_file import ReportFile
from quart_chat.storage.reports import KeptReports
from quart_chat.storage.rows import RowKind
from tests.clock import FakeClock
from tests.domain.journals import OneJournal

ANN, EVE = BrowserId("ann"), BrowserId("eve")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def rows(clock: FakeClock) -> MemoryRows:
    return MemoryRows(clock)


def person(name: str, address: str = "") -> Visitor:
    return Visitor(VisitorId(name), BrowserId(name), address or f"at {name}", address or f"near {name}")


def report(bans: Bans, kept: KeptBans, clock: FakeClock, accused: Visitor, needed: int = 1) -> None:
    """Count one report, and keep what changes by that, as the chat does."""
    for event in OneJournal(bans).append(CountReport(accused, person("ann"), needed), clock.now()):
        if isinstance(event, ReportCounted):
            kept.keep(bans, event.browser, event.address)


async def test_the_next_process_knows_who_is_banned_and_for_how_long(rows: MemoryRows, clock: FakeClock) -> None:
    bans, kept = Bans(BANS), KeptBans(rows)
    report(bans, kept, clock, person("eve"))
    loaded = await kept.load()
    assert loaded == bans
    assert loaded.until(person("eve"), clock.now(), among_strangers=False) == clock.now() + FIRST_BAN


async def test_the_next_process_knows_banned_addresses(rows: MemoryRows, clock: FakeClock) -> None:
    bans, kept = Bans(BANS), KeptBans(rows)
    for number in range(BROWSERS_FOR_AN_ADDRESS):
        report(bans, kept, clock, person(f"eve {number}", "one house"))
    neighbour = person("bob", "one house")
    assert (await kept.load()).until(neighbour, clock.now(), among_strangers=True) == clock.now() + ADDRESS_BAN


async def test_reports_that_are_not_enough_yet_still_count_in_the_next_process(
    rows: MemoryRows, clock: FakeClock
) -> None:
    kept = KeptBans(rows)
    report(Bans(BANS), kept, clock, person("eve"), needed=2)
    assert len((await kept.load()).records[EVE].reports) == 1
    clock.seconds += REPORTS_COUNT_FOR
    assert (await kept.load()).records == {}


async def test_a_past_ban_is_remembered_and_then_forgotten(rows: MemoryRows, clock: FakeClock) -> None:
    kept = KeptBans(rows)
    report(Bans(BANS), kept, clock, person("eve"))
    clock.seconds += BANS_REMEMBERED_FOR - 1
    assert (await kept.load()).records[EVE].bans == 1
    clock.seconds += 1
    assert (await kept.load()).records == {}


async def test_a_block_is_known_to_the_next_process_until_it_ends(rows: MemoryRows, clock: FakeClock) -> None:
    RememberedBrowsers(rows).note_blocked(ANN, EVE, clock.now(), lambda kept: None)
    assert (await RememberedBrowsers(rows).load(ANN)).blocked_browsers(clock.now()) == (EVE,)
    clock.seconds += BLOCKED_FOR
    assert (await RememberedBrowsers(rows).load(ANN)).blocked_browsers(clock.now()) == ()


async def test_a_block_that_is_made_while_the_record_is_being_read_holds(rows: MemoryRows, clock: FakeClock) -> None:
    browsers = RememberedBrowsers(rows)
    reading = asyncio.create_task(browsers.load(ANN))
    browsers.note_blocked(ANN, EVE, clock.now(), lambda kept: None)
    assert (await reading).blocked_browsers(clock.now()) == (EVE,)


async def test_a_report_is_kept_for_as_long_as_the_setting_says(rows: MemoryRows, clock: FakeClock) -> None:
    told: list[bool] = []
    reports = KeptReports(rows, keeps_rows=True, seconds=2 * DAY, file=ReportFile(""))
    lines = (Line(by_accused=True, text="something bad", at=clock.now()),)
    made = Report(clock.now(), "text", ReportReason.HATE, "please look", person("eve"), person("ann"), lines)
    reports.add(made, told.append)
    (row,) = await rows.about(RowKind.REPORT, EVE)
    assert told == [True]
    assert json.loads(row.body)["lines"] == [{"by_accused": True, "text": "something bad", "at": clock.now()}]
    clock.seconds += 2 * DAY
    assert await rows.all(RowKind.REPORT) == []


async def test_without_anything_that_outlives_a_restart_nobody_is_told_that_a_report_is_kept(
    rows: MemoryRows, clock: FakeClock
) -> None:
    told: list[bool] = []
    reports = KeptReports(rows, keeps_rows=False, seconds=DAY, file=ReportFile(""))
    made = Report(clock.now(), "text", ReportReason.SPAM, "", person("eve"), person("ann"), ())
    reports.add(made, told.append)
    assert told == [False]
    assert await rows.all(RowKind.REPORT) == []
