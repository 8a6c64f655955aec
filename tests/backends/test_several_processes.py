"""What only a backend of several processes has to do: notice that one has died, trust nobody, leave nothing behind."""

import asyncio
import json
from collections.abc import Callable, Iterator

import pytest

from quart_chat.backends.store import Store
from quart_chat.chat import PARTNER_WAIT, RESUME_WINDOW
from quart_chat.domain.codes import RoomCode
from quart_chat.domain.commands import Accuse, Enter, Seek, Typing
from quart_chat.domain.events import CameBack, Ending, Left, StartedTyping, Stood, Waiting, WentAway
from quart_chat.domain.ports import Unavailable
from quart_chat.domain.rooms import LOBBY, Kind, room_of
from quart_chat.domain.safety import Accusation
from tests.backends.conftest import STORES
from tests.backends.redis_town import RedisTown
from tests.backends.test_chat import enters_lobby, pair, says, seeks
from tests.faults.chaos import ChaosProxy
from tests.redis_server import SERVERS, RedisServer, clustered, has_clusters

CODE = RoomCode("K7QM2X")
LEASE = 30  # seconds a process is believed to live without a word of it


@pytest.fixture(params=STORES)
def server(request: pytest.FixtureRequest, store_of: Callable[[str], RedisServer]) -> RedisServer:
    return store_of(request.param)


@pytest.fixture
def town(server: RedisServer) -> Iterator[RedisTown]:
    town = RedisTown(server.url)
    yield town
    town.close()


@pytest.fixture
def divided_town(server: RedisServer) -> Iterator[RedisTown]:
    """One whose second process may be cut off from the store."""
    town = RedisTown(server.url, ChaosProxy(server.url.replace("redis:", "http:")))
    yield town
    town.close()


def keys(server: RedisServer, town: RedisTown) -> list[str]:
    answer = server.command("KEYS", f"{town.prefix}:*").decode()
    return [line for line in answer.splitlines() if line.startswith(town.prefix)]


def test_whoever_a_dead_process_held_is_away_and_then_gone(town: RedisTown) -> None:
    ann, bob = seeks(town, "Ann"), seeks(town, "Bob")
    cid, dot = enters_lobby(town, "Cid"), enters_lobby(town, "Dot")
    living, dead = town.process_of(ann), town.process_of(bob)
    assert {town.process_of(cid), town.process_of(dot)} == {living, dead}
    pair = town.room_of(ann)
    assert pair
    town.kill(dead)
    town.passes(LEASE + 2)
    assert any(isinstance(event, WentAway) for event in town.published[pair])
    assert any(isinstance(event, WentAway) for event in town.published[LOBBY])
    town.passes(PARTNER_WAIT - LEASE)
    left = [event.left for event in town.told[ann.id] if isinstance(event, Waiting) and event.left]
    assert [member.name for member in left] == ["Bob"]
    assert not any(isinstance(event, Left) for event in town.published[LOBBY])
    town.passes(RESUME_WINDOW - PARTNER_WAIT)
    assert len([event for event in town.published[LOBBY] if isinstance(event, Left)]) == 1


def test_nobody_is_matched_to_one_whose_process_is_dead(town: RedisTown) -> None:
    ann = seeks(town, "Ann")
    town.kill(town.process_of(ann))
    town.clock.seconds += LEASE + 1
    bob = seeks(town, "Bob")
    assert town.waits(bob)


def test_who_was_on_a_dead_process_goes_on_with_another(town: RedisTown) -> None:
    ann, bob = seeks(town, "Ann"), seeks(town, "Bob")
    pair = town.room_of(bob)
    assert pair
    dead = town.process_of(ann)
    town.kill(dead)
    says(town, bob, pair, "while you were away")
    dead.here.discard(ann.id)
    town.left_by = dead
    assert town.resumes(ann)
    assert [message.text for message in town.last_view(ann).view.messages] == ["while you were away"]
    assert town.room_of(ann) == pair


