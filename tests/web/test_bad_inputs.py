"""The table of bad inputs: what each of them meets, and that it costs nobody else anything.

Every row is sent to the chat as it is really run. Whatever happens to the sender, the neighbours' next message arrives
within a second, memory and descriptors return to where they were, and the log has the lines that the row names, which
tell nothing of the content.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import httpx
import pytest
from markupsafe import escape
from websockets.exceptions import ConnectionClosed

from quart_chat.app import SystemClock
from quart_chat.domain.spaces import LOBBY, Kind, Place
from quart_chat.settings import Settings
from quart_chat.web.address_limits import AddressLimits
from quart_chat.web.security import new_page
from tests.faults.clients import Clients
from tests.faults.history import HistoryClient
from tests.faults.program import Program, running

T = TypeVar("T")
Reaction = Callable[["Scene", T], Awaitable[None]]

KEY = "the key that addresses are hashed with"
MARK = "192.0.2.1"  # the address that marks the end of a part of the log
IN_TIME = 1.0  # seconds for the neighbours' message
GROWN = 5 * 1024 * 1024  # bytes; the allocator keeps some of what was freed

# Each sender has an address of its own, so that only the rows about limits meet them.
SERVER = {"TRUSTED_HOPS": "1", "SECRET_KEY": KEY, "STUN_URLS": "", "REFUSALS_LOGGED_PER_MINUTE": "100000"}
TAME = re.compile(r"[a-z0-9 ]{1,40}")  # what a value in the log may look like


class Scene:
    """A running chat, two neighbours in its lobby, and those who come to do no good."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.url = program.url
        self.clients = Clients(program.url)
        self._proc = Path(f"/proc/{program.process.pid}")
        self._addresses: Iterator[int] = iter(range(256 * 256))
        self._mark = AddressLimits(Settings(), KEY.encode(), SystemClock()).hash_of(MARK)

    async def opens(self) -> None:
        self.neighbours = [await self.guest("/lobby"), await self.guest("/lobby")]
        for neighbour, name in zip(self.neighbours, ("Bob", "Cid"), strict=True):
            await neighbour.enter(name)

    def address(self) -> str:
        """An address nobody has come from yet."""
        number = next(self._addresses)
        return f"10.0.{number // 256}.{number % 256}"

    async def guest(self, path: str, address: str = "") -> HistoryClient:
        return await self.clients.guest(path, address=address or self.address())

    async def ann(self) -> HistoryClient:
        """Somebody in the lobby."""
        ann = await (await self.guest("/lobby")).enter("Ann")
        ann.forgets()
        return ann

    async def pair(self, path: str) -> tuple[HistoryClient, HistoryClient]:
        """Two strangers who have met."""
        dot, eve = await self.guest(path), await self.guest(path)
        await dot.seek("Dot")
        await eve.seek("Eve")
        await dot.is_at("talk")
        await eve.is_at("talk")
        return dot, eve

    @asynccontextmanager
    async def unharmed(self, logged: tuple[str, ...]) -> AsyncIterator[None]:
        """Fail unless what happens here leaves everything as it was, but for these events in the log."""
        before, memory = await self._figures(), self._memory()
        await self._log()
        try:
            yield
            await self.neighbours_talk_on()
            lines = await self._log()
            assert [line["event"] for line in lines] == list(logged)
            assert all(TAME.fullmatch(str(line[field])) for line in lines for field in line.keys() - {"time"}), lines
        finally:
            await self._everyone_else_goes()
            await self._returns_to(before)
        assert self._memory() - memory < GROWN

    async def neighbours_talk_on(self) -> None:
        one, other = self.neighbours
        async with asyncio.timeout(IN_TIME):
            text = f"nobody noticed {next(self._addresses)}"
            await one.say(text)
            await other.sees(text)
        assert not one.violations + other.violations
        one.forgets()
        other.forgets()

    async def _log(self) -> list[dict[str, object]]:
        """The lines since this was last asked: all up to the one that a foreign page, come for that, leaves."""
        assert await self.send(handshake({"Origin": "null", "X-Forwarded-For": MARK})) == 403
        lines: list[dict[str, object]] = []
        while (line := await self.program.next_line()).get("address") != self._mark:
            lines.append(line)
        return lines

    async def _everyone_else_goes(self) -> None:
        for client in [one for one in self.clients.all if one not in self.neighbours]:
            with suppress(ConnectionClosed):
                await client.send(do="stop", room=client.room)
                await client.send(do="leave", room=client.room)
            await client.hang_up()
            self.clients.all.remove(client)

    async def _returns_to(self, before: tuple[dict[str, int], int]) -> None:
        async with asyncio.timeout(10):
            while not self._is_as(before, await self._figures()):  # noqa: ASYNC110 - another process has no event for it
                await asyncio.sleep(0.01)

    def _is_as(self, before: tuple[dict[str, int], int], now: tuple[dict[str, int], int]) -> bool:
        """A descriptor of what came before may have been about to go, so that now there are fewer."""
        return now[0] == before[0] and now[1] <= before[1]

    async def _figures(self) -> tuple[dict[str, int], int]:
        """How many people are where, and how many descriptors are open."""
        async with httpx.AsyncClient() as client:
            people = (await client.get(f"{self.url}/api/status", headers={"Connection": "close"})).json()
        return people, sum(1 for _ in self._proc.joinpath("fd").iterdir())

    def _memory(self) -> int:
        status = self._proc.joinpath("status").read_text("ascii")
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    async def send(self, request: bytes) -> int:
        """Send a request as it is; returns the status of the answer, 0 for none."""
        reader, writer = await asyncio.open_connection("127.0.0.1", int(self.program.port))
        try:
            host = self.url.removeprefix("http://").encode()
            writer.write(request.replace(b"HOST", host).replace(b"ADDRESS", self.address().encode()))
            async with asyncio.timeout(10):
                head = await reader.readuntil(b"\r\n\r\n")
            assert b"evil" not in head
            return int(head.split()[1])
        finally:
            writer.close()


