"""The folder in which one machine keeps what must outlive a restart."""

import os
import secrets
import stat
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from quart_chat.domain.timing import DATA_DIR_FREE_WITHIN, SPARE

KEY_BYTES = 32
KEY_LENGTH = 2 * KEY_BYTES  # characters


class DataDir:
    """A folder that only its owner can look into, used by one server process at a time."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).absolute()
        self._lock: int | None = None

    @property
    def key_file(self) -> Path:
        """Where the secret key is, if no setting holds one."""
        return self.path / "secret_key"

    @property
    def snapshot_file(self) -> Path:
        """Where all talks are between the end of one process and the start of the next."""
        return self.path / "restart.json"

    @property
    def database(self) -> Path:
        """Where bans, blocks and reports are."""
        return self.path / "moderation.sqlite3"

    def open(self, patience: float = DATA_DIR_FREE_WITHIN) -> None:
        """Make the folder if it is not there, and keep other servers out until `close`.

        A server that is about to end may still use it, so that is waited for. Raises OSError.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if stat.S_IMODE(self.path.stat().st_mode) & 0o077:
            self.path.chmod(0o700)
        self._lock = os.open(self.path, os.O_RDONLY)
        try:
            _lock(self._lock, time.monotonic() + patience)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Let another server in."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def secret_key(self) -> str:
        """The key of this folder, made when it is asked for the first time. Raises OSError."""
        with suppress(FileNotFoundError):
            return self._read_key()
        write_atomically(self.key_file, secrets.token_hex(KEY_BYTES).encode())
        return self._read_key()

    def take_snapshot(self) -> bytes | None:
        """What the last process has left for the next one, which is deleted by that; None if there is nothing.

        Raises OSError if it cannot be deleted: messages must not stay on the disk, nor come back a second time.
        """
        new_file(self.snapshot_file).unlink(missing_ok=True)  # of a process that was killed while it wrote
        try:
            data = self.snapshot_file.read_bytes()
        except FileNotFoundError:
            return None
        self.snapshot_file.unlink()
        return data

    def _read_key(self) -> str:
        key = self.key_file.read_text("ascii", "replace").strip()
        if len(key) < KEY_LENGTH:
            raise OSError(f"{self.key_file.name} holds no key")
        return key


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read. After a crash it is all there, or not at all. Raises OSError."""
    new = new_file(path)
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    _sync_folder(path.parent)


def new_file(path: Path) -> Path:
    """Where a file is written before it takes the place of the one before."""
    return path.with_name(path.name + ".new")


def _sync_folder(path: Path) -> None:
    """Let the name of a new file outlive a power cut; where a folder cannot be synced, the system does so by itself."""
    with suppress(OSError):
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _lock(descriptor: int, end: float) -> None:
    """Lock an open file until it is closed, which the system does even for a process that is killed."""
    if sys.platform == "win32":  # there is no such lock
        return
    import fcntl

    while not _is_locked(fcntl.flock, descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB):
        if time.monotonic() >= end:
            raise OSError("another server uses it")
        time.sleep(SPARE)


def _is_locked(flock: Callable[[int, int], None], descriptor: int, how: int) -> bool:
    try:
        flock(descriptor, how)
    except BlockingIOError:
        return False
    return True
