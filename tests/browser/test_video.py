import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, async_playwright, expect

from quart_chat.domain.signals import PAGE_CHANGES
from tests.browser.conftest import QUIET
from tests.browser.stories import LOST_CONNECTION, PHONE, Line, Visitor, Visitors
from tests.web.guest import GENEROUS, serving
from tools.install_test_programs import chromium

pytestmark = pytest.mark.browser

# A camera that shows a turning disc and a microphone that beeps; nobody is asked for leave.
# Ten pictures a second are enough, and leave the machine some breath.
FAKE_DEVICES = ("--use-fake-device-for-media-stream=device-count=2, fps=10", "--use-fake-ui-for-media-stream")
AT_ONCE = {"permissions": ["camera", "microphone"]}

# Keeps every connection the page makes, so that a story can look into it.
REMEMBER_CALLS = """
window.calls = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...settings) { super(...settings); window.calls.push(this); }
};
"""

_NO_CAMERA_AT_FIRST = """
window.noCamera = true;
const get = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = wanted =>
  wanted.video && window.noCamera ? Promise.reject(new DOMException('', 'NotFoundError')) : get(wanted);
"""

_NO_CAMERA_ANY_MORE = """() => { navigator.mediaDevices.getUserMedia = () => {
  throw new DOMException('', 'NotReadableError');
}; }"""

# The socket breaks just when this side says for the first time how it can be called.
_BREAK_AT_FIRST = """
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) {
  if (window.broken || !data.includes('"description"')) return send.call(this, data);
  window.broken = true;
  this.close();
};
"""

_REFUSE_TO_PLAY_UNASKED = """
const play = HTMLVideoElement.prototype.play;
HTMLVideoElement.prototype.play = function () {
  if (this.id !== 'stranger' || window.event?.type === 'click') return play.call(this);
  return Promise.reject(new DOMException('', 'NotAllowedError'));
};
"""

_STARVING = """
window.rate = 50_000;
const stats = RTCPeerConnection.prototype.getStats;
RTCPeerConnection.prototype.getStats = async function () {
  const reports = new Map(await stats.call(this));
  for (const [id, report] of reports) {
    if (report.type === 'candidate-pair') reports.set(id, {...report, availableOutgoingBitrate: window.rate});
  }
  return reports;
};
"""

_RECEIVED = """async () => {
  const found = {frames: 0, bytes: 0, sound: 0};
  for (const report of (await window.calls.at(-1).getStats()).values()) {
    if (report.type !== 'inbound-rtp') continue;
    found.bytes += report.bytesReceived;
    found.frames += report.framesDecoded ?? 0;
    found.sound += report.totalAudioEnergy ?? 0;
  }
  return found;
}"""


_CAMERA = """() => {
  const sender = window.calls.at(-1).getSenders().find(each => each.track?.kind === 'video');
  return {id: sender?.track.id, label: sender?.track.label};
}"""

_PULL_OUT = """() => {
  const [track] = document.getElementById('you').srcObject.getVideoTracks();
  track.stop();
  track.dispatchEvent(new Event('ended'));
}"""

_AGREED = "() => window.calls.at(-1).localDescription.sdp"

# As if the server let all of them through: it lets through a few a minute, and that is tested elsewhere.
_HEAR_OF_FIFTY_PAGES = """async () => {
  const room = document.getElementById('room').value;
  for (let number = 10; number < 60; number += 1) {
    const signal = {room, page: `page-number-${number}`, media: {mic: true, camera: true, shown: false}};
    const detail = {message: {data: JSON.stringify({signal})}};
    document.getElementById('place').dispatchEvent(new CustomEvent('htmx:ws:before:message:incoming', {detail}));
  }
  await new Promise(resolve => setTimeout(resolve));
  return window.calls.length;
}"""

_FRAGMENT = "window.calls.at(-1).localDescription.sdp.match(/a=ice-ufrag:(.*)/)[1]"