@pytest.fixture(scope="module")
async def scene() -> AsyncIterator[Scene]:
    async with running(**SERVER) as program:
        scene = Scene(program)
        await scene.opens()
        yield scene
        await scene.clients.hang_up()


def rows(reaction: Reaction[T], table: Mapping[str, T], *logged: str) -> list[Any]:
    """The rows that meet the same reaction, each by what it is, and what is logged of each."""
    name = reaction.__name__.replace("_", " ")
    return [pytest.param(reaction, row, logged, id=f"{what} {name}") for what, row in table.items()]


BROWSER = "A" * 22  # what its cookie holds
PAGE = new_page(BROWSER, Place(Kind.LOBBY, LOBBY), KEY.encode())


def handshake(changes: Mapping[str, str | None], path: str = "", method: str = "GET", version: str = "1.1") -> bytes:
    """A handshake that differs from a good one by these headers; None leaves one out."""
    headers = {
        "Host": "HOST",
        "Origin": "http://HOST",
        "X-Forwarded-For": "ADDRESS",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Cookie": f"browser={BROWSER}",
    }
    lines = [f"{name}: {value}" for name, value in {**headers, **changes}.items() if value is not None]
    target = path or f"/ws?page={PAGE}&place=lobby"
    return "\r\n".join((f"{method} {target} HTTP/{version}", *lines, "", "")).encode("latin-1")


def request(
    target: str, method: str = "GET", body: bytes = b"", headers: Mapping[str, str] = MappingProxyType({})
) -> bytes:
    fixed = {"Host": "HOST", "Connection": "close", "X-Forwarded-For": "ADDRESS"}
    lines = [f"{name}: {value}" for name, value in {**fixed, **headers}.items()]
    return "\r\n".join((f"{method} {target} HTTP/1.1", *lines, "", "")).encode() + body


def frame(first_byte: int, payload: bytes) -> bytes:
    """A client's frame (RFC 6455, section 5.2); masked with zeros, so that the payload is as it was."""
    size = len(payload)
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 65_536:
        length = b"\xfe" + size.to_bytes(2, "big")
    else:
        length = b"\xff" + size.to_bytes(8, "big")
    return bytes([first_byte]) + length + bytes(4) + payload


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(0x88, code.to_bytes(2, "big") + reason)


async def is_refused_as_unreadable(scene: Scene, text: str | bytes) -> None:
    ann = await scene.ann()
    await ann.send_raw(text)
    await ann.sees("could not be read")


