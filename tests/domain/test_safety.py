from hypothesis import given
from hypothesis import strategies as st

from quart_chat.domain.safety import FIRST_BAN, LONGEST_BAN, REPORTS_COUNT_FOR, Bans, Person, Thresholds
from quart_chat.domain.visitors import BrowserId


def person(name: str, address: str = "") -> Person:
    return Person(BrowserId(name), address or f"house of {name}")


EVE = person("eve")
NEIGHBOURS = [person("ann"), person("bob"), person("cid")]


def banned_after(bans: Bans, reporters: list[Person], now: float = 0.0) -> float | None:
    until = None
    for reporter in reporters:
        until = bans.report(EVE, reporter, now) or until
    return until


def test_three_different_people_within_an_hour_make_a_ban_of_a_day() -> None:
    bans = Bans(Thresholds())
    assert banned_after(bans, NEIGHBOURS[:2]) is None
    assert banned_after(bans, NEIGHBOURS[2:]) == FIRST_BAN
    assert bans.until(EVE, 1.0) == FIRST_BAN
    assert bans.until(EVE, FIRST_BAN) is None


def test_one_person_with_many_browsers_makes_no_ban() -> None:
    many_browsers = [person(name, "one house") for name in "abcdefg"]
    many_addresses = [Person(BrowserId("ann"), name) for name in "abcdefg"]
    for crowd in (many_browsers, many_addresses, [NEIGHBOURS[0]] * 7):
        assert banned_after(Bans(Thresholds()), crowd) is None


def test_reports_an_hour_apart_do_not_add_up() -> None:
    bans = Bans(Thresholds())
    for number, reporter in enumerate(NEIGHBOURS):
        assert bans.report(EVE, reporter, number * REPORTS_COUNT_FOR) is None


def test_the_address_is_banned_with_the_browser() -> None:
    bans = Bans(Thresholds())
    banned_after(bans, NEIGHBOURS)
    assert bans.until(person("new browser", EVE.address), 1.0)
    assert bans.until(person("new browser"), 1.0) is None


@given(st.integers(1, 12))
def test_each_ban_is_twice_as_long_up_to_thirty_days(times: int) -> None:
    bans, now, lengths = Bans(Thresholds()), 0.0, []
    for _ in range(times):
        until = banned_after(bans, NEIGHBOURS, now)
        assert until is not None
        lengths.append(until - now)
        now = until
    expected = [min(FIRST_BAN * 2**number, LONGEST_BAN) for number in range(times)]
    assert lengths == expected