class Caller:
    """A visitor with a camera."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor
        self.page = visitor.page
        self.call = self.page.locator("#call")

    async def finds_a_stranger(self, name: str) -> None:
        await self.visitor.opens("/video")
        await self.visitor.is_called(name)
        await self.page.wait_for_function(
            "() => document.getElementById('preview').srcObject?.getTracks().length === 2"
        )
        await self.visitor.agrees()
        await self.visitor.presses("Find a stranger")

    async def is_connected(self, calls: int = 1) -> None:
        """Wait until so many calls have begun and the last one is up."""
        await self.page.wait_for_function(
            "calls => window.calls.length >= calls && window.calls.at(-1).connectionState === 'connected'", arg=calls
        )
        await expect(self.page.locator("#call-state [data-when=connected]")).not_to_have_attribute("hidden", "")

    async def sees_and_hears(self) -> None:
        """Wait until pictures and sound have come in since now."""
        before = await self.received()
        await self.page.wait_for_function(
            f"async before => {{ const now = await ({_RECEIVED})();"
            " return now.frames > before.frames + 5 && now.bytes > before.bytes && now.sound > before.sound }",
            arg=before,
        )

    async def hears_alone(self) -> None:
        """Wait until no picture comes any more, but sound still does."""
        await self.page.wait_for_function(
            f"""async () => {{
              const before = await ({_RECEIVED})();
              await new Promise(resolve => setTimeout(resolve, 500));
              const now = await ({_RECEIVED})();
              return now.frames === before.frames && now.sound > before.sound;
            }}"""
        )

    async def opens_devices(self) -> Locator:
        await self.visitor.presses("Devices")
        return self.page.get_by_role("dialog", name="Devices")

    async def received(self) -> dict[str, Any]:
        return dict(await self.page.evaluate(_RECEIVED))

    async def fragment(self) -> str:
        """What names this side's way of the moment: a new one begins with a new name."""
        return str(await self.page.evaluate(f"() => {_FRAGMENT}"))

    async def comes_back_to_the_page(self) -> None:
        await self.page.evaluate("() => { document.dispatchEvent(new Event('visibilitychange')); }")

    async def states(self) -> list[str]:
        return list(await self.page.evaluate("() => window.calls.map(call => call.connectionState)"))


@pytest.fixture(scope="module")
async def cameras() -> AsyncIterator[Browser]:
    """A browser whose camera and microphone are made up."""
    async with async_playwright() as playwright:
        program = chromium()
        if not program and not Path(playwright.chromium.executable_path).exists():  # noqa: ASYNC240 - once, at start
            pytest.skip("there is no Chromium")
        browser = await playwright.chromium.launch(executable_path=program, args=[*QUIET, *FAKE_DEVICES])
        yield browser
        await browser.close()


@pytest.fixture
async def site() -> AsyncIterator[str]:
    """Everybody is in one network here, so nobody asks a STUN server."""
    async with serving(replace(GENEROUS, stun_urls="")) as address:
        yield address


@pytest.fixture
async def callers(cameras: Browser, site: str) -> AsyncIterator[Visitors]:
    visitors = Visitors(cameras, site)
    yield visitors
    await visitors.go()


async def caller(callers: Visitors, base: str = "", **options: Any) -> Caller:
    # Playwright's own predicates need eval, which the page's policy forbids.
    visitor = await callers.come(base, **{**AT_ONCE, "bypass_csp": True, **options})
    await visitor.page.add_init_script(REMEMBER_CALLS)
    return Caller(visitor)


async def two_who_call(callers: Visitors, device: dict[str, Any] | None = None) -> tuple[Caller, Caller]:
    """Ann, on this device, and Bob."""
    ann, bob = await caller(callers, **device or {}), await caller(callers)
    await they_call(ann, bob)
    return ann, bob


async def they_call(*callers: Caller) -> None:
    for each, name in zip(callers, ("Ann", "Bob"), strict=True):
        await each.finds_a_stranger(name)
    for each in callers:
        await each.is_connected()


