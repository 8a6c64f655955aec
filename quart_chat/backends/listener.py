"""The one connection over which a process hears what the store publishes."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from quart_chat.backends.store import Store
from quart_chat.log import log

TRY_EVERY = 0.5  # seconds between two tries to listen again

Take = Callable[[bytes, bytes], Awaitable[None]]


class Listener:
    """Keeps its subscriptions through every loss of the connection.

    Only `run` connects and disconnects; whoever subscribes meanwhile writes to a connection that is there, or leaves
    it to the next one. The client's own PubSub reconnects in whichever task finds the loss; when two did so at once,
    one of them went on with half a connection and heard nothing any more.
    """

    def __init__(self, store: Store, deaf_after: float) -> None:
        """Something must come every `deaf_after` seconds, else the connection counts as dead."""
        self._store = store
        self._deaf_after = deaf_after
        self._channels: dict[bytes, None] = {}
        self._wishes: dict[bytes, bool] = {}  # what the store has not been told yet
        self._connection: AbstractConnection | None = None
        self._telling: asyncio.Task[None] | None = None

    def subscribe(self, channel: bytes) -> None:
        """Hear this channel from now on; those of one moment go in one command."""
        self._channels[channel] = None
        self._wish(channel, True)

    def unsubscribe(self, channel: bytes) -> None:
        """Hear it no more."""
        del self._channels[channel]
        self._wish(channel, False)

    async def run(self, take: Take, subscribed: Callable[[bytes], None]) -> None:
        """Listen forever: `subscribed` is called with a channel each time it is heard anew, `take` with each message.

        What is published between two calls of `subscribed` for one channel may be lost.
        """
        while True:
            try:
                await self._listen(take, subscribed)
            except (RedisError, OSError, TimeoutError) as error:
                log.info("not listening", extra={"error": type(error).__name__})
            except Exception:
                log.exception("listening failed")
            await asyncio.sleep(TRY_EVERY)

    async def _listen(self, take: Take, subscribed: Callable[[bytes], None]) -> None:
        pool = self._store.client.connection_pool
        connection = await pool.get_connection()  # type: ignore[no-untyped-call]
        try:
            self._connection = connection
            for channel in self._channels:
                self._wish(channel, True)
            while True:
                kind, channel, *rest = await self._read(connection) or (b"", b"")
                if kind in (b"message", b"smessage"):
                    await take(channel, rest[0])
                elif kind in (b"subscribe", b"ssubscribe"):
                    subscribed(channel)
        finally:
            self._connection = None
            await connection.disconnect(nowait=True)
            await pool.release(connection)

    async def _read(self, connection: AbstractConnection) -> list[Any] | None:
        """What comes; None for what the client has kept to itself, as news of a server's maintenance."""
        async with asyncio.timeout(self._deaf_after):
            news: list[Any] | None = await connection.read_response(timeout=math.inf, push_request=True)
            return news

    def _wish(self, channel: bytes, on: bool) -> None:
        self._wishes[channel] = on
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        """Tell the store what is wished; where that fails, `run` finds out by reading, and wishes anew."""
        await asyncio.sleep(0)
        while self._wishes and self._connection:
            wishes, self._wishes = self._wishes, {}
            for command, on in ((b"SUBSCRIBE", True), (b"UNSUBSCRIBE", False)):
                if channels := [channel for channel, wish in wishes.items() if wish is on]:
                    await self._send(b"S" + command if self._store.is_sharded else command, channels)

    async def _send(self, command: bytes, channels: list[bytes]) -> None:
        connection = self._connection
        if connection is None or not connection.is_connected:  # else `send_command` would connect
            return
        try:
            await connection.send_command(command, *channels, check_health=False)
        except Exception as error:  # whatever the client raises that is disconnected in the middle of it
            log.info("not subscribed", extra={"error": type(error).__name__})
