"""The attacks of `make attack`, each as one wave that is repeated.

`python -m tools.attacks NUMBER URL SECONDS` runs one: a process that ends its connections with itself, and prints as
JSON what became of its tries. Addresses are those of loopback, of which Linux has millions.
"""

import asyncio
import json
import os
import random
import socket
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus, WebSocketException
from websockets.typing import Origin

from quart_chat.domain.codes import new_code
from tests.web.guest import Guest
from tests.web.raw import frame

AT_ONCE = 50  # tries of one wave, where it has no other number
FLOODS = 5  # sockets
HALF_OPEN, IDLE = 1_000, 3_000  # connections
DRIBBLE = 0.25  # seconds between two bytes of a slow head
LONGEST_HEAD = 20.0  # seconds; the chat ends one that is not finished by half of that
ANSWERED_WITHIN = 5.0  # seconds; a try that has no answer by then is told as such
ESTABLISHED = 1  # of a TCP connection in Linux
PAUSE = 0.05  # seconds between two moves of people who skip
NICE = 5  # attackers have machines of their own; here they must not keep the neighbours from reading the clock
LOST = (OSError, EOFError, AssertionError, WebSocketException, httpx.HTTPError)  # of a client that was cut off

BAD_JSON = b'{"do": "say", "text": ' + 50_000 * b"["
EMOJI_LINK = "http://x/" + 1_991 * "\N{ROCKET}"
LONG_WORDS = 500 * "\N{ROCKET}"
STOLEN_PAGE = "A" * 34
H2C = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
UPGRADE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)
PRIOR_KNOWLEDGE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
PING, PONG = b"\x89\x80\0\0\0\0", b"\x8a\x80\0\0\0\0"
BEGUN_TEXT, EMPTY_PIECE = b"\x01\x80\0\0\0\0", b"\x00\x80\0\0\0\0"
OFFER = {"type": "offer", "sdp": "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"}


