"""Rows on a disk: they outlive any end of a process, and a disk that takes nothing ends nothing."""

import asyncio
import logging
import sqlite3
import stat
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest

from quart_chat.storage import sqlite
from quart_chat.storage.rows import RowKind
from quart_chat.storage.sqlite import SqliteRows
from tests.clock import FakeClock
from tests.storage.test_rows import LIFE, kept, row


@asynccontextmanager
async def rows_in(path: Path, clock: FakeClock | None = None) -> AsyncIterator[SqliteRows]:
    rows = SqliteRows(path, clock or FakeClock())
    await rows.start()
    yield rows
    await rows.stop()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "STORAGE_RETRY", 0.01)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, so small that it is soon full."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(folder)]
    if subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("nothing may be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def make_read_only(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


def modes_in(folder: Path) -> set[int]:
    return {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


async def tells(rows: SqliteRows, key: str) -> bool:
    answer = asyncio.get_running_loop().create_future()
    rows.put(row(key), answer.set_result)
    return bool(await answer)


async def until_well(rows: SqliteRows) -> None:
    async with asyncio.timeout(10):
        while rows.trouble:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.01)


async def test_rows_are_there_after_a_restart_and_nobody_else_can_read_them(tmp_path: Path) -> None:
    path = tmp_path / "rows.sqlite3"
    async with rows_in(path) as before:
        await kept(before, row("a"))
        assert modes_in(tmp_path) == {0o600}
    async with rows_in(path) as after:
        assert await after.all(RowKind.BLOCK) == [row("a")]


async def test_what_was_put_just_before_the_end_is_written(tmp_path: Path) -> None:
    path = tmp_path / "rows.sqlite3"
    async with rows_in(path) as before:
        for number in range(100):
            before.put(row(f"{number}"))
    async with rows_in(path) as after:
        assert len(await after.all(RowKind.BLOCK)) == 100


async def test_what_has_expired_is_no_longer_in_the_file(tmp_path: Path) -> None:
    path, clock = tmp_path / "rows.sqlite3", FakeClock()
    async with rows_in(path, clock) as rows:
        await kept(rows, row("a", body='"words that somebody has written"'))
    assert b"words that somebody" in path.read_bytes()
    clock.seconds += LIFE
    async with rows_in(path, clock):
        pass  # at its start
    assert b"words that somebody" not in path.read_bytes()


def fill(disk: Path) -> Path:
    """Write until nothing more can be written; returns what has to be deleted to make room."""
    filling = disk / "filling"
    with filling.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 512)
    return filling


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, int]]:
    return [(record.message, record.levelno) for record in caplog.records if "storage" in record.message]


async def test_a_full_disk_is_told_once_and_gets_its_rows_when_there_is_room(
    disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with rows_in(disk / "rows.sqlite3") as rows:
        await kept(rows, row("before"))
        filling = fill(disk)
        assert not any([await tells(rows, f"{number}") for number in range(3)])
        assert "full" in rows.trouble
        assert await rows.all(RowKind.BLOCK) == [row("before")]
        filling.unlink()
        await until_well(rows)
        assert {each.key for each in await rows.all(RowKind.BLOCK)} == {"before", "0", "1", "2"}
        assert await tells(rows, "after")
    assert told(caplog) == [("storage away", logging.ERROR), ("storage back", logging.WARNING)]


async def test_a_disk_that_can_only_be_read_is_read(disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = disk / "rows.sqlite3"
    async with rows_in(path) as before:
        await kept(before, row("before"))
    make_read_only(disk)
    async with rows_in(path) as rows:
        assert await rows.all(RowKind.BLOCK) == [row("before")]
        assert not await tells(rows, "a")
        assert await rows.about(RowKind.BLOCK, "eve") == [row("before")]
    assert told(caplog) == [("storage away", logging.ERROR)]


async def test_a_file_that_is_no_database_ends_nothing_and_is_left_as_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "rows.sqlite3"
    path.write_text("something else " * 1_000)
    async with rows_in(path) as rows:
        assert await rows.all(RowKind.BLOCK) == []
        assert not await tells(rows, "a")
    assert told(caplog) == [("storage away", logging.ERROR)]
    assert path.read_text() == "something else " * 1_000


async def test_a_database_of_a_newer_version_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "rows.sqlite3"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 2")
    async with rows_in(path) as rows:
        assert not await tells(rows, "a")
        assert "newer version" in rows.trouble


async def test_rows_that_wait_for_a_disk_are_bounded(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "ROWS_WAITING", 10)
    async with rows_in(disk / "rows.sqlite3") as rows:
        await kept(rows, row("before"))
        filling = fill(disk)
        for number in range(30):
            assert not await tells(rows, f"{number}")
        filling.unlink()
        await until_well(rows)
        assert {each.key for each in await rows.all(RowKind.BLOCK)} == {"before", *(f"{n}" for n in range(20, 30))}


async def test_the_event_loop_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "rows.sqlite3"
    async with rows_in(path) as rows:
        await kept(rows, row("before"))
        answer = asyncio.get_running_loop().create_future()
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")  # as a slow disk would
            rows.put(row("a"), answer.set_result)
            for _ in range(10):
                await asyncio.sleep(0)
            assert not answer.done()
            other.execute("COMMIT")
        assert await answer