def test_a_process_cut_off_for_a_moment_misses_nothing_and_nobody_notices(divided_town: RedisTown) -> None:
    town = divided_town
    ann, bob, room = pair(town)
    assert town.process_of(bob) is town.cut_off()
    says(town, ann, room, "meanwhile")
    town.passes(5)
    town.reunite()
    assert [message.text for message in town.last_view(bob).view.messages] == ["meanwhile"]
    assert not any(isinstance(event, WentAway) for event in town.published[room])


def test_a_process_cut_off_for_half_a_minute_comes_back_with_all_who_are_there(divided_town: RedisTown) -> None:
    town = divided_town
    ann, bob, room = pair(town)
    cid, dot = enters_lobby(town, "Cid"), enters_lobby(town, "Dot")
    town.cut_off()
    says(town, ann, room, "meanwhile")
    town.passes(LEASE + 2)
    assert any(isinstance(event, WentAway) for event in town.published[room])
    town.reunite()
    assert any(isinstance(event, CameBack) for event in town.published[room])
    assert [message.text for message in town.last_view(bob).view.messages] == ["meanwhile"]
    assert town.room_of(ann) == town.room_of(bob) == room
    assert town.room_of(cid) == town.room_of(dot) == LOBBY


def test_whoever_was_cut_off_for_too_long_is_told_so_and_stands_at_the_door(divided_town: RedisTown) -> None:
    town = divided_town
    ann, bob, _ = pair(town)
    cid, dot = enters_lobby(town, "Cid"), enters_lobby(town, "Dot")
    cut_off = town.cut_off()
    town.passes(RESUME_WINDOW + LEASE)
    assert town.waits(ann)
    eve = seeks(town, "Eve")
    assert town.room_of(eve) == town.room_of(ann)
    town.reunite()
    gone, stays = (cid, dot) if town.process_of(cid) is cut_off else (dot, cid)
    for visitor in (bob, gone):
        assert town.told[visitor.id][-1] == Stood(Ending.EXPIRED)
        assert town.room_of(visitor) is None
    assert town.room_of(stays) == LOBBY
    assert cut_off.backend._homes == {}


def test_a_request_asked_again_is_answered_and_not_done_twice(town: RedisTown) -> None:
    store = town.processes[0].backend._store
    arguments = {"room": room_of(CODE), "unvisited": 600_000, "request": "the same"}
    first = town.run(store.ask("create_room", **arguments))
    assert first == town.run(store.ask("create_room", **arguments)) == {"made": True}
    assert town.run(store.ask("create_room", **{**arguments, "request": "another"})) == {"made": False}


def test_of_requests_made_at_one_moment_one_fails_alone(town: RedisTown) -> None:
    store = town.processes[0].backend._store

    async def at_one_moment() -> list[object]:
        requests = (
            store.ask("waiting", kind=Kind.TEXT),
            store.ask("no such function"),
            store.ask("people_in", room=LOBBY),
        )
        return list(await asyncio.gather(*requests, return_exceptions=True))

    before, failed, after = town.run(at_one_moment())
    assert isinstance(failed, Unavailable)
    assert (before, after) == ({"waiting": 0}, {})
    assert not store.is_away


@pytest.mark.parametrize(
    "junk",
    [
        "",
        "no JSON",
        "[]",
        '{"v": 99, "e": "said", "n": 1}',
        '{"v": 1, "e": "unheard of", "visitor": "Ann", "stamp": 99999999999999}',
        '{"v": 1, "e": "told", "visitor": "Ann", "event": "{\\"is\\": \\"Exploded\\"}"}',
        '{"v": 1, "e": "said", "n": "many"}',
    ],
)
def test_junk_in_a_channel_is_passed_over(town: RedisTown, server: RedisServer, junk: str) -> None:
    ann, bob = enters_lobby(town, "Ann"), enters_lobby(town, "Bob")
    for process in town.processes:
        server.command("PUBLISH", process.backend._home_channel.decode(), junk)
        server.command("PUBLISH", process.backend._rooms.channel_of(LOBBY).decode(), junk)
    says(town, ann, LOBBY, "still here")
    says(town, bob, LOBBY, "me too")
    assert town.heard_in(LOBBY) == ["still here", "me too"]


