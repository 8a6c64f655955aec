"""The one WebSocket of a page: frames in, fragments out."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from quart import Blueprint, Websocket, abort, websocket

from quart_chat.chat import Shown
from quart_chat.delivery.adopted import adopt
from quart_chat.delivery.close_codes import CloseCode
from quart_chat.delivery.sessions import Session
from quart_chat.delivery.wire import Frame
from quart_chat.domain.addresses import Network
from quart_chat.domain.answers import Ending, Refusal, Refused
from quart_chat.domain.ports import StoreAway
from quart_chat.domain.requests import Costly, RelaySignal, Request, Typing
from quart_chat.domain.spaces import LOBBY, Kind, Place, SpaceId
from quart_chat.domain.timing import CLOSING_PAUSE
from quart_chat.domain.visitors import BrowserId, Visitor
from quart_chat.log import log
from quart_chat.settings import split
from quart_chat.web import frames, security
from quart_chat.web.asgi import SERVER_SEND
from quart_chat.web.asgi_socket import AsgiSocket, Line
from quart_chat.web.rooms import TooManyGuesses
from quart_chat.web.security import PageToken
from quart_chat.web.services import Services

CLOSED_AT_ONCE = 50  # sockets told to reconnect before the next ones get a moment


@dataclass(frozen=True, slots=True)
class Page:
    """A page that connects: the browser it is in, what it is for, and what it shows."""

    browser: BrowserId
    place: Place
    shown: Shown


class Drain:
    """Lets sockets in until the server is to end."""

    def __init__(self, services: Services) -> None:
        self.is_open = True
        self._services = services

    async def drain(self) -> None:
        """Refuse new sockets and ask the others to reconnect elsewhere, spread over a moment."""
        self.is_open = False
        told = 0
        for session in self._services.sessions:
            if session.wire:
                session.wire.close(CloseCode.RESTARTING, "restarting")
                told += 1
                if told % CLOSED_AT_ONCE == 0:
                    await asyncio.sleep(CLOSING_PAUSE)
        log.info("drained", extra={"sockets": told})


def socket_routes(services: Services, drain: Drain) -> Blueprint:
    """The route /ws."""
    blueprint = Blueprint("socket", __name__)
    allowed = frozenset(split(services.settings.allowed_origins.lower()))

    @blueprint.websocket("/ws")
    async def talk() -> None:
        socket = websocket._get_current_object()  # type: ignore[attr-defined] # the proxy costs on every frame
        scheme = "https" if socket.scheme == "wss" else "http"
        address = socket.remote_addr
        if not security.comes_from_us(socket.headers, scheme, allowed):
            _refuse(services, 403, "foreign origin", address)
        if not drain.is_open or services.limits.is_full():
            _refuse(services, 503, "no place", address)
        token, place = socket.args.get("page", ""), security.read_place(socket.args)
        if place is None or not security.is_token(token):
            _refuse(services, 400, "no page of ours", address)
        await socket.accept()
        conversation = Conversation(services, services.limits.networks_of(address))
        line = adopt(socket.scope["extensions"].get(SERVER_SEND), conversation) or AsgiSocket(socket, conversation)
        await conversation.begin(line, socket, place, PageToken(token))
        await line.served()

    return blueprint


def _refuse(services: Services, status: int, why: str, address: str | None) -> NoReturn:
    services.refusals.info("handshake refused", why=why, address=services.limits.hash_of(address))
    abort(status)


class Conversation:
    """One socket's life, from its first frame to its last. It is the `Reader` of its line."""

    __slots__ = ("_is_counted", "_is_over", "_networks", "_services", "_session", "_token", "_wire")

    def __init__(self, services: Services, networks: Sequence[Network]) -> None:
        """`networks` are those of the client's address, under the names that limits keep."""
        self._services = services
        self._networks = networks
        self._session: Session | None = None
        self._is_counted = False
        self._is_over = False

    async def begin(self, line: Line, socket: Websocket, place: Place, token: PageToken) -> None:
        """Connect a page to its visitor's session, or say why not, and listen."""
        self._wire, self._token = line, token
        self._is_counted = self._services.limits.open_socket(self._networks)
        try:
            if not self._is_counted:
                self._turn_away()
            elif page := await _read_page(self._services, socket, place, token):
                await self._connect(line, page)
            else:
                self._send_to_reload()
        except StoreAway:
            line.close(CloseCode.TRY_LATER, "out of reach")
        except Exception:
            log.exception("socket failed")
            line.close(CloseCode.INTERNAL_ERROR)

    async def _connect(self, line: Line, page: Page) -> None:
        visitor = await self._recognise(page)
        if not self._is_over:
            self._session = self._services.sessions.open(visitor, page.place, "en", line)
            self._greet(self._session, page)
            line.start()

    def _turn_away(self) -> None:
        """Say why there is no place, and let the page try again by itself."""
        self._services.refusals.warning("turned away", address=self._networks[0].name)
        self._wire.send(Frame(self._services.templates.render("fragments/turned_away.html", "en")))
        self._wire.close(CloseCode.TRY_LATER, "too many sockets")

    def _send_to_reload(self) -> None:
        """Tell a page that its browser is not the one it was made for; a refused handshake would tell it nothing."""
        self._services.refusals.info("handshake refused", why="another browser", address=self._networks[0].name)
        self._wire.close(CloseCode.UNKNOWN_PAGE, "load the page anew")

    async def _recognise(self, page: Page) -> Visitor:
        """Whose page it is: its own, or that of the visitor whose page it has taken the place of."""
        visitor = await self._services.chat.recognise(security.visitor_of(self._token), page.browser, page.place)
        return Visitor(visitor, page.browser, self._networks[0].name, self._networks[-1].name)

    def ended(self) -> None:
        """The line is gone. That is never a leave."""
        self._is_over = True
        if self._is_counted:
            self._services.limits.close_socket(self._networks)
        session = self._session
        if session and self._services.sessions.drop(session, self._wire):
            self._services.hub.unsubscribe(session.visitor.id)
            self._services.chat.disconnect(session.visitor, session.place)

    def hear(self, message: str | bytes) -> None:
        """Do what a frame asks for, within the limits."""
        if self._session:
            self._hear(self._session, message)

    def _greet(self, session: Session, page: Page) -> None:
        """Show a page that comes back where it is; a fresh one shows its door already."""
        if session.visitor.id != security.visitor_of(self._token):
            self._recolour(session)
        self._services.chat.connect(session.visitor, session.place, page.shown)

    def _recolour(self, session: Session) -> None:
        """A reloaded page continues as the visitor it was before, so that one's messages are its own."""
        nonce = security.nonce_of(self._token, self._services.secret_key)
        html = self._services.templates.render(
            "fragments/taken_over.html", session.language, me=session.visitor.id, nonce=nonce
        )
        session.send(Frame(html))

    def _hear(self, session: Session, data: object) -> None:
        now = self._services.clock.now()
        try:
            request = frames.parse(data)
        except frames.Unreadable:
            self._strike(session, Refused(Refusal.UNREADABLE), now)
            return
        # A call's signals come by the dozen in its first second, so they are counted apart.
        allowed = session.signals if isinstance(request, RelaySignal) else session.frames
        if not allowed.take(now):
            self._strike(session, Refused(Refusal.TOO_FAST), now)
        elif self._is_within_limits(session, request, now):
            self._handle(session, request)

    def _is_within_limits(self, session: Session, request: Request, now: float) -> bool:
        if isinstance(request, Typing):
            return session.typing.take(now)
        if isinstance(request, Costly) and not self._may_send(session, request, now):
            self._services.hub.tell(session.visitor.id, Refused(Refusal.TOO_FAST, _key_of(request)))
            return False
        return True

    def _may_send(self, session: Session, request: Costly, now: float) -> bool:
        return session.messages.take(now) and self._services.limits.may_send(self._networks, request.room == LOBBY)

    def _handle(self, session: Session, request: Request) -> None:
        """One request that fails must not cost the visitor its socket, nor anybody else anything."""
        try:
            self._services.chat.handle(session.visitor, session.place, request)
        except Exception:
            log.exception("request failed", extra={"request": type(request).__name__})
            self._services.hub.tell(session.visitor.id, Refused(Refusal.NOT_NOW, _key_of(request)))

    def _strike(self, session: Session, refused: Refused, now: float) -> None:
        """Say what was wrong; a client that goes on like that is closed."""
        if session.strikes.take(now):
            self._services.hub.tell(session.visitor.id, refused)
        else:
            self.flooded()

    def flooded(self) -> None:
        """Close a client that sends more than any page does."""
        self._services.refusals.warning("flood closed", address=self._networks[0].name)
        self._wire.close(CloseCode.POLICY, "too many frames")


