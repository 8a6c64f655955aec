"""What two browsers may tell each other through the server to find a way between them.

A signal is checked field by field and built anew, so that nothing reaches the other browser that we do not know.
"""

import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address

from quart_chat.domain.limits import Bucket, Limit

MAX_SDP = 60_000  # characters; a frame holds 64 KiB, and a call's description takes 3 to 8
MAX_CANDIDATE = 1_024  # characters
MAX_LINES = 2_000  # of a description
PAGE_CHANGES = Limit(10, 60.0)  # somebody who reloads, or whose socket breaks while a call begins; per talk
SIGNALS_PER_CALL = 400  # a call needs some 40, and as many again each time the network changes

DESCRIPTION_TYPES = frozenset(("offer", "answer", "rollback"))


class BadSignal(ValueError):
    """A signal that no browser of ours sends."""


@dataclass(frozen=True, slots=True)
class Description:
    """A session description; its text is SDP (RFC 8866)."""

    type: str
    sdp: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address to try (RFC 8839); an empty one says that there are no more."""

    candidate: str
    sdp_mid: str | None
    sdp_m_line_index: int | None
    username_fragment: str | None


@dataclass(frozen=True, slots=True)
class Media:
    """What a visitor lets the other one hear and see, and whether it asks for the picture."""

    mic: bool
    camera: bool
    shown: bool


Signal = Description | Candidate | Media

# Only what RFC 8866 calls a name may follow "a=": a blank before it would hide an attribute from us alone.
_LINE = re.compile(r"(?:[b-z]=|a=[\w-]+(?=:|\Z))[^\x00-\x08\x0a-\x1f\x7f]*", re.ASCII)
_ORIGIN = re.compile(r"o=\S+ (\d{1,20}) (\d{1,20}) IN IP[46] \S+", re.ASCII)
_MEDIA = re.compile(r"m=([a-z]+) (\d{1,5})(?:/\d{1,5})? (\S.*)", re.ASCII)
_CANDIDATE = re.compile(
    r"candidate:(?P<head>[\w+/]{1,32} \d{1,3} (?:udp|tcp) \d{1,10} (?P<address>[\w.:-]{1,255}) (?P<port>\d{1,5}))"
    r" typ (?P<type>host|srflx|prflx|relay)(?P<extensions>(?: [\w-]{1,32} [\w.:+/-]{1,255}){0,16})",
    re.IGNORECASE | re.ASCII,
)
_EXTENSION = re.compile(r" (?:tcptype|generation|ufrag|network-id|network-cost) \S+", re.IGNORECASE)
_MDNS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.local", re.IGNORECASE)
_FRAGMENT = re.compile(r"[\w+/]{1,256}", re.ASCII)


class Addresses(Enum):
    """Which of a visitor's addresses the other one may learn."""

    RELAY = "relay"  # none of its own
    NEAR_RELAY = "near relay"  # the same for two in one network, whose relay may stand inside it
    PUBLIC = "public"  # not those inside its network
    ALL = "all"  # for two in one network, who find each other only by those

    @property
    def are_hidden(self) -> bool:
        """Whether nothing but a relay's address may be told."""
        return self in (Addresses.RELAY, Addresses.NEAR_RELAY)

    @property
    def may_be_inside(self) -> bool:
        """Whether addresses that mean something only inside a network may be told."""
        return self in (Addresses.NEAR_RELAY, Addresses.ALL)


def addresses_for(relay: bool, same_network: bool) -> Addresses:
    """Which addresses two may tell each other, by the visitor's choice and where both are."""
    if relay:
        return Addresses.NEAR_RELAY if same_network else Addresses.RELAY
    return Addresses.ALL if same_network else Addresses.PUBLIC


def cleaned(signal: Signal, addresses: Addresses) -> Signal | None:
    """Build the signal that may be passed on; None for a candidate that must not be.

    What a candidate may not tell, a description does not tell either. Raises BadSignal for what is no signal at all.
    """
    match signal:
        case Description():
            return _cleaned_description(signal, addresses)
        case Candidate():
            return _cleaned_candidate(signal, addresses)
        case Media():
            return signal


def _cleaned_description(description: Description, addresses: Addresses) -> Description:
    if description.type not in DESCRIPTION_TYPES or len(description.sdp) > MAX_SDP:
        raise BadSignal
    if description.type == "rollback":
        return Description("rollback", "")
    lines = description.sdp.splitlines()
    if not lines or len(lines) > MAX_LINES or lines[0] != "v=0" or not all(map(_LINE.fullmatch, lines)):
        raise BadSignal
    return Description(description.type, "".join(f"{line}\r\n" for line in _told_lines(lines, addresses)))


def _told_lines(lines: list[str], addresses: Addresses) -> Iterator[str]:
    for line in lines:
        name, _, value = line.partition(":")
        match name.lower():  # Firefox reads the names of attributes in any case
            case "a=candidate":
                if told := _told_candidate(f"candidate:{value}", addresses):
                    yield f"a={told}"
            case "a=rtcp":
                yield "a=rtcp:9 IN IP4 0.0.0.0"
            case "a=remote-candidates":
                continue  # both know them already
            case _:
                yield _without_address(line)


