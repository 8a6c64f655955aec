"""What only a journal of several processes has to do: notice that one has died, trust nobody, leave nothing behind."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from quart_chat.chat import DEFAULT_RULES, NOTHING_SHOWN, SKIPS, Shown
from quart_chat.domain import commands
from quart_chat.domain.answers import RoomShown, Waiting
from quart_chat.domain.codes import RoomCode
from quart_chat.domain.commands import RULES
from quart_chat.domain.events import Disconnected, Left, MessageSent, TypingStarted
from quart_chat.domain.ports import StoreAway
from quart_chat.domain.reports import ReportReason
from quart_chat.domain.requests import Enter, FindStranger, Leave, Next, ReportStranger, Say, Stop, Typing
from quart_chat.domain.rooms import Room
from quart_chat.domain.spaces import BANS, LOBBY, Kind, Place, SpaceId, queue_of, room_of
from quart_chat.domain.timing import LEASE, PARTNER_WAIT, REPORTABLE_FOR, RESUME_WINDOW, STORE_KEEPS
from quart_chat.domain.visitors import Visitor, VisitorId
from quart_chat.journal.outbox import Unsent
from quart_chat.journal.shared import SNAPSHOT_EVERY
from tests.chat.conftest import STORES
from tests.chat.redis_harness import RedisHarness
from tests.chat.test_chat import enters_lobby, pair, says, seeks
from tests.redis_server import RedisServer

CODE = RoomCode("K7QM2X")


@pytest.fixture(params=STORES)
def server(request: pytest.FixtureRequest, store_of: Callable[[str], RedisServer]) -> RedisServer:
    return store_of(request.param)


@pytest.fixture
def chat(server: RedisServer) -> Iterator[RedisHarness]:
    chat = RedisHarness(server)
    yield chat
    chat.close()


def keys(chat: RedisHarness) -> list[str]:
    answer = chat.server.command("KEYS", "*" + chat.prefix + ":*").decode()
    return [line for line in answer.splitlines() if chat.prefix in line]


def test_the_visitors_of_a_dead_process_are_away_and_then_gone(chat: RedisHarness) -> None:
    ann, bob, room = pair(chat)
    cid, dot = enters_lobby(chat, "Cid"), enters_lobby(chat, "Dot")
    living, dead = chat.process_of(ann), chat.process_of(bob)
    assert {chat.process_of(cid), chat.process_of(dot)} == {living, dead}
    chat.kill(dead)
    chat.passes(LEASE + 6)
    assert any(isinstance(event, Disconnected) for event in chat.published(room))
    assert any(isinstance(event, Disconnected) for event in chat.published(LOBBY))
    chat.passes(PARTNER_WAIT - LEASE + 1)
    left = [told.left for told in chat.told[ann.id] if isinstance(told, Waiting) and told.left]
    assert [member.name for member in left] == ["Bob"]
    assert not any(isinstance(event, Left) for event in chat.published(LOBBY))
    chat.passes(RESUME_WINDOW - PARTNER_WAIT)
    assert len([event for event in chat.published(LOBBY) if isinstance(event, Left)]) == 1


def test_nobody_is_matched_to_one_whose_process_is_dead(chat: RedisHarness) -> None:
    ann = seeks(chat, "Ann")
    chat.kill(chat.process_of(ann))
    enters_lobby(chat, "Tom")
    chat.passes(LEASE + 6)
    bob = seeks(chat, "Bob")
    chat.passes(6)
    assert chat.waits(bob)


def test_who_was_on_a_dead_process_goes_on_with_another(chat: RedisHarness) -> None:
    ann, bob, room = pair(chat)
    says(chat, bob, room, "before")
    chat.kill(chat.process_of(ann))
    says(chat, bob, room, "while you were away")
    chat.connects(ann, Place(Kind.TEXT), Shown(inside=True, room=room, since=1))
    assert [message.text for message in chat.last_view(ann).view.messages] == ["while you were away"]
    assert chat.room_of(ann) == room
    says(chat, ann, room, "back again")
    assert chat.heard_in(room)[-1] == "back again"


def test_a_reload_after_its_process_died_finds_the_place_by_what_its_page_showed(chat: RedisHarness) -> None:
    ann, bob, room = pair(chat)
    dead = chat.process_of(ann)
    chat.kill(dead)
    chat.does(bob, Next(room))
    cid = seeks(chat, "Cid")
    assert chat.room_of(cid) == chat.room_of(bob)
    chat.connects(ann, Place(Kind.TEXT), Shown(inside=True, room=room, since=0))
    assert chat.waits(ann)  # her stranger has left her, and nobody had told the queue of her
    dot = seeks(chat, "Dot")
    assert chat.room_of(dot) == chat.room_of(ann) is not None


def test_one_who_was_matched_while_its_process_died_comes_into_the_talk(chat: RedisHarness) -> None:
    ann = seeks(chat, "Ann")
    chat.kill(chat.process_of(ann))
    bob = seeks(chat, "Bob")
    assert chat.room_of(bob)
    chat.connects(ann, Place(Kind.TEXT), Shown(inside=True))
    assert chat.room_of(ann) == chat.room_of(bob)


def test_a_visitor_is_at_home_with_one_process_only(chat: RedisHarness) -> None:
    ann, bob, room = pair(chat)
    first, second = chat.process_of(ann), chat.process_of(bob)
    chat.chosen[ann.id] = second
    second.screens.connect(ann, Place(Kind.TEXT), chat.told[ann.id])
    chat.act(second.chat.connect, ann, Place(Kind.TEXT), Shown(inside=True, room=room, since=0))
    assert first.screens.place_of(ann.id) is None  # its page was told that it is open elsewhere
    chat.act(first.chat.handle, ann, Place(Kind.TEXT), Say(room, "key-1", "from the old home"))
    chat.act(first.chat.disconnect, ann, Place(Kind.TEXT))
    assert chat.heard_in(room) == []
    chat.passes(PARTNER_WAIT + 2)
    assert chat.room_of(ann) == room


@pytest.mark.parametrize("inside", [True, False])
def test_a_stolen_page_is_let_in_by_no_process(chat: RedisHarness, inside: bool) -> None:
    """Issue 11, line 16."""
    ann, bob, room = pair(chat)
    thief = chat.visitor("Ann", "another browser")
    process = chat.process_of(bob)
    process.screens.connect(thief, Place(Kind.TEXT), chat.told[VisitorId("thief")])
    chat.act(process.chat.connect, thief, Place(Kind.TEXT), Shown(inside, room, 0) if inside else NOTHING_SHOWN)
    chat.act(process.chat.handle, thief, Place(Kind.TEXT), Say(room, "key-1", "I am Ann"))
    process.screens.disconnect(thief)
    assert not [told for told in chat.told[VisitorId("thief")] if isinstance(told, RoomShown)]
    assert chat.heard_in(room) == []
    assert chat.process_of(ann) is not process


def who_is_held(chat: RedisHarness) -> Visitor:
    """Ann, who has skipped so many that she is held for some seconds."""
    ann = seeks(chat, "Ann")
    for number in range(SKIPS.burst + 2):
        other, room = seeks(chat, f"Other {number}"), chat.room_of(ann)
        if room:
            chat.does(ann, Next(room))
        chat.does(other, Stop(SpaceId("")))
    seeks(chat, "Eve")
    assert chat.waits(ann)
    return ann


def test_who_is_held_for_skipping_meets_somebody_though_the_store_was_away_at_the_release(chat: RedisHarness) -> None:
    """Issue 11, line 16."""
    ann = who_is_held(chat)
    chat.server.freeze()
    try:
        chat.clock.seconds += 10
        chat.loop.run_until_complete(
            ticks(chat, until=lambda: chat.process_of(ann).journal.is_away(queue_of(Kind.TEXT)))
        )
    finally:
        chat.server.thaw()
    chat.passes(5)
    assert chat.room_of(ann)


async def ticks(chat: RedisHarness, until: Callable[[], bool]) -> None:
    """Let all processes do what time asks for, again and again."""
    async with asyncio.timeout(10):
        while not until():
            chat.tick()
            await asyncio.sleep(0.05)


def test_who_is_held_for_skipping_meets_somebody_though_its_process_died(chat: RedisHarness) -> None:
    """Issue 11, line 16."""
    ann = who_is_held(chat)
    chat.kill(chat.process_of(ann))
    chat.connects(ann, Place(Kind.TEXT), Shown(inside=True))
    chat.passes(LEASE + 10)
    seeks(chat, "Dot")
    chat.passes(6)
    assert chat.room_of(ann)


@pytest.mark.parametrize(
    "junk",
    [
        "",
        "no JSON",
        "{}",
        "[[]]",
        '[[1,1,"x",1,[1,"Exploded",{}]]]',
        '[[1,1,"x",1,[1,"Join",{"visitor":1}]]]',
        '[["many",1,"x",1,[1,"Join",{}]]]',
    ],
)
def test_junk_in_a_channel_is_passed_over(chat: RedisHarness, junk: str) -> None:
    ann, bob = enters_lobby(chat, "Ann"), enters_lobby(chat, "Bob")
    chat.server.command("PUBLISH", chat.processes[0].store._of(LOBBY).channel.decode(), junk)
    says(chat, ann, LOBBY, "still here")
    says(chat, bob, LOBBY, "me too")
    assert chat.heard_in(LOBBY) == ["still here", "me too"]


def test_a_process_that_missed_an_entry_reads_it(chat: RedisHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, bob = enters_lobby(chat, "Ann"), enters_lobby(chat, "Bob")
    process = chat.process_of(bob)
    with monkeypatch.context() as deaf:
        deaf.setattr(process.journal, "heard", lambda space, data: None)
        chat.does_not_wait(ann, Say(LOBBY, "key-1", "not heard"))
    says(chat, ann, LOBBY, "heard")
    published = [event for event in process.screens.published[LOBBY] if isinstance(event, MessageSent)]
    assert [event.message.text for event in published] == ["not heard", "heard"]


def test_an_entry_whose_answer_was_lost_is_not_done_twice(chat: RedisHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, bob = enters_lobby(chat, "Ann"), enters_lobby(chat, "Bob")
    journal = chat.process_of(ann).journal
    with monkeypatch.context() as lossy:
        sent = journal._sent
        lossy.setattr(journal, "_sent", lambda held, batch, answer: sent(held, batch, StoreAway("lost")))
        chat.does_not_wait(ann, Say(LOBBY, "key-1", "once"))
    assert journal._held[LOBBY].outbox
    says(chat, bob, LOBBY, "and then")
    assert chat.heard_in(LOBBY) == ["once", "and then"]
    assert not journal._held[LOBBY].outbox


def test_a_long_journal_is_cut_at_its_snapshots(chat: RedisHarness) -> None:
    ann = enters_lobby(chat, "Ann")
    for number in range(3 * SNAPSHOT_EVERY):
        chat.does_not_wait(ann, Say(LOBBY, f"key-{number}", str(number)))
    chat.settles()
    (log,) = [key for key in keys(chat) if key.endswith(":log") and length_of(chat, key) > 10]
    assert SNAPSHOT_EVERY <= length_of(chat, log) <= 2 * SNAPSHOT_EVERY + 1
    enters_lobby(chat, "Bob")
    first, second = (process.journal.state(LOBBY) for process in chat.processes)
    assert first == second
    assert isinstance(first, Room) and first.seq == 3 * SNAPSHOT_EVERY


def length_of(chat: RedisHarness, log: str) -> int:
    return int(chat.server.command("LLEN", log).strip(b":\r\n"))


def test_no_key_lives_forever_and_none_holds_what_a_visitor_said(chat: RedisHarness) -> None:
    chat.opens_room(CODE)
    ann, bob, cid, dot = (chat.visitor(f"v{number}", f"b{number}") for number in range(4))
    chat.does(ann, FindStranger("Annabelle", agreed=True))
    chat.does(bob, FindStranger("Barnabas", agreed=True))
    room = chat.room_of(ann)
    assert room
    says(chat, ann, room, "confidential")
    chat.does(cid, Enter("Cornelius"), Kind.ROOM, room_of(CODE))
    chat.does(ann, ReportStranger(room, ReportReason.SPAM, "words"))
    chat.does(dot, FindStranger("Dorothea", agreed=True))
    chat.drops(bob)
    chat.passes(7)
    found = keys(chat)
    assert len(found) > 10
    for key in found:
        assert int(chat.server.command("TTL", key).strip(b":\r\n")) > 0, key
        for secret in ("Annabelle", "Barnabas", "confidential", "Cornelius", "Dorothea", CODE):
            assert secret not in key
    channels = chat.server.command("PUBSUB", "CHANNELS", f"*{chat.prefix}*").decode()
    assert chat.prefix in channels and CODE not in channels


def test_a_process_leaves_a_space_to_processes_with_newer_rules(chat: RedisHarness) -> None:
    ann, bob, room = pair(chat)
    enters_lobby(chat, "Cid")
    appends_by_newer_rules(chat, LOBBY)
    assert not any(process.journal.holds(LOBBY) for process in chat.processes)
    assert VisitorId("Cid") not in chat.processes[0].screens.pages | chat.processes[1].screens.pages
    says(chat, ann, room, "not disturbed")
    assert chat.heard_in(room) == ["not disturbed"]
    assert chat.room_of(bob) == room


def appends_by_newer_rules(chat: RedisHarness, space: SpaceId) -> None:
    """Append what a process of a later version might."""
    newer = Unsent(commands.Tidy(), b'[%d,"Levitate",{}]' % (RULES + 1), id=999)
    process = next(process for process in chat.processes if process.journal.holds(space))
    held = process.journal._held[space]
    chat.act(process.store.append, held, process.journal.process, [newer], STORE_KEEPS, lambda answer: None)


def test_who_is_banned_stays_so_in_a_process_of_older_rules(chat: RedisHarness) -> None:
    ann, bob = enters_lobby(chat, "Ann"), enters_lobby(chat, "Bob")
    chat.act(chat.process_of(ann).journal.append, BANS, commands.CountReport(ann, bob, needed=1))
    appends_by_newer_rules(chat, BANS)
    for process in chat.processes:
        assert not process.journal.holds(BANS)
        assert process.chat.ban_of(ann, Kind.LOBBY)


def test_a_process_of_older_rules_than_the_list_of_bans_does_not_start(chat: RedisHarness) -> None:
    appends_by_newer_rules(chat, BANS)
    with pytest.raises(StoreAway, match="newer processes"):
        chat.loop.run_until_complete(chat._process(chat.server.url, DEFAULT_RULES))


def test_a_queue_is_kept_at_hand_for_those_who_seek_next(chat: RedisHarness) -> None:
    pair(chat)
    queue = queue_of(Kind.TEXT)
    assert all(process.journal.holds(queue) for process in chat.processes)
    chat.passes(REPORTABLE_FOR + 1)
    assert not any(process.journal.holds(queue) for process in chat.processes)


def test_typing_reaches_the_other_process(chat: RedisHarness) -> None:
    ann, _, room = pair(chat)
    chat.does(ann, Typing(room))
    chat.passes(1)
    assert any(isinstance(event, TypingStarted) for event in chat.published(room))


def test_what_is_held_stays_in_the_store_with_its_snapshot(chat: RedisHarness) -> None:
    """A snapshot that expires before the entries after it would take all that was before with it."""
    ann = enters_lobby(chat, "Ann")
    for number in range(SNAPSHOT_EVERY):
        chat.does_not_wait(ann, Say(LOBBY, f"key-{number}", str(number)))
    chat.settles()
    lobby = chat.processes[0].store._of(LOBBY).keys
    for key in lobby:
        chat.server.command("EXPIRE", key.decode(), "10")
    says(chat, ann, LOBBY, "once more")
    for key in lobby:
        assert int(chat.server.command("TTL", key.decode()).strip(b":\r\n")) > 10, key


def test_a_journal_that_is_lost_in_part_begins_anew(chat: RedisHarness) -> None:
    ann = enters_lobby(chat, "Ann")
    for number in range(3):
        says(chat, ann, LOBBY, f"message {number}")
    chat.does(ann, Leave(LOBBY))
    assert not any(process.journal.holds(LOBBY) for process in chat.processes)
    chat.server.command("LPOP", chat.processes[0].store._of(LOBBY).keys[1].decode())
    bob = enters_lobby(chat, "Bob")
    says(chat, bob, LOBBY, "hello again")
    said = [event for event in chat.process_of(bob).screens.published[LOBBY] if isinstance(event, MessageSent)]
    assert said[-1].message.text == "hello again"
    assert {record.getMessage() for record in chat.errors.records} == {"journal lost"}
    chat.errors.records.clear()