def descriptions_for(caller: Caller) -> list[str]:
    """What the server passes on to a page that is not open yet: the SDP of each description, as it comes."""
    heard: list[str] = []

    def hear(frame: str | bytes) -> None:
        text = str(frame)
        if text.startswith('{"signal"') and "description" in (signal := json.loads(text)["signal"]):
            heard.append(signal["description"]["sdp"])

    caller.page.on("websocket", lambda socket: socket.on("framereceived", hear))
    return heard


async def test_two_strangers_see_and_hear_each_other(callers: Visitors) -> None:
    ann, bob = await two_who_call(callers)
    for each in (ann, bob):
        await each.sees_and_hears()
        await expect(each.page.get_by_role("button", name="You; move your picture")).to_be_visible()
        await expect(each.page.get_by_label("Stranger", exact=True)).to_be_visible()


async def test_a_stranger_is_veiled_until_both_want_to_see(callers: Visitors) -> None:
    ann, bob = await two_who_call(callers)
    await expect(ann.call).to_contain_class("veiled")
    await ann.visitor.presses("Show video")
    await bob.visitor.presses("Show video")
    for each in (ann, bob):
        await expect(each.call).not_to_contain_class("veiled")
    await ann.visitor.presses("Blur")
    await expect(ann.call).to_contain_class("veiled")


async def test_who_wants_to_see_alone_waits_a_moment(callers: Visitors) -> None:
    ann, bob = await two_who_call(callers)
    await ann.visitor.presses("Show video")
    await expect(ann.page.get_by_text("In a moment")).to_be_visible()
    await expect(ann.call).not_to_contain_class("veiled")
    await expect(bob.call).to_contain_class("veiled")


async def test_what_one_switches_off_the_other_is_told_and_it_stays_off(callers: Visitors) -> None:
    ann, bob = await two_who_call(callers)
    await ann.visitor.presses("Mute")
    await ann.visitor.presses("Camera off")
    await expect(ann.page.get_by_role("button", name="Mute")).to_have_attribute("aria-pressed", "true")
    await expect(bob.page.get_by_text("Stranger is muted")).to_be_visible()
    await expect(bob.page.get_by_text("Stranger's camera is off")).to_be_visible()
    cid = await caller(callers)
    await bob.visitor.presses("Stop")
    await cid.finds_a_stranger("Cid")
    await cid.is_connected()
    await expect(cid.page.get_by_text("Stranger is muted")).to_be_visible()
    await expect(cid.page.get_by_text("Stranger's camera is off")).to_be_visible()


async def test_next_connects_to_somebody_else_and_closes_the_old_connection(callers: Visitors) -> None:
    ann, bob = await two_who_call(callers)
    cid = await caller(callers)
    await cid.finds_a_stranger("Cid")
    await ann.visitor.presses("Next")
    await ann.is_connected(calls=2)
    await cid.is_connected()
    await cid.sees_and_hears()
    await bob.visitor.looks_for_a_stranger()
    assert await ann.states() == ["closed", "connected"]
    assert await bob.states() == ["closed"]


async def test_the_call_goes_on_while_the_socket_is_lost_and_back(callers: Visitors, site: str) -> None:
    callers.may_hear(LOST_CONNECTION)
    async with Line(site) as line:
        ann, bob = await caller(callers, base=line.url), await caller(callers)
        await ann.finds_a_stranger("Ann")
        await bob.finds_a_stranger("Bob")
        await ann.is_connected()
        line.cut()
        await expect(ann.page.locator("body")).to_contain_class("offline")
        await bob.sees_and_hears()
        line.mend()
        await ann.visitor.has_network_again()
        await expect(ann.page.locator("body")).not_to_contain_class("offline")
        await bob.sees_and_hears()
        assert await bob.states() == await ann.states() == ["connected"]


async def test_a_way_that_is_lost_is_looked_for_again(callers: Visitors) -> None:
    ann, bob = await two_who_call(callers)
    before = [await each.fragment() for each in (ann, bob)]
    await ann.page.evaluate("() => window.calls.at(-1).restartIce()")
    for each, old in zip((ann, bob), before, strict=True):
        await each.page.wait_for_function(f"old => {_FRAGMENT} !== old", arg=old)
        await each.is_connected()
        await each.sees_and_hears()
        assert await each.states() == ["connected"]


