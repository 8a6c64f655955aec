"""A call between two makes of browser."""

import pytest

from tests.browser import firefox
from tests.browser.stories import Visitors
from tests.browser.test_video import REMEMBER_CALLS, caller, callers, cameras, site

__all__ = ["callers", "cameras", "site"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not firefox.PROGRAM, reason="there is no Firefox"),
]

_IS_SEEN = "window.calls.at(-1)?.connectionState === 'connected'"
_PICTURES = """(async () => {
  let frames = 0;
  for (const report of (await window.calls.at(-1).getStats()).values()) frames += report.framesDecoded ?? 0;
  return frames;
})()"""


async def test_firefox_and_chromium_see_and_hear_each_other_and_write(callers: Visitors, site: str) -> None:
    ann = await caller(callers)
    await ann.finds_a_stranger("Ann")
    async with firefox.running(REMEMBER_CALLS) as bob:
        await bob.opens(f"{site}/video")
        await bob.until("document.getElementById('preview').srcObject?.getTracks().length === 2")
        await bob.evaluate("document.querySelector('#door input[name=name]').value = 'Bob'")
        await bob.evaluate("document.querySelector('#door input[name=agreed]').click()")
        await bob.evaluate("document.querySelector('#door button:not([type=button])').click()")
        await ann.is_connected()
        await ann.sees_and_hears()
        await bob.until(_IS_SEEN)
        before = await bob.evaluate(_PICTURES)
        await bob.until(f"{_PICTURES}.then(frames => frames > {before} + 5)")
        await ann.visitor.says("Can you see me?")
        await bob.until("document.getElementById('messages').textContent.includes('Can you see me?')")
