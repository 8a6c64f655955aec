"""The Redis or Valkey that processes share, as one script that is asked to do things."""

import asyncio
import json
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    ConnectionError,
    MovedError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from quart_chat.domain.ports import Clock, Unavailable
from quart_chat.log import log

ANSWER_LIMIT = 2.0  # seconds for the store to answer before it counts as away
CONNECTIONS = 4  # of one process: one for scripts, one that listens, and some for reconnecting
AT_ONCE = 64  # requests in one call, which keeps all other processes waiting
SHARDED_SINCE = 7  # major version of Redis; Valkey names the one that it is compatible with
MOVES = 2  # from node to node of a cluster for one call
ATTEMPTS = 2  # of a request whose answer was lost; the second is answered from the first, if that was done
# What a store answers that is full, a replica, loading, reset, cut off from others, or busy.
AILING = (OutOfMemoryError, ReadOnlyError, ConnectionError)
NOT_NOW = ("STALE", "MISCONF", "MASTERDOWN", "NOREPLICAS", "CLUSTERDOWN", "BUSY", "TRYAGAIN")
SCRIPT = (Path(__file__).parent / "redis.lua").read_text("utf-8")


@dataclass(eq=False, slots=True)
class Request:
    """A call of the script on its way, and who waits for the answer."""

    function: str
    arguments: dict[str, Any]
    answer: asyncio.Future[Any]
    any_epoch: bool = False


