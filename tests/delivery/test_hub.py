import asyncio

import pytest

from quart_chat.delivery.channels import WRITES_AT_ONCE, Gathered, MessageBatch, PeopleChanged
from quart_chat.delivery.hub import Hub
from quart_chat.delivery.sessions import Allowance, Session, Sessions
from quart_chat.delivery.wire import Frame
from quart_chat.domain.answers import Answer, Ending, Refusal, Refused, RoomShown, TalkEnded, Waiting
from quart_chat.domain.events import Joined, Left, MessageSent
from quart_chat.domain.limits import Limit
from quart_chat.domain.messages import Message
from quart_chat.domain.rooms import RoomView
from quart_chat.domain.spaces import LOBBY, Kind, Place, SpaceId
from quart_chat.domain.visitors import BrowserId, Member, Visitor, VisitorId
from tests.clock import FakeClock

STRANGER = VisitorId("x")
UNSHOWABLE = "unshowable"


class NotedWire:
    """A wire that keeps what it is given."""

    def __init__(self) -> None:
        self.frames: list[str] = []
        self.closed: int | None = None

    def send(self, frame: Frame) -> None:
        self.frames.append(frame.text)

    def close(self, code: int, reason: str = "") -> None:
        self.closed = code

    def beat(self, second: int) -> None:
        """Nobody looks whether it is heard."""

    def check(self, second: int) -> None:
        """It is never given up."""


def names(members: dict[VisitorId, Member]) -> str:
    return ",".join(member.name for member in members.values())


class Plain:
    """Renders an event as a word, and counts how often."""

    rendered = 0

    def for_room(self, room: SpaceId, gathered: Gathered, language: str) -> str:
        self.rendered += 1
        if isinstance(gathered, MessageBatch):
            assert all(message.text != UNSHOWABLE for message in gathered.messages)
            return "".join(f"[{message.text}:{language}]" for message in gathered.messages)
        if isinstance(gathered, PeopleChanged):
            return f"[+{names(gathered.joined)}-{names(gathered.left)}={gathered.count}]"
        return f"[{type(gathered).__name__}]"

    def forget(self, room: SpaceId, message: Message) -> None:
        pass

    def for_one(self, session: Session, answer: Answer) -> str:
        return f"<{type(answer).__name__}>"


ALLOWANCE = Allowance(*[Limit(1, 1.0)] * 5)


class HubHarness:
    """A hub with guests in its lobby."""

    def __init__(self) -> None:
        self.sessions = Sessions(ALLOWANCE, FakeClock())
        self.renderer = Plain()
        self.hub = Hub(self.sessions, self.renderer)
        self.said = 0

    def enters(self, name: str, language: str = "en") -> NotedWire:
        visitor, wire = Visitor(VisitorId(name), BrowserId(name)), NotedWire()
        self.sessions.open(visitor, Place(Kind.LOBBY, LOBBY), language, wire)
        self.hub.subscribe(visitor.id, LOBBY)
        return wire

    def leaves(self, name: str) -> None:
        self.hub.unsubscribe(VisitorId(name))
        self.hub.tell(VisitorId(name), TalkEnded(Ending.LEFT))

    def says(self, text: str, author: VisitorId = STRANGER) -> None:
        self.said += 1
        self.hub.publish(LOBBY, MessageSent(Message(self.said, text, Member(author, "X"), text, 0.0)))


