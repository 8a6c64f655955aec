"""Rows in a database on the disk of one machine, written by a thread of their own.

The database is never touched on the event loop: a commit waits for the disk, which may take as long as it likes.
"""

import asyncio
import os
import queue
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from quart_chat.domain.ports import Clock, Kept
from quart_chat.domain.timing import STORAGE_RETRY, STORAGE_STOP
from quart_chat.log import log
from quart_chat.storage.rows import Row, RowKind, nobody

FORMAT = 1  # of the tables; `PRAGMA user_version`
ROWS_AT_ONCE = 1_000  # in one transaction
ROWS_WAITING = 20_000  # while the disk takes nothing; beyond, those put first are given up

TABLES = """
CREATE TABLE IF NOT EXISTS rows (
  kind TEXT NOT NULL, key TEXT NOT NULL, about TEXT NOT NULL, at REAL NOT NULL, expires REAL NOT NULL,
  body TEXT NOT NULL, PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS rows_about ON rows (kind, about);
CREATE INDEX IF NOT EXISTS rows_expires ON rows (expires);
"""
PUT = "INSERT OR REPLACE INTO rows (kind, key, about, at, expires, body) VALUES (?, ?, ?, ?, ?, ?)"
READ = "SELECT kind, key, about, at, expires, body FROM rows WHERE kind = ? AND expires > ?"
FORGET = "DELETE FROM rows WHERE expires <= ?"


@dataclass(frozen=True, slots=True)
class Put:
    """A row to be kept, and who wants to know."""

    row: Row
    done: Kept
    loop: asyncio.AbstractEventLoop

    def tell(self, kept: bool) -> None:
        """Say what has become of it, unless the loop has ended meanwhile."""
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self.done, kept)


@dataclass(frozen=True, slots=True)
class Ask:
    """A question, and where its answer goes."""

    query: str
    values: Sequence[object]
    answer: "asyncio.Future[list[Row]]"
    loop: asyncio.AbstractEventLoop

    def tell(self, rows: list[Row]) -> None:
        """Answer, unless the loop has ended meanwhile."""
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(partial(_resolve, self.answer, rows))


@dataclass(frozen=True, slots=True)
class Forget:
    """All that expires until then is to be deleted."""

    until: float


class Stop:
    """The last thing to be done."""


Job = Put | Ask | Forget | Stop


