"""Copies of the database of one machine, made and put back."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from quart_chat.settings import Settings
from quart_chat.storage.data_dir import DataDir, new_file
from quart_chat.storage.sqlite import FORMAT


class CommandFailed(Exception):
    """Why a command has done nothing; its text is for the operator."""


def back_up(settings: Settings, file: Path) -> str:
    """Copy the database to a file that only its owner can read; the server may run. Returns what to say of it.

    SQLite's own backup, which is right whatever is written meanwhile (sqlite.org/backup.html). Raises CommandFailed.
    """
    data_dir = _data_dir(settings)
    count = _copy(data_dir.database, file)
    told = f"{count} rows are in {file} now."
    if not settings.secret_key:
        told += f" Keep {data_dir.key_file} as well: without that key no row is known to be about anybody."
    return told


def restore(settings: Settings, file: Path) -> str:
    """Put a copy in the place of the database, while no server runs; returns what to say of it.

    Raises CommandFailed.
    """
    data_dir = _data_dir(settings)
    try:
        data_dir.open(patience=0)
    except OSError as error:
        why = error.strerror or f"{error}. Stop it first."
        raise CommandFailed(f"{data_dir.path} cannot be used: {why}") from None
    try:
        count = _copy(file, data_dir.database)
    finally:
        data_dir.close()
    return f"{count} rows were restored from {file}."


def _data_dir(settings: Settings) -> DataDir:
    if settings.redis_url:
        raise CommandFailed("With REDIS_URL everything is in that store: back it up with its own means.")
    if not settings.data_dir:
        raise CommandFailed("DATA_DIR is not set, so nothing is kept.")
    return DataDir(settings.data_dir)


def _copy(source: Path, target: Path) -> int:
    """Copy a database; the target is replaced as a whole, or left as it is. Returns the number of rows."""
    try:
        with closing(_opened(source)) as original:
            count = _checked(original, source)
            new = new_file(target)
            new.unlink(missing_ok=True)
            os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            with closing(sqlite3.connect(new)) as copy:
                original.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")  # one file, with all that is in it
            _replace(new, target)
    except (sqlite3.Error, OSError) as error:
        raise CommandFailed(f"{source} cannot be copied to {target}: {error}") from None
    return count


def _opened(path: Path) -> sqlite3.Connection:
    """A database that is there already."""
    if not path.is_file():
        raise CommandFailed(f"{path} does not exist.")
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)


def _checked(database: sqlite3.Connection, path: Path) -> int:
    """Refuse what is broken, or no database of ours; returns the number of rows."""
    (state,) = database.execute("PRAGMA integrity_check").fetchone()
    (written_as,) = database.execute("PRAGMA user_version").fetchone()
    if state != "ok" or written_as != FORMAT:
        raise CommandFailed(f"{path} is no whole database of this version.")
    (count,) = database.execute("SELECT count(*) FROM rows").fetchone()
    return int(count)


def _replace(new: Path, target: Path) -> None:
    """Let the copy be the database; what was written ahead belongs to the one before."""
    for beside in ("-wal", "-shm"):
        target.with_name(target.name + beside).unlink(missing_ok=True)
    new.replace(target)