async def ends_the_connection(scene: Scene, data: bytes) -> None:
    """And the seat is kept, as after any drop."""
    ann = await scene.ann()
    await ann.send_bytes(data)
    assert await ann.is_closed() in (1002, 1007, 1009)
    await ann.comes_back()
    await ann.sees('data-at="talk"')


async def is_a_flood(scene: Scene, data: bytes) -> None:
    ann = await scene.ann()
    await ann.send_bytes(data)
    assert await ann.is_closed() in (1006, 1008)  # 1006 when more is on its way than is read without looking
    await ann.comes_back()
    await ann.sees('data-at="talk"')


async def is_waited_for(scene: Scene, data: bytes) -> None:
    """What may still become a message keeps its socket, at no cost, until that stops answering pings."""
    ann = await scene.guest("/lobby")
    await ann.send_bytes(data)
    await scene.neighbours_talk_on()
    assert ann.close_code is None
    await ann.drop()


async def is_refused_at_its_bubble(scene: Scene, text: str) -> None:
    ann = await scene.ann()
    await ann.sees(f"#why-{await ann.say(text)}")


async def is_not_delivered(scene: Scene, room: str) -> None:
    ann = await scene.ann()
    await ann.say("for somebody else", room=room)
    await ann.sees("Not delivered")


async def is_shown_as_text(scene: Scene, row: str | tuple[str, str]) -> None:
    """As it is, or as the second of the two."""
    sent, shown = row if isinstance(row, tuple) else (row, row)
    ann = await scene.ann()
    await ann.say(sent)
    for client in (ann, *scene.neighbours):
        await client.sees(f'<span class="words">{escape(shown)}</span>')


async def is_shown_as_a_name(scene: Scene, row: str | tuple[str, str]) -> None:
    sent, shown = row if isinstance(row, tuple) else (row, row)
    ann = await (await scene.guest("/lobby")).enter(sent)
    await ann.say("who am I?")
    for client in (ann, *scene.neighbours):
        await client.sees(f'<b class="author"><bdi>{escape(shown)}</bdi></b>')
        assert shown == escape(shown) or shown not in client.shown


async def is_refused_as_a_name(scene: Scene, name: str) -> None:
    ann = await scene.guest("/lobby")
    await ann.send(do="enter", name=name)
    await ann.sees("#door-note")
    assert ann.at == "door"


async def is_heard_without_its_extras(scene: Scene, extras: Mapping[str, object]) -> None:
    ann = await scene.ann()
    said = {"do": "say", "room": LOBBY, "key": f"key-{id(ann)}", "text": "with extras"}
    await ann.send_raw(json.dumps({**said, **extras}))
    await ann.sees("with extras")
    assert ">Ann</bdi>" in ann.shown
    assert "forged" not in ann.shown


async def is_no_signal(scene: Scene, fields: Mapping[str, object]) -> None:
    dot, eve = await scene.pair("/video")
    await dot.send(**{"do": "signal", "room": dot.room, "page": "12345678-aaaa", **fields})
    await dot.sees("could not be read")
    await dot.say("still here")
    await eve.sees("still here")
    assert '{"signal"' not in eve.shown


async def is_not_passed_on(scene: Scene, fields: Mapping[str, object]) -> None:
    dot, eve = await scene.pair("/video")
    await dot.send(**{"do": "signal", "room": dot.room, "page": "12345678-aaaa", **fields})
    await dot.say("still here")
    await eve.sees("still here")
    assert '{"signal"' not in eve.shown + dot.shown


async def comes_back_whatever_it_claims(scene: Scene, claims: Mapping[str, str]) -> None:
    ann = await scene.ann()
    key = await ann.say("before")
    await ann.sees(key)
    await ann.drop()
    ann.forgets()
    await ann.connect(talking="1", **claims)
    await ann.sees('data-at="talk"')
    await ann.sees("before")


async def sees_nothing_of_others(scene: Scene, claims: Mapping[str, str]) -> None:
    dot, eve = await scene.pair("/text")
    await dot.say("between us")
    await eve.sees("between us")
    mallory = await HistoryClient(scene.url, "/text", address=scene.address()).load()
    scene.clients.all.append(mallory)
    await mallory.connect(talking="1", room=dot.room, **claims)
    await mallory.sees("You were away for too long")
    assert "between us" not in mallory.shown


