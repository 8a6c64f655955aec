"""The servers that keep the journals: one, the master that sentinels name, or the masters of a cluster."""

import asyncio
import re
from binascii import crc_hqx
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from hashlib import sha1
from itertools import cycle
from pathlib import Path
from typing import Any, Protocol

import hiredis

from quart_chat.domain.ports import StoreAway
from quart_chat.domain.timing import REASSEMBLY, TRY_EVERY
from quart_chat.journal.resp import Done, Line, Server, StoreUrl, connect, cut_if_this_fails
from quart_chat.journal.store import resolve
from quart_chat.log import log

SLOTS = 16_384  # of a cluster
SHARDED_SINCE = 7  # major version of Redis; Valkey names the one that it is compatible with
# What a server answers that is full, loading, cut off from others, or busy: ask again later. The answer of a script of
# Redis 6 has it in the middle.
AILING = re.compile(r"\b(OOM|LOADING|MISCONF|MASTERDOWN|NOREPLICAS|CLUSTERDOWN|BUSY|TRYAGAIN)\b")
SCRIPTS = {name: (Path(__file__).parent / f"{name}.lua").read_text("utf-8") for name in ("append", "offer", "read")}
DIGESTS = {name: sha1(text.encode()).hexdigest() for name, text in SCRIPTS.items()}  # noqa: S324 - as Redis names them


class Ears(Protocol):
    """Is told what servers do."""

    def node_up(self, node: "Node") -> None:
        """A server can be asked, for the first time or again; it may be another one behind the same address."""

    def node_down(self, node: "Node") -> None:
        """A server cannot be asked."""

    def moved(self) -> None:
        """Some spaces are kept by another server than before."""

    def heard(self, channel: bytes, data: bytes) -> None:
        """Something was published."""


class Node:
    """One server, connected again whenever the line to it is lost.

    `run` names the life of the server: a restart, or another server behind the same address, has another one.
    """

    def __init__(self, nodes: "Nodes", find: Callable[[], Awaitable[Server]]) -> None:
        """`find` says which server to connect to."""
        self._nodes = nodes
        self._find = find
        self._line: Line | None = None
        self._channels: dict[bytes, None] = {}
        self._sharded = b""
        self._connecting: asyncio.Task[None] | None = None
        self.server = Server()
        self.run = ""
        self._is_new_until = 0.0
        self.is_cluster = False
        self.is_ailing = False

    @property
    def is_connected(self) -> bool:
        """Whether it can be asked, even if it does not do everything."""
        return self._line is not None

    @property
    def is_up(self) -> bool:
        """Whether it does what it is asked."""
        return self._line is not None and not self.is_ailing

    @property
    def is_new(self) -> bool:
        """Whether it was started just now, or has become a master: others may not have found it yet."""
        return asyncio.get_running_loop().time() < self._is_new_until

    @property
    def publish(self) -> bytes:
        """The command that publishes; in a cluster a message on a plain channel would be told to every node."""
        return self._sharded + b"PUBLISH"

    def start(self) -> None:
        """Connect, and stay connected."""
        self._connecting = asyncio.create_task(self._stay_connected())

    def end(self) -> None:
        """Disconnect for good."""
        if self._connecting:
            self._connecting.cancel()
        if self._line:
            self._line.cut()

    async def stop(self) -> None:
        """Disconnect for good, and wait until nothing is left of it."""
        self.end()
        if self._connecting:
            await asyncio.gather(self._connecting, return_exceptions=True)

    def succeed(self) -> None:
        """Have the place of another server."""
        self._is_new_until = asyncio.get_running_loop().time() + REASSEMBLY

    def call(self, *command: Any, done: Done, writes: bool = False) -> None:
        """Send a command; `done` gets its answer, or an exception: StoreAway, or hiredis.ReplyError."""
        if self._line is None:
            done(StoreAway("not connected"))
        else:
            self._line.call(command, partial(self._answered, done, writes))

    def script(self, name: str, keys: Sequence[bytes], *arguments: Any, done: Done) -> None:
        """Call one of our scripts."""
        self.call(b"EVALSHA", DIGESTS[name], len(keys), *keys, *arguments, done=done, writes=name != "read")

    def subscribe(self, channel: bytes) -> None:
        """Hear a channel, before anything is answered that is asked from now on."""
        self._channels[channel] = None
        if self._line:
            self._line.subscribe(self._sharded + b"SUBSCRIBE", channel)

    def unsubscribe(self, channel: bytes) -> None:
        """Hear it no more."""
        if channel in self._channels:
            del self._channels[channel]
            if self._line:
                self._line.subscribe(self._sharded + b"UNSUBSCRIBE", channel)

    def check(self) -> None:
        """Notice that a line is dead; to be called from time to time."""
        if self._line:
            self._line.check()

    def _answered(self, done: Done, writes: bool, answer: Any) -> None:
        if isinstance(answer, hiredis.ReplyError) and (why := AILING.search(str(answer))):
            answer = StoreAway(why[0])
            if not self.is_ailing:
                log.warning("store ailing", extra={"why": why[0]})
                self.is_ailing = True
                self._nodes.ears.node_down(self)
        elif self.is_ailing and writes and not isinstance(answer, Exception):
            self.is_ailing = False
            self._nodes.ears.node_up(self)
        done(answer)

    async def _stay_connected(self) -> None:
        while True:
            try:
                line = await self._connected()
                await line.closed
            except StoreAway as error:
                log.debug("store away: %s", error)
            except Exception:
                log.exception("the store cannot be reached")
            if self._line:
                self._line = None
                self._nodes.ears.node_down(self)
            await asyncio.sleep(TRY_EVERY)

    async def _connected(self) -> Line:
        server = await self._find()
        line = await connect(server, self._nodes.ears.heard)
        with cut_if_this_fails(line):
            about = _about(await line.ask("INFO"))
            self.is_cluster = "cluster" in (about.get("redis_mode"), about.get("server_mode"))
            if about.get("role", "master") != "master" and not self.is_cluster:
                raise StoreAway("a replica")
            for text in SCRIPTS.values():
                await line.ask("SCRIPT", "LOAD", text)
            if self.run not in ("", about["run_id"]) or int(about["uptime_in_seconds"]) <= REASSEMBLY:
                self.succeed()
            slots = await line.ask("CLUSTER", "SLOTS") if self.is_cluster else None
        self.server, self.run, self.is_ailing = server, about["run_id"], False
        is_sharded = self.is_cluster and int(about["redis_version"].partition(".")[0]) >= SHARDED_SINCE
        self._sharded = b"S" if is_sharded else b""
        self._line = line
        for channel in self._channels:
            line.subscribe(self._sharded + b"SUBSCRIBE", channel)
        if slots:
            self._nodes.learn(server, slots)
        self._nodes.ears.node_up(self)
        return line


