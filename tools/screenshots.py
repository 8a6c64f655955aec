"""Take the pictures of the README: start the chat, let some visitors play a scene in each place, and look at it."""

import asyncio
import os
import re
import struct
import sys
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from tests.browser.conftest import QUIET
from tests.browser.stories import DESKTOP, PHONE, Visitor, Visitors
from tests.browser.test_video import FAKE_DEVICES, Caller
from tests.web.guest import GENEROUS
from tools.install_test_programs import chromium

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
LARGEST = 150_000  # bytes; a README loads all of them at once
HOUR = 10  # of the day in all pictures
STILL = {
    "reduced_motion": "reduce",
    "timezone_id": f"Etc/GMT{(datetime.now(UTC).hour - HOUR):+d}",  # GMT-2 is 2 h ahead
}


async def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    async with chat() as url, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=[*QUIET, *FAKE_DEVICES])
        await play(browser, url)
        await browser.close()


@asynccontextmanager
async def chat() -> AsyncIterator[str]:
    """Serve the chat on a free port, with limits that let a whole scene come from one address."""
    limits = {name.upper(): str(getattr(GENEROUS, name)) for name in GENEROUS.__slots__ if getattr(GENEROUS, name)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "quart_chat"),
        cwd=ROOT,
        env={**os.environ, **limits, "PORT": "0", "STUN_URLS": ""},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout  # noqa: S101 - a pipe was asked for
    try:
        said = re.search(r"http\S+", (await process.stdout.readline()).decode())
        if said is None:
            sys.exit("the chat does not start")
        yield said[0]
    finally:
        process.terminate()
        await process.wait()


async def play(browser: Browser, url: str) -> None:
    """Play all scenes; the home page comes last, when it has people to count."""
    visitors = Visitors(browser, url)
    await take_lobby(visitors)
    await take_room(visitors)
    await take_search(visitors)
    await take_strangers(visitors)
    await take_video(visitors)
    await take_home(visitors)
    await visitors.go()


async def take_lobby(visitors: Visitors) -> None:
    otter = await (await visitors.come(**STILL)).enters_the_lobby("Merry Otter")
    others = []
    for name in ("Silver Fox", "Wise Owl", "Teal Turtle", "Amélie", "Kofi", "Sunny Koala", "Jolly Panda"):
        device = PHONE if name == "Jolly Panda" else DESKTOP
        others.append(await (await visitors.come(**{**device, **STILL})).enters_the_lobby(name))
        await otter.sees(f"{name} joined")
    fox, owl, turtle, _, kofi, _, panda = others
    await otter.says("Good morning everyone ☀️", "Who is up for a round of twenty questions?")
    await owl.says("Me! I have one already.")
    await fox.says("Rules for those who are new: https://en.wikipedia.org/wiki/Twenty_questions")
    await panda.says("Just in time, then. Does it live by the water?")
    await owl.says("It does 😄 And it builds.")
    await turtle.says("🦫")
    await panda.sees("🦫")
    await photograph(panda, "lobby-phone")
    await kofi.says("Of course. My turn next?")
    await otter.sees("My turn next?")
    await photograph_twice(otter, "lobby")


async def take_room(visitors: Visitors) -> None:
    mia, ben, lea = [await visitors.come(**{**device, **STILL}) for device in (DESKTOP, DESKTOP, PHONE)]
    path = await mia.creates_a_room()
    await mia.enters(path, "Mia")
    for visitor, name in ((ben, "Ben"), (lea, "Lea")):
        await visitor.enters(path, name)
        await mia.sees(f"{name} joined")
    await ben.says("Found the room!")
    await mia.says("That was easy. Shall we plan the trip?", "I would leave on Friday, right after work.")
    await lea.says("Friday is fine. I bring the tent 🏕️")
    await ben.says("And I the guitar.", "Sorry in advance.")
    await mia.says("😂")
    await lea.types("Bring the")
    await mia.sees("Lea is typing")
    await photograph_twice(mia, "room")
    await lea.box.fill("")
    await lea.presses("QR")
    await lea.page.get_by_role("img", name="QR code").evaluate("picture => picture.decode()")
    await photograph(lea, "invitation-phone")


async def take_search(visitors: Visitors) -> None:
    ann = await (await visitors.come(**{**PHONE, **STILL})).finds_a_stranger("Nimble Octopus")
    await ann.looks_for_a_stranger()
    await photograph(ann, "search-phone")
    await ann.presses("Stop")
    await ann.is_at_the_door()