async def is_refused(scene: Scene, row: tuple[int, bytes]) -> None:
    status, sent = row
    assert await scene.send(sent) == status


async def is_let_in(scene: Scene, sent: bytes) -> None:
    assert await scene.send(sent) == 101


SDP = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"

UNREADABLE: dict[str, str | bytes] = {
    "an empty frame": "",
    "blanks": "   ",
    "null": "null",
    "a truth": "true",
    "a number": "1",
    "a string": '"x"',
    "an empty list": "[]",
    "a list": "[1]",
    "an open brace": "{",
    "something behind the object": '{"do":"leave","room":"lobby"} and more',
    "a byte order mark": '\ufeff{"do":"leave","room":"lobby"}',
    "UTF-16": '{"do":"leave","room":"lobby"}'.encode("utf-16-le").decode("latin-1"),
    "objects without end": '{"a":' * 13_000,
    "lists without end": "[" * 30_000,
    "not a number": '{"do":"say","room":"lobby","key":"k2345678","text":NaN}',
    "a number as text": '{"do":"say","room":"lobby","key":"k2345678","text":1}',
    "markup as key": '{"do":"say","room":"lobby","key":"<b>evil</b>","text":"x"}',
    "a key with a line break behind it": '{"do":"say","room":"lobby","key":"k2345678\\n","text":"x"}',
    "a room named twice": '{"do":"say","room":"lobby","room":"x","key":"k2345678","text":"x"}',
    "a message without a room": '{"do":"say","key":"k2345678","text":"x"}',
    "a message without a key": '{"do":"say","room":"lobby","text":"x"}',
    "a lone surrogate": '{"do":"say","room":"lobby","key":"k2345678","text":"\\ud800"}',
    "surrogates in the wrong order": '{"do":"say","room":"lobby","key":"k2345678","text":"\\udc00\\ud800"}',
    "a surrogate as name": '{"do":"enter","name":"\\ud800"}',
    "a surrogate as room": '{"do":"leave","room":"\\ud800"}',
    "a surrogate as key": '{"do":"say","room":"lobby","key":"k234567\\ud800","text":"x"}',
    "an unknown request": '{"do":"dance"}',
    "a number as request": '{"do":7}',
    "a list as request": '{"do":["say"]}',
    "a prototype as request": '{"do":"__proto__"}',
    "a long request": '{"do":"' + "x" * 10_000 + '"}',
    "no request": "{}",
    "an endless room": '{"do":"leave","room":"' + "x" * 65 + '"}',
    "empty bytes": b"",
    "JSON as bytes": b'{"do":"leave","room":"lobby"}',
    "a picture": b"\x89PNG\r\n\x1a\n",
    "an unknown accusation": '{"do":"report","room":"lobby","reason":"dislike"}',
}

BROKEN_FRAMES = {
    "an unmasked frame": b"\x81\x02{}",
    "the first reserved bit": frame(0xC1, b"{}"),
    "the second reserved bit": frame(0xA1, b"{}"),
    "the third reserved bit": frame(0x91, b"{}"),
    "a reserved opcode": frame(0x83, b"{}"),
    "the last reserved opcode": frame(0x87, b"{}"),
    "a reserved control opcode": frame(0x8B, b"{}"),
    "the last control opcode": frame(0x8F, b"{}"),
    "a ping in pieces": frame(0x09, b"{}"),
    "a ping of 126 bytes": frame(0x89, b"x" * 126),
    "a continuation of nothing": frame(0x80, b"{}"),
    "a text inside a text": frame(0x01, b"{") + frame(0x81, b"}"),
    "bytes that are no UTF-8": frame(0x81, b"\xff\xfe"),
    "an overlong encoding": frame(0x81, b"\xc0\xaf"),
    "an encoded surrogate": frame(0x81, b"\xed\xa0\x80"),
    "half a character": frame(0x81, b"\xe2\x82"),
    "a length of 2^63": b"\x81\xff" + (2**63).to_bytes(8, "big") + bytes(4) + b"x",
    "a length in too many bytes": b"\x81\xfe\x00\x02" + bytes(4) + b"{}",
    "a compressed frame": frame(0xC1, b"\xaa\x56\x02\x00"),
    "close code 0": close(0),
    "close code 999": close(999),
    "close code 1004": close(1004),
    "close code 1005": close(1005),
    "close code 1006": close(1006),
    "close code 1015": close(1015),
    "close code 1016": close(1016),
    "close code 2999": close(2999),
    "close code 5000": close(5000),
    "half a close code": frame(0x88, b"\x03"),
    "a close reason that is no UTF-8": close(1000, b"\xff\xfe"),
    "a close reason of 124 bytes": close(1000, b"<script>evil" * 10 + b"evil"),
}
TOO_BIG = {
    "a text of 65,537 bytes": frame(0x81, b"x" * 65_537),
    "a frame of 2^62 bytes": b"\x82\xff" + (2**62).to_bytes(8, "big") + bytes(4) + b"x",
    "a text of 16 MiB": frame(0x81, b"x" * 16 * 1024 * 1024),
}
FLOODS = {
    "100,000 pieces of a byte": frame(0x01, b"x") + frame(0x00, b"x") * 100_000,
    "100,000 pieces of nothing": frame(0x01, b"") + frame(0x00, b"") * 100_000,
    "100,000 pings": frame(0x89, b"") * 100_000,
    "100,000 pongs": frame(0x8A, b"x" * 125) * 100_000,
}
UNFINISHED = {
    "a text that never ends": frame(0x01, b"{"),
    "a character that never ends": frame(0x01, b"\xe2\x82"),
}

