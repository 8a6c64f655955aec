"""The one WebSocket of a page: frames in, fragments out."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from quart import Blueprint, Websocket, abort, websocket

from quart_chat.chat import Doorway
from quart_chat.delivery.session import Arrival, PageToken, Session, visitor_of
from quart_chat.delivery.wire import POLICY, RESTARTING, TRY_LATER, Frame, Wire, open_wire
from quart_chat.domain.codes import read_code
from quart_chat.domain.commands import Command, Say, Send, Typing
from quart_chat.domain.events import Ending, Refusal, Refused, Stood
from quart_chat.domain.ports import Place, Unavailable
from quart_chat.domain.rooms import LOBBY, Kind, RoomId, room_of
from quart_chat.domain.visitors import BrowserId, Visitor, VisitorId
from quart_chat.log import log
from quart_chat.settings import split
from quart_chat.web import frames, security
from quart_chat.web.asgi import SERVER_SEND, FloodError
from quart_chat.web.parts import Parts
from quart_chat.web.rooms import TooManyGuesses

CLOSED_AT_ONCE = 50  # sockets told to reconnect before the next ones get a moment
CLOSING_PAUSE = 0.02  # seconds; 2,000 sockets are told within a second


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says about itself when it connects.

    `boot` is the run of the server that made the page; `talking`, `shown` and `since` are where it believes to be:
    in a talk or a queue, the room it shows, and the last message of it.
    """

    token: PageToken
    browser: BrowserId
    doorway: Doorway
    boot: str
    talking: bool
    shown: RoomId
    since: int | None


class Gate:
    """Lets sockets in until the server drains."""

    def __init__(self, parts: Parts) -> None:
        self.open = True
        self._parts = parts

    async def drain(self) -> None:
        """Refuse new sockets and ask the others to reconnect elsewhere, spread over a moment."""
        self.open = False
        told = 0
        for session in self._parts.sessions:
            if session.wire:
                session.wire.close(RESTARTING, "restarting")
                told += 1
                if told % CLOSED_AT_ONCE == 0:
                    await asyncio.sleep(CLOSING_PAUSE)
        log.info("drained", extra={"sockets": told})


def socket_routes(parts: Parts, gate: Gate) -> Blueprint:
    """The route /ws."""
    blueprint = Blueprint("socket", __name__)
    allowed = frozenset(split(parts.settings.allowed_origins.lower()))

    @blueprint.websocket("/ws")
    async def talk() -> None:
        socket = websocket._get_current_object()  # type: ignore[attr-defined] # the proxy costs on every frame
        scheme = "https" if socket.scheme == "wss" else "http"
        address = socket.remote_addr
        who = parts.limits.hash_of(address)
        if not security.comes_from_us(socket.headers, scheme, allowed):
            _refuse(parts, 403, "foreign origin", who)
        if not gate.open or parts.limits.is_full():
            _refuse(parts, 503, "no place", who)
        page = _read_page(socket, parts.secret_key)
        if page is None:
            _refuse(parts, 400, "no page of ours", who)
        if not parts.sessions.may_open(page.token, page.browser):
            _refuse(parts, 403, "another browser's page", who)
        if not await _may_know_code(parts, page, address):
            _refuse(parts, 429, "too many wrong codes", who)
        await socket.accept()
        if not parts.limits.open_socket(address):
            return await _turn_away(parts, socket, who)
        try:
            await Conversation(parts, socket, page, who).hold()
        finally:
            parts.limits.close_socket(address)

    return blueprint


def _refuse(parts: Parts, status: int, why: str, who: str) -> NoReturn:
    parts.refusals.info("handshake refused", why=why, address=who)
    abort(status)


async def _may_know_code(parts: Parts, page: Page, address: str | None) -> bool:
    """Say whether a page may have its room's code by other means than guessing; a wrong code counts as a guess.

    A page that was connected here before had a code that opened a room then.
    """
    if page.doorway.kind is not Kind.ROOM or parts.sessions.knows(page.token):
        return True
    with suppress(Unavailable):  # then no code can be tried either
        try:
            await parts.rooms.is_open(page.doorway.room, address)
        except TooManyGuesses:
            return False
    return True


async def _turn_away(parts: Parts, socket: Websocket, who: str) -> None:
    """Say why there is no place, and let the page try again by itself."""
    parts.refusals.warning("turned away", address=who)
    await socket.send(parts.templates.render("fragments/turned_away.html", "en"))
    await socket.close(TRY_LATER, "too many sockets")