async def take_strangers(visitors: Visitors) -> None:
    tiger = await (await visitors.come(**STILL)).finds_a_stranger("Brave Tiger")
    whale = await (await visitors.come(**{**PHONE, **STILL})).finds_a_stranger("Gentle Whale")
    await whale.says("Hi! Where does this find you?")
    await tiger.says("On a night train, somewhere behind Vienna. And you?")
    await whale.says("At a kitchen table in Porto.", "Night train sounds better 🚆")
    await tiger.says("It does, until four in the morning.")
    await whale.types("Then tell me")
    await tiger.sees("Gentle Whale is typing")
    await photograph_twice(tiger, "strangers")
    await whale.box.fill("")
    await whale.page.emulate_media(color_scheme="dark")
    await photograph(whale, "strangers-phone")


async def take_video(visitors: Visitors) -> None:
    """The cameras are Chromium's made-up ones: a green screen with a turning disc."""
    leave = {"permissions": ["camera", "microphone"]}
    badger, heron = [Caller(await visitors.come(**{**each, **STILL, **leave})) for each in (DESKTOP, PHONE)]
    await badger.finds_a_stranger("Quiet Badger")
    await heron.finds_a_stranger("Bright Heron")
    for each in (badger, heron):
        await each.visitor.presses("Show video")
        await each.page.get_by_text("Connected").wait_for(state="attached")
    await badger.visitor.says("Hello! Can you hear me?")
    await heron.visitor.says("Loud and clear.")
    await badger.visitor.sees("Loud and clear.")
    await photograph(badger.visitor, "video")
    await photograph(heron.visitor, "video-phone")


async def take_home(visitors: Visitors) -> None:
    for device, name in ((DESKTOP, "home"), (PHONE, "home-phone")):
        visitor = await (await visitors.come(**{**device, **STILL})).opens("/")
        await visitor.is_called("Merry Otter")
        await visitor.page.locator("#disc", has_text="🦦").wait_for()
        await visitor.name_box.blur()
        await (photograph_twice(visitor, name) if device is DESKTOP else photograph(visitor, name))


async def photograph_twice(visitor: Visitor, name: str) -> None:
    """One picture in light, one in dark."""
    for scheme in ("light", "dark"):
        await visitor.page.emulate_media(color_scheme=scheme)
        await photograph(visitor, f"{name}-{scheme}")


async def photograph(visitor: Visitor, name: str) -> None:
    """Save what a visitor sees; exits when the picture is too large to be shown on a page of text."""
    picture = packed(await visitor.page.screenshot(caret="hide", scale="css"))
    (IMAGES / f"{name}.png").write_bytes(picture)
    print(f"{name}.png: {len(picture) // 1000} kB")
    if len(picture) > LARGEST:
        sys.exit(f"{name}.png is larger than {LARGEST // 1000} kB")


def packed(png: bytes) -> bytes:
    """Compress a PNG of 8-bit RGB anew, its rows unfiltered: flat colours and soft grounds come out a third smaller."""
    chunks = list(chunks_of(png))
    size = struct.unpack_from(">II", chunks[0][1])
    rows = unfiltered(zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT")), *size)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return png[:8] + b"".join(map(chunk, (chunks[0], (b"IDAT", pixels), chunks[-1])))


def unfiltered(data: bytes, width: int, height: int) -> Iterator[bytes]:
    """The rows of an RGB picture, each of which was written as differences from what stands left of it and above."""
    stride = 3 * width
    above = bytes(stride)
    for start in range(0, height * (stride + 1), stride + 1):
        guess, row = GUESSES[data[start]], bytearray(data[start + 1 : start + 1 + stride])
        for x, up in enumerate(above):
            left, corner = (row[x - 3], above[x - 3]) if x >= 3 else (0, 0)
            row[x] = (row[x] + guess(left, up, corner)) & 255
        above = bytes(row)
        yield above


def paeth(left: int, up: int, corner: int) -> int:
    """Whichever of the three lies nearest to left + up - corner."""
    return min((left, up, corner), key=lambda neighbour: abs(left + up - corner - neighbour))


# The filters of PNG, by their number.
GUESSES: tuple[Callable[[int, int, int], int], ...] = (
    lambda left, up, corner: 0,
    lambda left, up, corner: left,
    lambda left, up, corner: up,
    lambda left, up, corner: (left + up) // 2,
    paeth,
)


def chunks_of(png: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a PNG file, each with its type and its data."""
    found, at = [], 8  # after the signature
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        found.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + length]))
        at += length + 12
    return found


def chunk(typed: tuple[bytes, bytes]) -> bytes:
    kind, data = typed
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


if __name__ == "__main__":
    asyncio.run(main())
