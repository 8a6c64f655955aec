"""The pages that are connected to this process, and for a while those that were."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from quart_chat.delivery.close_codes import CloseCode
from quart_chat.delivery.wire import Frame, Wire
from quart_chat.domain.limits import Bucket, Limit
from quart_chat.domain.ports import Clock
from quart_chat.domain.spaces import Place
from quart_chat.domain.timing import BEAT_EVERY, CHECKED_AFTER_BEAT, RESUME_WINDOW
from quart_chat.domain.visitors import Visitor, VisitorId


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one visitor may send."""

    frames: Limit
    messages: Limit
    typing: Limit
    strikes: Limit
    signals: Limit


class Session:
    """A visitor, what its page is for, its wire while it is connected, and what it may still send."""

    __slots__ = (
        "first_batch",
        "frames",
        "language",
        "messages",
        "place",
        "signals",
        "strikes",
        "turn",
        "typing",
        "visitor",
        "wire",
    )

    def __init__(self, visitor: Visitor, place: Place, language: str, allowance: Allowance, now: float) -> None:
        self.visitor = visitor
        self.place = place
        self.language = language
        self.wire: Wire | None = None
        self.turn = 0  # in which of the seconds of a round it is sent a beat
        self.first_batch = 0  # of its room, that its view did not hold already
        self.frames = Bucket(allowance.frames, now)
        self.messages = Bucket(allowance.messages, now)
        self.typing = Bucket(allowance.typing, now)
        self.strikes = Bucket(allowance.strikes, now)
        self.signals = Bucket(allowance.signals, now)

    def send(self, frame: Frame) -> None:
        """Hand a frame to the wire; without one it is dropped, and coming back shows the whole view."""
        if self.wire:
            self.wire.send(frame)


class Sessions:
    """The sessions of this process, found by visitor."""

    def __init__(self, allowance: Allowance, clock: Clock) -> None:
        self._allowance = allowance
        self._clock = clock
        self._sessions: dict[VisitorId, Session] = {}
        self._dropped: OrderedDict[VisitorId, float] = OrderedDict()
        self._turns: list[dict[VisitorId, Session]] = [{} for _ in range(int(BEAT_EVERY))]
        self._comers = count()

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions.values()))

    def of(self, visitor: VisitorId) -> Session | None:
        """Find a visitor's session, connected or not."""
        return self._sessions.get(visitor)

    def connected(self, visitor: VisitorId) -> Session | None:
        """Find the session of a visitor who is connected."""
        session = self._sessions.get(visitor)
        return session if session and session.wire else None

    def open(self, visitor: Visitor, place: Place, language: str, wire: Wire) -> Session:
        """Connect a page. The newest wire wins; the one before is closed with 4409."""
        session = self._sessions.get(visitor.id)
        if session is None or session.place != place:
            session = Session(visitor, place, language, self._allowance, self._clock.now())
            self._sessions[visitor.id] = session
        if session.wire:
            session.wire.close(CloseCode.REPLACED, "open in another window")
        else:
            session.turn = next(self._comers) % len(self._turns)
            self._turns[session.turn][visitor.id] = session
        self._dropped.pop(visitor.id, None)
        session.wire, session.visitor, session.language = wire, visitor, language
        return session

    def drop(self, session: Session, wire: Wire) -> bool:
        """Note that a wire is gone; False when a newer one has taken its place already."""
        if session.wire is not wire:
            return False
        session.wire = None
        del self._turns[session.turn][session.visitor.id]
        self._dropped[session.visitor.id] = self._clock.now()
        return True

    def beat(self, second: int) -> None:
        """Let every page hear something every `BEAT_EVERY` seconds, a part of them each second.

        A page that hears nothing for longer knows that its line is dead, even if its system calls it open; and a page
        that does not answer is given up.
        """
        for wire in self._whose_turn(second):
            wire.beat(second)
        for wire in self._whose_turn(second - int(CHECKED_AFTER_BEAT)):
            wire.check(second)

    def _whose_turn(self, second: int) -> list[Wire]:
        return [session.wire for session in self._turns[second % len(self._turns)].values() if session.wire]

    def forget_the_gone(self) -> None:
        """Let go of sessions nobody can resume any more, and of what they were allowed to send until then."""
        now = self._clock.now()
        while self._dropped and next(iter(self._dropped.values())) + RESUME_WINDOW < now:
            visitor, _ = self._dropped.popitem(last=False)
            del self._sessions[visitor]