class Conversation:
    """One socket's life, from its first frame to its last."""

    def __init__(self, parts: Parts, socket: Websocket, page: Page, address: str) -> None:
        self._parts = parts
        self._socket = socket
        self._page = page
        self._address = address
        self._wire: Wire = open_wire(socket, socket.scope["extensions"].get(SERVER_SEND))

    async def hold(self) -> None:
        """Connect the page to its session, then listen until either side is done. A close is never a leave."""
        writer = asyncio.create_task(self._wire.run())
        page, sessions = self._page, self._parts.sessions
        try:
            owner = None if sessions.knows(page.token) else await self._owner(page)
        except Unavailable:
            self._wire.close(TRY_LATER, "out of reach")
            return await writer
        session, arrival = sessions.open(page.token, page.browser, self._address, page.doorway, "en", self._wire, owner)
        reader = asyncio.create_task(self._greet_and_listen(session, arrival))
        try:
            await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self._end(session, reader, writer)

    async def _owner(self, page: Page) -> VisitorId:
        """A page that this process does not know may have been connected to another one."""
        own = Visitor(visitor_of(page.token), page.browser, self._address)
        return await self._parts.backend.whose(own, Place(page.doorway.kind, page.doorway.room))

    async def _end(self, session: Session, *tasks: asyncio.Task[None]) -> None:
        for task in tasks:
            task.cancel()
        if self._parts.sessions.drop(session, self._wire):
            self._parts.hub.unsubscribe(session)
            with suppress(Unavailable):  # then the end of this process's lease tells it
                await asyncio.shield(self._parts.chat.drop(session.visitor))
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                log.error("socket failed", exc_info=result)

    async def _greet_and_listen(self, session: Session, arrival: Arrival) -> None:
        await self._greet(session, arrival)
        try:
            while True:
                await self._hear(session, await self._socket.receive())
        except FloodError:
            self._parts.refusals.warning("flood closed", address=self._address)
            self._wire.close(POLICY, "too many frames")
            await asyncio.Event().wait()  # the writer ends this conversation

    async def _greet(self, session: Session, arrival: Arrival) -> None:
        """Show a page that comes back where it is; a fresh one shows its door already."""
        if arrival is Arrival.TAKEN_OVER:
            self._recolour(session)
        try:
            is_somewhere = await self._parts.chat.resume(session.visitor, self._page.shown, self._page.since)
        except Unavailable:
            self._wire.close(TRY_LATER, "out of reach")
            return
        if self._page.talking and not is_somewhere:
            ending = Ending.EXPIRED if self._page.boot == self._parts.boot else Ending.RESTARTED
            self._parts.hub.tell(session.visitor.id, Stood(ending))

    def _recolour(self, session: Session) -> None:
        """A reloaded page continues as the visitor it was before, so that one's messages are its own."""
        nonce = security.nonce_of(self._page.token, self._parts.secret_key)
        html = self._parts.templates.render(
            "fragments/taken_over.html", session.language, me=session.visitor.id, nonce=nonce
        )
        session.send(Frame(html))

    async def _hear(self, session: Session, data: object) -> None:
        now = self._parts.clock.monotonic()
        try:
            command = frames.parse(data)
        except frames.Unreadable:
            self._strike(session, Refused(Refusal.UNREADABLE), now)
            return
        # A call's signals come by the dozen in its first second, so they are counted apart.
        allowed = session.signals if isinstance(command, Send) else session.frames
        if not allowed.take(now):
            self._strike(session, Refused(Refusal.TOO_FAST), now)
        elif self._is_within_limits(session, command, now):
            await self._grant(session, command)

    def _is_within_limits(self, session: Session, command: Command, now: float) -> bool:
        if isinstance(command, Typing):
            return session.typing.take(now)
        if isinstance(command, Say) and not self._may_say(session, command, now):
            self._parts.hub.tell(session.visitor.id, Refused(Refusal.TOO_FAST, command.key))
            return False
        return True

    def _may_say(self, session: Session, command: Say, now: float) -> bool:
        in_lobby = command.room == LOBBY
        return session.messages.take(now) and self._parts.message_limits.take(self._address, in_lobby, now)

    async def _grant(self, session: Session, command: Command) -> None:
        """One wish that fails must not cost the visitor its socket, nor anybody else anything."""
        try:
            await self._parts.chat.handle(session.visitor, session.doorway, command)
        except Unavailable:
            # Whether a message has arrived is not known: it stays pending, and its page offers it again.
            if not isinstance(command, Say | Typing):
                self._parts.hub.tell(session.visitor.id, Refused(Refusal.NOT_NOW))
        except Exception:
            log.exception("command failed", extra={"command": type(command).__name__})
            key = command.key if isinstance(command, Say) else None
            self._parts.hub.tell(session.visitor.id, Refused(Refusal.NOT_NOW, key))

    def _strike(self, session: Session, refused: Refused, now: float) -> None:
        """Say what was wrong; a client that goes on like that is closed."""
        if session.strikes.take(now):
            self._parts.hub.tell(session.visitor.id, refused)
        else:
            self._parts.refusals.warning("flood closed", address=self._address)
            self._wire.close(POLICY, "too many frames")


def _read_page(socket: Websocket, secret_key: bytes) -> Page | None:
    arguments = socket.args
    token = security.read_page(arguments.get("page"))
    doorway = _read_doorway(arguments.get("place", ""), arguments.get("code", ""))
    if token is None or doorway is None:
        return None
    # Whoever comes without our cookie is a browser of its own.
    cookie = security.Cookies(socket.scheme).browser_of(socket.cookies)
    browser = security.browser_of(cookie, token, secret_key)
    since = arguments.get("seq", "")
    return Page(
        token,
        browser,
        doorway,
        arguments.get("boot", ""),
        bool(arguments.get("talking")),
        RoomId(arguments.get("room", "")),
        int(since) if since.isascii() and since.isdigit() and len(since) < 16 else None,
    )


def _read_doorway(place: str, code: str) -> Doorway | None:
    try:
        kind = Kind(place)
    except ValueError:
        return None
    if kind.is_pair:
        return Doorway(kind)
    if kind is Kind.LOBBY:
        return Doorway(kind, LOBBY)
    read = read_code(code)
    return Doorway(kind, room_of(read)) if read else None
