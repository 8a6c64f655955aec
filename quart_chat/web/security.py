"""What keeps strangers' input and foreign pages out: headers, origins, nonces, tokens."""

import base64
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2s, sha256
from typing import NewType

from werkzeug.datastructures import Headers

from quart_chat.domain.browsers import key_of
from quart_chat.domain.codes import read_code
from quart_chat.domain.spaces import LOBBY, PAIR_KINDS, Kind, Place, room_of
from quart_chat.domain.timing import COOKIES_KEPT
from quart_chat.domain.visitors import BrowserId, VisitorId

TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")  # 128 bits
PAGE_TOKEN = re.compile(r"[A-Za-z0-9_-]{34}")  # the same, and a seal of 72 bits
RANDOM_PART = 22  # characters

PageToken = NewType("PageToken", str)
"""Secret of one loaded page: it connects as its visitor."""

HEADERS = {
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",  # a room's address holds its code; with no-referrer our own forms had no Origin
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",  # of all that is no page
}


DOCTOR = "X-Quart-Chat-Doctor"  # header of a request by `python -m quart_chat doctor`
SIGNED_FOR = 60.0  # seconds for which such a request is good


@dataclass(frozen=True, slots=True)
class Cookies:
    """What our cookies are called, and how long and where they are good, for a page that came by this scheme.

    Under https each name begins with `__Host-`: a browser then takes it from this very host alone, where else one of a
    neighbouring name could put its own in place of ours (RFC 6265bis, section 4.1.3.2).
    """

    scheme: str

    @property
    def prefix(self) -> str:
        """What each name begins with."""
        return "__Host-" if self.is_secure else ""

    @property
    def is_secure(self) -> bool:
        """Whether the browser may send them by https only."""
        return self.scheme in ("https", "wss")

    @property
    def attributes(self) -> str:
        """What a script of a page writes behind a name and its value."""
        return f";path=/;max-age={COOKIES_KEPT:.0f};samesite=lax{';secure' if self.is_secure else ''}"

    def browser_of(self, cookies: Mapping[str, str]) -> str | None:
        """The browser's secret among what it has sent; None for what could not be ours."""
        return read_browser(cookies.get(self.prefix + "browser"))


def content_security_policy(nonce: str) -> str:
    """Allow this page its own scripts and styles, the socket to its own host, and nothing else."""
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}' 'self'; connect-src 'self'; "
        "img-src 'self' data:; media-src 'self' blob:; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types htmx"
    )


def new_page(browser: str, place: Place | None, secret_key: bytes) -> PageToken:
    """The secret of one page load, good in this browser and for this place alone: a random part, and a keyed hash."""
    chance = secrets.token_urlsafe(16)
    return PageToken(chance + _seal(chance, browser, place, secret_key))


def is_token(text: str) -> bool:
    """Say whether a text looks like the secret of a page."""
    return PAGE_TOKEN.fullmatch(text) is not None


def is_sealed(page: PageToken, browser: str, place: Place, secret_key: bytes) -> bool:
    """Say whether a page was made by us for this browser and this place.

    So a stolen page opens nothing in another browser, whatever process it comes to, and nobody can try room codes by
    sockets: only a page that was shown for a code can connect for that.
    """
    return hmac.compare_digest(page[RANDOM_PART:], _seal(page[:RANDOM_PART], browser, place, secret_key))


def visitor_of(page: PageToken) -> VisitorId:
    """The public id of a page's visitor: it can be told from the secret, but not the secret from it."""
    return VisitorId(blake2s(page.encode(), digest_size=9, person=b"visitor").hexdigest())


def read_place(arguments: Mapping[str, str]) -> Place | None:
    """The place in the address of a socket; None for what is none."""
    kind, code = arguments.get("place", ""), arguments.get("code", "")
    if kind in PAIR_KINDS:
        return Place(Kind(kind))
    if kind == Kind.LOBBY:
        return Place(Kind.LOBBY, LOBBY)
    read = read_code(code) if kind == Kind.ROOM else None
    return Place(Kind.ROOM, room_of(read)) if read else None


def new_browser() -> str:
    """The secret of one browser, for its cookie."""
    return secrets.token_urlsafe(16)


def read_browser(text: str | None) -> str | None:
    """Accept what `new_browser` could have made."""
    return text if text and TOKEN.fullmatch(text) else None


def browser_of(secret: str, secret_key: bytes) -> BrowserId:
    """The browser that a cookie's secret stands for.

    It is a keyed hash, so that what is kept of a browser, or shared with other processes, opens nothing.
    """
    return BrowserId(hmac.digest(secret_key, b"browser:" + secret.encode(), sha256)[:12].hex())


def _seal(chance: str, browser: str, place: Place | None, secret_key: bytes) -> str:
    said = f"page:{chance}:{browser}:{key_of(place) if place else ''}"
    return base64.urlsafe_b64encode(hmac.digest(secret_key, said.encode(), sha256)[:9]).decode()


def signed_now(secret_key: bytes, now: float) -> str:
    """What proves that a request comes from somebody who has the key: the time, and a keyed hash of it."""
    return f"{int(now)}-{hmac.digest(secret_key, f'doctor:{int(now)}'.encode(), sha256).hex()}"


def is_signed(said: str, secret_key: bytes, now: float) -> bool:
    """Say whether a request was signed with our key just now."""
    at = said.partition("-")[0]
    if not (at.isascii() and at.isdecimal() and len(at) < 16) or abs(now - int(at)) > SIGNED_FOR:
        return False
    return hmac.compare_digest(said.encode(), signed_now(secret_key, int(at)).encode())


def nonce_of(page: PageToken, secret_key: bytes) -> str:
    """The nonce of a page: known to it and to us without our keeping it."""
    digest = hmac.digest(secret_key, b"nonce:" + page.encode(), sha256)
    return base64.urlsafe_b64encode(digest[:18]).decode()


def is_made_by_foreign_page(headers: Headers) -> bool:
    """Say whether a page of another site makes the browser ask for this, be it as a picture, in a frame or in advance.

    A visitor who follows a link from there asks as well, but in a window (Fetch Metadata Request Headers, section 2).
    """
    follows_link = (
        headers.get("Sec-Fetch-Mode") == "navigate"
        and headers.get("Sec-Fetch-Dest") == "document"
        and "Sec-Purpose" not in headers
    )
    return headers.get("Sec-Fetch-Site") == "cross-site" and not follows_link


def comes_from_us(headers: Headers, scheme: str, allowed: frozenset[str]) -> bool:
    """Say whether a request was made by a page of ours: `Origin` names this very host.

    A missing or `null` origin is not one of ours. `scheme` is http or https as the browser sees it.
    """
    origin, host = headers.get("Origin", "").lower(), headers.get("Host", "").lower()
    return origin in allowed or (bool(host) and origin == f"{scheme}://{host}")
