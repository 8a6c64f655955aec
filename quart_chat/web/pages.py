"""The pages people load, and the small HTML they ask for between."""

import gzip
import json
from collections.abc import Hashable
from datetime import timedelta
from functools import partial
from urllib.parse import quote, unquote

import segno
from quart import Blueprint, Request, Response, abort, has_request_context, redirect, request
from quart_schema import hide
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException

from quart_chat.domain.avatars import emoji_for, hue_for
from quart_chat.domain.codes import RoomCode, read_code
from quart_chat.domain.names import friendly_name
from quart_chat.domain.ports import StoreAway
from quart_chat.domain.spaces import LOBBY, Kind, Place, room_of
from quart_chat.domain.text import Unwritable, clean_name
from quart_chat.domain.timing import COOKIES_KEPT
from quart_chat.domain.visitors import Visitor, VisitorId
from quart_chat.log import log
from quart_chat.web import security
from quart_chat.web.rooms import NoRoomLeft, TooManyGuesses, TooManyRooms
from quart_chat.web.services import Services

PAGE_COMPRESSION = 3  # of 9; 5 takes half as long again, with each page, for one part in twenty


def page_routes(services: Services) -> Blueprint:
    """Home, the four places, rooms made by a form, and what belongs to them."""
    blueprint = Blueprint("pages", __name__)
    pages = Pages(services)

    @blueprint.get("/")
    @hide
    async def home() -> Response:
        return pages.show("pages/home.html", counts=pages.counts())

    @blueprint.get("/counts")
    @hide
    async def counts() -> Response:
        return pages.fragment("fragments/counts.html", counts=pages.counts())

    @blueprint.get("/face")
    @hide
    async def face() -> Response:
        return pages.fragment("fragments/face.html", emoji=emoji_for(request.args.get("name", "")[:64]))

    @blueprint.get("/<any(text, video, lobby):kind>")
    @hide
    async def place(kind: str) -> Response:
        return pages.show_place(Kind(kind))

    @blueprint.get("/room/<code>")
    @hide
    async def room(code: str) -> Response:
        found = await pages.find_room(code)
        return pages.show_place(Kind.ROOM, code=found) if found else pages.show_missing()

    @blueprint.get("/room/<code>/qr.svg")
    @hide
    async def qr(code: str) -> Response:
        found = await pages.find_room(code)
        if found is None:
            abort(404)
        svg = segno.make(pages.link_to(found), error="m").svg_inline(scale=8, border=2, light="#fff", dark="#000")
        svg = svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
        return Response(svg, content_type="image/svg+xml", headers={"Cache-Control": "private, max-age=3600"})

    @blueprint.get("/room")
    @hide
    async def join() -> Response:
        code = read_code(request.args.get("code", ""))
        return pages.to_room(code) if code else pages.show_missing()

    @blueprint.post("/rooms")
    @hide
    async def create() -> Response:
        pages.refuse_foreign_origin()
        return pages.to_room(await pages.create_room())

    @blueprint.get("/safety")
    @hide
    async def safety() -> Response:
        return pages.show("pages/safety.html")

    @blueprint.get("/static/<digest>/<path:path>")
    @hide
    async def static(digest: str, path: str) -> Response:
        return pages.asset(f"/static/{digest}/{path}")

    @blueprint.get("/manifest.webmanifest")
    @hide
    async def manifest() -> Response:
        manifest = services.templates.render("manifest.webmanifest", "en")
        return Response(manifest, content_type="application/manifest+json")

    @blueprint.get("/favicon.ico")
    @hide
    async def favicon() -> Response:
        return pages.asset(services.assets.url("icons/favicon.ico"))

    @blueprint.get("/healthz")
    @hide
    async def healthz() -> Response:
        return pages.health()

    @blueprint.app_errorhandler(HTTPException)
    async def oops(error: HTTPException) -> Response:
        response = pages.refuse(error.code or 500)
        if "Allow" in (headers := Headers(error.get_headers())):
            response.headers["Allow"] = headers["Allow"]
        return response

    @blueprint.app_errorhandler(NoRoomLeft)
    async def too_many_rooms(error: NoRoomLeft) -> Response:
        services.refusals.warning("no room left")
        return pages.show_error(503, "rooms")

    @blueprint.app_errorhandler(StoreAway)
    async def out_of_reach(error: StoreAway) -> Response:
        return pages.show_error(503)

    @blueprint.app_errorhandler(Exception)
    async def broken(error: Exception) -> Response:
        log.error("request failed", exc_info=error)
        return pages.show_error(500)

    return blueprint


