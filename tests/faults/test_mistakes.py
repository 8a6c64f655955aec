"""A mistake in our own code costs the one request that met it, never a connection, a room or anybody else."""

import logging
from typing import Any

import pytest

from quart_chat import chat
from quart_chat.chat import Chat
from quart_chat.delivery.channels import MessageBatch
from quart_chat.domain import events, requests
from quart_chat.domain.rooms import Room
from quart_chat.domain.spaces import LOBBY
from quart_chat.journal.memory import MemoryJournal
from quart_chat.web.fragments import Fragments
from tests.clock import FakeClock
from tests.faults.checks import check_history
from tests.faults.clients import Clients
from tests.faults.history import HistoryClient
from tests.web.test_server import until

pytestmark = pytest.mark.faults

SECRET = "what a visitor wrote"
SIGNAL = {"room": "r", "page": "12345678-aaaa", "media": {"mic": True, "camera": True, "shown": True}}

REQUESTS: list[tuple[type[requests.Request], dict[str, Any]]] = [
    (requests.Enter, {"do": "enter", "name": "Ann"}),
    (requests.FindStranger, {"do": "seek", "name": "Ann", "agreed": "yes"}),
    (requests.Say, {"do": "say", "room": LOBBY, "key": "k2345678", "text": "lost"}),
    (requests.React, {"do": "react", "room": LOBBY, "seq": "1", "emoji": "👍", "on": "yes"}),
    (requests.Edit, {"do": "edit", "room": LOBBY, "seq": "1", "key": "k2345678", "text": "lost"}),
    (requests.TakeBack, {"do": "take_back", "room": LOBBY, "seq": "1"}),
    (requests.Next, {"do": "next", "room": LOBBY}),
    (requests.Stop, {"do": "stop", "room": LOBBY}),
    (requests.Leave, {"do": "leave", "room": LOBBY}),
    (requests.RelaySignal, {"do": "signal", **SIGNAL}),
    (requests.ReportStranger, {"do": "report", "room": LOBBY, "reason": "spam", "words": ""}),
    (requests.Block, {"do": "block", "room": LOBBY}),
    (requests.Typing, {"do": "typing", "room": LOBBY}),
]


def fail(*_: object, **__: object) -> None:
    raise RuntimeError(SECRET)


@pytest.fixture
async def ann(clients: Clients) -> HistoryClient:
    return await clients.in_lobby("Ann")


@pytest.fixture
async def bob(clients: Clients, ann: HistoryClient) -> HistoryClient:
    return await clients.in_lobby("Bob")


def failures(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.exc_info]


def test_every_request_is_tried() -> None:
    assert {kind for kind, _ in REQUESTS} == set(chat._REQUESTS)


@pytest.mark.parametrize(("kind", "frame"), REQUESTS, ids=[kind.__name__ for kind, _ in REQUESTS])
async def test_a_request_that_fails_is_answered_and_the_socket_stays(
    ann: HistoryClient,
    bob: HistoryClient,
    kind: type[requests.Request],
    frame: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(chat._REQUESTS, kind, fail)
        await ann.send(**frame)
        await ann.sees("That is not possible now.")
    await ann.say("still here")
    await bob.sees("still here")
    await check_history([ann, bob], LOBBY)
    assert failures(caplog) == ["request failed"]
    assert "RuntimeError" not in ann.shown


async def test_a_message_that_cannot_be_shown_silences_nobody(
    ann: HistoryClient, bob: HistoryClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    render = Fragments.for_room

    def stumble(self: Fragments, room: Any, gathered: Any, language: str) -> str:
        if isinstance(gathered, MessageBatch) and any(message.text == "stumble" for message in gathered.messages):
            raise RuntimeError(SECRET)
        return render(self, room, gathered, language)

    monkeypatch.setattr(Fragments, "for_room", stumble)
    await ann.say("stumble")
    await ann.say("and go on")
    await bob.sees("and go on")


async def test_an_event_that_cannot_be_told_stops_no_room(
    ann: HistoryClient, bob: HistoryClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(chat._EVENTS, events.MessageSent, fail)
        await ann.send(do="say", room=LOBBY, key="k2345678", text="not told")
        await until(lambda: "not heard" in failures(caplog))
    await ann.say("and go on")
    await bob.sees("and go on")
    assert ann.close_code is bob.close_code is None


async def test_an_entry_that_cannot_be_applied_costs_its_author_alone(
    ann: HistoryClient, bob: HistoryClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Room, "apply", fail)
        await ann.send(do="say", room=LOBBY, key="k2345678", text="not applied")
        await ann.sees("That is not possible now.")
    await ann.say("and go on")
    await bob.sees("and go on")
    await check_history([ann, bob], LOBBY)
    assert failures(caplog) == ["request failed"]


async def test_a_return_that_fails_is_closed_so_that_the_page_tries_again(
    ann: HistoryClient, bob: HistoryClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ann.drop()
    with monkeypatch.context() as patch:
        patch.setattr(Chat, "connect", fail)
        await ann.comes_back()
        assert await ann.is_closed() == 1011
    await ann.comes_back()
    await bob.say("welcome back")
    await ann.sees("welcome back")
    await check_history([ann, bob], LOBBY)


async def test_a_page_that_cannot_be_recognised_is_closed_so_that_it_tries_again(
    ann: HistoryClient, bob: HistoryClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ann.drop()
    with monkeypatch.context() as patch:
        patch.setattr(Chat, "recognise", fail)
        await ann.comes_back()
        assert await ann.is_closed() == 1011
    await ann.comes_back()
    await bob.say("welcome back")
    await ann.sees("welcome back")


async def test_a_disconnect_that_fails_keeps_no_socket(
    ann: HistoryClient, bob: HistoryClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Chat, "disconnect", fail)
        await ann.hang_up()
    await ann.comes_back()
    await bob.say("welcome back")
    await ann.sees("welcome back")


async def test_time_goes_on_after_a_moment_that_failed(
    ann: HistoryClient,
    bob: HistoryClient,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(MemoryJournal, "due", fail)
        await until(lambda: "tick failed" in caplog.messages)
    await ann.drop()
    await bob.say("while Ann is away")
    await bob.has_all_answers()
    clock.seconds += 6
    await bob.sees("reconnecting")


async def test_no_log_line_tells_what_was_written(
    ann: HistoryClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from quart_chat.log import JsonLines

    caplog.set_level(logging.DEBUG)
    with monkeypatch.context() as patch:
        patch.setitem(chat._REQUESTS, requests.Say, fail)
        await ann.say(SECRET)
        await ann.sees("That is not possible now.")
    lines = [JsonLines().format(record) for record in caplog.records if record.name == "quart_chat"]
    assert lines
    assert not any(SECRET in line for line in lines)
