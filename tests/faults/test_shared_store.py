"""Two processes and the store they share: each of them dies, freezes, forgets or fills up, while people talk."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress

import httpx
import pytest
from websockets.exceptions import WebSocketException

from quart_chat.domain.rooms import LOBBY
from tests.backends.conftest import STORES
from tests.faults.chaos import ChaosProxy
from tests.faults.history import Crowd, Witness, check_history
from tests.faults.program import Program, running
from tests.redis_server import RedisServer
from tests.redis_server import running as running_store

pytestmark = [pytest.mark.faults, pytest.mark.redis]

NOTICE = "cannot reach its memory"
KEY = "the same for all processes"


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
async def crowd(processes: list[Program]) -> AsyncIterator[Crowd]:
    crowd = Crowd(processes[0].url)
    yield crowd
    await crowd.hang_up()


@pytest.fixture
async def strangers(crowd: Crowd, processes: list[Program]) -> tuple[Witness, Witness]:
    """Two who talk, each on a process of its own."""
    ann, bob = await crowd.guest("/text"), await crowd.guest("/text", base=processes[1].url)
    await ann.seek("Ann")
    await bob.seek("Bob")
    await ann.is_at("talk")
    await bob.is_at("talk")
    return ann, bob


@pytest.fixture
async def lobby(crowd: Crowd, processes: list[Program]) -> list[Witness]:
    """Four in the lobby, by turns on either process."""
    return [await crowd.in_lobby(name, processes[n % 2].url) for n, name in enumerate(["Ann", "Bob", "Cid", "Dot"])]


async def talk_on(people: list[Witness], words: str) -> None:
    for number, witness in enumerate(people):
        await witness.say(f"{words} {number}")
    await asyncio.gather(*(witness.has_no_answer_left_to_get() for witness in people))


def move(people: list[Witness], to: str) -> None:
    for witness in people:
        witness.goes_to(to)


async def test_all_are_one_chat(lobby: list[Witness], strangers: tuple[Witness, Witness]) -> None:
    await talk_on(lobby, "hello")
    assert len(await check_history(lobby, LOBBY)) == 4
    ann, bob = strangers
    assert ann.room == bob.room
    await ann.say("to Bob")
    await bob.say("to Ann")
    assert sorted(await check_history([ann, bob], ann.room)) == ["to Ann", "to Bob"]


async def test_a_room_spans_processes_and_ends_with_its_last_visitor(crowd: Crowd, processes: list[Program]) -> None:
    async with httpx.AsyncClient() as client:
        code = (await client.post(f"{processes[0].url}/api/rooms")).json()["code"]
        ann = await (await crowd.guest(f"/room/{code}", base=processes[1].url)).enter("Ann")
        bob = await (await crowd.guest(f"/room/{code}")).enter("Ann")
        await ann.sees("Ann 2")
        for guest, base in ((bob, processes[1].url), (ann, processes[0].url)):
            assert (await client.get(f"{base}/api/rooms/{code}")).status_code == 200
            await guest.send(do="leave", room=guest.room)
            await guest.is_at("door")
        for process in processes:
            assert (await client.get(f"{process.url}/api/rooms/{code}")).status_code == 404


async def test_a_process_killed_under_load_costs_nobody_a_message(
    lobby: list[Witness], strangers: tuple[Witness, Witness], processes: list[Program]
) -> None:
    def kill() -> None:
        move([*lobby, *strangers], processes[0].url)
        processes[1].signal(signal.SIGKILL)

    await all_is_heard_although(kill, lobby, strangers)


async def test_a_process_told_to_stop_hands_its_visitors_over(
    lobby: list[Witness], strangers: tuple[Witness, Witness], processes: list[Program]
) -> None:
    def stop() -> None:
        move([*lobby, *strangers], processes[1].url)
        processes[0].signal(signal.SIGTERM)

    await all_is_heard_although(stop, lobby, strangers)
    assert (await processes[0].ends())[0] == 0


async def all_is_heard_although(
    this_happens: Callable[[], None], lobby: list[Witness], strangers: tuple[Witness, Witness]
) -> None:
    """Let all of them talk, in the middle of which something happens; each is heard and nobody seems to leave."""
    people = [*lobby, *strangers]
    staying = [asyncio.create_task(witness.stays()) for witness in people]
    for number in range(60):
        await people[number % 6].say(f"message {number}")
        if number == 30:
            this_happens()
    async with asyncio.timeout(20):
        await asyncio.gather(*(witness.has_no_answer_left_to_get() for witness in people))
    await end(staying)
    assert len(await check_history(lobby, LOBBY)) == 40
    assert len(await check_history(strangers, strangers[0].room)) == 20
    assert not any("has left" in witness.shown for witness in people)


async def end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_who_reloads_on_the_other_process_goes_on_as_the_same(
    crowd: Crowd, lobby: list[Witness], processes: list[Program]
) -> None:
    await talk_on(lobby, "before")
    ann = lobby[0]
    await ann.drop()
    await lobby[1].say("meanwhile")
    await lobby[1].has_no_answer_left_to_get()
    again = await crowd.guest("/lobby", cookies=ann.cookies, base=processes[1].url)
    await again.is_at("talk")
    await again.say("after")
    await lobby[3].sees("after")
    assert not any("Ann 2" in witness.shown for witness in [*lobby, again])


async def test_a_page_open_on_both_processes_stays_on_the_newer(strangers: tuple[Witness, Witness]) -> None:
    ann, bob = strangers
    newer = Witness(ann.base, ann.path, ann.cookies)
    newer.address, newer.at, newer._rooms = ann.address, ann.at, list(ann._rooms)
    newer.goes_to(bob.base)
    await newer.comes_back()
    assert await ann.is_closed() == 4409
    await newer.say("from the newer")
    await bob.sees("from the newer")
    await newer.hang_up()


async def test_a_flush_is_said_once_and_everybody_stays(
    lobby: list[Witness], strangers: tuple[Witness, Witness], store: RedisServer
) -> None:
    await talk_on(lobby, "before")
    store.command("FLUSHALL")
    await goes_on(lobby, strangers)
    for witness in [*lobby, *strangers]:
        assert witness.gaps == 1


async def goes_on(lobby: list[Witness], strangers: tuple[Witness, Witness]) -> None:
    """All of them go on where they were, as soon as they can."""
    people = [*lobby, *strangers]
    for witness in people:
        await witness.say(f"{id(witness)} goes on")
    staying = [asyncio.create_task(witness.stays()) for witness in people]
    async with asyncio.timeout(30):
        await asyncio.gather(*(witness.has_no_answer_left_to_get() for witness in people))
    await end(staying)
    for witness in people:
        assert not witness.refused
        assert not witness.complaints, witness.complaints
        assert "has left" not in witness.shown
    await everybody_sees(lobby, [f"{id(witness)} goes on" for witness in lobby])
    await everybody_sees([*strangers], [f"{id(witness)} goes on" for witness in strangers])


async def everybody_sees(people: list[Witness], texts: list[str]) -> None:
    for witness in people:
        for text in texts:
            await witness.sees(text)


async def test_a_store_that_starts_again_empty_is_filled_by_those_who_are_there(
    lobby: list[Witness], strangers: tuple[Witness, Witness], store: RedisServer
) -> None:
    store.kill()
    for witness in [*lobby, *strangers]:
        await witness.sees(NOTICE)
    await lobby[0].send(do="leave", room=LOBBY)
    await lobby[0].sees("That is not possible now.")
    store.start()
    await goes_on(lobby, strangers)
    for witness in [*lobby, *strangers]:
        assert witness.gaps == 1


async def test_a_store_that_lost_its_last_writes_gives_no_number_twice(
    lobby: list[Witness], strangers: tuple[Witness, Witness], store: RedisServer
) -> None:
    await talk_on(lobby, "kept")
    store.command("SAVE")
    await talk_on(lobby, "lost by the store")
    store.kill()
    store.start()
    await goes_on(lobby, strangers)


@pytest.mark.parametrize("seconds", [1.0, 6.0])
async def test_a_frozen_store_loses_nothing(
    lobby: list[Witness], strangers: tuple[Witness, Witness], store: RedisServer, seconds: float
) -> None:
    store.freeze()
    for witness in lobby:
        await witness.say(f"{id(witness)} while it is frozen")
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
    lobby: list[Witness],
    strangers: tuple[Witness, Witness],
    store: RedisServer,
    ailing: tuple[str, ...],
    healing: tuple[str, ...],
) -> None:
    store.command(*ailing)
    for witness in lobby:
        await witness.say(f"{id(witness)} while it takes nothing")
    for witness in [*lobby, *strangers]:
        await witness.sees(NOTICE)
    store.command(*healing)
    await goes_on(lobby, strangers)
    assert len(await check_history(lobby, LOBBY)) == 8


async def test_a_process_cut_off_from_the_store_takes_its_place_again(store: RedisServer) -> None:
    async with (
        ChaosProxy(store.url.replace("redis:", "http:")) as line,
        running(REDIS_URL=line.url.replace("http:", "redis:"), SECRET_KEY=KEY) as cut_off,
        running(REDIS_URL=store.url, SECRET_KEY=KEY) as other,
    ):
        crowd = Crowd(cut_off.url)
        people = [await crowd.in_lobby("Ann"), await crowd.in_lobby("Bob", other.url)]
        line.freeze()
        await people[1].say("not heard by Ann")
        await people[1].has_no_answer_left_to_get()
        await people[0].say("waits for the line")
        await people[0].sees(NOTICE)
        line.reset()
        line.thaw()
        staying = [asyncio.create_task(witness.stays()) for witness in people]
        await people[0].sees("not heard by Ann")
        await people[0].has_no_answer_left_to_get()
        await end(staying)
        assert len(await check_history(people, LOBBY)) == 2
        await crowd.hang_up()


async def test_a_slow_way_to_the_store_delays_and_loses_nothing(store: RedisServer) -> None:
    async with (
        ChaosProxy(store.url.replace("redis:", "http:")) as line,
        running(REDIS_URL=line.url.replace("http:", "redis:"), SECRET_KEY=KEY) as far,
        running(REDIS_URL=store.url, SECRET_KEY=KEY) as near,
    ):
        crowd = Crowd(far.url)
        people = [await crowd.in_lobby("Ann"), await crowd.in_lobby("Bob", near.url)]
        line.delay = 0.25
        await talk_on(people, "slowly")
        line.delay = 0.0
        assert len(await check_history(people, LOBBY)) == 2
        assert not any(NOTICE in witness.shown for witness in people)
        await crowd.hang_up()


async def test_nobody_reads_a_room_it_has_not_entered_when_the_store_comes_back_empty(
    crowd: Crowd, processes: list[Program], store: RedisServer
) -> None:
    """Issue 22: two pages that change process while the store is away are put into no place but their own."""
    in_room, in_lobby, by = await two_pages_that_have_been_on_both(crowd, processes)
    store.kill()
    for page in (in_room, in_lobby):
        await page.sees(NOTICE)
        await page.drop()
        page.goes_to(processes[1].url)
        await tries_in_vain(page)
    store.start()
    await goes_on_in_its_own_room(in_room, in_lobby, by)


async def test_nobody_reads_a_room_it_has_not_entered_when_its_process_died_with_the_store(
    crowd: Crowd, processes: list[Program], store: RedisServer
) -> None:
    """Issue 22, line 4: the same after SIGKILL of the process that both pages were on."""
    in_room, in_lobby, by = await two_pages_that_have_been_on_both(crowd, processes)
    store.kill()
    processes[0].signal(signal.SIGKILL)
    for page in (in_room, in_lobby):
        await page.is_closed()
        page.goes_to(processes[1].url)
        await tries_in_vain(page)
    store.start()
    await goes_on_in_its_own_room(in_room, in_lobby, by)


async def two_pages_that_have_been_on_both(crowd: Crowd, processes: list[Program]) -> tuple[Witness, Witness, Witness]:
    """One in a room by code, one in the lobby, both now on the first process; and another one in the lobby."""
    async with httpx.AsyncClient() as client:
        code = (await client.post(f"{processes[0].url}/api/rooms")).json()["code"]
    in_room = await (await crowd.guest(f"/room/{code}")).enter("Xenia")
    in_lobby = await (await crowd.guest("/lobby")).enter("Yves")
    by = await (await crowd.guest("/lobby", base=processes[1].url)).enter("Zoe")
    for process in (processes[1], processes[0]):
        for page in (in_room, in_lobby):
            page.goes_to(process.url)
            await page.comes_back()
            await page.is_up_to_date()
    return in_room, in_lobby, by


async def tries_in_vain(page: Witness) -> None:
    """Come back while the store is away: the page is asked to try again later."""
    with suppress(WebSocketException, OSError):
        await page.comes_back()
        assert await page.is_closed() == 1013


async def goes_on_in_its_own_room(in_room: Witness, in_lobby: Witness, by: Witness) -> None:
    """Let both pages come back until they are in; what each says is read where it was said alone."""
    room, people = in_room.room, [in_room, in_lobby, by]
    await in_room.say("a secret for my room", room=room)
    await in_lobby.say("for all in the lobby", room=LOBBY)
    staying = [asyncio.create_task(page.stays()) for page in people]
    async with asyncio.timeout(30):
        await asyncio.gather(*(page.has_no_answer_left_to_get() for page in people))
    await end(staying)
    assert not any("a secret" in page.shown for page in (in_lobby, by))
    assert "for all in the lobby" not in in_room.shown
    for page in people:
        assert not page.complaints, page.complaints
        assert not any(seen.startswith("pair-") for seen in page._rooms)
        assert page.room in (room if page is in_room else LOBBY, "")
