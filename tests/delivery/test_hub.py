import asyncio

import pytest

from quart_chat.chat import Doorway
from quart_chat.delivery.hub import WRITES_AT_ONCE, Happening, Hub, PeopleChanged, Spoken
from quart_chat.delivery.session import Allowance, PageToken, Session, Sessions, visitor_of
from quart_chat.delivery.wire import Frame
from quart_chat.domain.events import (
    Ending,
    Joined,
    Left,
    PersonalEvent,
    Refusal,
    Refused,
    Said,
    Stood,
    Talking,
    Waiting,
)
from quart_chat.domain.limits import Limit
from quart_chat.domain.messages import Message
from quart_chat.domain.rooms import LOBBY, Kind, RoomId, View
from quart_chat.domain.visitors import BrowserId, Member, VisitorId
from tests.town import TownClock

STRANGER = VisitorId("x")
UNSHOWABLE = "unshowable"


class Letters:
    """A wire that keeps what it is given."""

    def __init__(self) -> None:
        self.frames: list[str] = []
        self.closed: int | None = None

    def send(self, frame: Frame) -> None:
        self.frames.append(frame.text)

    def close(self, code: int, reason: str = "") -> None:
        self.closed = code

    async def run(self) -> None:
        """Nothing to write to."""


def names(members: dict[VisitorId, Member]) -> str:
    return ",".join(member.name for member in members.values())


class Plain:
    """Renders an event as a word, and counts how often."""

    rendered = 0

    def for_room(self, room: RoomId, happening: Happening, language: str) -> str:
        self.rendered += 1
        if isinstance(happening, Spoken):
            assert all(message.text != UNSHOWABLE for message in happening.messages)
            return "".join(f"[{message.text}:{language}]" for message in happening.messages)
        if isinstance(happening, PeopleChanged):
            return f"[+{names(happening.joined)}-{names(happening.left)}={happening.count}]"
        return f"[{type(happening).__name__}]"

    def for_one(self, session: Session, event: PersonalEvent) -> str:
        return f"<{type(event).__name__}>"


ALLOWANCE = Allowance(*[Limit(1, 1.0)] * 5)


class House:
    """A hub with guests in its lobby."""

    def __init__(self) -> None:
        self.sessions = Sessions(ALLOWANCE, TownClock())
        self.renderer = Plain()
        self.hub = Hub(self.sessions, self.renderer)
        self.said = 0

    def guest(self, name: str, language: str = "en") -> tuple[VisitorId, Letters]:
        letters = Letters()
        session, _ = self.sessions.open(
            PageToken(name), BrowserId(name), "", Doorway(Kind.LOBBY, LOBBY), language, letters
        )
        return session.visitor.id, letters

    def enters(self, name: str, language: str = "en") -> Letters:
        visitor, letters = self.guest(name, language)
        self.hub.tell(visitor, Talking(View(LOBBY, Kind.LOBBY, Member(visitor, name), (), 0, ())))
        letters.frames.clear()
        return letters

    def says(self, text: str, author: VisitorId = STRANGER) -> None:
        self.said += 1
        self.hub.publish(LOBBY, Said(Message(self.said, text, Member(author, "X"), text, 0.0)))


