"""What an operator should mend: the key, the storage, the proxies in front, TURN, the clock, open files."""

import asyncio
import json
import os
import shutil
import sqlite3
import ssl
import stat
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from quart_chat.commands.stun import answers_to_stun
from quart_chat.domain.ports import StoreAway
from quart_chat.journal.resp import Server, connect, read_url
from quart_chat.open_files import BESIDE_SOCKETS
from quart_chat.settings import Settings, split
from quart_chat.storage.data_dir import KEY_LENGTH, DataDir
from quart_chat.web.security import DOCTOR, signed_now

LEAST_FREE = 100_000_000  # bytes; some thousand reports, and a snapshot of all talks
CLOCK_MAY_DIFFER = 30.0  # seconds; credentials for TURN and the ends of bans are told by the clock
ANSWER_WITHIN = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the result. Nobody has to act on it unless it is `wrong`."""

    about: str
    told: str
    wrong: bool = False

    def __str__(self) -> str:
        return f"{'WRONG' if self.wrong else 'ok':<6} {self.about}: {self.told}"


def examine(settings: Settings, url: str) -> int:
    """Print a line for each thing that was looked at; returns the exit status, 1 if anything is wrong.

    `url` is the address that visitors type; without it nobody can say what proxies in front do.
    """
    findings = [finding for look in LOOKS for finding in look(settings, url)]
    for finding in findings:
        print(finding)
    return int(any(finding.wrong for finding in findings))


def look_at_key(settings: Settings, url: str) -> Iterator[Finding]:
    """Whether there is a key, and nobody else can read it."""
    if settings.secret_key:
        is_short = len(settings.secret_key) < KEY_LENGTH // 2
        yield Finding("key", "SECRET_KEY is so short that it can be guessed" if is_short else "in SECRET_KEY", is_short)
    elif settings.redis_url:
        yield Finding("key", "REDIS_URL needs a SECRET_KEY, the same for all processes", wrong=True)
    elif settings.data_dir:
        yield _key_in(DataDir(settings.data_dir).key_file)
    else:
        yield Finding("key", "a new one at each start: after a restart nobody is known")


def _key_in(file: Path) -> Finding:
    try:
        is_open = stat.S_IMODE(file.stat().st_mode) & 0o077
        is_whole = len(file.read_text("ascii", "replace").strip()) >= KEY_LENGTH
    except FileNotFoundError:
        return Finding("key", f"{file} will be made at the first start")
    except OSError as error:
        return Finding("key", f"{file} cannot be read: {error.strerror}", wrong=True)
    if is_open:
        return Finding("key", f"others can read {file}: chmod 600", wrong=True)
    return Finding("key", f"in {file}" if is_whole else f"{file} holds no key", wrong=not is_whole)


def look_at_storage(settings: Settings, url: str) -> Iterator[Finding]:
    """Whether what has to outlive a restart does."""
    if settings.redis_url:
        yield asyncio.run(_look_at_store(settings))
    elif settings.data_dir:
        yield from _look_at_folder(DataDir(settings.data_dir))
    else:
        yield Finding("storage", "memory only: a restart ends all talks and forgets bans and blocks")


async def _look_at_store(settings: Settings) -> Finding:
    try:
        store = read_url(settings.redis_url, bool(settings.redis_self_signed))
        away = [await _seconds_from(server) for server in (() if store.sentinels else store.servers)]
        for sentinel in store.sentinels:
            (await connect(sentinel)).cut()  # it has answered, and tells no time
    except (ValueError, StoreAway) as error:
        return Finding("storage", f"the store at REDIS_URL cannot be used: {error}", wrong=True)
    differs = max(away, default=0.0) > CLOCK_MAY_DIFFER
    return Finding("storage", "the store answers" + (", but its clock is not ours" if differs else ""), differs)


async def _seconds_from(server: Server) -> float:
    """By how much the clock of a server differs from ours. Raises StoreAway."""
    line = await connect(server)
    seconds, _ = await line.ask("TIME")
    line.cut()
    return abs(int(seconds) - time.time())


def _look_at_folder(data_dir: DataDir) -> Iterator[Finding]:
    folder = data_dir.path
    if not folder.is_dir():
        yield Finding("storage", f"{folder} will be made at the first start")
        return
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        yield Finding("storage", f"others can look into {folder}: chmod 700", wrong=True)
    if not _takes_files(folder):
        yield Finding("storage", f"nothing can be written to {folder}", wrong=True)
    free = shutil.disk_usage(folder).free
    yield Finding("storage", f"{free // 1_000_000} MB are free in {folder}", wrong=free < LEAST_FREE)
    if data_dir.database.exists():
        yield _look_at_database(data_dir.database)


def _takes_files(folder: Path) -> bool:
    probe = folder / f"doctor-{os.getpid()}"
    try:
        probe.write_bytes(b"\0" * 4_096)
    except OSError:
        return False
    finally:
        with suppress(OSError):
            probe.unlink()
    return True


def _look_at_database(path: Path) -> Finding:
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as database:
            (state,) = database.execute("PRAGMA integrity_check").fetchone()
            count, newest = database.execute("SELECT count(*), coalesce(max(at), 0) FROM rows").fetchone()
    except sqlite3.Error as error:
        return Finding("storage", f"{path} cannot be read: {error}", wrong=True)
    if newest > time.time() + CLOCK_MAY_DIFFER:
        return Finding("clock", "the newest row is from the future: the clock was set back", wrong=True)
    return Finding("storage", f"{path} holds {count} rows and is {state}", wrong=state != "ok")


def look_at_proxies(settings: Settings, url: str) -> Iterator[Finding]:
    """Whether the running server sees visitors as they are, and itself has nothing to complain of."""
    if not url:
        yield Finding("proxies", f"not looked at (--url), TRUSTED_HOPS is {settings.trusted_hops}")
        return
    try:
        seen, clock = _ask(url, _key(settings))
    except (OSError, ValueError) as error:
        yield Finding("proxies", f"{url} does not answer as this chat does: {error}", wrong=True)
        return
    yield _compare_hops(settings, int(seen["hops"]))
    if url.startswith("https:") and seen["scheme"] != "https":
        yield Finding("proxies", "the server takes https for http: X-Forwarded-Proto is missing", wrong=True)
    yield Finding("storage", seen["trouble"] or "the server has no trouble with it", wrong=bool(seen["trouble"]))
    away = abs(clock - time.time())
    yield Finding("clock", f"{away:.0f} s from that of {url}", wrong=away > CLOCK_MAY_DIFFER)


def _compare_hops(settings: Settings, hops: int) -> Finding:
    if hops == settings.trusted_hops:
        return Finding("proxies", f"{hops} in front, as TRUSTED_HOPS says")
    return Finding("proxies", f"{hops} in front, but TRUSTED_HOPS is {settings.trusted_hops}", wrong=True)


def _key(settings: Settings) -> bytes:
    """The key of the running server, which answers to nobody else."""
    if settings.secret_key or not settings.data_dir:
        return settings.secret_key.encode()
    return DataDir(settings.data_dir).key_file.read_text("ascii").strip().encode()


def _ask(url: str, key: bytes) -> tuple[dict[str, str], float]:
    """What the server has seen of this request, and its time. Raises OSError and ValueError."""
    if not url.startswith(("http://", "https://")):
        raise ValueError("an address begins with http:// or https://")
    request = urllib.request.Request(f"{url.rstrip('/')}/healthz", headers={DOCTOR: signed_now(key, time.time())})  # noqa: S310 - checked above
    with urllib.request.urlopen(request, timeout=ANSWER_WITHIN) as answer:  # noqa: S310 - checked above
        text, date = answer.read(10_000).decode(), answer.headers["Date"]
    if text == "ok":
        raise ValueError("it has another key")
    return json.loads(text), parsedate_to_datetime(date).timestamp()


def look_at_clock(settings: Settings, url: str) -> Iterator[Finding]:
    """Whether the clock is not from before this program was installed, as one is that nobody has set."""
    now = datetime.now(UTC)
    installed = Path(__file__).stat().st_mtime
    yield Finding("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC", wrong=now.timestamp() + CLOCK_MAY_DIFFER < installed)


def look_at_turn(settings: Settings, url: str) -> Iterator[Finding]:
    """Whether each TURN server can be reached from here."""
    if not settings.turn_urls:
        yield Finding("turn", "none: visitors' addresses are seen by their partners, and some calls find no way")
    elif not settings.turn_secret:
        yield Finding("turn", "TURN_URLS needs TURN_SECRET, the secret shared with those servers", wrong=True)
    for server in split(settings.turn_urls):
        trouble = _trouble_with(server)
        yield Finding("turn", f"{server} {trouble or 'answers'}", wrong=bool(trouble))


def _trouble_with(server: str) -> str:
    try:
        return "" if answers_to_stun(server, ANSWER_WITHIN) else "does not answer as such a server does"
    except (OSError, ssl.SSLError) as error:
        return f"cannot be reached: {error}"
    except ValueError:
        return "is no address of a TURN server"


def look_at_open_files(settings: Settings, url: str) -> Iterator[Finding]:
    """Whether the system lets the server have all its sockets."""
    if sys.platform == "win32":  # there is no such limit
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.sockets_per_process + BESIDE_SOCKETS
    is_enough = hard == resource.RLIM_INFINITY or hard >= wanted
    yield Finding("open files", f"{hard} allowed, {wanted} wanted by SOCKETS_PER_PROCESS", wrong=not is_enough)


Look = Callable[[Settings, str], Iterator[Finding]]
LOOKS: tuple[Look, ...] = (
    look_at_key,
    look_at_storage,
    look_at_proxies,
    look_at_clock,
    look_at_turn,
    look_at_open_files,
)