class Nodes:
    """Finds the server that keeps a space.

    The first one is any of those that the URL names. In a cluster it is only asked who the masters are.
    """

    def __init__(self, url: StoreUrl, ears: Ears) -> None:
        self.ears = ears
        self._url = url
        self._addresses = cycle(url.servers)
        self._first = Node(self, self._find_first)
        self._masters: dict[Server, Node] = {}
        self._slots: list[tuple[int, int, Node]] = []

    def __iter__(self) -> Iterator[Node]:
        return iter([self._first, *self._masters.values()])

    def start(self) -> None:
        """Connect, and stay connected."""
        self._first.start()

    async def stop(self) -> None:
        """Disconnect for good."""
        await asyncio.gather(*(node.stop() for node in self))

    def of(self, tag: bytes) -> Node:
        """The server that keeps the keys with this tag, as far as is known."""
        slot = crc_hqx(tag, 0) % SLOTS  # as the specification of clusters says
        return next((node for first, last, node in self._slots if first <= slot <= last), self._first)

    def check(self) -> None:
        """Notice that servers are dead, or others than before; to be called from time to time."""
        for node in self:
            node.check()
        if not all(node.is_up for node in self._masters.values() or [self._first]):
            self._refresh()

    def _refresh(self) -> None:
        """Ask a cluster anew who has which slots. One that is down, as it has lost a master, knows it all the same."""
        if node := next((node for node in self if node.is_cluster and node.is_connected), None):
            node.call(b"CLUSTER", b"SLOTS", done=partial(self.learn, node.server))

    def learn(self, asked: Server, ranges: Any) -> None:
        """Take in what a server has answered that was asked for the slots of its cluster; tell if that has changed."""
        if isinstance(ranges, Exception):
            return
        slots = [(first, last, self._master_at(asked, *master[:2])) for first, last, master, *_ in ranges]
        if slots == self._slots:
            return
        before, masters = {node for _, _, node in self._slots}, {node for _, _, node in slots}
        for node in masters - before if before else ():
            node.succeed()
        self._slots = slots
        self._masters = {server: node for server, node in self._masters.items() if node in masters}
        self.ears.moved()
        for node in before - masters:
            node.end()

    def _master_at(self, asked: Server, host: bytes | None, port: int) -> Node:
        server = asked.at(host.decode() if host else asked.host, port)  # a server may not know its own host
        if server not in self._masters:
            self._masters[server] = Node(self, partial(_itself, server))
            self._masters[server].start()
        return self._masters[server]

    async def _find_first(self) -> Server:
        """The next address, or the master that the first sentinel to answer names."""
        for sentinel in self._url.sentinels:
            with suppress(StoreAway):
                line = await connect(sentinel)
                with cut_if_this_fails(line):
                    answer = await line.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._url.master)
                line.cut()
                if answer:
                    return self._url.servers[0].at(answer[0].decode(), int(answer[1]))
        if self._url.sentinels:
            raise StoreAway("no sentinel knows the master")
        return next(self._addresses)


async def answer_of(node: Node, *command: Any) -> Any:
    """Send one command and wait for its answer. Raises StoreAway."""
    answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    node.call(*command, done=partial(resolve, answered))
    answer = await answered
    if isinstance(answer, Exception):
        raise StoreAway(str(answer))
    return answer


async def _itself(server: Server) -> Server:
    return server


def _about(info: bytes) -> dict[str, str]:
    """What INFO says, by its names."""
    return dict(re.findall(r"^(\w+):(.*?)\r?$", info.decode(), re.MULTILINE))