async def settle() -> None:
    """Let everything run that is due now."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def house() -> House:
    return House()


async def test_a_room_s_frame_is_rendered_once_for_all(house: House) -> None:
    guests = [house.enters(f"guest {number}") for number in range(5)]
    house.says("hello")
    await settle()
    assert [guest.frames for guest in guests] == [["[hello:en]"]] * 5
    assert house.renderer.rendered == 1


async def test_each_language_present_gets_a_frame_of_its_own(house: House) -> None:
    ann, bob, cid = house.enters("Ann"), house.enters("Bob", "de"), house.enters("Cid", "de")
    house.says("hello")
    await settle()
    assert (ann.frames, bob.frames, cid.frames) == (["[hello:en]"], ["[hello:de]"], ["[hello:de]"])
    assert house.renderer.rendered == 2


async def test_what_comes_in_one_turn_goes_out_as_one_frame(house: House) -> None:
    ann = house.enters("Ann")
    for text in "abc":
        house.says(text)
    await settle()
    assert ann.frames == ["[a:en][b:en][c:en]"]


async def test_what_comes_while_many_are_written_to_goes_out_together_afterwards(house: House) -> None:
    guests = [house.enters(f"guest {number}") for number in range(2 * WRITES_AT_ONCE)]
    house.says("first")
    await asyncio.sleep(0)
    house.says("second")
    house.says("third")
    await settle()
    assert {tuple(guest.frames) for guest in guests} == {("[first:en]", "[second:en][third:en]")}


async def test_only_an_author_is_told_that_its_message_has_arrived(house: House) -> None:
    ann, bob = house.enters("Ann"), house.enters("Bob")
    house.says("hello", visitor_of(PageToken("Ann")))
    await settle()
    assert (ann.frames, bob.frames) == (["[hello:en]<Kept>"], ["[hello:en]"])


async def test_messages_around_one_that_cannot_be_shown_are_shown(house: House) -> None:
    ann = house.enters("Ann")
    for text in ("before", UNSHOWABLE, "after"):
        house.says(text)
    await settle()
    assert ann.frames == ["[before:en][after:en]"]


async def test_who_joins_is_not_sent_what_its_view_already_holds(house: House) -> None:
    ann = house.enters("Ann")
    house.says("before")
    bob = house.enters("Bob")
    house.says("after")
    await settle()
    assert "".join(ann.frames) == "[before:en][after:en]"
    assert bob.frames == ["[after:en]"]


async def test_an_own_answer_comes_after_what_the_room_was_told_before_and_before_what_comes_later(
    house: House,
) -> None:
    ann = house.enters("Ann")
    house.says("one")
    house.hub.tell(visitor_of(PageToken("Ann")), Refused(Refusal.EMPTY))
    house.says("two")
    await settle()
    assert ann.frames == ["[one:en]", "<Refused>", "[two:en]"]


async def test_who_leaves_still_gets_what_was_said_before(house: House) -> None:
    ann = house.enters("Ann")
    house.says("last words")
    house.hub.tell(visitor_of(PageToken("Ann")), Stood(Ending.LEFT))
    house.says("later")
    await settle()
    assert ann.frames == ["[last words:en]", "<Stood>"]


async def test_who_leaves_a_crowd_that_is_being_written_to_reads_nothing_of_it_elsewhere(house: House) -> None:
    guests = [house.enters(f"guest {number}") for number in range(2 * WRITES_AT_ONCE)]
    house.says("to the crowd")
    await asyncio.sleep(0)
    goes, last = visitor_of(PageToken(f"guest {len(guests) - 1}")), guests[-1]
    house.hub.tell(goes, Stood(Ending.LEFT))
    await settle()
    assert last.frames == ["<Stood>"]
    assert all(guest.frames == ["[to the crowd:en]"] for guest in guests[:-1])


@pytest.mark.parametrize(
    "event",
    [
        Waiting(Kind.TEXT, 1),
        Talking(View(RoomId("pair-1"), Kind.TEXT, Member(STRANGER, "X"), (), 2, ())),
        Talking(View(RoomId("room-K7QM2X"), Kind.ROOM, Member(STRANGER, "X"), (), 2, ())),
    ],
    ids=["a queue", "a pair", "a room by code"],
)
async def test_a_page_of_the_lobby_is_never_told_of_another_place(
    house: House, event: Waiting | Talking, caplog: pytest.LogCaptureFixture
) -> None:
    """Issue 22: the last of three locks, whatever goes wrong elsewhere."""
    ann = house.enters("Ann")
    house.hub.tell(visitor_of(PageToken("Ann")), event)
    assert ann.frames == ["<Stood>"]
    assert list(house.hub._channels) == []
    assert "wrong place" in caplog.text


async def test_the_first_join_is_told_at_once_and_the_next_ones_are_gathered(house: House) -> None:
    ann = house.enters("Ann")
    for number in range(4):
        house.hub.publish(LOBBY, Joined(Member(VisitorId(str(number)), f"N{number}"), number + 2))
    await settle()
    assert ann.frames == ["[+N0-=2]"]
    async with asyncio.timeout(5):
        while len(ann.frames) < 2:  # noqa: ASYNC110 - the channel's own timer is waited for
            await asyncio.sleep(0.01)
    assert ann.frames[1] == "[+N1,N2,N3-=5]"


def test_who_came_and_went_within_a_moment_is_left_out() -> None:
    changed = PeopleChanged()
    ann, bob = Member(VisitorId("a"), "Ann"), Member(VisitorId("b"), "Bob")
    changed.add(Joined(ann, 2))
    changed.add(Left(bob, 1))
    changed.add(Left(ann, 0))
    assert not changed.joined and not changed.listed
    assert set(changed.left) == set(changed.unlisted) == {"b"}
    assert changed.count == 0


async def test_a_room_nobody_listens_to_is_forgotten(house: House) -> None:
    house.enters("Ann")
    house.hub.tell(visitor_of(PageToken("Ann")), Stood(Ending.LEFT))
    assert house.hub._channels == {}