@dataclass(slots=True)
class Site:
    """The chat that is attacked, the number of the attack, and what has become of each try."""

    url: str
    number: int
    outcomes: Counter[str] = field(default_factory=Counter)
    guests: list[Guest] = field(default_factory=list)
    used: int = 0  # addresses beside its own

    @property
    def address(self) -> str:
        """Where the attack comes from, unless it comes from many addresses."""
        return f"127.1.{self.number}.1"

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    def new_address(self) -> str:
        """An address of this machine that nothing came from yet."""
        self.used += 1
        high, low = divmod(self.used, 250)
        return f"127.{2 + high}.{self.number}.{1 + low}"

    async def ask(self, request: bytes, address: str = "", patience: float = LONGEST_HEAD) -> None:
        """Send a request, and note how it is answered."""
        try:
            async with asyncio.timeout(patience):
                self.outcomes[await self._answer(request, address or self.address)] += 1
        except TimeoutError:
            self.outcomes["held"] += 1

    async def _answer(self, request: bytes, address: str) -> str:
        reader, writer = await self.connect(address)
        try:
            writer.write(request)
            head = await reader.readline()
        except ConnectionError:
            head = b""
        finally:
            writer.close()
        return f"HTTP {head.split()[1].decode()}" if head else "cut"

    async def connect(self, address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection of bare bytes from an address."""
        host, port = self.host.split(":")
        return await asyncio.open_connection(host, port, local_addr=(address, 0))

    async def guest(self, path: str, address: str = "") -> Guest:
        """Open a page from an address."""
        guest = Guest(self.url, path)
        guest.local_address = address or self.address
        self.guests.append(await guest.connect())
        return guest

    async def ends(self, guest: Guest) -> None:
        """Note how a guest's socket ends; a socket that stays open is no refusal."""
        try:
            async with asyncio.timeout(ANSWERED_WITHIN):
                self.outcomes[f"closed {await guest.is_closed()}"] += 1
        except (TimeoutError, AssertionError):
            self.outcomes["open"] += 1

    async def hang_up(self) -> None:
        """Let all guests go."""
        await asyncio.gather(*(guest.drop() for guest in self.guests), return_exceptions=True)
        self.guests.clear()


Wave = Callable[[Site], Awaitable[None]]


def request(line: str, *headers: str, host: str = "localhost") -> bytes:
    return "\r\n".join((f"{line} HTTP/1.1", f"Host: {host}", *headers, "", "")).encode()


async def all_at_once(*tries: Awaitable[None]) -> None:
    await asyncio.gather(*tries)


async def nothing(site: Site) -> None:
    """Let the neighbours' slowest message show what the machine alone is good for."""
    await asyncio.sleep(1)
    site.outcomes["calm"] += 1


# Other protocols.


async def upgrade_to_http_2(site: Site) -> None:
    for path in ("/", "/ws", "/healthz"):
        await site.ask(request(f"GET {path}", *H2C, host=site.host))


async def http_2_with_prior_knowledge(site: Site) -> None:
    await site.ask(PRIOR_KNOWLEDGE)


# Frames.


def flood_of(flood: bytes) -> Wave:
    """Send these bytes on open sockets, each time from other addresses."""

    async def one(site: Site) -> None:
        guest = await site.guest("/lobby", site.new_address())
        await guest.send_bytes(flood)
        await site.ends(guest)

    async def wave(site: Site) -> None:
        await all_at_once(*(one(site) for _ in range(FLOODS)))

    return wave


async def signals(site: Site) -> None:
    """One of a pair sends the other a thousand offers, each in the name of another page."""
    address = site.new_address()
    ann, bob = [await site.guest("/video", address) for _ in range(2)]
    await ann.seek("Ann")
    await bob.seek("Bob")
    await ann.sees('{"call"')
    for number in range(1_000):
        page = f"12345678-{number:04}"
        await ann.send(do="signal", room=ann.room, page=page, description=OFFER)
    await site.ends(ann)
    await bob.hang_up()


# Connections.


async def half_open_requests(site: Site) -> None:
    await all_at_once(*(site.ask(b"GET /healthz HT") for _ in range(HALF_OPEN)))


async def slow_heads(site: Site) -> None:
    await all_at_once(*(dribble(site) for _ in range(HALF_OPEN)))


async def dribble(site: Site) -> None:
    """Begin a request, and send a byte more from time to time."""
    reader, writer = await site.connect(site.address)
    reading = asyncio.create_task(reader.read())
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
    while not reading.done():
        writer.write(b"x")
        await asyncio.sleep(DRIBBLE)
    with suppress(OSError):
        await reading
    writer.close()
    lost = reading.exception() or not reading.result()
    site.outcomes["cut" if lost else f"HTTP {reading.result().split()[1].decode()}"] += 1


async def idle_connections(site: Site) -> None:
    await all_at_once(*(site.ask(b"", patience=ANSWERED_WITHIN) for _ in range(IDLE)))


async def handshakes(site: Site) -> None:
    page = await Guest(site.url, "/lobby").load()
    await all_at_once(*(open_socket(site, page.address, page.cookies, keep=PAUSE) for _ in range(AT_ONCE)))


async def open_socket(
    site: Site, address: str, cookies: dict[str, str], origin: str = "", keep: float = ANSWERED_WITHIN
) -> None:
    """Open a socket; note what it is closed with, or that it was still open after so many seconds."""
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    try:
        async with connect(
            address,
            origin=Origin(origin or site.url),
            additional_headers={"Cookie": cookie},
            local_addr=(site.address, 0),
        ) as line:
            async with asyncio.timeout(keep):
                while True:
                    await line.recv()
    except InvalidStatus as refused:
        site.outcomes[f"HTTP {refused.response.status_code}"] += 1
    except (ConnectionClosed, InvalidMessage):
        site.outcomes[f"closed {line.close_code}"] += 1
    except TimeoutError:
        site.outcomes["open"] += 1


async def slow_readers(site: Site) -> None:
    """Some read nothing of what many others write, until they are cut."""
    lazy = site.new_address()
    readers = [await slow_reader(site, lazy) for _ in range(10)]
    while any(map(is_connected, readers)):
        await links_in_the_lobby(site)
    site.outcomes["cut unread"] += len(readers)


async def slow_reader(site: Site, address: str) -> socket.socket:
    reader = await (await site.guest("/lobby", address)).enter("Reader")
    transport = reader._socket.transport  # type: ignore[union-attr] # it is connected
    transport.pause_reading()
    line: socket.socket = transport.get_extra_info("socket")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    return line


def is_connected(line: socket.socket) -> bool:
    """Ask the kernel: a client that does not read does not hear of the end."""
    return line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == ESTABLISHED


# Guesses, rooms, foreign pages.


def some_code() -> str:
    return new_code(random)


async def guesses(site: Site) -> None:
    claim = f"X-Forwarded-For: 203.0.113.{random.randrange(256)}"  # noqa: S311 - any
    for path in ("/room/", "/api/rooms/"):
        await all_at_once(*(site.ask(request(f"GET {path}{some_code()}", claim)) for _ in range(AT_ONCE)))


async def guesses_by_socket(site: Site) -> None:
    """As a page connects that was loaded before the server restarted; then ask how many more tries there are."""
    query = f"page={STOLEN_PAGE}&place=room&boot=old&code="
    tries = (f"ws://{site.host}/ws?{query}{some_code()}" for _ in range(20))
    await all_at_once(*(open_socket(site, address, {"browser": "A" * 22}) for address in tries))
    await all_at_once(*(site.ask(request(f"GET /room/{some_code()}")) for _ in range(20)))


async def rooms_from_one_address(site: Site) -> None:
    made = request("POST /rooms", f"Origin: http://{site.host}", "Content-Length: 0", host=site.host)
    await all_at_once(*(site.ask(made) for _ in range(AT_ONCE)))


async def rooms_from_many_addresses(site: Site) -> None:
    made = request("POST /rooms", f"Origin: http://{site.host}", "Content-Length: 0", host=site.host)
    address = site.new_address()
    await all_at_once(*(site.ask(made, address) for _ in range(5)))


async def forged_origins(site: Site) -> None:
    page = await Guest(site.url, "/lobby").load()
    for origin in ("http://evil.example", "null", f"https://{site.host}"):
        await open_socket(site, page.address, page.cookies, origin)
        await site.ask(request("POST /rooms", f"Origin: {origin}", "Content-Length: 0", host=site.host))


async def forged_hosts(site: Site) -> None:
    for host in ("evil.example", "a..b", f"{site.host}@evil.example", "x" * 300):
        await site.ask(request("GET /", host=host))
        await site.ask(request("GET /ws", *UPGRADE, f"Origin: http://{host}", host=host))


# What visitors do.


async def links_in_the_lobby(site: Site) -> None:
    """Ten people from ten addresses write as much as one page may."""
    writers = [await site.guest("/lobby", site.new_address()) for _ in range(10)]
    for writer in writers:
        await writer.enter("Writer")
    await all_at_once(*(write_links(site, writer) for writer in writers))


async def write_links(site: Site, writer: Guest) -> None:
    keys = [await writer.say(EMOJI_LINK, room="lobby") for _ in range(20)]
    async with asyncio.timeout(ANSWERED_WITHIN):
        await writer._until(lambda: answers(writer) >= len(keys) or writer.close_code is not None, "no answers")
    site.outcomes["shown"] += writer.shown.count('hx-target="#p-')
    site.outcomes["too fast"] += len(keys) - writer.shown.count('hx-target="#p-')
    await writer.hang_up()


def answers(writer: Guest) -> int:
    return writer.shown.count('hx-target="#p-') + writer.shown.count("A little slower")


async def reports(site: Site) -> None:
    """Many browsers of one address report each other as fast as they are matched."""
    guests = [await site.guest("/text") for _ in range(16)]
    for _ in range(AT_ONCE):
        await all_at_once(*(report(site, guest) for guest in guests))
        await asyncio.sleep(PAUSE)


async def report(site: Site, guest: Guest) -> None:
    room = guest.room
    if guest.close_code is not None:
        site.outcomes[f"closed {guest.close_code}"] += 1
    elif room.startswith("pair"):
        await guest.say(EMOJI_LINK)
        await guest.send(do="report", room=room, reason="spam", words=LONG_WORDS)
        site.outcomes["reported"] += 1
    else:
        await guest.send(do="seek", name="Guest", agreed="yes")


async def skips(site: Site) -> None:
    """Many browsers of one address leave each stranger at once."""
    guests = [await site.guest("/text") for _ in range(16)]
    for turn in range(AT_ONCE):
        await all_at_once(*(skip(site, guest, ("next", "stop")[turn % 2]) for guest in guests))
        await asyncio.sleep(PAUSE)


async def skip(site: Site, guest: Guest, how: str) -> None:
    if guest.close_code is not None:
        site.outcomes[f"closed {guest.close_code}"] += 1
    elif guest.room:
        await guest.send(do=how, room=guest.room)
        site.outcomes["skipped"] += 1
    else:
        await guest.send(do="seek", name="Guest", agreed="yes")
        site.outcomes["waits"] += 1


@dataclass(frozen=True, slots=True)
class Attack:
    """An attack, how some of its tries must end, and how any may; another end breaks a promise."""

    name: str
    wave: Wave
    refused: frozenset[str]
    foreseen: frozenset[str]


def attack(name: str, wave: Wave, refused: str, allowed: str = "") -> Attack:
    """Ends are separated by commas."""
    return Attack(name, wave, ends(refused), ends(f"{refused}, {allowed}"))


def ends(listed: str) -> frozenset[str]:
    return frozenset(filter(None, listed.split(", ")))


BUSY = "closed 1013, cut"  # what any socket may hear of a place that is full
ATTACKS = (
    attack("nothing", nothing, "calm"),
    attack("HTTP/2 by upgrade", upgrade_to_http_2, "HTTP 400", "HTTP 200"),
    attack("HTTP/2 by prior knowledge", http_2_with_prior_knowledge, "HTTP 505"),
    attack("pings", flood_of(20_000 * PING), "closed 1008", BUSY),
    attack("pongs", flood_of(20_000 * PONG), "closed 1008", BUSY),
    attack("empty continuations", flood_of(BEGUN_TEXT + 20_000 * EMPTY_PIECE), "closed 1008", BUSY),
    attack("giant frames", flood_of(frame(3_000_000 * b"x")), "closed 1009", f"{BUSY}, closed 1006"),
    attack("bad UTF-8", flood_of(frame(200 * b"\xff")), "closed 1007", BUSY),
    attack("bad JSON", flood_of(100 * frame(BAD_JSON)), "closed 1008", BUSY),
    attack("signals", signals, "closed 1008", BUSY),
    attack("half-open requests", half_open_requests, "cut", "HTTP 408"),
    attack("slow heads", slow_heads, "cut", "HTTP 408"),
    attack("idle connections", idle_connections, "cut", "held"),
    attack("handshakes", handshakes, "closed 1013", "open, closed 4409"),
    attack("slow readers", slow_readers, "cut unread", f"{BUSY}, shown, too fast"),
    attack("guesses of codes", guesses, "HTTP 429", "HTTP 404"),
    attack("guesses by socket", guesses_by_socket, "HTTP 429", "HTTP 404, closed 4403, closed 1013"),
    attack("rooms from an address", rooms_from_one_address, "HTTP 429", "HTTP 303"),
    attack("rooms from many addresses", rooms_from_many_addresses, "", "HTTP 303, HTTP 503"),
    attack("forged origins", forged_origins, "HTTP 403"),
    attack("forged hosts", forged_hosts, "HTTP 400"),
    attack("links of 2,000 emoji", links_in_the_lobby, "too fast", "shown"),
    attack("reports", reports, "", f"reported, closed 1008, {BUSY}"),
    attack("skips", skips, "", f"skipped, waits, closed 1008, {BUSY}"),
)


async def run(attack: Attack, site: Site, seconds: float) -> None:
    """Repeat the waves of an attack for so long, but make one to its end."""
    begun = asyncio.get_running_loop().time()
    await one_wave(attack, site)
    with suppress(TimeoutError):
        async with asyncio.timeout_at(begun + seconds):
            while True:
                await one_wave(attack, site)


async def one_wave(attack: Attack, site: Site) -> None:
    """A client that is cut off makes its next wave all the same."""
    try:
        await attack.wave(site)
    except TimeoutError:
        site.outcomes["no answer"] += 1
    except LOST:
        site.outcomes["cut"] += 1
    await site.hang_up()


def main(number: int, url: str, seconds: float) -> None:
    os.nice(NICE)
    site = Site(url, number)
    asyncio.run(run(ATTACKS[number], site, seconds))
    print(json.dumps(site.outcomes))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
