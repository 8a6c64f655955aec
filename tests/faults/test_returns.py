"""Somebody who comes back finds the place it left, or is told that it is gone; twice at once is still one."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import httpx
import pytest

from quart_chat import hypercorn_patches
from quart_chat.domain.rooms import LOG_LENGTH
from quart_chat.domain.spaces import LOBBY
from quart_chat.domain.timing import PARTNER_WAIT, RESUME_WINDOW, SHOWN_AWAY_AFTER
from quart_chat.settings import Settings
from tests.clock import FakeClock
from tests.faults.checks import check_history
from tests.faults.clients import Clients
from tests.faults.history import HistoryClient
from tests.web.guest import GENEROUS
from tests.web.test_server import until

pytestmark = pytest.mark.faults

BRIEFLY = 1.0
WITHIN_THE_WAIT = PARTNER_WAIT - 1
WITHIN_THE_WINDOW = PARTNER_WAIT + 1
TOO_LONG = RESUME_WINDOW + 1
AWAY = [BRIEFLY, WITHIN_THE_WAIT, WITHIN_THE_WINDOW, TOO_LONG]

OFFER = {"type": "offer", "sdp": "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"}


@pytest.fixture
def settings() -> Settings:
    """One report is enough for a ban."""
    return replace(GENEROUS, reporters_for_a_ban=1)


@dataclass(frozen=True, slots=True)
class Scene:
    """Ann, who will be away, and Bob, who will not, if there is a Bob."""

    ann: HistoryClient
    bob: HistoryClient | None = None


async def at_the_door(clients: Clients) -> Scene:
    return Scene(await clients.guest("/text"))


async def queued(clients: Clients) -> Scene:
    ann = await clients.guest("/text")
    await ann.seek("Ann")
    return Scene(ann)


async def talking(clients: Clients) -> Scene:
    return Scene(*await clients.strangers())


async def typing(clients: Clients) -> Scene:
    ann, bob = await clients.strangers()
    await ann.send(do="typing", room=ann.room)
    await bob.sees("is typing")
    return Scene(ann, bob)


async def offering_a_call(clients: Clients) -> Scene:
    ann, bob = await clients.strangers("video")
    await ann.send(do="signal", room=ann.room, page="12345678-aaaa", description=OFFER)
    await bob.sees('"description"')
    return Scene(ann, bob)


async def owning_a_room(clients: Clients) -> Scene:
    path = await new_room(clients)
    ann = await (await clients.guest(path)).enter("Ann")
    return Scene(ann, await (await clients.guest(path)).enter("Bob"))


async def last_in_a_room(clients: Clients) -> Scene:
    return Scene(await (await clients.guest(await new_room(clients))).enter("Ann"))


async def in_the_lobby(clients: Clients) -> Scene:
    return Scene(await clients.in_lobby("Ann"), await clients.in_lobby("Bob"))


async def new_room(clients: Clients) -> str:
    async with httpx.AsyncClient(base_url=clients.base) as http:
        return f"/room/{(await http.post('/api/rooms')).json()['code']}"


SCENES: list[Callable[[Clients], Awaitable[Scene]]] = [
    at_the_door,
    queued,
    talking,
    typing,
    offering_a_call,
    owning_a_room,
    last_in_a_room,
    in_the_lobby,
]
PAIRS = {talking, typing, offering_a_call}


def place_after(scene: Callable[[Clients], Awaitable[Scene]], away: float) -> str:
    """Where somebody must be who comes back to a scene after so many seconds."""
    if scene is at_the_door:
        return "door"
    if away <= (PARTNER_WAIT if scene in PAIRS else RESUME_WINDOW):
        return "waiting" if scene is queued else "talk"
    # A talk of strangers may still be read by somebody who was away for too long.
    return "ended" if scene in PAIRS or scene is queued else "door"


@pytest.mark.parametrize("away", AWAY)
@pytest.mark.parametrize("arrange", SCENES, ids=lambda arrange: arrange.__name__)
async def test_a_returning_visitor_is_where_it_was_or_is_told_why_not(
    clients: Clients, clock: FakeClock, arrange: Callable[[Clients], Awaitable[Scene]], away: float
) -> None:
    scene = await arrange(clients)
    ann, bob, expected = scene.ann, scene.bob, place_after(arrange, away)
    room = ann.room
    await drops(ann)
    if bob:
        await bob.say("while you were away")
        await bob.has_all_answers()
        await notices_the_absence(bob, clock, away, arrange in PAIRS)
    else:
        await passes(clock, away)
    ann.forgets()
    await ann.comes_back()
    await ann.is_up_to_date()
    assert ann.at == expected
    if expected == "talk" and bob:
        await ann.say("back again")
        await bob.sees("back again")
        assert (await check_history([ann, bob], room))[-2:] == ["while you were away", "back again"]
        assert " left" not in bob.shown
    if away == TOO_LONG and arrange is not at_the_door:
        assert "You were away for too long" in ann.shown


async def notices_the_absence(bob: HistoryClient, clock: FakeClock, away: float, is_pair: bool) -> None:
    """Let this time pass; Bob is told after 5 seconds, and of the end when there is one, each once."""
    bob.forgets()
    if away > SHOWN_AWAY_AFTER:
        await passes(clock, SHOWN_AWAY_AFTER)
        await bob.sees("is reconnecting" if is_pair else "away")
        assert " left" not in bob.shown
    await passes(clock, away - min(away, SHOWN_AWAY_AFTER))
    if away > (PARTNER_WAIT if is_pair else RESUME_WINDOW):
        await bob.sees(" left")
        await bob.is_up_to_date()
        assert bob.at == ("waiting" if is_pair else "talk")


async def drops(guest: HistoryClient) -> None:
    """Lose the connection, and let the server notice it."""
    connections = len(hypercorn_patches.Connection.open)
    await guest.drop()
    await until(lambda: len(hypercorn_patches.Connection.open) < connections)


async def passes(clock: FakeClock, seconds: float) -> None:
    """Let time pass, and the server notice it."""
    clock.seconds += seconds
    await asyncio.sleep(0.05)  # several ticks of the server


async def test_a_call_begins_again_for_a_returning_visitor(clients: Clients) -> None:
    ann, _ = await clients.strangers("video")
    await ann.sees('{"call"')
    await ann.drop()
    ann.forgets()
    await ann.comes_back()
    await ann.sees('{"call"')


async def test_a_returning_visitor_keeps_its_place_in_the_queue(clients: Clients) -> None:
    ann, bob = await clients.guest("/text"), await clients.guest("/text")
    await ann.seek("Ann")
    await drops(ann)
    await bob.seek("Bob")
    await bob.is_at("waiting")  # nobody is matched to an absent one
    await ann.comes_back()
    await ann.is_at("talk")
    await bob.is_at("talk")
    assert ann.room == bob.room


async def test_a_room_ends_when_its_last_visitor_stays_away(clients: Clients, clock: FakeClock) -> None:
    path = await new_room(clients)
    ann = await (await clients.guest(path)).enter("Ann")
    await drops(ann)
    async with httpx.AsyncClient(base_url=clients.base) as client:
        await passes(clock, WITHIN_THE_WINDOW)
        assert (await client.get(path)).status_code == 200
        await passes(clock, TOO_LONG)
        assert (await client.get(path)).status_code == 404


async def test_somebody_matched_while_its_line_is_dead_sees_the_new_talk_from_its_first_word(clients: Clients) -> None:
    ann, bob = await clients.strangers()
    for number in range(3):
        await ann.say(f"for Bob {number}")
    await ann.has_all_answers()
    assert ann._socket
    ann._socket.transport.pause_reading()  # a line that is dead and does not know it
    await bob.send(do="stop", room=bob.room)
    await bob.is_at("door")
    cid = await clients.guest("/text")
    await cid.seek("Cid")
    await cid.is_at("talk")
    await cid.say("hello Ann")
    await cid.has_all_answers()
    ann._socket.transport.abort()
    await ann.is_closed()
    await ann.comes_back()
    await ann.sees(f'value="{cid.room}"')
    await ann.say("hello Cid")
    assert await check_history([ann, cid], cid.room) == ["hello Ann", "hello Cid"]


async def test_a_visitor_that_missed_more_than_the_room_keeps_is_told_once(clients: Clients) -> None:
    ann, bob = await clients.in_lobby("Ann"), await clients.in_lobby("Bob")
    await ann.say("before")
    await ann.has_all_answers()
    await ann.drop()
    for number in range(LOG_LENGTH + 1):
        await bob.say(f"message {number}")
    await bob.has_all_answers()
    for _ in range(2):
        await ann.comes_back()
        await ann.sees(f"message {LOG_LENGTH}")
        await ann.is_up_to_date()
        assert len(ann.gaps) == 1
    assert not ann.violations
    assert len(ann.seen[LOBBY]) == 1 + LOG_LENGTH


async def test_a_reloaded_page_is_told_what_the_room_no_longer_keeps(clients: Clients) -> None:
    ann, bob = await clients.in_lobby("Ann"), await clients.in_lobby("Bob")
    for number in range(LOG_LENGTH + 60):
        await bob.say(f"message {number}")
    await bob.has_all_answers()
    again = await clients.reload(ann)
    await again.is_at("talk")
    await again.is_up_to_date()
    assert len(again.gaps) == 1


@pytest.mark.parametrize("away", AWAY)
async def test_a_banned_visitor_stays_banned_however_often_it_comes_back(
    clock: FakeClock, clients: Clients, away: float
) -> None:
    """Issue 11, line 11."""
    ann, bob = await clients.strangers()
    await bob.send(do="report", room=bob.room, reason="hate", words="")
    await ann.sees("you cannot come in until")
    await drops(ann)
    await passes(clock, away)
    ann.forgets()
    await ann.comes_back()
    await ann.send(do="seek", name="Ann", agreed="yes")
    await ann.sees("you cannot come in until")
    assert ann.at == "banned"


async def test_the_newer_of_two_sockets_gets_everything_once_and_the_older_nothing(clients: Clients) -> None:
    ann, bob = await clients.in_lobby("Ann"), await clients.in_lobby("Bob")
    newer = await clients.second_socket(ann)
    assert await ann.is_closed() == 4409
    ann.forgets()
    for number in range(20):
        await bob.say(f"message {number}")
    assert len(await check_history([newer, bob], LOBBY)) == 20
    assert ann.shown == ""


async def test_two_tabs_of_one_browser_are_two_visitors(clients: Clients) -> None:
    ann = await clients.in_lobby("Ann")
    other = await clients.guest("/lobby", cookies=ann.cookies)
    await other.enter("Ann")
    await other.say("from the second tab")
    await ann.sees("from the second tab")
    await ann.sees("Ann 2")
    assert ann.close_code is None
    await check_history([ann, other], LOBBY)


async def test_one_message_on_two_sockets_and_after_a_return_is_one(clients: Clients) -> None:
    ann, bob = await clients.in_lobby("Ann"), await clients.in_lobby("Bob")
    key = await ann.say("only once")
    for _ in range(3):
        await ann.comes_back()
        ann.forgets()
        await ann.say("only once", key=key)
        await ann.sees(f"#p-{key}")
    await bob.say("and then")
    assert await check_history([ann, bob], LOBBY) == ["only once", "and then"]


async def test_a_message_for_a_stranger_who_has_left_never_reaches_the_next(clients: Clients) -> None:
    ann, bob = await clients.strangers()
    old = ann.room
    await ann.drop()
    key = await ann.say("for Bob only")
    await bob.send(do="stop", room=bob.room)
    await bob.is_at("door")
    cid = await clients.guest("/text")
    await cid.seek("Cid")
    await cid.is_at("waiting")
    await ann.comes_back()
    await ann.is_at("talk")
    await cid.is_at("talk")
    await ann.has_all_answers()
    assert key in ann.refused
    await cid.is_up_to_date()
    assert "for Bob only" not in cid.shown + bob.shown
    assert old != cid.room == ann.room
