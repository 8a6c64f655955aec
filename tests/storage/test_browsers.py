"""What is remembered of a browser lasts as long in a store as in memory."""

from collections.abc import Mapping

import pytest

from quart_chat.domain.timing import BLOCKED_FOR, RECENT_FOR
from quart_chat.domain.visitors import BrowserId
from quart_chat.storage.browsers import RememberedBrowsers
from quart_chat.storage.memory import MemoryRows
from quart_chat.storage.rows import RowKind
from tests.clock import FakeClock

ANN, BOB = BrowserId("Ann's"), BrowserId("Bob's")


class NotedFields:
    """A `FieldStore` that notes how long it is to keep each field."""

    def __init__(self) -> None:
        self.kept: dict[str, float] = {}

    async def read(self, browser: BrowserId) -> Mapping[str, bytes]:
        return {}

    def write(self, browser: BrowserId, field: str, value: bytes, seconds: float) -> None:
        self.kept[field[0]] = seconds


@pytest.fixture
def fields() -> NotedFields:
    return NotedFields()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def rows(clock: FakeClock) -> MemoryRows:
    return MemoryRows(clock)


@pytest.fixture
def browsers(rows: MemoryRows, fields: NotedFields) -> RememberedBrowsers:
    return RememberedBrowsers(rows, fields)


def test_a_partner_is_recent_for_as_long_here_as_there(browsers: RememberedBrowsers, fields: NotedFields) -> None:
    """Issue 11, line 22."""
    browsers.note_met(ANN, BOB, at=0.0)
    record = browsers.of(ANN)
    assert record.recent_partners(RECENT_FOR - 1) == (BOB,)
    assert record.recent_partners(RECENT_FOR) == ()
    assert fields.kept == {"m": RECENT_FOR}


async def test_a_block_lasts_as_long_here_as_there(
    browsers: RememberedBrowsers, rows: MemoryRows, clock: FakeClock
) -> None:
    """Issue 11, line 22."""
    began = clock.now()
    browsers.note_blocked(ANN, BOB, began, lambda kept: None)
    record = browsers.of(ANN)
    assert record.blocked_browsers(began + BLOCKED_FOR - 1) == (BOB,)
    assert record.blocked_browsers(began + BLOCKED_FOR) == ()
    (row,) = await rows.about(RowKind.BLOCK, ANN)
    assert row.expires == began + BLOCKED_FOR
