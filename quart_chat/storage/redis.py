"""What several processes remember of browsers, on the Redis or Valkey that they share."""

import asyncio
from collections.abc import Mapping
from typing import Any

from quart_chat.domain.timing import RECENT_FOR
from quart_chat.domain.visitors import BrowserId
from quart_chat.journal.nodes import Nodes, answer_of


class RedisFields:
    """The `FieldStore` of several processes: two hashes for each browser, since what is kept for long is rare."""

    def __init__(self, nodes: Nodes, prefix: str) -> None:
        self._nodes = nodes
        self._prefix = prefix.encode()

    async def read(self, browser: BrowserId) -> Mapping[str, bytes]:
        """All fields of a browser. Raises StoreAway."""
        tag = self._tag(browser)
        node = self._nodes.of(tag)
        hashes = await asyncio.gather(*(answer_of(node, b"HGETALL", key) for key in self._keys(tag)))
        return {field.decode(): value for fields in hashes for field, value in fields.items()}

    def write(self, browser: BrowserId, field: str, value: bytes, seconds: float) -> None:
        """Keep a field; what a store that is away does not take is lost, which costs nobody a message."""
        tag = self._tag(browser)
        node, key = self._nodes.of(tag), self._keys(tag)[seconds > RECENT_FOR]
        node.call(b"HSET", key, field, value, done=_ignore)
        node.call(b"PEXPIRE", key, int(seconds * 1000), done=_ignore)

    def _tag(self, browser: BrowserId) -> bytes:
        return b"%b:browser:%b" % (self._prefix, browser.encode())

    def _keys(self, tag: bytes) -> tuple[bytes, bytes]:
        return b"{%b}:short" % tag, b"{%b}:long" % tag


def _ignore(answer: Any) -> None:
    """There is nobody to tell."""
