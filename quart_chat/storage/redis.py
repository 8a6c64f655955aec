"""What several processes keep beside the journals, on the Redis or Valkey that they share."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from quart_chat.domain.ports import Clock, Kept, StoreAway
from quart_chat.domain.visitors import BrowserId
from quart_chat.journal.nodes import Nodes, answer_of
from quart_chat.log import log
from quart_chat.storage.rows import Row, RowKind, in_order, nobody


class RedisFields:
    """The `FieldStore` of several processes: a hash for each browser."""

    def __init__(self, nodes: Nodes, prefix: str) -> None:
        self._nodes = nodes
        self._prefix = prefix.encode()

    async def read(self, browser: BrowserId) -> Mapping[str, bytes]:
        """All fields of a browser. Raises StoreAway."""
        tag = self._tag(browser)
        fields = await answer_of(self._nodes.of(tag), b"HGETALL", _key(tag))
        return {field.decode(): value for field, value in fields.items()}

    def write(self, browser: BrowserId, field: str, value: bytes, seconds: float) -> None:
        """Keep a field; what a store that is away does not take is lost, which costs nobody a message."""
        tag = self._tag(browser)
        node = self._nodes.of(tag)
        node.call(b"HSET", _key(tag), field, value, done=_ignore)
        node.call(b"PEXPIRE", _key(tag), _milliseconds(seconds), done=_ignore)

    def _tag(self, browser: BrowserId) -> bytes:
        return b"%b:browser:%b" % (self._prefix, browser.encode())


class RedisRow(msgspec.Struct, array_like=True):
    """A row as it is stored, under its key."""

    at: float
    expires: float
    body: str


class RedisRows:
    """The `Rows` of several processes.

    The rows of a kind on one browser or address are a hash, so that they are read at once; it lives as long as its last
    row. A sorted set for each kind, in the order in which they expire, says on whom there are any.
    """

    def __init__(self, nodes: Nodes, prefix: str, clock: Clock) -> None:
        self._nodes = nodes
        self._prefix = prefix.encode()
        self._clock = clock
        self.trouble = ""

    async def start(self) -> None:
        """The journals have connected."""

    async def stop(self) -> None:
        """The journals disconnect."""

    def put(self, row: Row, done: Kept = nobody) -> None:
        """Keep a row, in the place of the one with its key."""
        life = _milliseconds(row.expires - self._clock.now())
        tag, index = self._tag(row.kind, row.about), self._index(row.kind)
        listed = self._nodes.of(index)
        listed.call(b"ZADD", _key(index), row.expires, row.about, done=_ignore)
        listed.call(b"PEXPIRE", _key(index), life, done=_ignore)
        value = msgspec.json.encode(RedisRow(row.at, row.expires, row.body))
        node = self._nodes.of(tag)
        node.call(b"HSET", _key(tag), row.key, value, done=partial(self._answered, done), writes=True)
        node.call(b"PEXPIRE", _key(tag), life, done=_ignore)

    async def about(self, kind: RowKind, about: str) -> Sequence[Row]:
        """The rows of a kind on one browser or address, the earliest first; expired ones go. Raises StoreAway."""
        tag = self._tag(kind, about)
        fields = await answer_of(self._nodes.of(tag), b"HGETALL", _key(tag))
        rows = [_row(kind, key.decode(), about, value) for key, value in fields.items()]
        now = self._clock.now()
        if over := [row.key for row in rows if row.expires <= now]:
            self._nodes.of(tag).call(b"HDEL", _key(tag), *over, done=_ignore)
        return in_order([row for row in rows if row.expires > now])

    async def all(self, kind: RowKind) -> Sequence[Row]:
        """All rows of a kind, the earliest first. Raises StoreAway."""
        index = self._index(kind)
        listed = await answer_of(self._nodes.of(index), b"ZRANGEBYSCORE", _key(index), self._clock.now(), b"+inf")
        found = await asyncio.gather(*(self.about(kind, about.decode()) for about in listed))
        return in_order([row for rows in found for row in rows])

    def forget_expired(self) -> None:
        """Forget on whom there were rows; the rows themselves expire."""
        for kind in RowKind:
            index = self._index(kind)
            self._nodes.of(index).call(
                b"ZREMRANGEBYSCORE", _key(index), b"-inf", self._clock.now(), done=_ignore, writes=True
            )

    def _answered(self, done: Kept, answer: Any) -> None:
        """Say it once when rows are not taken, and once when they are again."""
        trouble = str(answer) if isinstance(answer, Exception) else ""
        if trouble and not self.trouble:
            log.warning("storage away", extra={"why": trouble})
        elif self.trouble and not trouble:
            log.warning("storage back")
        self.trouble = trouble
        done(not trouble)

    def _tag(self, kind: RowKind, about: str) -> bytes:
        return b"%b:%b:%b" % (self._prefix, kind.encode(), about.encode())

    def _index(self, kind: RowKind) -> bytes:
        return b"%b:all:%b" % (self._prefix, kind.encode())


def _key(tag: bytes) -> bytes:
    """The key whose slot a tag decides."""
    return b"{%b}" % tag


def _row(kind: RowKind, key: str, about: str, value: bytes) -> Row:
    try:
        record = msgspec.json.decode(value, type=RedisRow)
    except msgspec.MsgspecError:
        raise StoreAway("a row that nobody can read") from None
    return Row(kind, key, about, record.at, record.expires, record.body)


def _milliseconds(seconds: float) -> int:
    """For PEXPIRE, which takes what is over as an order to delete."""
    return max(1, int(seconds * 1000))


def _ignore(answer: Any) -> None:
    """There is nobody to tell."""
