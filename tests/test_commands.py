"""The commands beside the server, as an operator calls them: copies of the database, and the doctor."""

import asyncio
import os
import shutil
import sqlite3
import stat
import sys
import time
from asyncio.subprocess import PIPE
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from quart_chat.app import SystemClock
from quart_chat.storage.rows import Row, RowKind
from quart_chat.storage.sqlite import SqliteRows
from quart_chat.web.security import DOCTOR, signed_now
from tests.browser.test_relay import relay
from tests.faults.program import ROOT, running
from tests.redis_server import running as running_store
from tests.storage.test_rows import kept

KEY = "k" * 64
SETTINGS = {"SECRET_KEY": "", "DATA_DIR": "", "REDIS_URL": "", "TURN_URLS": "", "TRUSTED_HOPS": "0"}


async def called(*arguments: str, **settings: str) -> tuple[int, str]:
    """Call `python -m quart_chat`; returns its exit status, and all that it says."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT), **SETTINGS, **settings}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "quart_chat", *arguments), env=environ, stdout=PIPE, stderr=PIPE
    )
    said, complained = await process.communicate()
    assert process.returncode is not None
    return process.returncode, (said + complained).decode()


async def put(path: Path, *keys: str) -> None:
    rows, clock = SqliteRows(path, SystemClock()), SystemClock()
    await rows.start()
    await kept(rows, *(Row(RowKind.BLOCK, key, "eve", clock.now(), clock.now() + 3_600) for key in keys))
    await rows.stop()


def keys_in(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as database:
        return {key for (key,) in database.execute("SELECT key FROM rows")}


async def test_a_backup_is_made_beside_the_server_and_restored_without_it(tmp_path: Path) -> None:
    folder, copy = tmp_path / "data", tmp_path / "copy.sqlite3"
    folder.mkdir()
    database = folder / "moderation.sqlite3"
    await put(database, "early")
    async with running(DATA_DIR=str(folder)):
        status, told = await called("backup", str(copy), DATA_DIR=str(folder))
        assert (status, told.startswith(f"1 rows are in {copy} now.")) == (0, True), told
        assert f"Keep {folder / 'secret_key'} as well" in told
        status, told = await called("restore", str(copy), DATA_DIR=str(folder))
        assert (status, told) == (1, f"{folder} cannot be used: another server uses it. Stop it first.\n")
    assert mode_of(copy) == 0o600
    await put(database, "late")
    assert keys_in(database) == {"early", "late"}
    assert await called("restore", str(copy), DATA_DIR=str(folder)) == (0, f"1 rows were restored from {copy}.\n")
    assert keys_in(database) == {"early"}
    assert mode_of(database) == 0o600


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_what_is_no_whole_database_of_ours_is_not_restored(tmp_path: Path) -> None:
    database, copy = tmp_path / "moderation.sqlite3", tmp_path / "copy"
    await put(database, "kept")
    for content, told in ((b"no database " * 500, "is not a database"), (b"", "is no whole database of this version")):
        copy.write_bytes(content)
        status, said = await called("restore", str(copy), DATA_DIR=str(tmp_path))
        assert (status, told in said) == (1, True), said
        assert keys_in(database) == {"kept"}
    assert "does not exist" in (await called("restore", str(tmp_path / "none"), DATA_DIR=str(tmp_path)))[1]


async def test_without_a_folder_there_is_nothing_to_copy(tmp_path: Path) -> None:
    assert await called("backup", str(tmp_path / "copy")) == (1, "DATA_DIR is not set, so nothing is kept.\n")
    status, told = await called("backup", str(tmp_path / "copy"), REDIS_URL="redis://127.0.0.1", SECRET_KEY=KEY)
    assert (status, "back it up with its own means" in told) == (1, True)


async def test_the_doctor_finds_nothing_wrong_with_a_server_as_it_should_be(tmp_path: Path) -> None:
    async with running(DATA_DIR=str(tmp_path)) as program:
        status, told = await called("doctor", "--url", program.url, DATA_DIR=str(tmp_path))
    assert status == 0, told
    assert "WRONG" not in told
    for line in (
        f"key: in {tmp_path}/secret_key",
        "holds 0 rows and is ok",
        "proxies: 0 in front, as TRUSTED_HOPS says",
        "storage: the server has no trouble with it",
        "clock: ",
        "turn: none",
        "open files: ",
    ):
        assert line in told


async def test_the_doctor_sees_proxies_that_are_not_there_and_keys_that_are_not_the_server_s(tmp_path: Path) -> None:
    async with running(DATA_DIR=str(tmp_path)) as program:
        status, told = await called("doctor", "--url", program.url, DATA_DIR=str(tmp_path), TRUSTED_HOPS="1")
        assert (status, "WRONG  proxies: 0 in front, but TRUSTED_HOPS is 1" in told) == (1, True), told
        status, told = await called("doctor", "--url", program.url, SECRET_KEY=KEY)
        assert (status, "it has another key" in told) == (1, True), told
    status, told = await called("doctor", "--url", program.url, SECRET_KEY=KEY)
    assert (status, "does not answer as this chat does" in told) == (1, True), told


async def test_only_somebody_with_the_key_is_told_what_a_request_looks_like() -> None:
    async with running(SECRET_KEY=KEY) as program, httpx.AsyncClient(base_url=program.url) as client:

        async def asked(**headers: str) -> str:
            return (await client.get("/healthz", headers=headers)).text

        signed = signed_now(KEY.encode(), time.time())
        forwarded = {"X-Forwarded-For": "203.0.113.1, 198.51.100.2"}
        assert await asked(**{DOCTOR: signed, **forwarded}) == '{"hops": 2, "scheme": "http", "trouble": ""}'
        for header in ("", "0-", "x", "9" * 30, signed[:-1], signed.replace("-", "-0"), signed_now(b"x", time.time())):
            assert await asked(**{DOCTOR: header, **forwarded}) == "ok"
        assert await asked(**{DOCTOR: signed_now(KEY.encode(), time.time() - 61)}) == "ok"


def spoil(folder: Path) -> None:
    """A folder that others can look into, with a key that they can read and a database that is none."""
    (folder / "moderation.sqlite3").write_text("no database" * 500)
    (folder / "secret_key").write_text(KEY)
    folder.chmod(0o755)
    (folder / "secret_key").chmod(0o644)


async def test_the_doctor_says_what_is_wrong_with_the_folder(tmp_path: Path) -> None:
    spoil(tmp_path)
    status, told = await called("doctor", DATA_DIR=str(tmp_path))
    assert status == 1
    for line in ("others can read", "others can look into", "cannot be read: file is not a database"):
        assert [each for each in told.splitlines() if line in each and each.startswith("WRONG")], told


async def test_the_doctor_says_when_the_store_is_away() -> None:
    status, told = await called("doctor", REDIS_URL="redis://127.0.0.1:1", SECRET_KEY=KEY)
    assert (status, "WRONG  storage: the store at REDIS_URL cannot be used" in told) == (1, True), told
    status, told = await called("doctor", REDIS_URL="redis://127.0.0.1:1")
    assert "WRONG  key: REDIS_URL needs a SECRET_KEY" in told


@pytest.mark.redis
@pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")
async def test_the_doctor_asks_the_store_whether_it_is_there() -> None:
    with running_store() as store:
        status, told = await called("doctor", REDIS_URL=store.url, SECRET_KEY=KEY)
    assert (status, "ok     storage: the store answers" in told) == (0, True), told


@pytest.mark.skipif(shutil.which("turnserver") is None, reason="coturn is not installed")
async def test_the_doctor_asks_the_relay_whether_it_is_there(tmp_path: Path) -> None:
    with relay(tmp_path) as address:
        for url in (address, f"{address}?transport=tcp"):
            assert f"ok     turn: {url} answers" in (await called("doctor", TURN_URLS=url, TURN_SECRET="s"))[1]
    status, told = await called("doctor", TURN_URLS="turn:127.0.0.1:1,nonsense", TURN_SECRET="s")
    assert status == 1
    assert "WRONG  turn: turn:127.0.0.1:1 cannot be reached" in told
    assert "WRONG  turn: nonsense is no address of a TURN server" in told
    assert "TURN_URLS needs TURN_SECRET" in (await called("doctor", TURN_URLS=address))[1]


async def test_an_unknown_command_and_a_wrong_setting_are_told_in_one_line() -> None:
    assert (await called("dance"))[0] == 2
    assert await called("doctor", TRUSTED_HOPS="many") == (
        1,
        "TRUSTED_HOPS takes a whole number of at least 0, not 'many'\n",
    )
