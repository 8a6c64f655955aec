"""Two processes and the store they share: each of them dies, freezes, forgets or fills up, while people talk."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress

import httpx
import pytest
from websockets.exceptions import WebSocketException

from quart_chat.domain.spaces import LOBBY
from quart_chat.journal.redis import RedisStore
from quart_chat.journal.resp import read_url
from quart_chat.settings import Settings
from tests.chat.conftest import STORES
from tests.faults.chaos import ChaosProxy
from tests.faults.checks import check_history
from tests.faults.clients import Clients, staying_connected
from tests.faults.history import HistoryClient
from tests.faults.load import all_say
from tests.faults.program import Program, running
from tests.redis_server import RedisServer
from tests.redis_server import running as running_store

pytestmark = [pytest.mark.faults, pytest.mark.redis]

NOTICE = "cannot reach its memory"
KEY = "the same for all processes"
ANSWER_POINTS = range(0, 250, 25)  # bytes of some 260, which are what is published, and then the answer
Pair = tuple[HistoryClient, HistoryClient]


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with running_store(request.param) as server:
        yield server


@pytest.fixture
async def processes(store: RedisServer) -> AsyncIterator[list[Program]]:
    async with (
        running(REDIS_URL=store.url, SECRET_KEY=KEY) as one,
        running(REDIS_URL=store.url, SECRET_KEY=KEY) as other,
    ):
        yield [one, other]


@pytest.fixture
async def clients(processes: list[Program]) -> AsyncIterator[Clients]:
    async with Clients(processes[0].url) as clients:
        yield clients


@pytest.fixture
async def strangers(clients: Clients, processes: list[Program]) -> Pair:
    """Two who talk, each on a process of its own."""
    ann, bob = await clients.guest("/text"), await clients.guest("/text", base=processes[1].url)
    await ann.seek("Ann")
    await bob.seek("Bob")
    await ann.is_at("talk")
    await bob.is_at("talk")
    return ann, bob


@pytest.fixture
async def lobby(clients: Clients, processes: list[Program]) -> list[HistoryClient]:
    """Four in the lobby, by turns on either process."""
    return [await clients.in_lobby(name, processes[n % 2].url) for n, name in enumerate(["Ann", "Bob", "Cid", "Dot"])]


def move(people: list[HistoryClient], to: str) -> None:
    for client in people:
        client.moves_to(to)


async def test_all_are_one_chat(lobby: list[HistoryClient], strangers: Pair) -> None:
    await all_say(lobby, "hello")
    assert len(await check_history(lobby, LOBBY)) == 4
    ann, bob = strangers
    assert ann.room == bob.room
    await ann.say("to Bob")
    await bob.say("to Ann")
    assert sorted(await check_history([ann, bob], ann.room)) == ["to Ann", "to Bob"]


async def test_a_room_spans_processes_and_ends_with_its_last_visitor(
    clients: Clients, processes: list[Program]
) -> None:
    async with httpx.AsyncClient() as http:
        code = (await http.post(f"{processes[0].url}/api/rooms")).json()["code"]
        ann = await (await clients.guest(f"/room/{code}", base=processes[1].url)).enter("Ann")
        bob = await (await clients.guest(f"/room/{code}")).enter("Ann")
        await ann.sees("Ann 2")
        for guest, base in ((bob, processes[1].url), (ann, processes[0].url)):
            assert (await http.get(f"{base}/api/rooms/{code}")).status_code == 200
            await guest.send(do="leave", room=guest.room)
            await guest.is_at("door")
        for process in processes:
            assert (await http.get(f"{process.url}/api/rooms/{code}")).status_code == 404


async def test_a_process_killed_under_load_costs_nobody_a_message(
    lobby: list[HistoryClient], strangers: Pair, processes: list[Program]
) -> None:
    def kill() -> None:
        move([*lobby, *strangers], processes[0].url)
        processes[1].signal(signal.SIGKILL)

    await all_is_heard_although(kill, lobby, strangers)


async def test_a_process_told_to_stop_costs_nobody_a_message(
    lobby: list[HistoryClient], strangers: Pair, processes: list[Program]
) -> None:
    def stop() -> None:
        move([*lobby, *strangers], processes[1].url)
        processes[0].signal(signal.SIGTERM)

    await all_is_heard_although(stop, lobby, strangers)
    assert (await processes[0].ends())[0] == 0


async def all_is_heard_although(this_happens: Callable[[], None], lobby: list[HistoryClient], strangers: Pair) -> None:
    """Let all of them talk, in the middle of which something happens; each is heard and nobody seems to leave."""
    people = [*lobby, *strangers]
    async with staying_connected(people, limit=20):
        for number in range(60):
            await people[number % 6].say(f"message {number}")
            if number == 30:
                this_happens()
    await asyncio.gather(*(client.comes_back() for client in people))  # a process that ends may be slower than they
    assert len(await check_history(lobby, LOBBY)) == 40
    assert len(await check_history(strangers, strangers[0].room)) == 20
    assert not any("has left" in client.shown for client in people)


async def test_a_page_reloaded_on_the_other_process_is_the_same_visitor(
    clients: Clients, lobby: list[HistoryClient], processes: list[Program]
) -> None:
    await all_say(lobby, "before")
    ann = lobby[0]
    await ann.drop()
    await lobby[1].say("meanwhile")
    await lobby[1].has_all_answers()
    again = await clients.guest("/lobby", cookies=ann.cookies, base=processes[1].url)
    await again.is_at("talk")
    await again.say("after")
    await lobby[3].sees("after")
    assert not any("Ann 2" in client.shown for client in [*lobby, again])


async def test_a_page_open_on_both_processes_stays_on_the_newer(clients: Clients, strangers: Pair) -> None:
    ann, bob = strangers
    newer = await clients.second_socket(ann, bob.base)
    assert await ann.is_closed() == 4409
    await newer.say("from the newer")
    await bob.sees("from the newer")


async def test_a_flush_is_said_once_and_everybody_stays(
    lobby: list[HistoryClient], strangers: Pair, store: RedisServer
) -> None:
    await all_say([*lobby, *strangers], "before")
    store.command("FLUSHALL")
    await goes_on(lobby, strangers)
    for client in [*lobby, *strangers]:
        assert len(client.gaps) == 1


async def goes_on(lobby: list[HistoryClient], strangers: Pair) -> None:
    """All of them go on where they were, as soon as they can."""
    people = [*lobby, *strangers]
    async with staying_connected(people, limit=30):
        for client in people:
            await client.say(f"{id(client)} goes on")
    for client in people:
        assert not client.refused
        assert "has left" not in client.shown
    await everybody_sees(lobby, [f"{id(client)} goes on" for client in lobby])
    await everybody_sees([*strangers], [f"{id(client)} goes on" for client in strangers])


async def everybody_sees(people: list[HistoryClient], texts: list[str]) -> None:
    for client in people:
        for text in texts:
            await client.sees(text)


async def test_a_store_that_starts_again_empty_is_filled_by_the_processes(
    lobby: list[HistoryClient], strangers: Pair, store: RedisServer
) -> None:
    await all_say([*lobby, *strangers], "before")
    store.kill()
    for client in [*lobby, *strangers]:
        await client.sees(NOTICE)
    await lobby[0].send(do="leave", room=LOBBY)
    await lobby[0].sees("That is not possible now.")
    store.start()
    await goes_on(lobby, strangers)
    for client in [*lobby, *strangers]:
        assert len(client.gaps) == 1


async def test_a_store_that_lost_its_last_writes_gives_no_number_twice(
    lobby: list[HistoryClient], strangers: Pair, store: RedisServer
) -> None:
    await all_say(lobby, "kept")
    store.command("SAVE")
    await all_say(lobby, "lost by the store")
    store.kill()
    store.start()
    await goes_on(lobby, strangers)


@pytest.mark.parametrize("seconds", [1.0, 6.0])
async def test_a_frozen_store_loses_nothing(
    lobby: list[HistoryClient], strangers: Pair, store: RedisServer, seconds: float
) -> None:
    store.freeze()
    for client in lobby:
        await client.say(f"{id(client)} while it is frozen")
    await asyncio.sleep(seconds)  # the length of the freeze is what is tested
    store.thaw()
    await goes_on(lobby, strangers)
    assert len(await check_history(lobby, LOBBY)) == 8


@pytest.mark.parametrize(
    ("ailing", "healing"),
    [
        (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
        (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
    ],
    ids=["full", "read-only"],
)
async def test_a_store_that_takes_nothing_swallows_nothing(
    lobby: list[HistoryClient],
    strangers: Pair,
    store: RedisServer,
    ailing: tuple[str, ...],
    healing: tuple[str, ...],
) -> None:
    store.command(*ailing)
    for client in lobby:
        await client.say(f"{id(client)} while it takes nothing")
    for client in [*lobby, *strangers]:
        await client.sees(NOTICE)
    store.command(*healing)
    await goes_on(lobby, strangers)
    assert len(await check_history(lobby, LOBBY)) == 8


async def test_a_process_cut_off_from_the_store_takes_its_place_again(store: RedisServer) -> None:
    async with (
        ChaosProxy(store.url.replace("redis:", "http:")) as line,
        running(REDIS_URL=line.url.replace("http:", "redis:"), SECRET_KEY=KEY) as cut_off,
        running(REDIS_URL=store.url, SECRET_KEY=KEY) as other,
        Clients(cut_off.url) as clients,
    ):
        people = [await clients.in_lobby("Ann"), await clients.in_lobby("Bob", other.url)]
        line.freeze()
        await people[1].say("not heard by Ann")
        await people[1].has_all_answers()
        await people[0].say("waits for the line")
        await people[0].sees(NOTICE)
        line.reset()
        line.thaw()
        async with staying_connected(people):
            await people[0].sees("not heard by Ann")
        assert len(await check_history(people, LOBBY)) == 2


@pytest.mark.slow
async def test_what_is_appended_while_its_answer_is_lost_is_appended_once(store: RedisServer) -> None:
    """Issue 12, line 7."""
    async with (
        ChaosProxy(store.url.replace("redis:", "http:")) as line,
        running(REDIS_URL=line.url.replace("http:", "redis:"), SECRET_KEY=KEY) as cut_off,
        running(REDIS_URL=store.url, SECRET_KEY=KEY) as other,
        Clients(cut_off.url) as clients,
    ):
        people = [await clients.in_lobby("Ann"), await clients.in_lobby("Bob", other.url)]
        appended_before_cut = 0
        for number, point in enumerate(ANSWER_POINTS):
            cut = asyncio.create_task(line.cuts_answer(after=point))
            await people[0].say(f"message {number}")  # a page that stays connected offers it once
            await cut
            appended_before_cut += len(messages_in_lobby(store)) == number + 1
            await people[0].has_all_answers()
        assert appended_before_cut > len(ANSWER_POINTS) / 2
        assert messages_in_lobby(store) == [f"message {number}" for number in range(len(ANSWER_POINTS))]
        assert await check_history(people, LOBBY) == messages_in_lobby(store)
        assert not any(client.gaps for client in people)


def messages_in_lobby(store: RedisServer) -> list[str]:
    """The messages in the journal of the lobby, in its order."""
    log = RedisStore(read_url(store.url), Settings().redis_prefix)._of(LOBBY).keys[1].decode()
    return re.findall(r'"SendMessage",\{[^}]*"text":"(.*?)"', store.command("LRANGE", log, "0", "-1").decode())


async def test_a_slow_way_to_the_store_delays_and_loses_nothing(store: RedisServer) -> None:
    async with (
        ChaosProxy(store.url.replace("redis:", "http:")) as line,
        running(REDIS_URL=line.url.replace("http:", "redis:"), SECRET_KEY=KEY) as far,
        running(REDIS_URL=store.url, SECRET_KEY=KEY) as near,
        Clients(far.url) as clients,
    ):
        people = [await clients.in_lobby("Ann"), await clients.in_lobby("Bob", near.url)]
        line.delay = 0.25
        await all_say(people, "slowly")
        line.delay = 0.0
        assert len(await check_history(people, LOBBY)) == 2
        assert not any(NOTICE in client.shown for client in people)


async def test_nobody_reads_a_room_it_has_not_entered_when_the_store_comes_back_empty(
    clients: Clients, processes: list[Program], store: RedisServer
) -> None:
    """Two pages that change the process while the store is away are put into no place but their own."""
    in_room, in_lobby, by = await two_pages_that_have_been_on_both(clients, processes)
    store.kill()
    for page in (in_room, in_lobby):
        await page.sees(NOTICE)
        await page.drop()
        page.moves_to(processes[1].url)
        await tries_in_vain(page)
    store.start()
    await goes_on_in_its_own_room(in_room, in_lobby, by)


async def test_nobody_reads_a_room_it_has_not_entered_when_its_process_died_with_the_store(
    clients: Clients, processes: list[Program], store: RedisServer
) -> None:
    in_room, in_lobby, by = await two_pages_that_have_been_on_both(clients, processes)
    store.kill()
    processes[0].signal(signal.SIGKILL)
    for page in (in_room, in_lobby):
        await page.is_closed()
        page.moves_to(processes[1].url)
        await tries_in_vain(page)
    store.start()
    await goes_on_in_its_own_room(in_room, in_lobby, by)


async def two_pages_that_have_been_on_both(
    clients: Clients, processes: list[Program]
) -> tuple[HistoryClient, HistoryClient, HistoryClient]:
    """One in a room by code, one in the lobby, both now on the first process; and another one in the lobby."""
    async with httpx.AsyncClient() as http:
        code = (await http.post(f"{processes[0].url}/api/rooms")).json()["code"]
    in_room = await (await clients.guest(f"/room/{code}")).enter("Xenia")
    in_lobby = await (await clients.guest("/lobby")).enter("Yves")
    by = await (await clients.guest("/lobby", base=processes[1].url)).enter("Zoe")
    for process in (processes[1], processes[0]):
        for page in (in_room, in_lobby):
            page.moves_to(process.url)
            await page.comes_back()
            await page.is_up_to_date()
    return in_room, in_lobby, by


async def tries_in_vain(page: HistoryClient) -> None:
    """Come back while the store is away: the page is asked to try again later."""
    with suppress(WebSocketException, OSError):
        await page.comes_back()
        assert await page.is_closed() == 1013


async def goes_on_in_its_own_room(in_room: HistoryClient, in_lobby: HistoryClient, by: HistoryClient) -> None:
    """Let both pages come back until they are in; what each says is read where it was said alone."""
    room, people = in_room.room, [in_room, in_lobby, by]
    async with staying_connected(people, limit=30):
        await in_room.say("a secret for my room", room=room)
        await in_lobby.say("for all in the lobby", room=LOBBY)
    assert not any("a secret" in page.shown for page in (in_lobby, by))
    assert "for all in the lobby" not in in_room.shown
    for page in people:
        assert not any(seen.startswith("pair-") for seen in page._rooms)
        assert page.room in (room if page is in_room else LOBBY, "")