MARKUP = {
    "a script": "<script>alert(1)</script>",
    "a picture that fails": "<img src=x onerror=alert(1)>",
    "a drawing that loads": "<svg/onload=alert(1)>",
    "a formula with a link": "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "a frame with its page": "<iframe srcdoc='<script>alert(1)</script>'>",
    "a style": "<style>*{display:none}</style>",
    "a base": "<base href=//evil.example>",
    "a refresh": "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "an open comment": "<!--",
    "the end of a template": "</template></ol></div>",
    "plain text to the end": "<plaintext>",
    "a request of htmx": '"><div hx-get="/leave" hx-trigger="load">',
    "a form that sends itself": '<form ws-send hx-trigger="load"><input name=text value=spam></form>',
    "another list of messages": '<div id="messages" hx-swap-oob="true">fake</div>',
    "the end of the report button": '<div hx-swap-oob="delete:#report"></div>',
    "a partial": '<hx-partial hx-target="body" hx-swap="innerHTML">fake</hx-partial>',
    "another socket": '<div hx-ext="ws" ws-connect="wss://evil.example" hx-ws:connect="wss://evil.example">',
    "handlers": '<a data-hx-get="/" hx-on::load="x" hx-on:click="x" _="on load x" x-init="x" hx-vals="js:x">',
    "a template": "{{7*7}} {% raw %} ${7*7} <%= 7*7 %>",
    "a link that runs": "javascript:alert(1)",
    "a link that is its page": "data:text/html,<script>alert(1)</script>",
    "a link without a scheme": "//evil.example",
    "an emoji 2,000 times": "\U0001f98a" * 2_000,
    "a word of 2,000 letters": "x" * 2_000,
}
MENDED = {
    "control characters": ("a\x00b\x1b[2Jc\x85d", "ab[2Jcd"),
    "line breaks": ("a\r\nb\u2028c\rd", "a\nb\nc\nd"),
    "a turned direction": ("photo\u202egnp.exe", "photognp.exe"),
    "an isolate left open": ("a\u2066b", "ab"),
    "500 marks on a letter": ("e" + "\u0301" * 500, "\u00e9\u0301\u0301"),
}
UNWRITABLE = {
    "nothing": "",
    "blanks alone": " \n ",
    "2,001 characters": "x" * 2_001,
    "invisible characters alone": "\u200b\u200b",
    "2,000 marks alone": "\u0301" * 2_000,
    "blank letters alone": "\u3164\u2800",
}