async def settle() -> None:
    """Let everything run that is due now."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def hub() -> HubHarness:
    return HubHarness()


async def test_a_room_s_frame_is_rendered_once_for_all(hub: HubHarness) -> None:
    guests = [hub.enters(f"guest {number}") for number in range(5)]
    hub.says("hello")
    await settle()
    assert [guest.frames for guest in guests] == [["[hello:en]"]] * 5
    assert hub.renderer.rendered == 1


async def test_each_language_present_gets_a_frame_of_its_own(hub: HubHarness) -> None:
    ann, bob, cid = hub.enters("Ann"), hub.enters("Bob", "de"), hub.enters("Cid", "de")
    hub.says("hello")
    await settle()
    assert (ann.frames, bob.frames, cid.frames) == (["[hello:en]"], ["[hello:de]"], ["[hello:de]"])
    assert hub.renderer.rendered == 2


async def test_what_comes_in_one_turn_goes_out_as_one_frame(hub: HubHarness) -> None:
    ann = hub.enters("Ann")
    for text in "abc":
        hub.says(text)
    await settle()
    assert ann.frames == ["[a:en][b:en][c:en]"]


async def test_what_comes_while_many_are_written_to_goes_out_together_afterwards(hub: HubHarness) -> None:
    guests = [hub.enters(f"guest {number}") for number in range(2 * WRITES_AT_ONCE)]
    hub.says("first")
    await asyncio.sleep(0)
    hub.says("second")
    hub.says("third")
    await settle()
    assert {tuple(guest.frames) for guest in guests} == {("[first:en]", "[second:en][third:en]")}


async def test_only_an_author_is_told_that_its_message_has_arrived(hub: HubHarness) -> None:
    ann, bob = hub.enters("Ann"), hub.enters("Bob")
    hub.says("hello", VisitorId("Ann"))
    await settle()
    assert (ann.frames, bob.frames) == (["[hello:en]<MessageAcknowledged>"], ["[hello:en]"])


async def test_messages_around_one_that_cannot_be_shown_are_shown(hub: HubHarness) -> None:
    ann = hub.enters("Ann")
    for text in ("before", UNSHOWABLE, "after"):
        hub.says(text)
    await settle()
    assert ann.frames == ["[before:en][after:en]"]


async def test_who_joins_is_not_sent_what_its_view_already_holds(hub: HubHarness) -> None:
    ann = hub.enters("Ann")
    hub.says("before")
    bob = hub.enters("Bob")
    hub.says("after")
    await settle()
    assert "".join(ann.frames) == "[before:en][after:en]"
    assert bob.frames == ["[after:en]"]


async def test_an_own_answer_comes_after_what_the_room_was_told_before_and_before_what_comes_later(
    hub: HubHarness,
) -> None:
    ann = hub.enters("Ann")
    hub.says("one")
    hub.hub.tell(VisitorId("Ann"), Refused(Refusal.EMPTY))
    hub.says("two")
    await settle()
    assert ann.frames == ["[one:en]", "<Refused>", "[two:en]"]


async def test_who_leaves_still_gets_what_was_said_before(hub: HubHarness) -> None:
    ann = hub.enters("Ann")
    hub.says("last words")
    hub.leaves("Ann")
    hub.says("later")
    await settle()
    assert ann.frames == ["[last words:en]", "<TalkEnded>"]


async def test_who_leaves_a_crowd_that_is_being_written_to_reads_nothing_of_it_elsewhere(hub: HubHarness) -> None:
    guests = [hub.enters(f"guest {number}") for number in range(2 * WRITES_AT_ONCE)]
    hub.says("to the crowd")
    await asyncio.sleep(0)
    last = guests[-1]
    hub.leaves(f"guest {len(guests) - 1}")
    await settle()
    assert last.frames == ["<TalkEnded>"]
    assert all(guest.frames == ["[to the crowd:en]"] for guest in guests[:-1])


@pytest.mark.parametrize(
    "answer",
    [
        Waiting(Kind.TEXT, 1),
        RoomShown(RoomView(SpaceId("pair-text-1-1"), Kind.TEXT, Member(STRANGER, "X"), (), 2, ())),
        RoomShown(RoomView(SpaceId("room-K7QM2X"), Kind.ROOM, Member(STRANGER, "X"), (), 2, ())),
    ],
    ids=["a queue", "a pair", "a room by code"],
)
async def test_a_page_of_the_lobby_is_never_shown_another_place(
    hub: HubHarness, answer: Waiting | RoomShown, caplog: pytest.LogCaptureFixture
) -> None:
    """Issue 22: the last of three locks, whatever goes wrong elsewhere."""
    ann = hub.enters("Ann")
    hub.hub.tell(VisitorId("Ann"), answer)
    assert ann.frames == ["<TalkEnded>"]
    assert len(hub.hub._channels) == 0
    assert "wrong place" in caplog.text


@pytest.mark.parametrize("room", ["pair-text-1-1", "room-K7QM2X"])
async def test_a_page_of_the_lobby_never_hears_another_room(hub: HubHarness, room: str) -> None:
    """Issue 22."""
    ann = hub.enters("Ann")
    hub.hub.subscribe(VisitorId("Ann"), SpaceId(room))
    hub.hub.publish(SpaceId(room), MessageSent(Message(1, "key", Member(STRANGER, "X"), "a secret", 0.0)))
    await settle()
    assert ann.frames == []


async def test_the_first_join_is_told_at_once_and_the_next_ones_are_gathered(hub: HubHarness) -> None:
    ann = hub.enters("Ann")
    for number in range(4):
        hub.hub.publish(LOBBY, Joined(Member(VisitorId(str(number)), f"N{number}"), number + 2))
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


async def test_a_room_nobody_listens_to_is_forgotten(hub: HubHarness) -> None:
    hub.enters("Ann")
    hub.leaves("Ann")
    assert len(hub.hub._channels) == 0
