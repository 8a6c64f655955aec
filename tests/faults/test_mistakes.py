"""A mistake in our own code costs the one wish that met it, never a connection, a room or anybody else."""

import logging
from typing import Any

import pytest

from quart_chat.backends.memory import MemoryBackend
from quart_chat.chat import Chat
from quart_chat.delivery.hub import Spoken
from quart_chat.domain.rooms import LOBBY
from quart_chat.web.fragments import Fragments
from tests.faults.history import Crowd, Witness, check_history
from tests.town import TownClock
from tests.web.test_server import until

pytestmark = pytest.mark.faults

SECRET = "what a visitor wrote"
SIGNAL = {"room": "r", "page": "12345678-aaaa", "media": {"mic": True, "camera": True, "shown": True}}

WISHES: list[tuple[str, dict[str, Any]]] = [
    ("_enter", {"do": "enter", "name": "Ann"}),
    ("_seek", {"do": "seek", "name": "Ann", "agreed": "yes"}),
    ("_say", {"do": "say", "room": LOBBY, "key": "k2345678", "text": "lost"}),
    ("_next_stranger", {"do": "next", "room": LOBBY}),
    ("_stop", {"do": "stop", "room": LOBBY}),
    ("_leave", {"do": "leave", "room": LOBBY}),
    ("_send", {"do": "signal", **SIGNAL}),
    ("_accuse", {"do": "report", "room": LOBBY, "reason": "spam", "words": ""}),
    ("_block", {"do": "block", "room": LOBBY}),
    ("_typing", {"do": "typing", "room": LOBBY}),
]


async def fail(*_: object, **__: object) -> None:
    raise RuntimeError(SECRET)


def fail_at_once(*_: object, **__: object) -> None:
    raise RuntimeError(SECRET)


@pytest.fixture
async def ann(crowd: Crowd) -> Witness:
    return await crowd.in_lobby("Ann")


@pytest.fixture
async def bob(crowd: Crowd, ann: Witness) -> Witness:
    return await crowd.in_lobby("Bob")


@pytest.mark.parametrize(("handler", "wish"), WISHES, ids=[handler for handler, _ in WISHES])
async def test_a_wish_that_fails_is_answered_and_the_socket_stays(
    ann: Witness,
    bob: Witness,
    handler: str,
    wish: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Chat, handler, fail)
        await ann.send(**wish)
        await ann.sees("That is not possible now.")
    await ann.say("still here")
    await bob.sees("still here")
    await check_history([ann, bob], LOBBY)
    failures = [record for record in caplog.records if record.exc_info]
    assert [record.getMessage() for record in failures] == ["command failed"]
    assert "RuntimeError" not in ann.shown


async def test_a_message_that_cannot_be_shown_silences_nobody(
    ann: Witness, bob: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    render = Fragments.for_room

    def stumble(self: Fragments, room: Any, happening: Any, language: str) -> str:
        if isinstance(happening, Spoken) and any(message.text == "stumble" for message in happening.messages):
            raise RuntimeError(SECRET)
        return render(self, room, happening, language)

    monkeypatch.setattr(Fragments, "for_room", stumble)
    await ann.say("stumble")
    await ann.say("and go on")
    await bob.sees("and go on")


async def test_a_return_that_fails_is_closed_so_that_the_page_tries_again(
    ann: Witness, bob: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ann.drop()
    with monkeypatch.context() as patch:
        patch.setattr(Chat, "resume", fail)
        await ann.comes_back()
        assert await ann.is_closed() == 1011
    await ann.comes_back()
    await bob.say("welcome back")
    await ann.sees("welcome back")
    await check_history([ann, bob], LOBBY)


async def test_a_drop_that_fails_keeps_no_socket(ann: Witness, bob: Witness, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Chat, "drop", fail)
        await ann.hang_up()
    await ann.comes_back()
    await bob.say("welcome back")
    await ann.sees("welcome back")


async def test_time_goes_on_after_a_moment_that_failed(
    ann: Witness, bob: Witness, clock: TownClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(MemoryBackend, "tidy", fail)
        await until(lambda: "tick failed" in caplog.messages)
    await ann.drop()
    await bob.say("while Ann is away")
    await bob.has_no_answer_left_to_get()
    clock.seconds += 6
    await bob.sees("reconnecting")


async def test_no_log_line_tells_what_was_written(
    ann: Witness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from quart_chat.log import JsonLines

    caplog.set_level(logging.DEBUG)
    with monkeypatch.context() as patch:
        patch.setattr(Chat, "_say", fail)
        await ann.say(SECRET)
        await ann.sees("That is not possible now.")
    lines = [JsonLines().format(record) for record in caplog.records if record.name == "quart_chat"]
    assert lines
    assert not any(SECRET in line for line in lines)
