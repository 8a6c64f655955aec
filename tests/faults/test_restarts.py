"""A server with a DATA_DIR is told to stop and started anew: everybody goes on where they were."""

import asyncio
import json
import resource
import signal
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from quart_chat.domain.commands import RULES
from quart_chat.domain.spaces import LOBBY
from quart_chat.domain.timing import RESUME_WINDOW
from tests.faults.checks import check_history
from tests.faults.clients import Clients, staying_connected
from tests.faults.history import HistoryClient
from tests.faults.program import Program, running, started

pytestmark = pytest.mark.faults

EACH_SAYS = 9  # all together less than a room keeps for those who come back last
RESTARTED = "The server restarted, this talk has ended."


@asynccontextmanager
async def stopping(data_dir: Path) -> AsyncIterator[tuple[Program, Clients]]:
    """A server, and its clients, who stay; when the block ends it is told to stop, and has ended."""
    async with running(DATA_DIR=str(data_dir)) as program:
        clients = Clients(program.url)
        yield program, clients
        program.signal(signal.SIGTERM)
        assert (await program.ends())[0] == 0


@asynccontextmanager
async def again(before: Program, clients: Clients, data_dir: Path) -> AsyncIterator[Program]:
    """The server once more, at the same address; when the block ends all that clients have seen is judged."""
    async with running(before.port, DATA_DIR=str(data_dir)) as program, clients:
        yield program


async def test_a_pair_stays_a_pair_and_goes_on_with_its_messages(tmp_path: Path) -> None:
    async with stopping(tmp_path) as (before, clients):
        ann, bob = await clients.strangers()
        room = ann.room
        await ann.say("before")
        await bob.sees("before")
    meanwhile = await ann.say("meanwhile")
    async with again(before, clients, tmp_path):
        await ann.comes_back()
        await bob.comes_back()
        await bob.sees("meanwhile")
        await bob.say("after")
        assert await check_history([ann, bob], room) == ["before", "meanwhile", "after"]
        assert meanwhile in ann.accepted
        assert (ann.room, bob.room, ann.at, bob.at) == (room, room, "talk", "talk")
        assert RESTARTED not in ann.shown + bob.shown


async def test_a_message_that_was_shown_before_the_stop_is_not_shown_twice_after_it(tmp_path: Path) -> None:
    async with stopping(tmp_path) as (before, clients):
        ann, bob = await clients.strangers()
        key = await ann.say("only once")
        await bob.sees("only once")
        await ann.has_all_answers()
    async with again(before, clients, tmp_path):
        await bob.comes_back()
        await ann.comes_back()
        await ann.say("only once", key=key)
        await bob.say("and then")
        assert await check_history([ann, bob], ann.room) == ["only once", "and then"]


async def test_a_crowd_that_writes_all_the_time_loses_nothing(tmp_path: Path) -> None:
    async with stopping(tmp_path) as (before, clients):
        people = [await clients.in_lobby(f"Guest {number}") for number in range(20)]
        writing = [asyncio.create_task(writes(client, f"Guest {n}")) for n, client in enumerate(people)]
        await people[-1].sees("Guest 0 says 2")
    await asyncio.gather(*writing)
    async with again(before, clients, tmp_path):
        async with staying_connected(people, limit=60.0):
            await asyncio.gather(*(client.is_at("talk") for client in people))
        said = await check_history(people, LOBBY)
        assert sorted(said) == sorted(
            f"Guest {n} says {number}" for n in range(20) for number in range(1, EACH_SAYS + 1)
        )
        assert RESTARTED not in "".join(client.shown for client in people)


async def writes(client: HistoryClient, name: str) -> None:
    for number in range(1, EACH_SAYS + 1):
        await client.say(f"{name} says {number}")
        await asyncio.sleep(0.05)


async def test_who_looks_for_a_stranger_keeps_the_place_in_the_queue(tmp_path: Path) -> None:
    async with stopping(tmp_path) as (before, clients):
        ann = await (await clients.guest("/text")).seek("Ann")
        await ann.is_at("waiting")
    async with again(before, clients, tmp_path):
        bob = await (await clients.guest("/text")).seek("Bob")
        await bob.is_at("waiting")  # nobody meets somebody who is away
        cid = await clients.guest("/text")
        await ann.comes_back()
        await ann.is_at("talk")
        await bob.is_at("talk")
        assert ann.room == bob.room
        await cid.seek("Cid")
        await cid.is_at("waiting")


async def test_a_room_by_code_stays_open_and_so_does_one_that_nobody_has_come_to_yet(tmp_path: Path) -> None:
    async with stopping(tmp_path) as (before, clients), httpx.AsyncClient(base_url=before.url) as http:
        code, unvisited = [(await http.post("/api/rooms")).json()["code"] for _ in range(2)]
        ann = await (await clients.guest(f"/room/{code}")).enter("Ann")
        await ann.say("before")
        await ann.has_all_answers()
    async with again(before, clients, tmp_path):
        bob = await (await clients.guest(f"/room/{code}")).enter("Bob")
        await ann.comes_back()
        await ann.is_at("talk")
        await bob.say("after")
        assert await check_history([ann], ann.room) == ["before", "after"]
        await (await clients.guest(f"/room/{unvisited}")).enter("Cid")


