"""Journals on a Redis or Valkey: each space is three keys, three scripts, and a channel."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha1
from typing import Any

from quart_chat.domain.ports import StoreAway
from quart_chat.domain.spaces import SpaceId
from quart_chat.domain.timing import REASSEMBLY, STORE_KEEPS
from quart_chat.domain.visitors import ProcessId
from quart_chat.journal.nodes import Node, Nodes
from quart_chat.journal.outbox import Unsent
from quart_chat.journal.replica import Replica
from quart_chat.journal.resp import Done, StoreUrl
from quart_chat.journal.store import Appended, LostEntries, Reading, StoreListener
from quart_chat.log import log

KEPT_BEFORE_SNAPSHOT = 256  # entries, for those who have missed a few


@dataclass(slots=True)
class Kept:
    """Where a space is kept. All its keys and its channel have one hash tag, so that a cluster keeps them together."""

    space: SpaceId
    tag: bytes
    node: Node

    @property
    def keys(self) -> tuple[bytes, bytes, bytes]:
        """Head, log and snapshot."""
        return (b"{%b}:head" % self.tag, b"{%b}:log" % self.tag, b"{%b}:snapshot" % self.tag)

    @property
    def channel(self) -> bytes:
        """Where its entries are published."""
        return b"{%b}" % self.tag


class RedisStore:
    """The `Store` on one server, on the master of some, or on a cluster."""

    def __init__(self, url: StoreUrl, prefix: str, shift: Callable[[], float] = lambda: 0.0) -> None:
        """All keys and channels begin with `prefix`; `shift` are seconds to add to the store's time, for tests."""
        self.nodes = Nodes(url, self)
        self.start, self.stop, self.check = self.nodes.start, self.nodes.stop, self.nodes.check
        self._prefix = prefix.encode()
        self._shift = shift
        self._kept: dict[SpaceId, Kept] = {}
        self._by_channel: dict[bytes, Kept] = {}

    def listen(self, listener: StoreListener) -> None:
        """Tell somebody of the spaces."""
        self._listener = listener

    def is_up(self, space: SpaceId) -> bool:
        """Say whether the server of a space does what it is asked."""
        return self._of(space).node.is_up

    def subscribe(self, space: SpaceId) -> None:
        """Hear what is appended, from before the next question is answered."""
        kept = self._kept[space] = self._of(space)
        self._by_channel[kept.channel] = kept
        kept.node.subscribe(kept.channel)

    def unsubscribe(self, space: SpaceId) -> None:
        """Hear no more of a space."""
        kept = self._kept.pop(space)
        del self._by_channel[kept.channel]
        kept.node.unsubscribe(kept.channel)

    def append(
        self,
        replica: Replica,
        process: ProcessId,
        batch: Sequence[Unsent],
        life: float,
        done: Callable[[Appended | LostEntries | StoreAway], None],
    ) -> None:
        """Put commands at the end of a journal, those left out that are there; keep it for `life` seconds from now."""
        kept = self._of(replica.space)
        times = (int(1000 * life), self._ms_shifted)
        knows = (kept.node.run, replica.epoch, process, *times, kept.node.publish, kept.channel)
        entries = [part for unsent in batch for part in (unsent.id, int(unsent.is_kept), unsent.body)]

        def answered(answer: Any) -> None:
            if isinstance(answer, bytes):
                done(LostEntries() if answer == b"LOST" else Appended(*map(int, answer.split())))
            else:
                done(_away(answer))

        kept.node.script("append", kept.keys, *knows, *entries, done=answered)

    def read(self, replica: Replica, process: ProcessId, done: Callable[[Reading | StoreAway], None]) -> None:
        """Read what a replica lacks."""
        kept = self._of(replica.space)

        def answered(answer: Any) -> None:
            if isinstance(answer, list):
                run, epoch, n, last_id, opens_in, now, loss, snapshot, entries = answer
                is_uncertain, has_loss = run != kept.node.run.encode(), loss in (b"perhaps", b"certainly")
                opens_in, now = opens_in / 1000, now / 1000
                done(Reading(epoch, n, last_id, opens_in, now, is_uncertain, has_loss, snapshot, entries))
            else:
                done(_away(answer))

        kept.node.script("read", kept.keys, replica.epoch, replica.n, process, self._ms_shifted, done=answered)

    def keep(self, replica: Replica, life: float) -> None:
        """Let the store have a newer snapshot, so that it need not keep all entries."""
        self._offer(replica, ("", ""), life, _ignore)

    def offer(self, replica: Replica, life: float, done: Callable[[float | StoreAway], None]) -> None:
        """Let a store that may have lost something have a state; answered by the seconds until it can be read."""

        def answered(answer: Any) -> None:
            done(answer / 1000 if isinstance(answer, int) else _away(answer))

        # Right after a server has started, those who know more may not have found it yet.
        alone = int(1000 * REASSEMBLY) if self._of(replica.space).node.is_new else 1
        self._offer(replica, (int(1000 * REASSEMBLY), alone), life, answered)

    def _offer(self, replica: Replica, moment: tuple[object, object], life: float, done: Done) -> None:
        kept = self._of(replica.space)
        n = replica.n if replica.state is not None else -1
        rest = (int(1000 * life), KEPT_BEFORE_SNAPSHOT, kept.node.publish, kept.channel)
        state = (kept.node.run, replica.epoch, n, replica.at, *moment, *rest, replica.snapshot())
        kept.node.script("offer", kept.keys, *state, done=done)

    def write_lease(self, process: ProcessId, lease: bytes | None) -> None:
        """Keep a few words on a process, or forget them; lost ones are said again."""
        node, key = self._leases
        node.call(*((b"HSET", key, process, lease) if lease else (b"HDEL", key, process)), done=_ignore)
        node.call(b"PEXPIRE", key, int(2000 * STORE_KEEPS), done=_ignore)

    def read_leases(self, done: Callable[[Mapping[ProcessId, bytes]], None]) -> None:
        """Read what is kept on all processes; there may be no answer."""
        node, key = self._leases

        def answered(answer: Any) -> None:
            if isinstance(answer, dict):
                done({ProcessId(name.decode()): lease for name, lease in answer.items()})

        node.call(b"HGETALL", key, done=answered)

    # What the servers do.

    def node_up(self, node: Node) -> None:
        """What it keeps can be asked for."""
        for kept in self._kept_by(node):
            self._listener.up(kept.space)

    def node_down(self, node: Node) -> None:
        """What it keeps cannot be asked for."""
        for kept in self._kept_by(node):
            self._listener.down(kept.space)

    def moved(self) -> None:
        """Go on with the servers that have our spaces now."""
        for kept in list(self._kept.values()):
            node = self.nodes.of(kept.tag)
            if node is not kept.node:
                kept.node.unsubscribe(kept.channel)
                kept.node = node
                node.subscribe(kept.channel)
                self._listener.up(kept.space)

    def heard(self, channel: bytes, data: bytes) -> None:
        """Pass on what others have appended."""
        if kept := self._by_channel.get(channel):
            self._listener.heard(kept.space, data)

    def _of(self, space: SpaceId) -> Kept:
        """Where a space is kept. No code of a room stands in a key or a channel."""
        if kept := self._kept.get(space):
            return kept
        tag = self._prefix + b":" + sha1(space.encode()).hexdigest()[:24].encode()  # noqa: S324 - no secret
        return Kept(space, tag, self.nodes.of(tag))

    def _kept_by(self, node: Node) -> Sequence[Kept]:
        return [kept for kept in self._kept.values() if kept.node is node]

    @property
    def _leases(self) -> tuple[Node, bytes]:
        tag = self._prefix + b":processes"
        return self.nodes.of(tag), b"{%b}" % tag

    @property
    def _ms_shifted(self) -> int:
        return int(1000 * self._shift())


def _away(answer: Any) -> StoreAway:
    """What a store says that does not do what it is asked."""
    if isinstance(answer, StoreAway):
        return answer
    log.error("store refused", extra={"why": str(answer)[:80]})
    return StoreAway(str(answer))


def _ignore(answer: Any) -> None:
    """What is lost is said again."""
