"""The contract of rows: memory, the disk of one machine and a shared store pass the same tests."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from quart_chat.domain.timing import RESUME_WINDOW
from quart_chat.journal.redis import RedisStore
from quart_chat.journal.resp import read_url
from quart_chat.journal.shared import SharedJournal
from quart_chat.storage.memory import MemoryRows
from quart_chat.storage.redis import RedisRows
from quart_chat.storage.rows import Row, RowKind, Rows
from quart_chat.storage.sqlite import SqliteRows
from tests.chat.conftest import CLUSTERS, STORES
from tests.clock import FakeClock
from tests.redis_server import RedisServer

LIFE = 1_000.0  # seconds

prefixes = itertools.count(1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["memory", "disk", *STORES, *CLUSTERS])
async def rows(
    request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path, store_of: Callable[[str], RedisServer]
) -> AsyncIterator[Rows]:
    if request.param in ("memory", "disk"):
        rows = MemoryRows(clock) if request.param == "memory" else SqliteRows(tmp_path / "rows.sqlite3", clock)
        await rows.start()
        yield rows
        await rows.stop()
    else:
        prefix = f"rows-{next(prefixes)}"
        store = RedisStore(read_url(store_of(request.param).url), prefix)
        journal = SharedJournal(store, clock)
        await journal.open()
        yield RedisRows(store.nodes, prefix, clock)
        await journal.close()


def row(key: str, about: str = "eve", kind: RowKind = RowKind.BLOCK, at: float = 0.0, body: str = "null") -> Row:
    began = FakeClock().now()
    return Row(kind, key, about, began + at, began + at + LIFE, body)


async def kept(rows: Rows, *all_of_them: Row) -> None:
    """Put rows, and wait until all are said to be kept."""
    loop = asyncio.get_running_loop()
    answers = [(each, loop.create_future()) for each in all_of_them]
    for each, answer in answers:
        rows.put(each, answer.set_result)
    assert all([await answer for _, answer in answers])


async def test_what_is_kept_is_found_by_what_it_is_about_the_earliest_first(rows: Rows) -> None:
    second, first, other = row("b", at=2), row("c", at=1), row("a", "mallory")
    await kept(rows, second, first, other)
    assert await rows.about(RowKind.BLOCK, "eve") == [first, second]
    assert await rows.about(RowKind.BLOCK, "mallory") == [other]
    assert await rows.about(RowKind.BLOCK, "nobody") == []


async def test_all_of_a_kind_are_found_and_none_of_another(rows: Rows) -> None:
    blocks = [row("a", "eve", at=1), row("b", "mallory", at=2)]
    report = row("a", "eve", RowKind.REPORT)
    await kept(rows, *blocks, report)
    assert await rows.all(RowKind.BLOCK) == blocks
    assert await rows.all(RowKind.REPORT) == [report]
    assert await rows.all(RowKind.ADDRESS) == []


async def test_a_row_takes_the_place_of_the_one_with_its_key(rows: Rows) -> None:
    await kept(rows, row("a", body='"old"'))
    newer = row("a", at=1, body='"new"')
    await kept(rows, newer)
    assert await rows.about(RowKind.BLOCK, "eve") == [newer]
    assert await rows.all(RowKind.BLOCK) == [newer]


async def test_a_row_that_was_just_put_is_read_without_waiting_for_anything(rows: Rows) -> None:
    rows.put(row("a"))
    assert await rows.about(RowKind.BLOCK, "eve") == [row("a")]


async def test_a_row_is_not_found_once_its_time_is_over(rows: Rows, clock: FakeClock) -> None:
    await kept(rows, row("a"), row("b", at=RESUME_WINDOW))
    clock.seconds += LIFE
    assert await rows.about(RowKind.BLOCK, "eve") == await rows.all(RowKind.BLOCK) == [row("b", at=RESUME_WINDOW)]
    clock.seconds += RESUME_WINDOW
    assert await rows.about(RowKind.BLOCK, "eve") == await rows.all(RowKind.BLOCK) == []


async def test_what_has_expired_is_deleted_and_nothing_else(rows: Rows, clock: FakeClock) -> None:
    began = clock.seconds
    await kept(rows, row("a"), row("b", at=RESUME_WINDOW))
    clock.seconds += LIFE
    rows.forget_expired()
    clock.seconds = began  # so that nothing is left out only because it is too old
    found = await rows.all(RowKind.BLOCK)
    assert found == [row("b", at=RESUME_WINDOW)] or isinstance(rows, RedisRows)  # there the keys expire by themselves


@pytest.mark.parametrize("text", ["", "ünï çødé 🦊", "'; DROP TABLE rows; --", "line\nline", "x" * 100_000, "{tag} *"])
async def test_any_text_comes_back_as_it_was(rows: Rows, text: str) -> None:
    odd = row(f"key {text[:200]}", f"about {text[:200]}", body=text)
    await kept(rows, odd)
    assert await rows.about(RowKind.BLOCK, odd.about) == [odd]


async def test_many_rows_at_once_are_all_kept(rows: Rows) -> None:
    many = [row(f"{number:04}", f"browser {number % 7}", at=number / 1000) for number in range(2_500)]
    await kept(rows, *many)
    assert await rows.all(RowKind.BLOCK) == many
    assert not rows.trouble


@pytest.mark.redis
@pytest.mark.parametrize("server", STORES)
async def test_whatever_is_put_into_a_store_expires_there_by_itself(
    server: str, clock: FakeClock, store_of: Callable[[str], RedisServer]
) -> None:
    prefix = f"rows-{next(prefixes)}"
    store = RedisStore(read_url(store_of(server).url), prefix)
    journal = SharedJournal(store, clock)
    await journal.open()
    rows = RedisRows(store.nodes, prefix, clock)
    await kept(rows, row("a"), row("b", "mallory", RowKind.REPORT))
    await rows.all(RowKind.BLOCK)  # all that was sent before is done
    keys = {f"{{{prefix}:{name}}}" for name in ("block:eve", "report:mallory", "all:block", "all:report")}
    lives = [int(store_of(server).command("PTTL", key)[1:]) for key in keys]
    assert all(0 < life <= LIFE * 1000 for life in lives), lives
    await journal.close()