async def test_a_page_that_is_loaded_anew_after_the_stop_finds_its_seat(tmp_path: Path) -> None:
    async with stopping(tmp_path) as (before, clients):
        ann, bob = await clients.strangers()
        room = ann.room
    async with again(before, clients, tmp_path):
        newer = await clients.guest("/text", cookies=ann.cookies)
        await newer.is_at("talk")
        await bob.comes_back()
        await newer.say("from the new page")
        await bob.sees("from the new page")
        assert newer.room == bob.room == room


async def test_whoever_does_not_come_back_is_away_from_the_start_on(tmp_path: Path) -> None:
    async with stopping(tmp_path) as (before, clients):
        await clients.strangers()
    ann, bob = clients.all
    async with again(before, clients, tmp_path):
        await bob.comes_back()
        await bob.sees("reconnecting")
        assert "has left" not in bob.shown
        await ann.comes_back()
        await ann.is_at("talk")


async def test_the_second_restart_in_a_row_is_like_the_first(tmp_path: Path) -> None:
    async with stopping(tmp_path) as (before, clients):
        ann, bob = await clients.strangers()
        await ann.say("one")
        await bob.sees("one")
    async with running(before.port, DATA_DIR=str(tmp_path)) as second:
        await ann.comes_back()
        await ann.say("two")
        await ann.has_all_answers()
        second.signal(signal.SIGTERM)  # Bob has not come back in between
        assert (await second.ends())[0] == 0
    async with again(before, clients, tmp_path):
        await ann.comes_back()
        await bob.comes_back()
        assert await check_history([ann, bob], ann.room) == ["one", "two"]


async def test_what_lies_on_the_disk_is_the_owner_s_alone_and_goes_when_it_is_loaded(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with stopping(folder) as (before, clients):
        ann = await clients.in_lobby("Ann")
        await ann.say("not for everybody's eyes")
        await ann.has_all_answers()
        assert not (folder / "restart.json").exists()
    assert modes(folder)["restart.json"] == 0o600
    assert "not for everybody's eyes" in (folder / "restart.json").read_text()
    async with again(before, clients, folder):
        assert not (folder / "restart.json").exists()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert set(modes(folder).values()) == {0o600}
        assert not any("everybody's eyes" in path.read_text("latin-1") for path in folder.iterdir())


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"at": RESUME_WINDOW + 1}, "good for 120 s"),
        ({"rules": RULES + 1}, f"written by rules {RULES + 1}"),
        ({"spaces": "nonsense"}, "ValidationError"),
    ],
)
async def test_a_snapshot_that_cannot_be_gone_on_with_is_refused_and_deleted(
    tmp_path: Path, changed: dict[str, Any], why: str
) -> None:
    async with stopping(tmp_path) as (before, clients):
        ann, bob = await clients.strangers()
    change(tmp_path / "restart.json", changed)
    async with again(before, clients, tmp_path) as after:
        await ann.comes_back()
        await ann.sees(RESTARTED)
        await bob.comes_back()
        await bob.sees(RESTARTED)
        assert any("snapshot refused" in line and why in line for line in after.log)
        assert not (tmp_path / "restart.json").exists()


async def test_an_upgrade_goes_on_with_what_the_version_before_has_left(tmp_path: Path) -> None:
    async with stopping(tmp_path) as (before, clients):
        ann, bob = await clients.strangers()
    change(tmp_path / "restart.json", {"rules": RULES - 1})
    async with again(before, clients, tmp_path):
        await ann.comes_back()
        await bob.comes_back()
        await ann.say("on a newer version")
        await bob.sees("on a newer version")


def change(snapshot: Path, changed: dict[str, Any]) -> None:
    """Change a snapshot; `at` is by how much older it becomes."""
    content = json.loads(snapshot.read_text())
    content |= {**changed, "at": content["at"] - changed.get("at", 0.0)}
    snapshot.write_text(json.dumps(content))


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="the limits of another process cannot be set here")
async def test_a_disk_that_is_full_at_the_restart_costs_the_talks_and_is_told(tmp_path: Path) -> None:
    async with running(DATA_DIR=str(tmp_path), expects=["snapshot not written"]) as before:
        clients = Clients(before.url)
        ann, _ = await clients.strangers()
        resource.prlimit(before.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        before.signal(signal.SIGTERM)
        status, errors = await before.ends()
        assert (status, errors.count("snapshot not written")) == (0, 1)
    async with again(before, clients, tmp_path):
        await ann.comes_back()
        await ann.sees(RESTARTED)


async def test_after_a_kill_talks_are_over_and_pages_are_still_known(tmp_path: Path) -> None:
    async with running(DATA_DIR=str(tmp_path)) as before:
        clients = Clients(before.url)
        ann, _ = await clients.strangers()
        before.signal(signal.SIGKILL)
        await before.ends()
    async with again(before, clients, tmp_path):
        await ann.comes_back()
        await ann.sees(RESTARTED)
        assert ann.close_code is None


async def test_without_a_folder_the_first_line_says_what_a_restart_costs() -> None:
    async with running(DATA_DIR="") as program:
        assert "memory only: a restart ends all talks" in str((await program.next_line())["event"])


async def test_a_folder_that_cannot_be_used_ends_the_start_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    async with started(DATA_DIR=str(tmp_path / "file"), expects=["DATA_DIR cannot be used"]) as program:
        status, errors = await program.ends()
    assert (status, errors) == (1, "quart-chat cannot start: DATA_DIR cannot be used: File exists")
