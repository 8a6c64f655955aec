"""The server is told to stop and started anew, as it was or as a changed version: people hardly notice."""

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.browser.stories import DESKTOP, LOST_CONNECTION, PHONE, Visitors
from tests.browser.test_video import caller, cameras, they_call
from tests.faults.program import ROOT, Program, running

pytestmark = pytest.mark.browser
__all__ = ["cameras"]

AWAY_FOR = 30.0  # seconds between the end of one process and the start of the next


class Site:
    """A chat with a folder, which can be stopped and started anew."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self.code = ROOT

    @asynccontextmanager
    async def up(self) -> AsyncIterator[Program]:
        """The chat runs until the block ends; then it is told to stop, and has ended."""
        port = self.url.rpartition(":")[2] or "0"
        settings = {"DATA_DIR": str(self.folder / "data"), "STUN_URLS": "", "PYTHONPATH": str(self.code)}
        async with running(port, **settings) as program:
            self.url = program.url
            yield program
            program.signal(signal.SIGTERM)
            assert (await program.ends())[0] == 0

    def changes(self) -> None:
        """From the next start on it is another version: a style, a script and the words of a page are not the same."""
        self.code = self.folder / "changed"
        for part in ("quart_chat", "templates", "static"):
            shutil.copytree(ROOT / part, self.code / part)
        shutil.copy(ROOT / "hypercorn.toml", self.code)
        for name, text in (("css/app.css", "/* changed */"), ("js/call.js", "// changed")):
            path = self.code / "static" / name
            path.write_text(f"{path.read_text('utf-8')}\n{text}\n", "utf-8")
        composer = self.code / "templates" / "place" / "composer.html"
        composer.write_text(composer.read_text("utf-8").replace("{{ _('Message') }}", "{{ _('Your words') }}"), "utf-8")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("is_changed", [False, True], ids=["same version", "changed version"])
async def test_two_strangers_go_on_after_a_restart(
    browser: Browser, site: Site, device: dict[str, Any], is_changed: bool
) -> None:
    async with site.up():
        visitors = Visitors(browser, site.url)
        visitors.may_hear(LOST_CONNECTION)
        ann = await (await visitors.come(**device)).finds_a_stranger("Ann")
        bob = await (await visitors.come(**device)).finds_a_stranger("Bob")
        await ann.talks_with("Bob")
        await ann.says("Are you there?")
        await bob.sees("Are you there?")
        await bob.types("a draft that is not")
    for each in (ann, bob):
        await each.sees("Reconnecting…")
    await ann.types("Hello, anybody?")
    await ann.box.press("Enter")
    await bob.types(" finished yet")
    if is_changed:
        site.changes()
    async with site.up():
        await bob.reads("Are you there?", "Hello, anybody?")
        await expect(bob.box).to_have_value("a draft that is not finished yet")
        await bob.box.press("Enter")
        for each in (ann, bob):
            await each.reads("Are you there?", "Hello, anybody?", "a draft that is not finished yet")
            await each.sees_no("Reconnecting…")
            await each.sees_no("The server restarted")
        await ann.talks_with("Bob")
        await bob.talks_with("Ann")
        await ann.reloads()
        await expect(ann.page.locator("#text")).to_have_attribute(
            "placeholder", "Your words" if is_changed else "Message"
        )
        await ann.reads("Are you there?", "Hello, anybody?", "a draft that is not finished yet")
        await visitors.go()


@pytest.mark.slow
async def test_a_server_that_is_away_for_half_a_minute_is_waited_for(browser: Browser, site: Site) -> None:
    async with site.up():
        visitors = Visitors(browser, site.url)
        visitors.may_hear(LOST_CONNECTION)
        ann = await (await visitors.come()).finds_a_stranger("Ann")
        bob = await (await visitors.come(**PHONE)).finds_a_stranger("Bob")
        await ann.talks_with("Bob")
        dot = await (await visitors.come(**PHONE)).enters_the_lobby("Dot")
        eve = await (await visitors.come()).enters_the_lobby("Eve")
        await dot.says("before")
    await eve.sees("Reconnecting…")
    await eve.types("meanwhile")
    await eve.box.press("Enter")
    await asyncio.sleep(AWAY_FOR)  # so long is what is promised
    for each in (ann, bob, dot, eve):
        await each.sees("Reconnecting…")
    async with site.up():
        await ann.says("Still there?")
        await bob.reads("Still there?")
        await dot.reads("before", "meanwhile")
        await eve.sees_people("Eve", "Dot")
        await visitors.go()


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_a_call_does_not_even_stop(cameras: Browser, site: Site, device: dict[str, Any]) -> None:
    async with site.up():
        callers = Visitors(cameras, site.url)
        callers.may_hear(LOST_CONNECTION)
        ann, bob = await caller(callers, **device), await caller(callers, **device)
        await they_call(ann, bob)
    for each in (ann, bob):
        await expect(each.page.locator("body")).to_contain_class("offline")
        await each.sees_and_hears()
    site.changes()
    async with site.up():
        for each in (ann, bob):
            await expect(each.page.locator("body")).not_to_contain_class("offline")
            await each.sees_and_hears()
        assert await ann.states() == await bob.states() == ["connected"]
        await ann.visitor.says("Do you still see me?")
        await bob.visitor.reads("Do you still see me?")
        await callers.go()