NAMES: dict[str, str | tuple[str, str]] = {
    "bold": "<b>Ann</b>",
    "an attribute": 'a" autofocus onfocus="x',
    "a statement": "a' OR 1=1 --",
    "back-ticks": "`id`",
    "a formula": "=cmd()",
    "a template": "{{7*7}}${7*7}",
    "line breaks": ("Ann\r\nBob", "Ann Bob"),
    "control characters": ("A\x00nn\x1b[2J", "Ann[2J"),
    "a turned direction": ("Ann\u202egnp", "Anngnp"),
    "marks": ("e" + "\u0301" * 24, "\u00e9\u0301\u0301"),
    "the dot of notices": ("Ann \u2022 Zoe", "Ann Zoe"),
    "a neighbour's in small letters": ("bob", "bob 2"),
    "a neighbour's in full width": ("\uff23\uff49\uff44", "Cid 2"),
}
NO_NAMES = {
    "no letters": "",
    "blanks": "   ",
    "25 letters": "x" * 25,
    "500 letters": "x" * 500,
    "a blank letter": "\u3164",
    "a blank pattern": "\u2800",
    "zero-width spaces": "\u200b\u2060\ufeff",
    "the moderator": "Moderator",
    "the moderator with something hidden": "Mod\u200berator",
    "the moderator in Cyrillic": "\u041cod\u0435rator",
    "the system in full width": "\uff33\uff59\uff53\uff54\uff45\uff4d",
    "the system in Armenian": "\u054fystem",
    "a title in brackets": "Anna (Admin)",
    "a notice in two lines": "Ann\r\nBob left",
    "a notice": "Ann left \u00b7 Bob",
}

EXTRAS: dict[str, Mapping[str, object]] = {
    "headers of htmx": {"headers": {"HX-Request": "true"}},
    "headers as a string": {"headers": "forged"},
    "200 headers": {"headers": {f"h{number}": "x" for number in range(200)}},
    "headers within headers": {"headers": {"headers": {"headers": [{}]}}},
    "another author": {"by": "forged", "user_id": "forged", "name": "forged"},
    "powers": {"is_admin": True, "seq": 2**62, "epoch": "forged", "html": "<b>forged</b>"},
    "a prototype": {"__proto__": {"is_admin": True}, "constructor": "forged"},
}
ROOMS = {
    "no room": "",
    "another room": "room:QQQQQQ",
    "a room with markup": "<b>evil</b>",
    "a room with a glob": "*",
}
CLAIMS: dict[str, Mapping[str, str]] = {
    "a negative number": {"seq": "-1"},
    "a number of the future": {"seq": "999999999999999"},
    "2^63": {"seq": str(2**63)},
    "letters": {"seq": "abc"},
    "digits of another script": {"seq": "%D9%A3"},
    "a number a page long": {"seq": "9" * 4_000},
    "another room of ours": {"seq": "0", "room": "room:QQQQQQ"},
    "a surrogate": {"seq": "0", "room": "%ED%A0%80"},
    "another start": {"seq": "0", "boot": "%00"},
}

NO_SIGNALS: dict[str, Mapping[str, object]] = {
    "nothing": {},
    "an offer as a string": {"description": "offer"},
    "an offer without SDP": {"description": {"type": "offer"}},
    "an offer of markup": {"description": {"type": "offer", "sdp": "<script>alert(1)</script>"}},
    "an offer of 5,000 lines": {"description": {"type": "offer", "sdp": "v=0\r\n" + "m=x\r\n" * 5_000}},
    "an offer of empty lines": {"description": {"type": "offer", "sdp": "\n" * 50}},
    "an offer with a zero": {"description": {"type": "offer", "sdp": SDP + "a=\x00\r\n"}},
    "an offer with a line of 60 KB": {"description": {"type": "offer", "sdp": SDP + "a=" + "x" * 60_000}},
    "an unknown description": {"description": {"type": "pranswer", "sdp": SDP}},
    "an endless candidate": {"candidate": {"candidate": "x" * 2_000}},
    "a name of 10 KB": {"candidate": {"candidate": f"candidate:1 1 udp 1 {'x' * 10_000}.local 9 typ host"}},
    "a negative line": {"candidate": {"candidate": "", "sdpMLineIndex": -1}},
    "words as media": {"media": {"mic": "yes"}},
    "a page with a line break behind it": {"description": {"type": "offer", "sdp": SDP}, "page": "12345678-aaaa\n"},
    "markup as page": {"description": {"type": "offer", "sdp": SDP}, "page": "<b>"},
}
CANDIDATES: dict[str, Mapping[str, object]] = {
    "an address inside a network": {"candidate": {"candidate": "candidate:1 1 udp 1 192.168.1.2 9 typ host"}},
    "one's own machine": {"candidate": {"candidate": "candidate:1 1 tcp 1 127.0.0.1 6379 typ host"}},
    "one's own machine in IPv6": {"candidate": {"candidate": "candidate:1 1 tcp 1 ::ffff:127.0.0.1 6379 typ host"}},
    "a port too low": {"candidate": {"candidate": "candidate:1 1 udp 1 8.8.8.8 0 typ host"}},
    "a port too high": {"candidate": {"candidate": "candidate:1 1 udp 1 8.8.8.8 70000 typ host"}},
    "a host by name": {"candidate": {"candidate": "candidate:1 1 udp 1 evil.example 9 typ host"}},
    "words": {"candidate": {"candidate": "evil"}},
    "a public address of one who hides it": {
        "candidate": {"candidate": "candidate:1 1 udp 1 8.8.8.8 9 typ srflx"},
        "relay": True,
    },
    "a signal for another pair": {"description": {"type": "offer", "sdp": SDP}, "room": "another"},
}

