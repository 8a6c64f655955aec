"""Calls by way of a real TURN server, which hides the two from each other."""

import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser.stories import Visitors
from tests.browser.test_video import Caller, caller, cameras
from tests.web.guest import GENEROUS, serving

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("turnserver") is None, reason="coturn is not installed"),
]

SECRET = "shared with the relay"

_KINDS_OF_WAYS = """async () => {
  const reports = new Map(await window.calls.at(-1).getStats());
  const used = [...reports.values()].filter(report => report.type === 'candidate-pair' && report.bytesSent > 0);
  return used.flatMap(pair => [pair.localCandidateId, pair.remoteCandidateId]).map(id => reports.get(id).candidateType);
}"""

__all__ = ["cameras"]


def own_address() -> str:
    """An address of this machine that is not the loopback's, which no browser may be told; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        address: str = sock.getsockname()[0]
        return address


@contextmanager
def relay(folder: Path) -> Iterator[str]:
    """A coturn of this test; gives its address."""
    address = own_address()
    if not address or address.startswith("127."):
        pytest.skip("this machine has no address but the loopback's")
    with socket.create_server((address, 0)) as free:
        port = free.getsockname()[1]
    command = [
        *("turnserver", "--no-cli", "--no-tls", "--no-dtls", "--fingerprint", "--use-auth-secret"),
        *("--static-auth-secret", SECRET, "--realm", "test", "--listening-ip", address, "--relay-ip", address),
        *("--listening-port", str(port), "--min-port", "49160", "--max-port", "49400"),
        *("--pidfile", str(folder / "pid"), "--userdb", str(folder / "db"), "--log-file", str(folder / "log")),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"turn:{address}:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def turn(tmp_path: Path) -> Iterator[str]:
    with relay(tmp_path) as url:
        yield url


@asynccontextmanager
async def strangers(cameras: Browser, turn: str, secret: str) -> AsyncIterator[tuple[Caller, Caller]]:
    settings = replace(GENEROUS, stun_urls="", turn_urls=turn, turn_secret=secret)
    async with serving(settings) as site:
        visitors = Visitors(cameras, site)
        ann, bob = await caller(visitors), await caller(visitors)
        for each, name in ((ann, "Ann"), (bob, "Bob")):
            await each.finds_a_stranger(name)
        yield ann, bob
        await visitors.go()


async def test_who_hides_its_address_talks_by_the_relay_alone(cameras: Browser, turn: str) -> None:
    async with strangers(cameras, turn, SECRET) as (ann, bob):
        for each in (ann, bob):
            await each.is_connected()
            await each.sees_and_hears()
            assert set(await each.page.evaluate(_KINDS_OF_WAYS)) == {"relay"}
            sdp = await each.page.evaluate("() => window.calls.at(-1).remoteDescription.sdp")
            assert "typ host" not in sdp
            assert "typ srflx" not in sdp


async def test_a_wrong_secret_ends_in_a_word_and_next(cameras: Browser, turn: str) -> None:
    async with strangers(cameras, turn, "not the relay's") as (ann, _):
        # The page gives up after 15 seconds.
        await expect(ann.page.get_by_text("No way to this stranger was found")).to_be_visible(timeout=30_000)
        await expect(ann.page.get_by_role("button", name="Next")).to_be_visible()
        await ann.visitor.says("we can still write")
