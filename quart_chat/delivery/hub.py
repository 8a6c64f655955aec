"""From what has happened to frames on the screens that it concerns."""

from collections.abc import Sequence

from quart_chat.delivery.channels import Channels, Renderer
from quart_chat.delivery.close_codes import CloseCode
from quart_chat.delivery.sessions import Session, Sessions
from quart_chat.delivery.wire import Frame
from quart_chat.domain.answers import Answer, Ending, OpenedElsewhere, Refused, RoomShown, TalkEnded, Waiting
from quart_chat.domain.events import MessagesChanged, Shown
from quart_chat.domain.spaces import Place, SpaceId, queue_of
from quart_chat.domain.visitors import BrowserId, VisitorId
from quart_chat.log import log


class Hub:
    """The `Screens` of one process: finds the sessions that something concerns, and writes to them."""

    def __init__(self, sessions: Sessions, renderer: Renderer) -> None:
        self._sessions = sessions
        self._renderer = renderer
        self._channels = Channels(renderer)

    def place_of(self, visitor: VisitorId) -> Place | None:
        """What a connected visitor's page is for; None when it is not connected."""
        session = self._sessions.connected(visitor)
        return session.place if session else None

    def connected_with(self, browser: BrowserId) -> Sequence[VisitorId]:
        """The connected visitors of a browser."""
        return [each.visitor.id for each in self._sessions if each.wire and each.visitor.browser == browser]

    def everybody(self) -> Sequence[VisitorId]:
        """All connected visitors."""
        return [session.visitor.id for session in self._sessions if session.wire]

    def subscribe(self, visitor: VisitorId, room: SpaceId) -> None:
        """Let a visitor hear what is published in a room, if its page is for that room."""
        session = self._sessions.connected(visitor)
        if session and session.place.shows(room):
            self._channels.subscribe(session, room)

    def unsubscribe(self, visitor: VisitorId) -> None:
        """Let a visitor hear no more of its room, after what has been said there until now."""
        if session := self._sessions.of(visitor):
            self._channels.unsubscribe(session)

    def publish(self, room: SpaceId, event: Shown) -> None:
        """Tell every member of a room who is connected here."""
        for message in event.messages if isinstance(event, MessagesChanged) else ():
            self._renderer.forget(room, message)
        if channel := self._channels.of_room(room):
            channel.publish(event)

    def tell(self, visitor: VisitorId, answer: Answer) -> None:
        """Tell one visitor, after what its room was told before."""
        session = self._sessions.connected(visitor)
        if session is None or session.wire is None:
            return
        if isinstance(answer, OpenedElsewhere):
            session.wire.close(CloseCode.REPLACED, "open in another window")
            return
        if isinstance(answer, Refused):
            log.info("refused", extra={"why": answer.why, "place": session.place.kind})
        answer = self._fitting(session, answer)
        frame = Frame(self._renderer.for_one(session, answer))
        channel = self._channels.of_visitor(visitor)
        if channel and not isinstance(answer, RoomShown):
            channel.send_own(session, frame)
        else:
            session.send(frame)

    def send_away(self, visitor: VisitorId) -> None:
        """Let a page connect again, to another process if it can."""
        session = self._sessions.connected(visitor)
        if session and session.wire:
            session.wire.close(CloseCode.RESTARTING, "restarting")

    def _fitting(self, session: Session, answer: Answer) -> Answer:
        """Whatever goes wrong elsewhere, a page for a room or the lobby is never shown a pair, nor the reverse."""
        match answer:
            case RoomShown(view) if not session.place.shows(view.room):
                space = view.room
            case Waiting(kind) if not session.place.shows(queue_of(kind)):
                space = queue_of(kind)
            case _:
                return answer
        log.error("wrong place", extra={"place": session.place.kind, "space": space.partition("-")[0]})
        self._channels.unsubscribe(session)
        return TalkEnded(Ending.EXPIRED)
