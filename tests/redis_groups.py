"""Real servers that stand in for each other: a cluster, and a master with a replica and sentinels."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.redis_server import RedisServer, free_port, running, wait_until

SLOTS = 16_384  # of a cluster
DEAD_AFTER = 1_000  # milliseconds of silence; the default of clusters is 15 s, of sentinels 30 s
REPLICATE_AT_ONCE = ("--repl-diskless-sync-delay", "0")  # the default is to wait 5 s for further replicas


def has_clusters(program: str) -> bool:
    """Say whether this release has the commands and channels of clusters that we use."""
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return int(re.findall(r"v=(\d+)", version)[0]) >= 7


@dataclass(frozen=True, slots=True)
class Cluster:
    """Masters that share the slots. Each has the replica at the same place in the other list, if there are replicas."""

    masters: list[RedisServer]
    replicas: list[RedisServer]

    @property
    def url(self) -> str:
        """Names its first master only."""
        return self.masters[0].url

    def heals(self, number: int) -> None:
        """Wait until the replica of a dead master has its place."""
        living = [server for server in (*self.masters, *self.replicas) if server.is_running]
        wait_until(lambda: is_master(self.replicas[number]), "the replica does not take over")
        wait_until(lambda: all(map(is_in_order, living)), "the cluster does not heal")

    def move_slot(self, slot: int, source: RedisServer, target: RedisServer) -> None:
        """Let another master have a slot, in the way that the documentation of clusters prescribes."""
        ids = {server: id_of(server) for server in (source, target)}
        succeed(target, "CLUSTER", "SETSLOT", str(slot), "IMPORTING", ids[source])
        succeed(source, "CLUSTER", "SETSLOT", str(slot), "MIGRATING", ids[target])
        keys = source.command("CLUSTER", "GETKEYSINSLOT", str(slot), "1000").decode().split("\r\n")[2::2]
        succeed(source, "MIGRATE", "127.0.0.1", str(target.port), "", "0", "5000", "KEYS", *keys)
        for server in (target, source, *self.masters):
            succeed(server, "CLUSTER", "SETSLOT", str(slot), "NODE", ids[target])


@contextmanager
def clustered(program: str, masters: int = 1, replicas: bool = False) -> Iterator[Cluster]:
    """Start a cluster whose masters share the slots; ended when the test ends."""
    with ExitStack() as stack:
        servers = [_start_for_cluster(stack, program) for _ in range(2 * masters if replicas else masters)]
        cluster = Cluster(servers[:masters], servers[masters:])
        for number, server in enumerate(cluster.masters):
            first, last = (-(-SLOTS * n // masters) for n in (number, number + 1))
            succeed(server, "CLUSTER", "ADDSLOTSRANGE", str(first), str(last - 1))
            succeed(server, "CLUSTER", "SET-CONFIG-EPOCH", str(number + 1))
        _introduce(servers)
        wait_until(lambda: all(map(is_in_order, servers)), "the cluster does not come together")
        for master, replica in zip(cluster.masters, cluster.replicas, strict=False):
            succeed(replica, "CLUSTER", "REPLICATE", id_of(master))
        wait_until(lambda: all(map(is_replicating, cluster.replicas)), "the replicas do not follow")
        yield cluster


def _start_for_cluster(stack: ExitStack, program: str) -> RedisServer:
    options = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    return stack.enter_context(
        running(program, *options, "--cluster-node-timeout", str(DEAD_AFTER), *REPLICATE_AT_ONCE)
    )


def _introduce(servers: list[RedisServer]) -> None:
    for server in servers[1:]:
        bus = re.findall(rb":\d+@(\d+)", server.command("CLUSTER", "NODES"))[0].decode()
        succeed(servers[0], "CLUSTER", "MEET", "127.0.0.1", str(server.port), bus)


@dataclass(frozen=True, slots=True)
class Watched:
    """A master and its replica, watched by sentinels."""

    master: RedisServer
    replica: RedisServer
    sentinels: list[RedisServer]

    @property
    def url(self) -> str:
        """Names the sentinels."""
        return f"redis+sentinel://{','.join(f'127.0.0.1:{sentinel.port}' for sentinel in self.sentinels)}/chat"

    def heals(self) -> None:
        """Wait until the sentinels name the replica."""
        port = str(self.replica.port).encode()
        wait_until(lambda: all(port in _master_by(each) for each in self.sentinels), "the replica does not take over")


@contextmanager
def watched(program: str, sentinels: int = 3) -> Iterator[Watched]:
    """Start a master, its replica, and so many sentinels, most of which have to agree; ended when the test ends."""
    with ExitStack() as stack:
        master = stack.enter_context(running(program, *REPLICATE_AT_ONCE))
        replica = stack.enter_context(running(program, "--replicaof", "127.0.0.1", str(master.port)))
        wait_until(lambda: is_replicating(replica), "the replica does not follow")
        lines = [
            f"sentinel monitor chat 127.0.0.1 {master.port} {sentinels // 2 + 1}",
            f"sentinel down-after-milliseconds chat {DEAD_AFTER}",
            "sentinel failover-timeout chat 5000",
        ]
        group = Watched(master, replica, [_start_sentinel(stack, program, lines) for _ in range(sentinels)])
        for sentinel in group.sentinels:
            wait_until(partial(_knows_all, sentinel, sentinels), "the sentinels do not come together")
        yield group


def _start_sentinel(stack: ExitStack, program: str, lines: list[str]) -> RedisServer:
    file = Path(stack.enter_context(TemporaryDirectory())) / "sentinel.conf"  # it writes there what it learns
    file.write_text("\n".join(lines), "utf-8")
    return stack.enter_context(running(program, str(file), "--sentinel"))


def _master_by(sentinel: RedisServer) -> bytes:
    return sentinel.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "chat")


def _knows_all(sentinel: RedisServer, sentinels: int) -> bool:
    info = sentinel.command("INFO", "sentinel")
    return b"slaves=1" in info and b"sentinels=%d" % sentinels in info


def is_in_order(server: RedisServer) -> bool:
    """Whether a server of a cluster knows one for each slot."""
    return b"cluster_state:ok" in server.command("CLUSTER", "INFO")


def is_master(server: RedisServer) -> bool:
    """Whether it takes writes."""
    return b"\r\nmaster\r\n" in server.command("ROLE")


def is_replicating(server: RedisServer) -> bool:
    """Whether it has all that its master has."""
    return b"master_link_status:up" in server.command("INFO", "replication")


def id_of(server: RedisServer) -> str:
    """What a cluster calls one of its servers."""
    return server.command("CLUSTER", "MYID").decode().split("\r\n")[1]


def slot_of(server: RedisServer, key: str) -> int:
    """In which slot of a cluster a key is."""
    return int(server.command("CLUSTER", "KEYSLOT", key).strip(b":\r\n"))


def succeed(server: RedisServer, *words: str) -> None:
    """Let a server do something that it must not refuse."""
    assert server.command(*words).startswith(b"+"), words
