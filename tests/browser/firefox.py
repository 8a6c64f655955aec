"""A real Firefox, driven by WebDriver BiDi over its own socket: Playwright drives only a Firefox of its own."""

import asyncio
import itertools
import json
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tools.install_test_programs import FIREFOX_COMMANDS

PROGRAM = next(filter(None, map(shutil.which, FIREFOX_COMMANDS)), None)
START_LIMIT = 60.0  # seconds
PATIENCE = 30.0  # seconds for something to become true on a page

# A camera and a microphone that are made up, and no question whether they may be used.
# A page that may use them tells its addresses inside the network: this Firefox and a Chromium cannot find
# each other by the names that hide them, which are announced by multicast.
PREFERENCES = """
user_pref("media.navigator.streams.fake", true);
user_pref("media.navigator.permission.disabled", true);
user_pref("media.peerconnection.ice.obfuscate_host_addresses", false);
user_pref("media.autoplay.default", 0);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("app.normandy.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
"""


class Firefox:
    """One window."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._window = ""

    async def begin(self, script: str) -> None:
        """Take the first window; `script` runs before those of each page."""
        await self._ask("session.new", capabilities={})
        tree = await self._ask("browsingContext.getTree")
        self._window = tree["contexts"][0]["context"]
        await self._ask("script.addPreloadScript", functionDeclaration=f"() => {{ {script} }}")

    async def opens(self, url: str) -> None:
        await self._ask("browsingContext.navigate", context=self._window, url=url, wait="complete")

    async def evaluate(self, expression: str) -> Any:
        """What a page makes of an expression; its promise is awaited. Objects come as JSON."""
        wrapped = f"Promise.resolve({expression}).then(value => JSON.stringify(value ?? null))"
        target = {"context": self._window}
        answer = await self._ask("script.evaluate", expression=wrapped, target=target, awaitPromise=True)
        assert answer["type"] == "success", answer
        return json.loads(answer["result"]["value"])

    async def until(self, expression: str) -> None:
        """Wait until an expression is true on the page."""
        async with asyncio.timeout(PATIENCE):
            while not await self.evaluate(expression):  # noqa: ASYNC110 - the page has no event for it
                await asyncio.sleep(0.1)

    async def _ask(self, method: str, **parameters: object) -> dict[str, Any]:
        number = next(self._numbers)
        await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        async for text in self._socket:
            answer = json.loads(text)
            if answer.get("id") == number:
                assert answer["type"] == "success", answer
                return dict(answer["result"])
        raise AssertionError("Firefox has ended")


@asynccontextmanager
async def running(script: str) -> AsyncIterator[Firefox]:
    """Start Firefox without a screen, in a profile of its own."""
    assert PROGRAM
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        await asyncio.to_thread(Path(profile, "user.js").write_text, PREFERENCES, "ascii")
        process = await asyncio.create_subprocess_exec(
            *(PROGRAM, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={"HOME": profile, "PATH": "/usr/bin:/bin", "MOZ_DISABLE_CONTENT_SANDBOX": "1"},
        )
        try:
            async with connect(f"{await _address(process)}/session", max_size=None) as socket:
                firefox = Firefox(socket)
                await firefox.begin(script)
                yield firefox
        finally:
            process.kill()
            await process.wait()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr
    async with asyncio.timeout(START_LIMIT):
        async for line in process.stderr:
            if found := re.search(r"WebDriver BiDi listening on (ws://\S+)", line.decode(errors="replace")):
                return found[1]
    raise AssertionError("Firefox does not start")
