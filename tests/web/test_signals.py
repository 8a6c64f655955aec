import json
import re

import pytest

from quart_chat.app import create_app
from quart_chat.domain.signals import PAGE_CHANGES
from quart_chat.settings import Settings
from quart_chat.web.ice import ice_servers
from tests.clock import FakeClock
from tests.web.guest import GENEROUS, Company, Guest, serving

PAGE = "12345678-aaaa"
OFFER = {"type": "offer", "sdp": "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"}


SWITCHES = {"mic": True, "camera": True, "shown": False}


async def callers(company: Company) -> tuple[Guest, Guest]:
    ann, bob = await company.guest("/video"), await company.guest("/video")
    await ann.seek("Ann")
    await bob.seek("Bob")
    await ann.sees('{"call"')
    await bob.sees('{"call"')
    return ann, bob


def beginning(guest: Guest) -> dict[str, object]:
    start = guest.shown.index('{"call"')
    call, _ = json.JSONDecoder().raw_decode(guest.shown[start:])
    return dict(call["call"])


async def signal(guest: Guest, **fields: object) -> None:
    await guest.send(**({"do": "signal", "room": guest.room, "page": PAGE} | fields))


def pages_heard_of(guest: Guest) -> set[str]:
    """The pages of the other one that have sent a signal."""
    return set(re.findall(r'\{"signal": \{"room": "[^"]+", "page": "([^"]+)"', guest.shown))


async def test_two_who_meet_by_video_may_call_and_one_of_them_is_polite(company: Company) -> None:
    ann, bob = await callers(company)
    assert beginning(ann)["room"] == beginning(bob)["room"] == ann.room
    assert {beginning(ann)["polite"], beginning(bob)["polite"]} == {True, False}


async def test_a_signal_reaches_the_partner_as_data_and_nobody_else(company: Company) -> None:
    ann, bob = await callers(company)
    cid, dot = await callers(company)
    await signal(ann, description=OFFER)
    await bob.sees('"description"')
    await cid.say("still here")
    await dot.sees("still here")
    assert '"description"' not in cid.shown + dot.shown + ann.shown


async def test_a_signal_for_another_pair_or_after_leaving_goes_nowhere(company: Company) -> None:
    ann, bob = await callers(company)
    cid, dot = await callers(company)
    await signal(cid, room=ann.room, description=OFFER)
    old = ann.room
    await ann.send(do="stop", room=ann.room)
    await bob.sees("has left")
    await signal(ann, room=old, description=OFFER)
    await cid.say("still here")
    await dot.sees("still here")
    assert '"description"' not in ann.shown + bob.shown + dot.shown


async def test_a_page_loaded_anew_without_end_is_passed_on_a_few_times_a_minute() -> None:
    """Issue 11, line 18."""
    clock = FakeClock()
    async with serving(app=create_app(GENEROUS, clock)) as url:
        company = Company(url)
        ann, bob = await callers(company)
        for number in range(390):
            await signal(ann, page=f"{number:08}", media=SWITCHES)
        await ann.say("still here")
        await bob.sees("still here")
        assert len(pages_heard_of(bob)) == PAGE_CHANGES.burst
        clock.seconds += PAGE_CHANGES.per
        await signal(ann, page=PAGE, media=SWITCHES)
        await bob.sees(PAGE)
        await company.hang_up()


async def test_strangers_by_text_cannot_signal(company: Company) -> None:
    ann, bob = await company.strangers()
    await signal(ann, description=OFFER)
    await ann.say("after it")
    await bob.sees("after it")
    assert "signal" not in bob.shown


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"description": "offer"},
        {"description": {"type": "offer"}},
        {"description": {"type": "offer", "sdp": "<script>alert(1)</script>"}},
        {"description": {"type": "offer", "sdp": "v=0\r\n" + "a=x\r\n" * 5_000}},
        {"candidate": {"candidate": "x" * 2_000}},
        {"candidate": {"candidate": "", "sdpMLineIndex": -1}},
        {"media": {"mic": "yes"}},
        {"description": OFFER, "page": "<b>"},
    ],
    ids=lambda fields: str(fields)[:40],
)
async def test_a_hostile_signal_is_refused_and_never_passed_on(company: Company, fields: dict[str, object]) -> None:
    ann, bob = await callers(company)
    await signal(ann, **fields)
    await ann.sees("could not be read")
    await ann.say("still here")
    await bob.sees("still here")
    assert '{"signal"' not in bob.shown


async def test_without_the_rules_nobody_waits(company: Company) -> None:
    ann = await company.guest("/video")
    await ann.send(do="seek", name="Ann")
    await ann.sees("confirm your age")
    assert 'data-at="waiting"' not in ann.shown


def test_turn_credentials_end_and_are_made_as_coturn_expects() -> None:
    settings = Settings(stun_urls="stun:a, stun:b", turn_urls="turn:c", turn_secret="north", turn_minutes=60)
    stun, turn = ice_servers(settings, lambda: 1_000_000.0, "")
    assert stun == {"urls": ["stun:a", "stun:b"]}
    assert str(turn["username"]).startswith("1003600:")
    assert len(str(turn["credential"])) == 28
    assert turn["urls"] == ["turn:c"]
    assert ice_servers(Settings(stun_urls=""), lambda: 1_000_000.0, "") == []