def _without_address(line: str) -> str:
    """Take out the default address, as in an offer made before any was known (RFC 9429, section 5.2.1).

    Browsers use the candidates alone. A port of 0 stays: it says that this medium is refused, or sent with another one.
    """
    match line[0]:
        case "c":
            return "c=IN IP4 0.0.0.0"
        case "o":
            session, version = _parsed(_ORIGIN, line)
            return f"o=- {session} {version} IN IP4 0.0.0.0"
        case "m":
            medium, port, rest = _parsed(_MEDIA, line)
            return f"m={medium} {9 if int(port) else 0} {rest}"
    return line


def _parsed(pattern: re.Pattern[str], line: str) -> tuple[str, ...]:
    if found := pattern.fullmatch(line):
        return found.groups()
    raise BadSignal


def _cleaned_candidate(candidate: Candidate, addresses: Addresses) -> Candidate | None:
    if len(candidate.candidate) > MAX_CANDIDATE:
        raise BadSignal
    if candidate.username_fragment is not None and not _FRAGMENT.fullmatch(candidate.username_fragment):
        raise BadSignal
    if candidate.sdp_mid is not None and not re.fullmatch(r"[\w+/-]{0,32}", candidate.sdp_mid, re.ASCII):
        raise BadSignal
    if candidate.sdp_m_line_index is not None and not 0 <= candidate.sdp_m_line_index < 64:
        raise BadSignal
    if candidate.candidate == "":
        return candidate
    text = _told_candidate(candidate.candidate.removeprefix("a="), addresses)
    if text is None:
        return None
    return Candidate(text, candidate.sdp_mid, candidate.sdp_m_line_index, candidate.username_fragment)


def _told_candidate(text: str, addresses: Addresses) -> str | None:
    """Build a candidate anew from what may be told of it; None where that is nothing.

    The related address, which a candidate that is not a host's own names, is the one inside the network, or the one
    that a relay hides. RFC 8839, section 5.1, has an address of zeros in the place of one that is not told.
    """
    parts = _CANDIDATE.fullmatch(text)
    if parts is None or not 0 < int(parts["port"]) < 65_536:
        return None
    kind = parts["type"].lower()
    if not _may_be_tried(kind, parts["address"], addresses):
        return None
    related = "" if kind == "host" else " raddr 0.0.0.0 rport 0"
    return f"candidate:{parts['head']} typ {kind}{related}{''.join(_EXTENSION.findall(parts['extensions']))}"


def _may_be_tried(kind: str, address: str, addresses: Addresses) -> bool:
    if addresses.are_hidden and kind != "relay":
        return False
    if kind == "host" and _MDNS.fullmatch(address):
        return True  # a browser's own way to hide it
    return _may_be_told(address, addresses)


def _may_be_told(address: str, addresses: Addresses) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    plain = (parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None) or parsed
    if plain.is_loopback or plain.is_unspecified or plain.is_multicast or plain.is_link_local or plain.is_reserved:
        return False  # nobody's address, or the other machine's own services
    return not _is_tunnel(plain) and (addresses.may_be_inside or (plain.is_global and not _is_site_local(plain)))


def _is_tunnel(address: IPv4Address | IPv6Address) -> bool:
    """Whether an IPv4 address, maybe one inside a network, is written into this one: 6to4 and Teredo."""
    return isinstance(address, IPv6Address) and bool(address.sixtofour or address.teredo)


def _is_site_local(address: IPv4Address | IPv6Address) -> bool:
    """Whether this is in fec0::/10, which Python takes for global."""
    return isinstance(address, IPv6Address) and address.is_site_local


def as_json(signal: Signal) -> Mapping[str, object]:
    """The signal as the browser's own API takes it."""
    match signal:
        case Description(type, sdp):
            return {"description": {"type": type, "sdp": sdp}}
        case Candidate(candidate, mid, index, fragment):
            fields = {"sdpMid": mid, "sdpMLineIndex": index, "usernameFragment": fragment}
            return {"candidate": {"candidate": candidate, **fields}}
        case Media(mic, camera, shown):
            return {"media": {"mic": mic, "camera": camera, "shown": shown}}


class CallPages:
    """The pages under whose names one visitor has sent signals in one talk.

    Each new name makes the other browser give up its connection and begin another one. A browser can make some
    hundreds, so only a few new names a minute are passed on.
    """

    __slots__ = ("_changes", "_known")

    def __init__(self, now: float) -> None:
        self._changes = Bucket(PAGE_CHANGES, now)
        self._known: deque[str] = deque(maxlen=PAGE_CHANGES.burst)

    def may_send(self, page: str, now: float) -> bool:
        """Say whether a page's signal may be passed on; a new page takes one of the changes."""
        if page in self._known:
            return True
        if not self._changes.take(now):
            return False
        self._known.append(page)
        return True

    def is_full(self, now: float) -> bool:
        """Say whether no page has been new lately, so that this may be forgotten."""
        return self._changes.is_full(now)
