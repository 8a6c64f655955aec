import re
from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quart_chat.domain.limits import Bucket, GrowingWait, Ledger, Limit
from quart_chat.domain.timing import LONGEST_WAIT
from quart_chat.settings import BadSetting, Settings
from quart_chat.web.address_limits import AddressLimits
from tests.clock import FakeClock
from tests.web.guest import Company, Guest, serving

TIGHT = Settings(
    sockets_per_address=2, handshakes_per_minute=4, rooms_per_minute=1, wrong_codes_per_minute=2, sockets_per_process=3
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def limits(clock: FakeClock) -> AddressLimits:
    return AddressLimits(TIGHT, b"key", clock)


def test_an_address_has_so_many_sockets_and_gets_a_free_place_back(limits: AddressLimits) -> None:
    assert limits.open_socket(limits.networks_of("ann")) and limits.open_socket(limits.networks_of("ann"))
    assert not limits.open_socket(limits.networks_of("ann"))
    assert limits.open_socket(limits.networks_of("bob"))
    limits.close_socket(limits.networks_of("ann"))
    assert limits.open_socket(limits.networks_of("ann"))


def test_an_address_that_comes_too_often_waits(limits: AddressLimits, clock: FakeClock) -> None:
    for _ in range(4):
        assert limits.open_socket(limits.networks_of("ann"))
        limits.close_socket(limits.networks_of("ann"))
    assert not limits.open_socket(limits.networks_of("ann"))
    clock.seconds += 15.0
    assert limits.open_socket(limits.networks_of("ann"))


def test_the_process_is_full_at_its_limit(limits: AddressLimits) -> None:
    for who in ("ann", "bob", "cid"):
        assert not limits.is_full()
        limits.open_socket(limits.networks_of(who))
    assert limits.is_full()
    limits.close_socket(limits.networks_of("bob"))
    assert not limits.is_full()


def test_guessing_codes_waits_longer_each_time_and_is_forgiven(limits: AddressLimits, clock: FakeClock) -> None:
    waits = []
    for _ in range(6):
        limits.note_wrong_guess("eve")
        start = clock.now()
        while not limits.may_guess("eve"):
            clock.seconds += 0.5
        waits.append(clock.now() - start)
    assert waits[:2] == [0, 0]
    assert waits[2:] == sorted(waits[2:]) and waits[-1] >= 2 * waits[2] > 0
    assert limits.may_guess("ann")
    clock.seconds += 3 * LONGEST_WAIT
    limits.note_wrong_guess("eve")
    assert limits.may_guess("eve")


def test_a_whole_ipv6_network_is_one_address_and_none_is_kept_in_clear(limits: AddressLimits) -> None:
    one, other = limits.hash_of("2001:db8:1:2::1"), limits.hash_of("2001:db8:1:2:ffff::9%eth0")
    assert one == other != limits.hash_of("2001:db8:1:3::1")
    assert "2001" not in one
    assert limits.hash_of("192.0.2.1") != limits.hash_of("192.0.2.2")
    assert limits.hash_of(None) and limits.hash_of("<local>")


def test_an_ipv4_address_mapped_into_ipv6_is_that_address(limits: AddressLimits) -> None:
    """Issue 11, line 21."""
    assert limits.hash_of("::ffff:192.0.2.1") == limits.hash_of("192.0.2.1")
    assert limits.hash_of("::ffff:192.0.2.1") != limits.hash_of("::ffff:192.0.2.2")


def network(number: int, length: int) -> str:
    """An address in the /64 of this number within 2001:db8::/32, where the /56 or /48 has that number instead."""
    return f"2001:db8:{number << (64 - length) >> 16:x}:{number << (64 - length) & 0xFFFF:x}::1"


@pytest.mark.parametrize(("length", "wider", "share"), [(64, 56, 4), (56, 48, 16)])
def test_the_many_networks_of_one_customer_share_a_larger_allowance(
    limits: AddressLimits, length: int, wider: int, share: int
) -> None:
    """Issue 11, line 12."""
    inside = [network(number, length) for number in range(2 ** (length - wider))]
    assert (
        sum(limits.open_socket(limits.networks_of(address)) for address in 2 * inside)
        == share * TIGHT.sockets_per_address
    )
    outside = network(2 ** (length - wider), length)
    assert limits.open_socket(limits.networks_of(outside))
    for address in inside[: share // 2]:
        limits.close_socket(limits.networks_of(address))
    assert limits.open_socket(limits.networks_of(inside[-1]))


def test_rooms_and_guesses_of_one_customer_are_counted_together(limits: AddressLimits) -> None:
    """Issue 11, line 12."""
    inside = [network(number, 64) for number in range(256)]
    assert sum(map(limits.may_make_room, inside)) == 4 * TIGHT.rooms_per_minute
    for address in inside[: 4 * TIGHT.wrong_codes_per_minute + 1]:
        assert limits.may_guess(address)
        limits.note_wrong_guess(address)
    assert not limits.may_guess(inside[-1])
    assert limits.may_guess(network(256, 64))


def test_a_refusal_by_a_wider_network_costs_nothing(limits: AddressLimits) -> None:
    """Issue 11, line 12. Else a neighbour could use up what others have left."""
    for number in range(4):
        assert limits.may_make_room(network(number, 64))
    late = network(4, 64)
    assert not limits.may_make_room(late)
    elsewhere = limits._rooms.of(limits.networks_of(late)[:1], 0.0)[0]
    assert elsewhere.is_full(0.0)


@given(st.lists(st.floats(0, 10), max_size=50), st.integers(1, 20), st.floats(0.1, 60))
def test_a_bucket_never_gives_more_than_burst_and_rate(steps: list[float], burst: int, per: float) -> None:
    bucket, now, taken = Bucket(Limit(burst, per), 0.0), 0.0, 0
    for step in steps:
        now += step
        taken += bucket.take(now)
        assert taken <= burst + burst / per * now + 1e-6


def test_a_ledger_forgets_the_idle_and_never_grows_beyond_its_bound() -> None:
    ledger = Ledger(lambda now: Bucket(Limit(1, 10.0), now), most=3)
    for number in range(10):
        ledger.of(str(number), 0.0).take(0.0)
        assert len(ledger) <= 3
    ledger.of("later", 100.0)
    assert len(ledger) == 1


def test_a_wait_never_exceeds_an_hour() -> None:
    wait = GrowingWait(Limit(1, 60.0), 0.0)
    for _ in range(100):
        wait.fail(0.0)
    assert not wait.may_try(LONGEST_WAIT - 1)
    assert wait.may_try(LONGEST_WAIT)


@pytest.fixture
async def tight() -> AsyncIterator[Company]:
    async with serving(TIGHT) as address:
        company = Company(address)
        yield company
        await company.hang_up()


async def test_a_window_too_many_is_told_so_and_the_others_stay(tight: Company) -> None:
    ann, bob = await tight.in_lobby("Ann"), await tight.in_lobby("Bob")
    third = await Guest(tight.base, "/lobby").connect()
    assert await third.is_closed() == 1013
    assert "Too many windows" in third.shown
    await ann.say("still here")
    await bob.sees("still here")


async def test_a_room_too_many_and_a_guess_too_many_get_a_kind_page(tight: Company) -> None:
    async with httpx.AsyncClient(base_url=tight.base, headers={"Origin": tight.base}) as client:
        assert (await client.post("/rooms")).status_code == 303
        refused = await client.post("/rooms")
        assert refused.status_code == 429
        assert "A little slower" in refused.text
        assert (await client.post("/api/rooms")).status_code == 429
        codes = [(await client.get("/room/QQQQQQ")).status_code for _ in range(4)]
        assert codes[:3] == [404, 404, 404]
        assert codes[3] == 429


async def test_a_full_process_says_so_on_its_pages() -> None:
    async with serving(Settings(sockets_per_process=1)) as address:
        company = Company(address)
        await company.in_lobby("Ann")
        async with httpx.AsyncClient(base_url=address) as client:
            full = await client.get("/lobby")
            assert full.status_code == 503
            assert re.search("no place left", full.text)
            assert (await client.get("/healthz")).status_code == 200
        await company.hang_up()


@pytest.mark.parametrize(("name", "text"), [("ROOMS_PER_MINUTE", "0"), ("FRAME_BURST", "many"), ("TRUSTED_HOPS", "-1")])
def test_a_setting_that_cannot_be_understood_is_named(name: str, text: str) -> None:
    with pytest.raises(BadSetting, match=name):
        Settings.from_environ({name: text})


def test_settings_come_from_the_environment() -> None:
    assert Settings.from_environ({"TRUSTED_HOPS": "2", "OTHER": "x"}) == Settings(trusted_hops=2)