async def test_a_repeated_offer_tells_no_address_beside_the_candidates(callers: Visitors) -> None:
    """Issue 11, line 18."""
    ann, bob = await caller(callers), await caller(callers)
    heard = descriptions_for(bob)
    await they_call(ann, bob)
    before = await bob.fragment()
    await ann.page.evaluate("() => window.calls.at(-1).restartIce()")
    await bob.page.wait_for_function(f"old => {_FRAGMENT} !== old", arg=before)
    assert len(heard) >= 2
    told = [line for sdp in heard for line in sdp.splitlines() if line.startswith(("c=", "o=", "m=", "a=rtcp:"))]
    assert {line for line in told if line[0] in "ca"} == {"c=IN IP4 0.0.0.0", "a=rtcp:9 IN IP4 0.0.0.0"}
    assert all(line.endswith(" IN IP4 0.0.0.0") for line in told if line[0] == "o")
    assert {line.split()[1] for line in told if line[0] == "m"} == {"9"}


@pytest.mark.parametrize("who", [0, 1])
async def test_who_reloads_is_called_again(callers: Visitors, who: int) -> None:
    both = await two_who_call(callers)
    again, other = both[who], both[1 - who]
    await again.page.reload()
    await again.is_connected()
    await other.is_connected(calls=2)
    await other.sees_and_hears()


async def test_a_stranger_who_reloads_without_end_costs_a_few_connections(callers: Visitors) -> None:
    """Issue 11, line 18."""
    ann, _ = await two_who_call(callers)
    assert await ann.page.evaluate(_HEAR_OF_FIFTY_PAGES) == 1 + PAGE_CHANGES.burst


@pytest.mark.parametrize("who", [0, 1])
async def test_a_socket_that_breaks_while_a_call_begins_does_not_prevent_it(callers: Visitors, who: int) -> None:
    both = await caller(callers), await caller(callers)
    await both[who].page.add_init_script(_BREAK_AT_FIRST)
    for each, name in zip(both, ("Ann", "Bob"), strict=True):
        await each.finds_a_stranger(name)
    for each in both:
        await each.is_connected()
        await each.sees_and_hears()


async def test_a_voice_alone_is_heard_and_a_camera_opened_later_is_seen(callers: Visitors) -> None:
    ann, bob = await caller(callers), await caller(callers)
    await bob.page.add_init_script(_NO_CAMERA_AT_FIRST)
    await ann.finds_a_stranger("Ann")
    await bob.visitor.opens("/video")
    await expect(bob.page.locator("#camera-note")).to_contain_text("No camera was found")
    await bob.visitor.agrees()
    await bob.visitor.presses("Find a stranger")
    await ann.is_connected()
    await bob.is_connected()
    await ann.page.wait_for_function(f"async () => (await ({_RECEIVED})()).sound > 0")
    assert (await ann.received())["frames"] == 0
    await bob.page.evaluate("() => { window.noCamera = false; }")
    await bob.page.evaluate("() => document.querySelector('#devices .cameras').dispatchEvent(new Event('change'))")
    await ann.page.wait_for_function(f"async () => (await ({_RECEIVED})()).frames > 5")


async def test_who_sends_no_picture_is_shown_as_such(callers: Visitors) -> None:
    ann, bob = await caller(callers), await caller(callers)
    await bob.page.add_init_script(_NO_CAMERA_AT_FIRST)
    await ann.finds_a_stranger("Ann")
    await bob.visitor.opens("/video")
    await bob.visitor.agrees()
    await bob.visitor.presses("Find a stranger")
    dark = ann.page.get_by_text("Stranger's camera is off")
    await expect(dark).to_be_visible()
    await bob.page.evaluate("() => { window.noCamera = false; }")
    await bob.page.evaluate("() => document.querySelector('#devices .cameras').dispatchEvent(new Event('change'))")
    await expect(dark).to_be_hidden()