class SqliteRows:
    """The `Rows` of one machine. What the disk does not take now is tried again, and nobody has to wait for it.

    WAL, so that a process killed at any moment leaves a database in order (sqlite.org/wal.html); `synchronous=FULL`, so
    that after a power cut too there is what somebody was told to be there. Such rows are rare enough for that.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self.trouble = ""
        self._path = path
        self._clock = clock
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._waiting: dict[tuple[RowKind, str], Row] = {}
        self._database: sqlite3.Connection | None = None
        self._thread: threading.Thread | None = None

    async def start(self) -> None:
        """Start the thread; what has expired goes."""
        self._thread = threading.Thread(target=self._work, name="moderation rows", daemon=True)
        self._thread.start()
        self.forget_expired()

    async def stop(self) -> None:
        """Write what has been put, and end the thread; given up after STORAGE_STOP seconds."""
        if self._thread:
            self._jobs.put(Stop())
            await asyncio.to_thread(self._thread.join, STORAGE_STOP)

    def put(self, row: Row, done: Kept = nobody) -> None:
        """Keep a row, in the place of the one with its key. It never waits."""
        self._jobs.put(Put(row, done, asyncio.get_running_loop()))

    async def about(self, kind: RowKind, about: str) -> Sequence[Row]:
        """The rows of a kind on one browser or address, the earliest first; none while they cannot be read."""
        return await self._ask(f"{READ} AND about = ? ORDER BY at, key", kind, self._clock.now(), about)

    async def all(self, kind: RowKind) -> Sequence[Row]:
        """All rows of a kind, the earliest first; none while they cannot be read."""
        return await self._ask(f"{READ} ORDER BY at, key", kind, self._clock.now())

    def forget_expired(self) -> None:
        """Delete what has expired."""
        self._jobs.put(Forget(self._clock.now()))

    async def _ask(self, query: str, *values: object) -> list[Row]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Row]] = loop.create_future()
        self._jobs.put(Ask(query, values, answer, loop))
        return await answer

    # In the thread.

    def _work(self) -> None:
        jobs: list[Job] = []
        while not any(isinstance(job, Stop) for job in jobs):
            jobs = self._next_jobs()
            self._write(jobs)
            for job in jobs:
                if isinstance(job, Ask):
                    job.tell(self._read(job))
        self._close()

    def _next_jobs(self) -> list[Job]:
        """Wait for something to do, or until what the disk has not taken is to be tried again."""
        jobs: list[Job] = []
        with suppress(queue.Empty):
            jobs.append(self._jobs.get(timeout=STORAGE_RETRY if self.trouble else None))
            while len(jobs) < ROWS_AT_ONCE:
                jobs.append(self._jobs.get_nowait())
        return jobs

    def _write(self, jobs: Iterable[Job]) -> None:
        """Commit all rows of these jobs, and then say so; what cannot be written waits for the next time."""
        puts = [job for job in jobs if isinstance(job, Put)]
        until = max((job.until for job in jobs if isinstance(job, Forget)), default=None)
        self._let_wait(put.row for put in puts)
        if not self._waiting and until is None and not self.trouble:
            return
        try:
            self._commit(until)
        except sqlite3.Error as error:
            self._note_trouble(error)
        else:
            self._note_end_of_trouble()
        for put in puts:
            put.tell(not self.trouble)

    def _let_wait(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._waiting.pop((row.kind, row.key), None)
            self._waiting[row.kind, row.key] = row
        while len(self._waiting) > ROWS_WAITING:
            del self._waiting[next(iter(self._waiting))]

    def _commit(self, until: float | None) -> None:
        database = self._connected()
        with database:
            database.execute("BEGIN IMMEDIATE")
            database.executemany(PUT, [_values(row) for row in self._waiting.values()])
            if until is not None:
                database.execute(FORGET, (until,))
        self._waiting.clear()

    def _read(self, ask: Ask) -> list[Row]:
        try:
            found = self._connected().execute(ask.query, ask.values).fetchall()
        except sqlite3.Error as error:
            self._note_trouble(error)
            found = read_beside_the_disk(self._path, ask.query, ask.values)
        return [_row(values) for values in found]

    def _connected(self) -> sqlite3.Connection:
        if self._database is None:
            self._database = connect(self._path)
        return self._database

    def _note_trouble(self, error: sqlite3.Error) -> None:
        """Say it once. The connection stays: it still reads what the disk has."""
        if not self.trouble:
            log.error("storage away", extra={"why": str(error)})
        self.trouble = str(error)

    def _note_end_of_trouble(self) -> None:
        if self.trouble:
            self.trouble = ""
            log.warning("storage back")

    def _close(self) -> None:
        if self._database:
            with suppress(sqlite3.Error):
                self._database.close()
            self._database = None


def connect(path: Path) -> sqlite3.Connection:
    """Open the database, made if it is not there, for its owner alone. Raises sqlite3.Error."""
    with suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives its other files the same mode
    database = sqlite3.connect(path, isolation_level=None)
    try:
        _prepare(database)
    except sqlite3.Error:
        database.close()
        raise
    return database


def _prepare(database: sqlite3.Connection) -> None:
    (written_as,) = database.execute("PRAGMA user_version").fetchone()
    if written_as > FORMAT:
        raise sqlite3.DatabaseError("written by a newer version of this program")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA secure_delete = ON")  # what has expired must not stay in free pages
    if written_as < FORMAT:
        database.executescript(f"BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {FORMAT}; COMMIT;")


def read_beside_the_disk(path: Path, query: str, values: Sequence[object]) -> list[Any]:
    """What a disk that cannot be written to still tells: WAL needs to write, a database that never changes does not."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as database:
            return database.execute(query, values).fetchall()
    except sqlite3.Error:
        return []


def _values(row: Row) -> tuple[object, ...]:
    return row.kind.value, row.key, row.about, row.at, row.expires, row.body


def _row(values: Sequence[Any]) -> Row:
    kind, key, about, at, expires, body = values
    return Row(RowKind(kind), key, about, at, expires, body)


def _resolve(answer: "asyncio.Future[list[Row]]", rows: list[Row]) -> None:
    if not answer.done():
        answer.set_result(rows)
