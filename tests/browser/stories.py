"""Visitors as the stories tell of them: each is a page in a real browser, and does what a person would do."""

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, FloatRect, Locator, Page, expect

from quart_chat.app import SystemClock

PATIENCE = 10_000  # milliseconds; far more than anything here takes
SMALLEST_TARGET = 44  # CSS pixels, for a thumb

DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}

# Chromium tells of a refused or lost connection, and of a page that is answered with 404, as if they were mistakes.
LOST_CONNECTION = re.compile(r"WebSocket connection to .* failed|net::ERR_|htmx:ws:error: \[object Event\]")
NO_SUCH_PAGE = re.compile("the server responded with a status of 404")

_TELL_OF_VIOLATIONS = """
addEventListener("securitypolicyviolation", event =>
  console.error("the policy forbids", event.violatedDirective, event.blockedURI));
"""


class MovableClock(SystemClock):
    """The machine's clock, which a story may move on instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self._moved_by = 0.0

    def now(self) -> float:
        return super().now() + self._moved_by

    def advance(self, seconds: float) -> None:
        self._moved_by += seconds

    def shows(self, instant: str) -> None:
        """Set the clock to an ISO 8601 instant."""
        self._moved_by += datetime.fromisoformat(instant).timestamp() - self.now()


class Visitor:
    """One page in one browser, and what its person does and sees there."""

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self.base = base
        self.box = page.get_by_role("textbox", name="Message", exact=True)
        self.name_box = page.get_by_role("textbox", name="Your name")
        self.log = page.get_by_role("log", name="Messages")
        self.bubbles = page.locator("#messages > .message")
        self.people = page.get_by_role("list", name="People").get_by_role("listitem")

    async def opens(self, path: str) -> Self:
        await self.page.goto(self.base + path)
        return self

    async def reloads(self) -> None:
        await self.page.reload()

    async def has_network_again(self) -> None:
        """What a system tells its pages when it is back; they need not wait for their next try."""
        await self.page.evaluate("dispatchEvent(new Event('online'))")

    async def opens_another_tab(self) -> "Visitor":
        """A second page of the same browser, with the same cookies."""
        return Visitor(await self.page.context.new_page(), self.base)

    async def is_called(self, name: str) -> Self:
        await self.name_box.fill(name)
        return self

    async def presses(self, button: str) -> None:
        await self.page.get_by_role("button", name=button).filter(visible=True).click()

    async def leaves_by(self, button: str) -> None:
        """Press Next or Stop, and once more when the page asks for that."""
        await self.presses(button)
        if await self._shown("Press again to leave").count():
            await self.presses(button)

    async def follows(self, link: str) -> None:
        await self.page.get_by_role("link", name=link).click()

    async def enters(self, path: str, name: str) -> Self:
        """Come in by the door of the lobby or of a room."""
        await (await self.opens(path)).is_called(name)
        await self.presses("Enter")
        await expect(self.box).to_be_visible()
        return self

    async def enters_the_lobby(self, name: str) -> Self:
        return await self.enters("/lobby", name)

    async def finds_a_stranger(self, name: str) -> Self:
        await (await self.opens("/text")).is_called(name)
        await self.agrees()
        await self.presses("Find a stranger")
        return self

    async def agrees(self) -> None:
        """Agree to the rules, if asked: each browser is once."""
        agreement = self.page.get_by_role("checkbox", name="I am 18 or older")
        if await agreement.is_visible():
            await agreement.check()

    async def creates_a_room(self) -> str:
        """Create a room from the home page; returns its path."""
        await self.opens("/")
        await self.presses("Create a room")
        await expect(self.page).to_have_url(re.compile("/room/......$"))
        return urlsplit(self.page.url).path

    async def says(self, *texts: str) -> None:
        """Send each text, and wait until the room has them all."""
        for text in texts:
            await self.box.fill(text)
            await self.box.press("Enter")
        await expect(self.page.locator("#pending > *")).to_have_count(0)

    async def types(self, keys: str) -> None:
        """Press one key after the other in the box, without sending."""
        await self.box.press_sequentially(keys)

    async def scrolls_up(self) -> float:
        """Scroll the log up and return where it stands."""
        scrolled = "scroll => { scroll.scrollTop = -400; return scroll.scrollTop; }"
        return float(await self.page.locator(".scroll").evaluate(scrolled))

    def bubble(self, text: str) -> Locator:
        return self.bubbles.filter(has=self.page.locator(".words", has_text=text))

    async def sees(self, text: str | re.Pattern[str]) -> None:
        await expect(self._shown(text).first).to_be_visible()

    async def sees_no(self, text: str | re.Pattern[str]) -> None:
        await expect(self._shown(text)).to_have_count(0)

    async def reads(self, *texts: str) -> None:
        """The log holds these messages, in this order, and no other."""
        await expect(self.bubbles.locator(".words")).to_have_text(list(texts))

    async def talks_with(self, name: str) -> None:
        await expect(self.page.locator("#status")).to_have_text(re.compile(rf"You are talking with {re.escape(name)}$"))
        await expect(self.box).to_be_visible()

    async def looks_for_a_stranger(self) -> None:
        await self.sees("Looking for a stranger")
        await expect(self.box).to_be_hidden()

    async def is_at_the_door(self) -> None:
        await expect(self.name_box).to_be_visible()
        await expect(self.box).to_be_hidden()

    async def sees_people(self, *names: str) -> None:
        """The list holds exactly these, the newest first."""
        await expect(self.people.locator("bdi")).to_have_text(list(names))
        await self.sees(f"{len(names)} online")

    async def style(self, of: Locator, name: str) -> str:
        return str(await of.evaluate(f"element => getComputedStyle(element).{name}"))

    async def box_of(self, thing: Locator) -> FloatRect:
        """Where it stands on the screen and how large it is, in CSS pixels."""
        box = await thing.bounding_box()
        assert box, "it is not to be seen"
        return box

    async def focus(self) -> str:
        """The accessible name of what has the focus."""
        return str(await self.page.evaluate(_NAME_OF_FOCUS))

    async def walks_by_tab_to(self, name: str) -> None:
        """Press Tab until the focus is there; each stop on the way shows that it has it."""
        for _ in range(40):
            await self.page.keyboard.press("Tab")
            assert await self.page.evaluate(_FOCUS_IS_SHOWN), f"the focus on {await self.focus()!r} does not show"
            if await self.focus() == name:
                return
        raise AssertionError(f"Tab never leads to {name!r}")

    async def scrolls_sideways(self) -> bool:
        """Whether anything makes the page wider than the screen."""
        return bool(await self.page.evaluate("document.documentElement.scrollWidth > innerWidth"))

    async def small_targets(self) -> list[str]:
        """What can be pressed but is too small for a thumb; links inside a sentence are as tall as it."""
        return list(await self.page.evaluate(_SMALL_TARGETS, SMALLEST_TARGET))

    def _shown(self, text: str | re.Pattern[str]) -> Locator:
        return self.page.get_by_text(text).filter(visible=True)


class Visitors:
    """Everybody who comes to one site; no browser of theirs may complain of anything."""

    def __init__(self, browser: Browser, base: str) -> None:
        self.base = base
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._complaints: list[str] = []
        self._expected: list[re.Pattern[str]] = []

    async def come(self, base: str = "", **options: Any) -> Visitor:
        """A new person with a browser of their own, on a wide screen unless the options say otherwise."""
        chosen = {**DESKTOP, "locale": "en-GB", **options}
        context = await self._browser.new_context(**chosen)
        self._contexts.append(context)
        context.set_default_timeout(PATIENCE)
        context.on("console", self._note)
        context.on("weberror", lambda error: self._complaints.append(f"error: {error.error}"))
        await context.add_init_script(_TELL_OF_VIOLATIONS)
        return Visitor(await context.new_page(), base or self.base)

    def may_hear(self, complaint: re.Pattern[str]) -> None:
        """What browsers will say in this story, and rightly."""
        self._expected.append(complaint)

    async def go(self) -> None:
        """Close all browsers; raises AssertionError when one of them had something to complain of."""
        for context in self._contexts:
            await context.close()
        assert not self._complaints, "\n".join(self._complaints)

    def _note(self, message: ConsoleMessage) -> None:
        said = f"{message.type}: {message.text}"
        if message.type in ("error", "warning") and not any(known.search(said) for known in self._expected):
            self._complaints.append(said)


class Line:
    """The line between one visitor and the server, which a story can cut and mend."""

    def __init__(self, server: str) -> None:
        self.leads_to(server)
        self._is_up = True
        self._ends: set[asyncio.StreamWriter] = set()
        self._carrying: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._carry, "127.0.0.1")
        self.url = f"http://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self.cut()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    def leads_to(self, server: str) -> None:
        """Lead new connections to this server from now on."""
        self._server = urlsplit(server)

    def cut(self) -> None:
        """Drop every connection without a word and take no new one."""
        self._is_up = False
        for end in self._ends:
            end.transport.abort()

    def mend(self) -> None:
        self._is_up = True

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._is_up:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task
        self._carrying.add(task)
        there, back = await asyncio.open_connection(self._server.hostname, self._server.port)
        try:
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        finally:
            self._carrying.discard(task)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        self._ends.add(sink)
        try:
            while data := await source.read(65_536):
                sink.write(data)
                await sink.drain()
        except ConnectionError:
            pass
        finally:
            self._ends.discard(sink)
            sink.close()


async def show_all_typing_at(visitor: Visitor, milliseconds: float) -> str:
    """Let the signs of typing be this old; returns whether they are visible or hidden then."""
    visibilities: Sequence[str] = await visitor.page.locator("#typing > li").evaluate_all(
        """(signs, age) => signs.map(sign => {
          for (const animation of sign.getAnimations()) { animation.pause(); animation.currentTime = age; }
          return getComputedStyle(sign).visibility;
        })""",
        milliseconds,
    )
    return visibilities[-1]


# A screen reader speaks of changes inside an element that it knows as a status; one that comes with its
# text it may miss.
LISTEN_TO_STATUSES = """() => {
  window.heard = [];
  const statuses = [...document.querySelectorAll("[role=status]")].filter(status => status.checkVisibility());
  for (const status of statuses) {
    new MutationObserver(() => heard.push(status.textContent.trim().replace(/\\s+/g, " ")))
      .observe(status, {childList: true, subtree: true, characterData: true});
  }
}"""

_NAME_OF_FOCUS = """() => {
  const element = document.activeElement;
  return element.getAttribute("aria-label") || element.labels?.[0]?.textContent.trim() || element.textContent.trim();
}"""

# The box of the name is outlined as a whole, a door of the home page by the layer that makes all of it a link.
_FOCUS_IS_SHOWN = """() => {
  const element = document.activeElement;
  if (element === document.body) return true;
  const styles = [getComputedStyle(element), getComputedStyle(element, "::after"),
    getComputedStyle(element.closest(".name") ?? element)];
  return styles.some(style => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2);
}"""

# A label belongs to its box: pressing either comes to the same.
_SMALL_TARGETS = """smallest => [
  ...document.querySelectorAll("a, button, input:not([type=hidden]), textarea, [tabindex]")]
  .filter(element => element.checkVisibility({visibilityProperty: true}) && !element.closest("p a, li a, .skip"))
  .map(element => {
    const layer = getComputedStyle(element, "::after");
    const box = (layer.position === "absolute" ? element.closest(".door") : element.closest(".name, label") ?? element);
    const {width, height} = box.getBoundingClientRect();
    return {width, height, what: element.outerHTML.slice(0, 90)};
  })
  .filter(({width, height}) => width < smallest - .5 || height < smallest - .5)
  .map(({width, height, what}) => `${width}x${height} ${what}`)"""