async def _read_page(services: Services, socket: Websocket, place: Place, token: PageToken) -> Page | None:
    """The page that connects; None unless it was made for this browser and this place."""
    secret = security.Cookies(socket.scheme).browser_of(socket.cookies)
    shown, is_of_this_run = socket.args, socket.args.get("boot") == services.boot
    if secret is None:
        return None
    is_ours = security.is_sealed(token, secret, place, services.secret_key)
    if not is_ours and (is_of_this_run or not await _may_be_from_before(services, socket, place)):
        return None
    return Page(
        security.browser_of(secret, services.secret_key),
        place,
        Shown(
            inside=bool(shown.get("talking")),
            room=SpaceId(shown.get("room", "")) or None,
            since=_number(shown.get("seq", "")),
            ending=Ending.EXPIRED if is_of_this_run else Ending.RESTARTED,
        ),
    )


async def _may_be_from_before(services: Services, socket: Websocket, place: Place) -> bool:
    """Say whether a page may be from before a restart that has changed the key, which we cannot check any more.

    It owns nothing here, so it may show its door. But its room's code may be one that somebody tries.
    """
    if services.settings.secret_key:
        return False
    try:
        return place.kind is not Kind.ROOM or bool(await services.rooms.find(socket.args["code"], socket.remote_addr))
    except (TooManyGuesses, StoreAway):
        return False


def _key_of(request: Request) -> str | None:
    """The key of the message that a request is about."""
    return getattr(request, "key", None)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