def test_a_process_that_missed_events_reads_the_room_anew(town: RedisTown, server: RedisServer) -> None:
    ann, bob = enters_lobby(town, "Ann"), enters_lobby(town, "Bob")
    says(town, ann, LOBBY, "heard")
    mirror = town.process_of(bob).backend._rooms.find(LOBBY)
    assert mirror
    mirror.n -= 1  # as if this process had never heard of the last event
    says(town, ann, LOBBY, "after the gap")
    view = town.last_view(bob)
    assert view.resumed and [message.text for message in view.view.messages] == ["after the gap"]


def test_no_key_lives_forever_and_none_holds_what_a_visitor_said(town: RedisTown, server: RedisServer) -> None:
    town.opens_room(CODE)
    ann, bob, cid, dot = (town.visitor(f"v{number}", f"b{number}") for number in range(4))
    town.does(ann, Seek("Annabelle", agreed=True))
    town.does(bob, Seek("Barnabas", agreed=True))
    pair = town.room_of(ann)
    assert pair
    says(town, ann, pair, "confidential")
    town.does(cid, Enter("Cornelius"), Kind.ROOM, room_of(CODE))
    town.does(ann, Accuse(pair, Accusation.SPAM, "words"))
    town.does(dot, Seek("Dorothea", agreed=True))
    town.drops(bob)
    town.passes(7)
    found = keys(server, town)
    assert len(found) > 20
    for key in found:
        assert int(server.command("TTL", key).strip(b":\r\n")) > 0, key
        for secret in ("Annabelle", "Barnabas", "confidential", "Cornelius", "Dorothea", CODE):
            assert secret not in key
    channels = server.command("PUBSUB", "CHANNELS", f"{town.prefix}:*").decode()
    assert CODE not in channels


def test_records_say_which_version_they_are(town: RedisTown, server: RedisServer) -> None:
    ann = enters_lobby(town, "Ann")
    says(town, ann, LOBBY, "hello")
    log = next(key for key in keys(server, town) if ":l:" in key)
    message = server.command("LINDEX", log, "0").decode().splitlines()[1]
    assert json.loads(message)["v"] == 1


def test_typing_reaches_the_other_process(town: RedisTown) -> None:
    ann, _ = seeks(town, "Ann"), seeks(town, "Bob")
    pair = town.room_of(ann)
    assert pair
    town.does(ann, Typing(pair))
    assert any(isinstance(event, StartedTyping) for event in town.published[pair])


@pytest.fixture(params=[name for name in SERVERS if has_clusters(name)])
def nodes(request: pytest.FixtureRequest) -> Iterator[list[RedisServer]]:
    with clustered(request.param, nodes=2) as nodes:
        yield nodes


def test_a_chat_is_found_whichever_node_of_a_cluster_is_asked(nodes: list[RedisServer]) -> None:
    for node in nodes:
        town = RedisTown(node.url)
        ann, _ = enters_lobby(town, "Ann"), enters_lobby(town, "Bob")
        says(town, ann, LOBBY, "on whatever node")
        assert town.heard_in(LOBBY) == ["on whatever node"]
        town.close()


@pytest.mark.parametrize("asked", [0, 1])
def test_a_chat_goes_on_when_its_node_of_a_cluster_was_away(nodes: list[RedisServer], asked: int) -> None:
    town = RedisTown(nodes[asked].url)
    ann, _ = enters_lobby(town, "Ann"), enters_lobby(town, "Bob")
    stores = [process.backend._store for process in town.processes]
    epoch = stores[0].epoch
    for node in nodes:
        node.freeze()
    with pytest.raises(Unavailable):
        town.run(stores[0].ask("counts"))
    for node in nodes:
        node.thaw()
    town.run(all_found_again(stores))
    says(town, ann, LOBBY, "again")
    assert town.heard_in(LOBBY) == ["again"]
    assert [store.epoch for store in stores] == [epoch, epoch]
    town.close()


async def all_found_again(stores: list[Store]) -> None:
    while any(store.is_away for store in stores):  # noqa: ASYNC110 - they are found by trying
        await asyncio.sleep(0.05)