class Store:
    """Sends requests; those of one moment go in one call of the script, and further ones wait for its end.

    `epoch` names the life of the store's data: after a flush, a restart without data or a failover it is another one.
    Then the store counts as away until `settle` has agreed on the new one.

    In a cluster all of one chat is in one slot, whichever node has that; its channels are sharded ones, since a message
    on a plain one would be told to every node.
    """

    def __init__(self, client: Redis, prefix: str, clock: Clock) -> None:
        self.client = self._first = client
        self.is_sharded = False
        self.epoch = ""
        self.is_away = False
        self.is_stale = False
        self._clock = clock
        self._prefix = prefix
        self._is_cluster = False
        self._script = ""
        self._servers: dict[tuple[str, int], str] = {}  # who answers at which address
        self._node: tuple[str, int] | None = None  # of a cluster that has our slot, when it is not the first
        self._requests: list[Request] = []
        self._sending: asyncio.Task[None] | None = None
        client.connection_pool.connection_kwargs["redis_connect_func"] = self._greet

    @property
    def prefix(self) -> str:
        """What all keys and channels begin with; known once the store has answered."""
        return f"{{{self._prefix}}}" if self._is_cluster and "{" not in self._prefix else self._prefix

    async def ask(self, function: str, **arguments: Any) -> dict[str, Any]:
        """Call one of the script's functions; raises Unavailable."""
        if self.is_away:
            raise Unavailable("the store is away")
        return await self._enqueue(function, arguments)

    async def change(self, function: str, **arguments: Any) -> dict[str, Any]:
        """Call a function that must not be done twice, whatever is lost; raises Unavailable."""
        return await self.ask(function, request=secrets.token_urlsafe(12), **arguments)

    async def try_again(self, function: str, **arguments: Any) -> dict[str, Any]:
        """Ask a store that may be away; raises Unavailable when it still is."""
        return await self._enqueue(function, arguments)

    async def settle(self) -> bool:
        """Agree with all other processes on the epoch; True when it is another one than before."""
        was_stale = self.is_stale
        replaces = self.epoch if was_stale else ""
        answer = await self._enqueue("settle", {"fresh": secrets.token_hex(8), "replaces": replaces}, any_epoch=True)
        if self.is_stale and not was_stale:
            raise Unavailable("another server has answered")  # so the next try replaces the epoch
        self.is_stale = False
        before, self.epoch = self.epoch, answer["epoch"]
        return before != self.epoch

    async def close(self) -> None:
        """End all connections."""
        if self._sending:
            self._sending.cancel()
        await self.client.aclose()

    async def _enqueue(self, function: str, arguments: dict[str, Any], any_epoch: bool = False) -> dict[str, Any]:
        request = Request(function, arguments, asyncio.get_running_loop().create_future(), any_epoch)
        self._requests.append(request)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_all())
        answer: dict[str, Any] = await request.answer
        return answer

    async def _send_all(self) -> None:
        await asyncio.sleep(0)  # so that all of this moment go together
        while self._requests:
            requests, self._requests = self._requests[:AT_ONCE], self._requests[AT_ONCE:]
            try:
                await self._send(requests)
            except BaseException as error:
                for request in requests:
                    _fail(request, Unavailable("the store does not answer"))
                if not isinstance(error, Exception):
                    raise
                log.exception("asking failed")

    async def _send(self, requests: list[Request]) -> None:
        why, tries, moves = "", 1 if self.is_away else ATTEMPTS, 0
        while tries and moves <= MOVES:
            if self.is_stale:
                requests = self._only_settling(requests)
            if not requests:
                return
            try:
                async with asyncio.timeout(ANSWER_LIMIT):
                    answers = await self._run(requests)
            except MovedError as moved:
                why, moves = "moved", moves + 1
                await self._follow(moved)
            except (RedisError, OSError, TimeoutError) as error:
                why, tries = type(error).__name__, tries - 1
            else:
                for request, answer in zip(requests, answers, strict=True):
                    self._hand_over(request, answer)
                return
        if self.client is not self._first:  # another node may have our slot by now; the first one knows which
            await self._go_to(self._first)
        self._lost(requests, why)

    def _only_settling(self, requests: list[Request]) -> list[Request]:
        """Until there is a new epoch nothing else may be done."""
        self._lost([request for request in requests if not request.any_epoch], "another server")
        return [request for request in requests if request.any_epoch]

    async def _run(self, requests: list[Request]) -> list[Any]:
        if not self._script:
            self._script = await self.client.script_load(SCRIPT)
        now, text = str(int(self._clock.wall() * 1000)), json.dumps([self._as_pair(request) for request in requests])
        try:
            publish = "SPUBLISH" if self.is_sharded else "PUBLISH"
            answers: list[Any] = await self.client.evalsha(self._script, 1, self.prefix, now, text, publish)
        except NoScriptError:
            self._script = ""
            raise
        return answers

    def _as_pair(self, request: Request) -> tuple[str, dict[str, Any]]:
        return request.function, request.arguments if request.any_epoch else {**request.arguments, "epoch": self.epoch}

    def _hand_over(self, request: Request, answer: Any) -> None:
        if isinstance(answer, AILING) or (isinstance(answer, ResponseError) and str(answer).startswith(NOT_NOW)):
            self._lost([request], type(answer).__name__)
        elif isinstance(answer, Exception):
            log.error("store refused", extra={"function": request.function, "error": type(answer).__name__})
            _fail(request, Unavailable("the store refused"))
        elif not request.answer.done():
            request.answer.set_result(json.loads(answer))

    def _lost(self, requests: list[Request], why: str) -> None:
        if not requests:
            return
        if not self.is_away:
            log.warning("store away", extra={"why": why})
        self.is_away = True
        for request in requests:
            _fail(request, Unavailable("the store is away"))

    async def _greet(self, connection: AbstractConnection) -> None:
        """Notice another server behind the same address: after a failover its data may be older than ours."""
        await connection.on_connect()
        await connection.send_command("INFO", "server")
        info = await connection.read_response()
        about = _about(info.decode() if isinstance(info, bytes) else str(info))
        server = about.get("run_id", "")
        self._is_cluster = "cluster" in (about.get("redis_mode"), about.get("server_mode"))
        self.is_sharded = self._is_cluster and int(about["redis_version"].partition(".")[0]) >= SHARDED_SINCE
        address = getattr(connection, "host", ""), getattr(connection, "port", 0)
        known, self._servers[address] = self._servers.get(address, server), server
        if known != server:
            self.is_stale = True
            raise ConnectionError("another server answers")

    async def _follow(self, moved: MovedError) -> None:
        """Go on with the node of the cluster that has our slot; one that has taken it over may know less."""
        there = moved.host, moved.port
        self.is_stale = self.is_stale or (bool(self.epoch) and there != self._node)
        self._node = there
        pool = self.client.connection_pool
        kwargs = {**pool.connection_kwargs, "host": moved.host, "port": moved.port}
        await self._go_to(Redis.from_pool(type(pool)(pool.connection_class, pool.max_connections, **kwargs)))

    async def _go_to(self, client: Redis) -> None:
        old, self.client, self._script = self.client, client, ""
        with suppress(RedisError, OSError, TimeoutError):
            await old.aclose()


def _about(info: str) -> dict[str, str]:
    """What INFO says, by its names."""
    return dict(re.findall(r"^(\w+):(.*?)\r?$", info, re.MULTILINE))


def _fail(request: Request, error: Exception) -> None:
    if not request.answer.done():
        request.answer.set_exception(error)


def connect(url: str, self_signed: bool) -> Redis:
    """Make a client; nothing is sent yet. Raises ValueError for an address that is none."""
    more: dict[str, Any] = {}
    if self_signed and url.startswith("rediss:"):
        more = {"ssl_cert_reqs": None, "ssl_check_hostname": False}
    return Redis.from_url(
        url,
        max_connections=CONNECTIONS,
        socket_timeout=ANSWER_LIMIT,
        socket_connect_timeout=ANSWER_LIMIT,
        retry=Retry(NoBackoff(), 0),
        **more,
    )


async def reach(client: Redis) -> None:
    """Find out whether a store answers; raises Unavailable, which says why not."""
    try:
        async with asyncio.timeout(2 * ANSWER_LIMIT):
            await client.ping()
    except (RedisError, OSError, TimeoutError) as error:
        raise Unavailable(f"{type(error).__name__}: {error}") from None
    finally:
        await client.aclose()
