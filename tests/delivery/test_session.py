import pytest

from quart_chat.chat import RESUME_WINDOW, Doorway
from quart_chat.delivery.session import PAGES_KEPT, Arrival, PageToken, Session, Sessions, visitor_of
from quart_chat.domain.rooms import LOBBY, Kind
from quart_chat.domain.visitors import BrowserId
from tests.delivery.test_hub import ALLOWANCE, Letters
from tests.town import TownClock

IN_LOBBY = Doorway(Kind.LOBBY, LOBBY)


class Hall:
    """Sessions, and pages that connect."""

    def __init__(self) -> None:
        self.clock = TownClock()
        self.sessions = Sessions(ALLOWANCE, self.clock)

    def connects(
        self, page: str, browser: str = "browser", doorway: Doorway = IN_LOBBY
    ) -> tuple[Session, Arrival, Letters]:
        wire = Letters()
        session, arrival = self.sessions.open(PageToken(page), BrowserId(browser), "", doorway, "en", wire)
        return session, arrival, wire


@pytest.fixture
def hall() -> Hall:
    return Hall()


def test_a_page_that_comes_back_is_the_same_visitor(hall: Hall) -> None:
    session, arrival, wire = hall.connects("page")
    assert arrival is Arrival.NEW and session.visitor.id == visitor_of(PageToken("page"))
    assert hall.sessions.drop(session, wire)
    again, arrival, _ = hall.connects("page")
    assert again is session and arrival is Arrival.RESUMED


def test_the_newest_wire_wins_and_the_end_of_the_old_one_is_no_drop(hall: Hall) -> None:
    session, _, old = hall.connects("page")
    _, _, new = hall.connects("page")
    assert old.closed == 4409
    assert not hall.sessions.drop(session, old)
    assert session.wire is new


def test_a_reload_takes_over_what_its_browser_has_just_dropped_in_that_place(hall: Hall) -> None:
    session, _, wire = hall.connects("page")
    hall.sessions.drop(session, wire)
    after, arrival, _ = hall.connects("page after the reload")
    assert after is session and arrival is Arrival.TAKEN_OVER


def test_a_second_tab_and_another_place_and_another_browser_are_somebody_else(hall: Hall) -> None:
    session, _, wire = hall.connects("page")
    assert hall.connects("second tab")[1] is Arrival.NEW
    hall.sessions.drop(session, wire)
    assert hall.connects("elsewhere", doorway=Doorway(Kind.TEXT))[1] is Arrival.NEW
    assert hall.connects("of another", browser="another")[1] is Arrival.NEW


def test_nobody_else_may_open_a_page(hall: Hall) -> None:
    hall.connects("page")
    assert hall.sessions.may_open(PageToken("page"), BrowserId("browser"))
    assert not hall.sessions.may_open(PageToken("page"), BrowserId("thief"))


def test_the_gone_are_forgotten_after_the_resume_window_and_nothing_of_them_is_kept(hall: Hall) -> None:
    session, _, wire = hall.connects("page")
    hall.sessions.drop(session, wire)
    hall.clock.seconds += RESUME_WINDOW
    hall.sessions.forget_the_gone()
    assert len(hall.sessions) == 1
    hall.clock.seconds += 1
    hall.sessions.forget_the_gone()
    assert len(hall.sessions) == 0
    assert not hall.sessions._by_page and not hall.sessions._pages and not hall.sessions._dropped
    assert not hall.sessions._dropped_at


def test_reloading_for_ever_keeps_only_the_last_pages(hall: Hall) -> None:
    session, _, wire = hall.connects("page 0")
    for number in range(1, 50):
        hall.sessions.drop(session, wire)
        session, _, wire = hall.connects(f"page {number}")
    assert len(hall.sessions._by_page) == PAGES_KEPT


def test_a_visitor_s_public_id_does_not_tell_its_secret() -> None:
    assert "secret" not in visitor_of(PageToken("secret"))
    assert len(visitor_of(PageToken("secret"))) == 18


class CountingBrowser(str):
    """A browser that counts how often it is compared with another one."""

    __hash__ = str.__hash__
    compared = 0

    def __eq__(self, other: object) -> bool:
        CountingBrowser.compared += 1
        return str.__eq__(self, other)


def test_a_newcomer_is_not_compared_with_all_who_have_dropped(hall: Hall) -> None:
    """Issue 11, line 21. A handshake took 14 ms with 50,000 of them."""
    for number in range(500):
        session, _, wire = hall.connects(f"page {number}", f"browser {number}")
        hall.sessions.drop(session, wire)
    assert hall.connects("new page", CountingBrowser("newcomer"))[1] is Arrival.NEW
    assert CountingBrowser.compared < 10


def test_of_two_dropped_pages_the_one_dropped_last_is_taken_over(hall: Hall) -> None:
    (one, _, first), (other, _, second) = hall.connects("one"), hall.connects("other")
    hall.sessions.drop(other, second)
    hall.sessions.drop(one, first)
    assert hall.connects("third")[0] is one
    assert hall.connects("fourth")[0] is other
    assert hall.connects("fifth")[1] is Arrival.NEW