class Pages:
    """What all pages share: who looks at them, in which language, and the headers that protect them."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def show(self, template: str, status: int = 200, **values: object) -> Response:
        """A whole page that connects to nothing."""
        browser = self._browser()
        own = self._own_values(browser, None)
        html = self._services.templates.render(template, "en", **own, **self._common_values(), **values)
        return self._answer(html, status, browser, own)

    def show_place(self, kind: Kind, code: RoomCode | None = None) -> Response:
        """The page of one of the four ways to talk; 503 when no more sockets are taken.

        Most of what a newcomer costs would be its page, so that is rendered once for all who see the same.
        """
        if self._services.limits.is_full():
            abort(503)
        room = room_of(code) if code else LOBBY if kind is Kind.LOBBY else None
        reader, browser = self._reader(), self._browser()
        own = self._own_values(browser, Place(kind, room)) | (
            {"code": code, "link": self.link_to(code)} if code else {}
        )
        common = self._common_values() | ({} if code else {"code": ""})
        page = self._services.templates.stencil(
            "pages/place.html",
            "en",
            *own,
            kind=kind.value,
            waiting=self._services.chat.waiting(kind, reader.browser) if kind.is_pair else 0,
            banned_until=self._services.chat.ban_of(reader, kind),
            agreed=self._cookies().prefix + "agreed" in request.cookies,
            turn=bool(self._services.settings.turn_urls),
            **common,
        )
        return self._answer(page.fill(*own.values()), 200, browser, own)

    def _own_values(self, browser: str, at: Place | None) -> dict[str, str]:
        """What is new with each load of a page, one for the place `at` if it connects."""
        page, name = security.new_page(browser, at, self._services.secret_key), self._name()
        me = security.visitor_of(page)
        return {
            **({"page": page} if at else {}),
            "nonce": security.nonce_of(page, self._services.secret_key),
            "me": me,
            "name": name,
            "emoji": emoji_for(name),
            "hue": str(hue_for(me)),
            "origin": self._origin(),
        }

    def _common_values(self) -> dict[str, Hashable]:
        """What many pages share."""
        return {"boot": self._services.boot, "phone": _is_phone(request), "cookies": self._cookies()}

    def _answer(self, html: str, status: int, browser: str, own: dict[str, str]) -> Response:
        """Let the browser show a page, and remember itself and its name in cookies."""
        response = _compressed(Response(html, status, content_type="text/html; charset=utf-8"), html)
        response.headers["Content-Security-Policy"] = security.content_security_policy(own["nonce"])
        response.headers["Cache-Control"] = "no-store"
        self._remember(response, browser, own["name"])
        return response

    def show_missing(self) -> Response:
        """The page for a code that opens nothing."""
        self._log_refusal(404)
        return self.show("pages/missing.html", status=404)

    def refuse(self, status: int) -> Response:
        """Answer what cannot be granted, and let the log tell of it."""
        self._log_refusal(status)
        return self.show_error(status)

    def show_error(self, status: int, what: str = "") -> Response:
        """A page that says what went wrong, in words, with a way on; a refused socket gets the bare status."""
        if not has_request_context():
            return Response("", status)
        return self.show("pages/oops.html", status=status, code=what or status)

    def fragment(self, template: str, **values: object) -> Response:
        """A piece of a page, for htmx."""
        html = self._services.templates.render(template, "en", **values)
        return Response(html, content_type="text/html; charset=utf-8", headers={"Cache-Control": "no-store"})

    def asset(self, url: str) -> Response:
        """A static file, compressed beforehand; its name changes with its content, so it is kept for a year."""
        asset = self._services.assets.at(url)
        if asset is None:
            abort(404)
        gzipped = asset.gzipped if "gzip" in request.headers.get("Accept-Encoding", "") else None
        response = Response(gzipped or asset.body, content_type=asset.media_type)
        response.headers["Cache-Control"] = f"public, max-age={COOKIES_KEPT:.0f}, immutable"
        response.headers["Vary"] = "Accept-Encoding"
        if gzipped:
            response.headers["Content-Encoding"] = "gzip"
        return response

    def health(self) -> Response:
        """`ok`; and for the operator's doctor, who has the key, what this request looks like from here."""
        services, headers = self._services, request.headers
        if not security.is_signed(headers.get(security.DOCTOR, ""), services.secret_key, services.clock.now()):
            return Response("ok", content_type="text/plain")
        hops = sum(len(line.split(",")) for line in headers.getlist("X-Forwarded-For"))
        seen = {"hops": hops, "scheme": request.scheme, "trouble": services.storage.trouble}
        return Response(json.dumps(seen), content_type="application/json", headers={"Cache-Control": "no-store"})

    def counts(self) -> dict[str, int]:
        """How many people are in each kind of place, as the home page names them."""
        counts = self._services.chat.counts()
        return {("rooms" if kind is Kind.ROOM else kind.value): number for kind, number in counts.items()}

    async def create_room(self) -> RoomCode:
        """Open a room under a code nobody has; 429 for an address that makes too many."""
        try:
            return await self._services.rooms.make(request.remote_addr)
        except TooManyRooms:
            self._services.refusals.warning("too many rooms", address=self._who())
            abort(429)

    async def find_room(self, typed: str) -> RoomCode | None:
        """The code of an open room, however it was typed; 429 for an address that seems to guess.

        What another site's page makes a browser ask is refused with 403, and is no guess of the one who sits there.
        """
        if security.is_made_by_foreign_page(request.headers):
            abort(403)
        try:
            return await self._services.rooms.find(typed, request.remote_addr)
        except TooManyGuesses:
            self._services.refusals.warning("too many wrong codes", address=self._who())
            abort(429)

    def link_to(self, code: RoomCode) -> str:
        """The address that invites into a room."""
        return f"{self._origin()}/room/{code}"

    def to_room(self, code: RoomCode) -> Response:
        """Send the browser to a room's own address."""
        return redirect(f"/room/{code}", 303)  # type: ignore[return-value] # Quart's redirect makes a Quart response

    def refuse_foreign_origin(self) -> None:
        """Let no other site's page make a browser do something here."""
        if not security.comes_from_us(request.headers, request.scheme, frozenset()):
            abort(403)

    def _log_refusal(self, status: int) -> None:
        """Write a line, unless the limits or the socket have written one."""
        if has_request_context() and status != 429:
            self._services.refusals.info("request refused", status=status, address=self._who())

    def _who(self) -> str:
        return self._services.limits.hash_of(request.remote_addr)

    def _origin(self) -> str:
        return f"{request.scheme}://{request.host}"

    def _name(self) -> str:
        """The name this browser used last, or a friendly new one."""
        written = request.cookies.get(self._cookies().prefix + "name", "")
        try:
            return clean_name(unquote(written[:512]))
        except Unwritable:
            return friendly_name(self._services.chance)

    def _reader(self) -> Visitor:
        """Who asks for a page, known by its browser and its address; it is no visitor yet."""
        networks = self._services.limits.networks_of(request.remote_addr)
        browser = security.browser_of(self._browser(), self._services.secret_key)
        return Visitor(VisitorId(""), browser, networks[0].name, networks[-1].name)

    def _browser(self) -> str:
        """The secret of this browser, a new one if it has none of ours."""
        return self._cookies().browser_of(request.cookies) or security.new_browser()

    def _remember(self, response: Response, browser: str, name: str) -> None:
        cookies = self._cookies()
        kept = timedelta(seconds=COOKIES_KEPT)
        keep = partial(response.set_cookie, max_age=kept, secure=cookies.is_secure, samesite="Lax")
        keep(cookies.prefix + "browser", browser, httponly=True)
        keep(cookies.prefix + "name", quote(name))

    def _cookies(self) -> security.Cookies:
        return security.Cookies(request.scheme)


def _compressed(response: Response, html: str) -> Response:
    """Compress a page for a browser that can take it.

    Its secrets, nonce and token, are new with each load, so that the length of many tells nothing of them.
    """
    response.headers["Vary"] = "Accept-Encoding"
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        response.set_data(gzip.compress(html.encode(), PAGE_COMPRESSION))
        response.headers["Content-Encoding"] = "gzip"
    return response


def _is_phone(asked: Request) -> bool:
    """A phone's system cuts hidden sockets anyway, so its page lets go of them itself."""
    hint = asked.headers.get("Sec-CH-UA-Mobile")
    return hint == "?1" if hint else "Mobi" in asked.headers.get("User-Agent", "")