async def test_another_camera_takes_over_without_a_new_negotiation_and_is_remembered(callers: Visitors) -> None:
    ann, bob = await two_who_call(callers)
    agreed = await ann.page.evaluate(_AGREED)
    devices = await ann.opens_devices()
    await devices.get_by_label("Camera").select_option("fake_device_1")
    await ann.page.wait_for_function(f"() => ({_CAMERA})().label === 'fake_device_1'")
    await bob.sees_and_hears()
    assert await ann.page.evaluate(_AGREED) == agreed
    await ann.page.reload()
    await ann.is_connected()
    assert (await ann.page.evaluate(_CAMERA))["label"] == "fake_device_1"


async def test_a_camera_that_is_remembered_but_gone_is_forgotten(callers: Visitors) -> None:
    ann = await caller(callers)
    await ann.page.add_init_script("localStorage.setItem('camera', 'long gone')")
    await ann.finds_a_stranger("Ann")
    await ann.visitor.looks_for_a_stranger()
    assert await ann.page.evaluate("() => localStorage.getItem('camera')") is None


async def test_a_phone_turns_its_camera_round(callers: Visitors) -> None:
    ann, bob = await two_who_call(callers, PHONE)
    agreed = await ann.page.evaluate(_AGREED)
    await ann.visitor.presses("Flip camera")
    await expect(ann.page.locator("#you")).not_to_contain_class("mirrored")
    await bob.sees_and_hears()
    assert await ann.page.evaluate(_AGREED) == agreed


async def test_a_camera_that_was_pulled_out_is_replaced(callers: Visitors) -> None:
    ann, bob = await two_who_call(callers)
    old = await ann.page.evaluate(_CAMERA)
    await ann.page.evaluate(_PULL_OUT)
    await ann.page.wait_for_function(f"old => ({_CAMERA})().id !== old", arg=old["id"])
    await bob.sees_and_hears()


async def test_a_camera_that_cannot_be_had_is_told_in_words_and_the_voice_stays(callers: Visitors) -> None:
    ann, bob = await two_who_call(callers, PHONE)
    await ann.page.evaluate(_NO_CAMERA_ANY_MORE)
    await ann.visitor.presses("Flip camera")
    await expect(ann.page.get_by_text("Another program uses that device")).to_be_visible()
    await expect(bob.page.get_by_text("Stranger's camera is off")).to_be_visible()
    await bob.hears_alone()


async def test_sound_that_may_not_play_unasked_waits_for_a_tap(callers: Visitors) -> None:
    ann, bob = await caller(callers), await caller(callers)
    await ann.page.add_init_script(_REFUSE_TO_PLAY_UNASKED)
    await they_call(ann, bob)
    await ann.visitor.presses("Tap to hear")
    await expect(ann.page.locator("#hear")).to_be_hidden()


async def test_coming_back_to_the_page_does_not_hide_that_a_tap_is_needed(callers: Visitors) -> None:
    ann, bob = await caller(callers), await caller(callers)
    await ann.page.add_init_script(_REFUSE_TO_PLAY_UNASKED)
    await they_call(ann, bob)
    tap = ann.page.get_by_role("button", name="Tap to hear")
    await expect(tap).to_be_visible()
    await ann.comes_back_to_the_page()
    await ann.page.wait_for_function("() => !document.getElementById('you').paused")
    await expect(tap).to_be_visible()


async def test_a_starving_line_is_left_to_the_voice_until_it_is_fed(callers: Visitors) -> None:
    ann, bob = await caller(callers), await caller(callers)
    await ann.page.add_init_script(_STARVING)
    await ann.page.clock.install()
    await they_call(ann, bob)
    await ann.page.clock.fast_forward(4_000)
    await bob.hears_alone()
    await ann.page.evaluate("() => { window.rate = 1_000_000; }")
    await ann.page.clock.fast_forward(4_000)
    await bob.sees_and_hears()


async def test_a_starving_line_is_tried_with_a_picture_again_after_a_while(callers: Visitors) -> None:
    ann, bob = await caller(callers), await caller(callers)
    await ann.page.add_init_script(_STARVING)
    await ann.page.clock.install()
    await they_call(ann, bob)
    await ann.page.clock.fast_forward(4_000)
    await bob.hears_alone()
    await ann.page.evaluate("() => { window.rate = 200_000; }")
    await ann.page.clock.fast_forward(20_000)
    await bob.sees_and_hears()