FOREIGN: dict[str, tuple[int, bytes]] = {
    f"origin {origin or 'missing'}": (403, handshake({"Origin": origin}))
    for origin in (
        None,
        "null",
        "https://HOST",
        "https://evil.example",
        "http://HOST.evil.example",
        "http://evil-HOST",
        "http://127.0.0.1:1",
        "http://127.0.0.1",
        "http://evil@HOST",
        "http://HOST@evil.example",
        "http://HOST/evil",
        "http://[",
        "http://\xff",
    )
}
NO_PAGES: dict[str, tuple[int, bytes]] = {
    f"the page {path[:30]}": (400, handshake({}, path))
    for path in (
        "/ws",
        "/ws?page=",
        "/ws?page=evil",
        f"/ws?page={PAGE}",
        f"/ws?page={PAGE}&place=evil",
        f"/ws?page={PAGE}&place=%ff",
        f"/ws?page={PAGE}&place=room&code=%00",
        f"/ws?page={PAGE[1:]}&place=lobby",
        f"/ws?{'a=1&' * 3_000}",
    )
}
NO_HANDSHAKES: dict[str, tuple[int, bytes]] = {
    "version 12": (400, handshake({"Sec-WebSocket-Version": "12"})),
    "no version": (400, handshake({"Sec-WebSocket-Version": None})),
    "no key": (400, handshake({"Sec-WebSocket-Key": None})),
    "HTTP/2 from the start": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "HTTP/2.0 for the socket": (505, handshake({}, version="2.0")),
    "HTTP/1.0 for the socket": (400, handshake({}, version="1.0")),
    "a handshake with a body": (400, handshake({"Content-Length": "4"}) + b"evil"),
    "no host": (400, handshake({"Host": None})),
    "two hosts": (400, handshake({"host": "evil"})),
    "100 KiB of headers": (431, handshake({"X": "x" * 102_400})),
    "a header without a colon": (400, b"GET / HTTP/1.1\r\nHost: x\r\nevil\r\n\r\n"),
    "TLS": (400, b"\x16\x03\x01\x02\x00\x01" + bytes(100)),
    "a target that is no ASCII": (400, request("/room/\u0663\u00b2")),
    "a negative length": (400, request("/api/rooms", "POST", headers={"Content-Length": "-1"})),
    "a chunk that is none": (400, request("/api/rooms", "POST", b"zz\r\n", headers={"Transfer-Encoding": "chunked"})),
}
UPGRADES = {
    "an origin in capitals": handshake({"Origin": "HTTP://HOST"}),
    "a connection kept alive": handshake({"Connection": "keep-alive, upgrade"}),
    "a key that is none": handshake({"Sec-WebSocket-Key": "x"}),
    "a window of letters": handshake({"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits=abc"}),
    "1,000 headers": handshake({f"X-{number}": "y" for number in range(1_000)}),
    "junk beside the cookie": handshake({"Cookie": f"browser={'A' * 22}; name=<script>; =; ;"}),
    "an endless claim": handshake({}, f"/ws?page={PAGE}&place=lobby&talking=1&room={'x' * 5_000}"),
}
NOTHING_THERE: dict[str, tuple[int, bytes]] = {
    f"the address {path[:30]}": (404, request(path))
    for path in (
        "/room/../admin",
        "/room/%2e%2e%2fadmin",
        "/room/%00",
        "/room/%ff",
        "/room/%0d%0aSet-Cookie:evil",
        f"/room/{'x' * 10_000}",
        "/room/<script>alert(1)</script>",
        "/room/%D9%A3%C2%B2%D9%A3%D9%A3%D9%A3%D9%A3",
        "/room/%C3%9F%C3%9F%C3%9F%C3%9F%C3%9F%C3%9F",
        "/room/QQQQQQ",
        "/room/short",
        "/room/QQQQQQ/qr.svg",
        "/room?code=%00",
        "/room",
        "/api/rooms/QQQQQQ",
        "/api/rooms/%0d%0aevil",
        "//evil.example",
        "/\\evil.example",
        "/%ff",
        "*",
        "/ws/",
    )
}
NOT_ALLOWED: dict[str, tuple[int, bytes]] = {
    "no upgrade": (400, request("/ws")),
    "HEAD for the socket": (400, request("/ws", "HEAD")),
    "OPTIONS for the socket": (400, request("/ws", "OPTIONS")),
    "POST to the socket": (405, handshake({}, method="POST")),
    "a host with an empty label": (400, request("/", headers={"Host": "a..b"})),
    "a host with a label of 70 letters": (400, request("/", headers={"Host": "x" * 70})),
    "a host of 300 letters": (400, request("/", headers={"Host": ".".join(["x" * 59] * 5)})),
    "a host of markup": (400, request("/", headers={"Host": "<script>evil"})),
    "a host that is no ASCII": (400, request("/", headers={"Host": "\u0431.example"})),
    "a socket of a host with an empty label": (400, handshake({"Host": "a..b", "Origin": "http://a..b"})),
    "another upgrade": (400, handshake({"Upgrade": "evil"})),
    "an upgrade to HTTP/2": (400, handshake({"Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAAP__"})),
    "TRACE": (405, request("/lobby", "TRACE")),
    "DELETE": (405, request("/lobby", "DELETE")),
    "a method of one's own": (405, request("/lobby", "EVIL")),
    "a room made by a page without origin": (403, request("/rooms", "POST")),
    "a room made by a page of no origin": (403, request("/rooms", "POST", headers={"Origin": "null"})),
    "a room made by another site": (403, request("/rooms", "POST", headers={"Origin": "https://evil.example"})),
    "a room made by another site's program": (
        403,
        request("/api/rooms", "POST", headers={"Origin": "https://evil.example"}),
    ),
}

