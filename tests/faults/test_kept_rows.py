"""What somebody was told to be kept is there after any end of the server: bans, blocks and reports."""

import asyncio
import json
import resource
import signal
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.faults.clients import Clients
from tests.faults.history import HistoryClient
from tests.faults.program import Program, running

pytestmark = pytest.mark.faults

KILLS = 3
ENDS = [signal.SIGKILL, signal.SIGTERM]


@asynccontextmanager
async def server(
    data_dir: Path, expects: Iterable[str] = (), **settings: str
) -> AsyncIterator[tuple[Program, Clients]]:
    """A server that takes one report for a ban, and its clients, who are gone when the block ends."""
    chosen = {"REPORTERS_FOR_A_BAN": "1", **settings}
    async with running(expects=expects, DATA_DIR=str(data_dir), **chosen) as program, Clients(program.url) as clients:
        yield program, clients


async def ends_by(program: Program, number: signal.Signals) -> None:
    program.signal(number)
    await program.ends()


def reports_in(data_dir: Path) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(data_dir / "moderation.sqlite3")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [json.loads(body) for (body,) in database.execute("SELECT body FROM rows WHERE kind = 'report'")]


async def has_reported(ann: HistoryClient, words: str) -> None:
    await ann.send(do="report", room=ann.room, reason="hate", words=words)
    await ann.sees("The report is filed")


@pytest.mark.parametrize("end", ENDS)
async def test_a_ban_and_a_report_outlive_the_server(tmp_path: Path, end: signal.Signals) -> None:
    async with server(tmp_path) as (program, clients):
        ann, eve = await clients.strangers()
        await eve.say("something bad")
        await ann.sees("something bad")
        await has_reported(ann, "please look")
        await ends_by(program, end)
    (report,) = reports_in(tmp_path)
    assert (report["words"], report["lines"][0]["text"]) == ("please look", "something bad")
    async with server(tmp_path) as (_, clients):
        again = await clients.guest("/lobby", cookies=eve.cookies)
        await again.send(do="enter", name="Eve")
        await again.sees("you cannot come in until")


@pytest.mark.parametrize("end", ENDS)
async def test_a_block_outlives_the_server(tmp_path: Path, end: signal.Signals) -> None:
    async with server(tmp_path) as (program, clients):
        ann, eve = await clients.strangers()
        await ann.send(do="block", room=ann.room)
        await ann.sees("You two will not meet again for 30 days.")
        await ends_by(program, end)
    async with server(tmp_path) as (_, clients):
        ann = await (await clients.guest("/text", cookies=ann.cookies)).seek("Ann")
        eve = await (await clients.guest("/text", cookies=eve.cookies)).seek("Eve")
        await eve.is_at("waiting")
        cid = await (await clients.guest("/text")).seek("Cid")
        await cid.is_at("talk")
        await asyncio.gather(ann.is_up_to_date(), eve.is_up_to_date())
        assert sorted((ann.at, eve.at)) == ["talk", "waiting"]  # the one who has waited longer meets Cid


async def test_what_people_were_thanked_for_is_there_whenever_the_server_is_killed(tmp_path: Path) -> None:
    thanked: set[str] = set()
    for kill in range(KILLS):
        async with server(tmp_path, REPORTERS_FOR_A_BAN="1000") as (program, clients):
            reporting = asyncio.create_task(reports_without_end(clients, f"kill {kill}", thanked))
            await asyncio.sleep(0.2 + 0.3 * kill)  # the moment is what is tested
            await ends_by(program, signal.SIGKILL)
            reporting.cancel()
            await asyncio.gather(reporting, return_exceptions=True)
        assert thanked <= {report["words"] for report in reports_in(tmp_path)}
    assert len(thanked) > KILLS


async def reports_without_end(clients: Clients, name: str, thanked: set[str]) -> None:
    await (await clients.guest("/text")).seek("Eve")  # who is in the queue again after each report
    for number in range(1_000):
        ann = await (await clients.guest("/text")).seek("Ann")
        await ann.is_at("talk")
        await has_reported(ann, f"{name} report {number}")
        thanked.add(f"{name} report {number}")


@contextmanager
def full_disk(program: Program) -> Iterator[None]:
    """Let the system refuse this process to write to any file."""
    before = resource.prlimit(program.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(program.process.pid, resource.RLIMIT_FSIZE, (0, before[1]))
    yield
    resource.prlimit(program.process.pid, resource.RLIMIT_FSIZE, before)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="the limits of another process cannot be set here")
async def test_a_full_disk_ends_no_talk_is_told_as_it_is_and_gets_its_rows_later(tmp_path: Path) -> None:
    async with server(tmp_path, ["storage away"], REPORTERS_FOR_A_BAN="1000") as (program, clients):
        ann, _ = await clients.strangers()
        dot = await clients.in_lobby("Dot")
        with full_disk(program):
            await ann.send(do="report", room=ann.room, reason="hate", words="on a full disk")
            await ann.sees("It is not kept, so nobody reads the words. You two will not meet again while")
            cid = await (await clients.guest("/text")).seek("Cid")
            await cid.is_at("talk")
            await cid.send(do="block", room=cid.room)
            await cid.sees("You two will not meet again while this server runs.")
            await dot.say("life goes on")
            await dot.sees("life goes on")
        await told(program, "storage back")
        lines = [line for line in program.log if "storage" in line]
        assert ["storage away" in line for line in lines] == [True, False]
    assert [report["words"] for report in reports_in(tmp_path)] == ["on a full disk"]


def mounted(folder: Path, *options: str) -> bool:
    folder.mkdir(exist_ok=True)
    return not subprocess.run(["mount", *options, str(folder)], capture_output=True, check=False).returncode


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_disk_that_can_only_be_read_still_says_who_is_banned(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    if not mounted(disk, "-t", "tmpfs", "-o", "size=8m", "none"):
        pytest.skip("nothing may be mounted here")
    try:
        async with server(disk) as (program, clients):
            ann, eve = await clients.strangers()
            await has_reported(ann, "please look")
            await ends_by(program, signal.SIGTERM)
        (disk / "restart.json").unlink()
        assert mounted(disk, "-o", "remount,ro")
        async with server(disk, ["storage away", "snapshot not"]) as (program, clients):
            again = await clients.guest("/lobby", cookies=eve.cookies)
            await again.send(do="enter", name="Eve")
            await again.sees("you cannot come in until")
            await clients.in_lobby("Dot")
            assert [line for line in program.log if "storage away" in line]
            await ends_by(program, signal.SIGTERM)
    finally:
        unmount(disk)


async def told(program: Program, event: str) -> None:
    while event not in str((await program.next_line())["event"]):
        pass