async def test_the_picture_fills_the_screen_and_gives_it_back_when_the_stranger_leaves(callers: Visitors) -> None:
    ann, bob = await two_who_call(callers)
    await ann.visitor.presses("Full screen")
    await ann.page.wait_for_function("() => document.fullscreenElement?.id === 'call'")
    await ann.visitor.presses("Full screen")
    await ann.page.wait_for_function("() => !document.fullscreenElement")
    await ann.visitor.presses("Full screen")
    await bob.visitor.presses("Stop")
    await ann.page.wait_for_function("() => !document.fullscreenElement")


async def test_on_a_wide_screen_both_are_side_by_side_unless_one_moves_to_a_corner(callers: Visitors) -> None:
    ann, _ = await two_who_call(callers)
    me = ann.page.get_by_role("button", name="You; move your picture")
    stranger = ann.page.locator("#stranger")
    own, theirs = await ann.visitor.box_of(me), await ann.visitor.box_of(stranger)
    assert theirs["x"] + theirs["width"] <= own["x"]
    assert (theirs["y"], theirs["width"], theirs["height"]) == (own["y"], own["width"], own["height"])
    await me.click()
    assert (await ann.visitor.box_of(me))["width"] < (await ann.visitor.box_of(stranger))["width"] / 2


async def test_on_a_phone_the_stranger_fills_the_screen_and_oneself_moves_from_corner_to_corner(
    callers: Visitors,
) -> None:
    ann, bob = await caller(callers, **PHONE), await caller(callers)
    await ann.finds_a_stranger("Ann")
    await bob.finds_a_stranger("Bob")
    await ann.is_connected()
    stranger = await ann.visitor.box_of(ann.page.get_by_label("Stranger", exact=True))
    assert stranger["width"] >= 390
    corner = ann.page.get_by_role("button", name="You; move your picture")
    corners = set()
    for _ in range(4):
        box = await ann.visitor.box_of(corner)
        corners.add((box["x"] > 195, round(box["y"])))
        await corner.click()
    assert len(corners) == 4
    assert await ann.visitor.small_targets() == []
    assert not await ann.visitor.scrolls_sideways()
    await expect(ann.page.locator("#you")).to_contain_class("mirrored")


async def test_each_browser_is_asked_once_whether_its_person_is_old_enough(callers: Visitors) -> None:
    ann = await caller(callers)
    await ann.finds_a_stranger("Ann")
    await ann.visitor.looks_for_a_stranger()
    await ann.visitor.opens("/text")
    await expect(ann.page.get_by_role("checkbox", name="I am 18 or older")).to_have_count(0)


async def test_who_refuses_the_camera_is_told_what_to_do_and_can_talk(callers: Visitors) -> None:
    async with async_playwright() as playwright:
        program = chromium()
        flags = [*QUIET, FAKE_DEVICES[0], "--deny-permission-prompts"]
        browser = await playwright.chromium.launch(executable_path=program, args=flags)
        shy = Visitors(browser, callers.base)
        try:
            await is_heard_without_a_camera(await caller(callers), await shy.come(), "Allow it beside the address")
        finally:
            await shy.go()
            await browser.close()


async def test_without_a_camera_the_page_says_so_and_one_can_talk(callers: Visitors, browser: Browser) -> None:
    shy = Visitors(browser, callers.base)
    try:
        await is_heard_without_a_camera(await caller(callers), await shy.come(), "You can go on")
    finally:
        await shy.go()


async def is_heard_without_a_camera(ann: Caller, bob: Visitor, told: str) -> None:
    await ann.finds_a_stranger("Ann")
    await bob.opens("/video")
    await bob.is_called("Bob")
    await expect(bob.page.locator("#camera-note")).to_contain_text(told)
    await bob.agrees()
    await bob.presses("Find a stranger")
    await bob.says("no camera here")
    await expect(ann.page.get_by_text("no camera here")).to_be_visible()