ROWS = [
    *rows(is_refused_as_unreadable, UNREADABLE, "refused"),
    *rows(ends_the_connection, BROKEN_FRAMES, "protocol broken"),
    *rows(ends_the_connection, TOO_BIG, "message too big"),
    *rows(is_a_flood, FLOODS, "flood closed"),
    *rows(is_waited_for, UNFINISHED),
    *rows(is_shown_as_text, MARKUP),
    *rows(is_shown_as_text, MENDED),
    *rows(is_refused_at_its_bubble, UNWRITABLE, "refused"),
    *rows(is_shown_as_a_name, NAMES),
    *rows(is_refused_as_a_name, NO_NAMES, "refused"),
    *rows(is_heard_without_its_extras, EXTRAS),
    *rows(is_not_delivered, ROOMS, "refused"),
    *rows(comes_back_whatever_it_claims, CLAIMS),
    *rows(sees_nothing_of_others, {"another pair's room": {"seq": "0"}}),
    *rows(is_no_signal, NO_SIGNALS, "refused"),
    *rows(is_not_passed_on, CANDIDATES),
    *rows(is_refused, FOREIGN, "handshake refused"),
    *rows(is_refused, NO_PAGES, "handshake refused"),
    *rows(is_refused, NO_HANDSHAKES),  # by the server, before the app hears of it
    *rows(is_let_in, UPGRADES),
    *rows(is_refused, NOTHING_THERE, "request refused"),
    *rows(is_refused, NOT_ALLOWED, "request refused"),
]


@pytest.mark.parametrize(("reaction", "row", "logged"), ROWS)
async def test_a_bad_input_costs_nobody_else_anything(
    scene: Scene, reaction: Reaction[object], row: object, logged: tuple[str, ...]
) -> None:
    """Issue 11, line 21: patterns end where the text ends, as the rows with a line break behind something show."""
    async with scene.unharmed(logged):
        await reaction(scene, row)
