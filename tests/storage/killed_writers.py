"""Kills writers of one database at random moments: `python killed_writers.py DATABASE KILLS`.

A program of its own, because each writer is forked from it: that takes a moment, a start of Python takes a second.
After each kill the database is checked. It prints how many rows were acknowledged, and what was wrong as JSON.
"""

import asyncio
import json
import os
import random
import signal
import sqlite3
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path

from quart_chat.app import SystemClock
from quart_chat.storage.rows import Row, RowKind
from quart_chat.storage.sqlite import SqliteRows

LONGEST_LIFE = 0.05  # seconds


async def write(path: Path, number: int, acknowledgements: int) -> None:
    """Put rows of all kinds until killed; say of each that it is kept as soon as that is said here."""
    rows, clock, count = SqliteRows(path, SystemClock()), SystemClock(), 0
    await rows.start()
    while True:
        for kind in RowKind:
            key = f"{number}-{count}"
            row = Row(kind, key, f"browser {count % 5}", clock.now(), clock.now() + 3_600.0, json.dumps("x" * count))
            rows.put(row, partial(acknowledge, acknowledgements, f"{kind} {key}"))
        count += 1
        await asyncio.sleep(random.choice((0, 0, 0.001)))


def acknowledge(to: int, key: str, kept: bool) -> None:
    if kept:
        os.write(to, f"{key}\n".encode())


def kill_one(path: Path, number: int) -> set[str]:
    """Let a writer live for a random moment; returns what it has acknowledged."""
    reading, writing = os.pipe()
    if not (pid := os.fork()):
        os.close(reading)
        asyncio.run(write(path, number, writing))
    os.close(writing)
    time.sleep(random.uniform(0, LONGEST_LIFE))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with os.fdopen(reading) as said:
        return {line.strip() for line in said if line.endswith("\n")}


def wrong_with(path: Path, acknowledged: set[str]) -> list[str]:
    """What is broken in the database, and what is missing there."""
    with closing(sqlite3.connect(path)) as database:
        (state,) = database.execute("PRAGMA integrity_check").fetchone()
        try:
            there = {f"{kind} {key}" for kind, key in database.execute("SELECT kind, key FROM rows")}
        except sqlite3.OperationalError:  # killed before there was a table
            there = set()
    return ([] if state == "ok" else [str(state)]) + sorted(acknowledged - there)


def main(path: Path, kills: int) -> None:
    acknowledged: set[str] = set()
    wrong: list[str] = []
    for number in range(kills):
        acknowledged |= kill_one(path, number)
        wrong += wrong_with(path, acknowledged)
    print(json.dumps({"acknowledged": len(acknowledged), "wrong": wrong}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
