"""Whoever comes back finds the place it left, or is told honestly that it is gone; twice at once is still one."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import httpx
import pytest

from quart_chat import hypercorn_patches
from quart_chat.chat import PARTNER_WAIT, RESUME_WINDOW, SHOWN_AWAY_AFTER
from quart_chat.domain.rooms import LOBBY, LOG_LENGTH
from quart_chat.settings import Settings
from tests.faults.history import Crowd, Witness, check_history
from tests.town import TownClock
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

    ann: Witness
    bob: Witness | None = None


async def at_the_door(crowd: Crowd) -> Scene:
    return Scene(await crowd.guest("/text"))


async def queued(crowd: Crowd) -> Scene:
    ann = await crowd.guest("/text")
    await ann.seek("Ann")
    return Scene(ann)


async def talking(crowd: Crowd) -> Scene:
    return Scene(*await crowd.strangers())


async def typing(crowd: Crowd) -> Scene:
    ann, bob = await crowd.strangers()
    await ann.send(do="typing", room=ann.room)
    await bob.sees("is typing")
    return Scene(ann, bob)


async def offering_a_call(crowd: Crowd) -> Scene:
    ann, bob = await crowd.strangers("video")
    await ann.send(do="signal", room=ann.room, page="12345678-aaaa", description=OFFER)
    await bob.sees('"description"')
    return Scene(ann, bob)


async def owning_a_room(crowd: Crowd) -> Scene:
    path = await new_room(crowd)
    ann = await (await crowd.guest(path)).enter("Ann")
    return Scene(ann, await (await crowd.guest(path)).enter("Bob"))


async def last_in_a_room(crowd: Crowd) -> Scene:
    return Scene(await (await crowd.guest(await new_room(crowd))).enter("Ann"))


async def in_the_lobby(crowd: Crowd) -> Scene:
    return Scene(await crowd.in_lobby("Ann"), await crowd.in_lobby("Bob"))


async def new_room(crowd: Crowd) -> str:
    async with httpx.AsyncClient(base_url=crowd.base) as client:
        return f"/room/{(await client.post('/api/rooms')).json()['code']}"


SCENES: list[Callable[[Crowd], Awaitable[Scene]]] = [
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


def place_after(scene: Callable[[Crowd], Awaitable[Scene]], away: float) -> str:
    """Where who comes back from a scene after so many seconds must find itself."""
    if scene is at_the_door:
        return "door"
    if away <= (PARTNER_WAIT if scene in PAIRS else RESUME_WINDOW):
        return "waiting" if scene is queued else "talk"
    # A talk of strangers may still be read by who was away for too long.
    return "ended" if scene in PAIRS or scene is queued else "door"


@pytest.mark.parametrize("away", AWAY)
@pytest.mark.parametrize("arrange", SCENES, ids=lambda arrange: arrange.__name__)
async def test_who_comes_back_is_where_it_was_or_knows_why_not(
    crowd: Crowd, clock: TownClock, arrange: Callable[[Crowd], Awaitable[Scene]], away: float
) -> None:
    scene = await arrange(crowd)
    ann, bob, expected = scene.ann, scene.bob, place_after(arrange, away)
    room = ann.room
    await drops(ann)
    if bob:
        await bob.say("while you were away")
        await bob.has_no_answer_left_to_get()
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


async def notices_the_absence(bob: Witness, clock: TownClock, away: float, is_pair: bool) -> None:
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


async def drops(guest: Witness) -> None:
    """Lose the connection, and let the server notice it."""
    connections = len(hypercorn_patches.Connection.open)
    await guest.drop()
    await until(lambda: len(hypercorn_patches.Connection.open) < connections)


async def passes(clock: TownClock, seconds: float) -> None:
    """Let time pass, and the server notice it."""
    clock.seconds += seconds
    await asyncio.sleep(0.05)  # several ticks of the server


async def test_a_call_is_taken_up_again_by_who_comes_back(crowd: Crowd) -> None:
    ann, _ = await crowd.strangers("video")
    await ann.sees('{"call"')
    await ann.drop()
    ann.forgets()
    await ann.comes_back()
    await ann.sees('{"call"')


async def test_who_comes_back_keeps_its_place_in_the_queue(crowd: Crowd) -> None:
    ann, bob = await crowd.guest("/text"), await crowd.guest("/text")
    await ann.seek("Ann")
    await drops(ann)
    await bob.seek("Bob")
    await bob.is_at("waiting")  # nobody is matched to an absent one
    await ann.comes_back()
    await ann.is_at("talk")
    await bob.is_at("talk")
    assert ann.room == bob.room


async def test_a_room_ends_when_its_last_visitor_stays_away(crowd: Crowd, clock: TownClock) -> None:
    path = await new_room(crowd)
    ann = await (await crowd.guest(path)).enter("Ann")
    await drops(ann)
    async with httpx.AsyncClient(base_url=crowd.base) as client:
        await passes(clock, WITHIN_THE_WINDOW)
        assert (await client.get(path)).status_code == 200
        await passes(clock, TOO_LONG)
        assert (await client.get(path)).status_code == 404


async def test_who_is_matched_while_its_line_is_dead_sees_the_new_talk_from_its_first_word(crowd: Crowd) -> None:
    ann, bob = await crowd.strangers()
    for number in range(3):
        await ann.say(f"for Bob {number}")
    await ann.has_no_answer_left_to_get()
    assert ann._socket
    ann._socket.transport.pause_reading()  # a line that is dead and does not know it
    await bob.send(do="stop", room=bob.room)
    await bob.is_at("door")
    cid = await crowd.guest("/text")
    await cid.seek("Cid")
    await cid.is_at("talk")
    await cid.say("hello Ann")
    await cid.has_no_answer_left_to_get()
    ann._socket.transport.abort()
    await ann.is_closed()
    await ann.comes_back()
    await ann.sees(f'value="{cid.room}"')
    await ann.say("hello Cid")
    assert await check_history([ann, cid], cid.room) == ["hello Ann", "hello Cid"]


async def test_who_missed_more_than_the_room_keeps_is_told_once(crowd: Crowd) -> None:
    ann, bob = await crowd.in_lobby("Ann"), await crowd.in_lobby("Bob")
    await ann.say("before")
    await ann.has_no_answer_left_to_get()
    await ann.drop()
    for number in range(LOG_LENGTH + 1):
        await bob.say(f"message {number}")
    await bob.has_no_answer_left_to_get()
    for _ in range(2):
        await ann.comes_back()
        await ann.sees(f"message {LOG_LENGTH}")
        await ann.is_up_to_date()
        assert ann.gaps == 1
    assert not ann.complaints
    assert len(ann.seen[LOBBY]) == 1 + LOG_LENGTH


async def test_a_reloaded_page_is_told_what_the_room_no_longer_keeps(crowd: Crowd) -> None:
    ann, bob = await crowd.in_lobby("Ann"), await crowd.in_lobby("Bob")
    for number in range(LOG_LENGTH + 60):
        await bob.say(f"message {number}")
    await bob.has_no_answer_left_to_get()
    again = await ann.reloads()
    await again.is_at("talk")
    await again.is_up_to_date()
    assert again.gaps == 1
    await again.hang_up()


@pytest.mark.parametrize("away", AWAY)
async def test_who_is_banned_stays_so_however_often_it_comes_back(clock: TownClock, crowd: Crowd, away: float) -> None:
    ann, bob = await crowd.strangers()
    await bob.send(do="report", room=bob.room, reason="hate", words="")
    await ann.sees("you cannot come in until")
    await drops(ann)
    await passes(clock, away)
    ann.forgets()
    await ann.comes_back()
    await ann.send(do="seek", name="Ann", agreed="yes")
    await ann.sees("you cannot come in until")
    assert ann.at == "door"


async def test_the_newer_of_two_sockets_gets_everything_once_and_the_older_nothing(crowd: Crowd) -> None:
    ann, bob = await crowd.in_lobby("Ann"), await crowd.in_lobby("Bob")
    newer = await ann.opens_a_second_socket()
    assert await ann.is_closed() == 4409
    ann.forgets()
    for number in range(20):
        await bob.say(f"message {number}")
    assert len(await check_history([newer, bob], LOBBY)) == 20
    assert ann.shown == ""
    await newer.hang_up()


async def test_two_tabs_of_one_browser_are_two_visitors(crowd: Crowd) -> None:
    ann = await crowd.in_lobby("Ann")
    other = await crowd.guest("/lobby", cookies=ann.cookies)
    await other.enter("Ann")
    await other.say("from the second tab")
    await ann.sees("from the second tab")
    await ann.sees("Ann 2")
    assert ann.close_code is None
    await check_history([ann, other], LOBBY)


async def test_one_message_on_two_sockets_and_after_a_return_is_one(crowd: Crowd) -> None:
    ann, bob = await crowd.in_lobby("Ann"), await crowd.in_lobby("Bob")
    key = await ann.say("only once")
    for _ in range(3):
        await ann.comes_back()
        ann.forgets()
        await ann.say("only once", key=key)
        await ann.sees(f"#p-{key}")
    await bob.say("and then")
    assert await check_history([ann, bob], LOBBY) == ["only once", "and then"]


async def test_what_was_written_for_a_stranger_who_went_never_reaches_the_next(crowd: Crowd) -> None:
    ann, bob = await crowd.strangers()
    old = ann.room
    await ann.drop()
    key = await ann.say("for Bob only")
    await bob.send(do="stop", room=bob.room)
    await bob.is_at("door")
    cid = await crowd.guest("/text")
    await cid.seek("Cid")
    await cid.is_at("waiting")
    await ann.comes_back()
    await ann.is_at("talk")
    await cid.is_at("talk")
    await ann.has_no_answer_left_to_get()
    assert key in ann.refused
    await cid.is_up_to_date()
    assert "for Bob only" not in cid.shown + bob.shown
    assert old != cid.room == ann.room
