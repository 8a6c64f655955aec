from collections import OrderedDict
from collections.abc import Iterator

import pytest

from quart_chat.delivery.close_codes import CloseCode
from quart_chat.delivery.sessions import Session, Sessions
from quart_chat.domain.spaces import LOBBY, Kind, Place
from quart_chat.domain.timing import RESUME_WINDOW
from quart_chat.domain.visitors import BrowserId, Visitor, VisitorId
from tests.clock import FakeClock
from tests.delivery.test_hub import ALLOWANCE, NotedWire

IN_LOBBY = Place(Kind.LOBBY, LOBBY)


class Pages:
    """Sessions, and pages that connect."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.sessions = Sessions(ALLOWANCE, self.clock)

    def connects(self, visitor: str, address: str = "") -> tuple[Session, NotedWire]:
        wire = NotedWire()
        page = Visitor(VisitorId(visitor), BrowserId("browser"), address)
        return self.sessions.open(page, IN_LOBBY, "en", wire), wire


@pytest.fixture
def pages() -> Pages:
    return Pages()


def test_a_page_that_comes_back_has_the_same_session_and_its_new_address(pages: Pages) -> None:
    session, wire = pages.connects("Ann", "from home")
    assert pages.sessions.drop(session, wire)
    assert pages.sessions.connected(session.visitor.id) is None
    again, _ = pages.connects("Ann", "from the train")
    assert again is session
    assert session.visitor.address == "from the train"


def test_the_newest_wire_wins_and_the_end_of_the_old_one_is_no_drop(pages: Pages) -> None:
    session, old = pages.connects("Ann")
    _, new = pages.connects("Ann")
    assert old.closed == CloseCode.REPLACED
    assert not pages.sessions.drop(session, old)
    assert session.wire is new


class Unread(OrderedDict[VisitorId, float]):
    """Fails when somebody walks over it."""

    def __iter__(self) -> Iterator[VisitorId]:
        raise AssertionError("looks at all")


def test_a_page_that_connects_costs_the_same_however_many_were_dropped(pages: Pages) -> None:
    """Issue 11, line 21."""
    session, wire = pages.connects("Ann")
    pages.sessions.drop(session, wire)
    pages.sessions._dropped = Unread(pages.sessions._dropped.items())
    pages.connects("Ann")
    again, new = pages.connects("Bob")
    assert pages.sessions.drop(again, new)
    assert session.wire and not again.wire


def test_the_gone_are_forgotten_after_the_resume_window_with_what_they_may_send(pages: Pages) -> None:
    session, wire = pages.connects("Ann")
    pages.sessions.drop(session, wire)
    pages.clock.seconds += RESUME_WINDOW
    pages.sessions.forget_the_gone()
    assert len(pages.sessions) == 1
    pages.clock.seconds += 1
    pages.sessions.forget_the_gone()
    assert len(pages.sessions) == 0
    assert not pages.sessions._dropped
