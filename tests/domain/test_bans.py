from hypothesis import given
from hypothesis import strategies as st

from quart_chat.domain.bans import ADDRESS_COUNTS_FOR, BROWSERS_FOR_AN_ADDRESS, Bans
from quart_chat.domain.commands import CountReport
from quart_chat.domain.events import BrowserBanned
from quart_chat.domain.spaces import BANS
from quart_chat.domain.timing import ADDRESS_BAN, FIRST_BAN, LONGEST_BAN, REPORTS_COUNT_FOR
from quart_chat.domain.visitors import BrowserId, Visitor, VisitorId
from tests.domain.journals import OneJournal

NEEDED = 3


def person(name: str, address: str = "", network: str = "") -> Visitor:
    return Visitor(VisitorId(name), BrowserId(name), address or f"at {name}", network or address or f"near {name}")


EVE = person("eve")
NEIGHBOURS = [person("ann"), person("bob"), person("cid")]


def reported(bans: Bans, reporters: list[Visitor], now: float = 0.0, accused: Visitor = EVE) -> float | None:
    """Let all of them report somebody; returns until when that has banned its browser."""
    journal = OneJournal(bans)
    events = [event for each in reporters for event in journal.append(CountReport(accused, each, NEEDED), now)]
    return next((event.until for event in events if isinstance(event, BrowserBanned)), None)


def test_three_different_people_within_an_hour_make_a_ban_of_a_day() -> None:
    bans = Bans(BANS)
    assert reported(bans, NEIGHBOURS[:2]) is None
    assert reported(bans, NEIGHBOURS[2:]) == FIRST_BAN
    assert bans.until(EVE, 1.0, among_strangers=False) == FIRST_BAN
    assert bans.until(EVE, FIRST_BAN, among_strangers=True) is None


def test_one_person_with_many_browsers_or_addresses_makes_no_ban() -> None:
    """Issue 11, line 12: the owner of a whole IPv6 network has many addresses."""
    many_browsers = [person(name, "one house") for name in "abcdefg"]
    many_addresses = [Visitor(VisitorId(name), BrowserId(name), name, "one customer") for name in "abcdefg"]
    one_browser = [Visitor(VisitorId(name), BrowserId("ann"), name, name) for name in "abcdefg"]
    for crowd in (many_browsers, many_addresses, one_browser, [NEIGHBOURS[0]] * 7):
        assert reported(Bans(BANS), crowd) is None


def test_reports_an_hour_apart_do_not_add_up() -> None:
    bans = Bans(BANS)
    for number, reporter in enumerate(NEIGHBOURS):
        assert reported(bans, [reporter], number * REPORTS_COUNT_FOR) is None


def test_a_household_is_not_banned_for_one_of_its_people() -> None:
    """Issue 11, line 12."""
    bans = Bans(BANS)
    reported(bans, NEIGHBOURS)
    assert bans.until(person("brother", EVE.address), 1.0, among_strangers=True) is None


def test_an_address_that_keeps_sending_banned_browsers_is_kept_from_strangers_for_some_hours() -> None:
    """Issue 11, line 12."""
    bans, neighbour = Bans(BANS), person("new browser", "one house")
    for number in range(BROWSERS_FOR_AN_ADDRESS):
        assert bans.until(neighbour, 1.0, among_strangers=True) is None
        reported(bans, NEIGHBOURS, accused=person(f"browser {number}", "one house"))
    assert bans.until(neighbour, 1.0, among_strangers=True) == ADDRESS_BAN
    assert bans.until(neighbour, 1.0, among_strangers=False) is None
    assert bans.until(neighbour, ADDRESS_BAN, among_strangers=True) is None


def test_browsers_of_an_address_that_were_banned_days_apart_do_not_add_up() -> None:
    bans = Bans(BANS)
    for number in range(2 * BROWSERS_FOR_AN_ADDRESS):
        at = number * ADDRESS_COUNTS_FOR / (BROWSERS_FOR_AN_ADDRESS - 1)
        reported(bans, NEIGHBOURS, at, accused=person(f"browser {number}", "one house"))
        assert bans.until(person("new browser", "one house"), at, among_strangers=True) is None


@given(st.integers(1, 12))
def test_each_ban_is_twice_as_long_up_to_thirty_days(times: int) -> None:
    bans, now, lengths = Bans(BANS), 0.0, []
    for _ in range(times):
        until = reported(bans, NEIGHBOURS, now)
        assert until is not None
        lengths.append(until - now)
        now = until
    expected = [min(FIRST_BAN * 2**number, LONGEST_BAN) for number in range(times)]
    assert lengths == expected
