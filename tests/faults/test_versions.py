"""Two versions of the rules side by side, as in a rolling update: pages go on with the newer process."""

import random
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from quart_chat.delivery.close_codes import CloseCode
from quart_chat.domain.commands import RULES
from quart_chat.domain.spaces import LOBBY
from tests.chat.conftest import STORES
from tests.faults.checks import check_history
from tests.faults.clients import Clients, staying_connected
from tests.faults.load import all_say
from tests.faults.program import ROOT, Program, running
from tests.redis_server import RedisServer
from tests.redis_server import running as running_store

pytestmark = [pytest.mark.faults, pytest.mark.redis]

KEY = "the same for all processes"

NAMED_ANEW = """
COMMANDS["Proclaim"] = COMMANDS["SendMessage"]
NAMES = {kind: name for name, kind in COMMANDS.items()}
"""


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with running_store(request.param) as server:
        yield server


@pytest.fixture(scope="module")
def newer_version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with newer rules, in which messages are said by a command that the older ones do not have."""
    folder = tmp_path_factory.mktemp("newer")
    shutil.copytree(ROOT / "quart_chat", folder / "quart_chat")
    for name in ("templates", "static", "hypercorn.toml"):
        (folder / name).symlink_to(ROOT / name)
    rewrite(folder / "quart_chat/domain/commands.py", f"RULES: Final = {RULES}\n", f"RULES: Final = {RULES + 1}\n")
    codec = folder / "quart_chat/journal/codec.py"
    rewrite(codec, "type(command).__name__", "NAMES[type(command)]")
    codec.write_text(codec.read_text("utf-8") + NAMED_ANEW, "utf-8")
    return folder


def rewrite(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert text.count(old) == 1, f"{file.name} has changed"
    file.write_text(text.replace(old, new), "utf-8")


@pytest.fixture
async def older(store: RedisServer) -> AsyncIterator[Program]:
    async with running(REDIS_URL=store.url, SECRET_KEY=KEY) as program:
        yield program


@pytest.fixture
async def newer(store: RedisServer, older: Program, newer_version: Path) -> AsyncIterator[Program]:
    async with running(REDIS_URL=store.url, SECRET_KEY=KEY, PYTHONPATH=str(newer_version)) as program:
        yield program


@pytest.fixture
async def clients(older: Program) -> AsyncIterator[Clients]:
    async with Clients(older.url) as clients:
        yield clients


async def test_pages_in_a_space_of_newer_rules_go_on_with_the_newer_process(
    clients: Clients, older: Program, newer: Program
) -> None:
    """Issue 12, line 7. Everybody comes to either process by chance, as behind a balancer."""
    chance = random.Random(1)
    ann, bob = [await clients.in_lobby(name) for name in ("Ann", "Bob")]
    dot, eve = await clients.strangers()
    await all_say([ann, bob, dot, eve], "by older rules")
    cid = await clients.guest("/lobby", base=newer.url)
    people = [ann, bob, cid]
    for client in people:
        client.next_base = lambda: chance.choice([older.url, newer.url])
    await cid.enter("Cid")
    async with staying_connected(people):
        for number in range(30):
            await people[number % 3].say(f"message {number}", LOBBY)
    assert len(await check_history(people, LOBBY)) == 32
    assert not any(client.refused or client.gaps for client in people)
    assert {client.base for client in people} == {newer.url}
    await all_say([dot, eve], "not disturbed")
    assert len(await check_history([dot, eve], dot.room)) == 4
    assert dot.close_code is eve.close_code is None


async def test_who_comes_to_an_older_process_is_sent_to_the_newer(clients: Clients, newer: Program) -> None:
    """Issue 12, line 7. Whatever the page wants there: to come in, or to come back."""
    cid = await (await clients.guest("/lobby", base=newer.url)).enter("Cid")
    await cid.say("by newer rules")
    await cid.has_all_answers()
    ann = await clients.guest("/lobby")
    await ann.send(do="enter", name="Ann")
    assert await ann.is_closed() == CloseCode.RESTARTING
    cid.moves_to(clients.base)
    await cid.comes_back()
    assert await cid.is_closed() == CloseCode.RESTARTING
    for client in (ann, cid):
        client.moves_to(newer.url)
        await client.comes_back()
    await ann.enter("Ann")
    await all_say([ann, cid], "hello")
    assert len(await check_history([ann, cid], LOBBY)) == 3
