"""The rooms that somebody in this process is in, each mirrored from the store."""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping
from hashlib import sha1

from quart_chat.backends import codec
from quart_chat.backends.listener import Listener
from quart_chat.backends.mirrors import Gap, Mirror
from quart_chat.backends.store import Store
from quart_chat.backends.tasks import Tasks
from quart_chat.domain.ports import Bus, Unavailable
from quart_chat.domain.rooms import RoomId
from quart_chat.log import log

CATCH_UP_LIMIT = 3.0  # seconds for an event of a room to arrive before the room is read anew


class SharedRooms:
    """Opens a mirror for the first member here, keeps all of them up to date, and heals what was missed.

    `missed` is called with a mirror that was read anew and the last message that it had before.
    """

    def __init__(
        self, store: Store, listener: Listener, hub: Bus, tasks: Tasks, missed: Callable[[Mirror, int], None]
    ) -> None:
        self._store = store
        self._listener = listener
        self._hub = hub
        self._tasks = tasks
        self._missed = missed
        self._mirrors: dict[RoomId, Mirror] = {}
        self._by_channel: dict[bytes, Mirror] = {}

    def __iter__(self) -> Iterator[Mirror]:
        return iter(list(self._mirrors.values()))

    def find(self, room: RoomId | None) -> Mirror | None:
        """The mirror of a room that somebody here is in."""
        return self._mirrors.get(room) if room else None

    async def at(self, room: RoomId, n: int) -> Mirror:
        """The mirror of a room, once the room's event `n` has arrived; raises Unavailable."""
        mirror = self._mirrors.get(room) or self._open(room)
        await arrival_of(mirror.subscribed)
        if not mirror.ready.is_set():
            await self._load(mirror)
        await self._wait_for(mirror, n)
        return mirror

    def close_all_but(self, rooms: Collection[RoomId | None]) -> None:
        """Let go of the rooms that nobody here is in any more."""
        for room in [room for room in self._mirrors if room not in rooms]:
            channel = self.channel_of(room)
            del self._mirrors[room], self._by_channel[channel]
            self._listener.unsubscribe(channel)

    async def read_anew(self, mirror: Mirror) -> None:
        """Take a new snapshot of a room, and tell what was missed."""
        since = mirror.seq
        mirror.forget()
        await self._load(mirror)
        self._missed(mirror, since)

    def compare(self, reached: Mapping[str, int]) -> None:
        """Read those anew that are behind what the store has reached for the second time."""
        for mirror in self:
            behind = not mirror.ready.is_set() or reached.get(mirror.id, -1) > mirror.n
            if behind and mirror.lagging:
                self._tasks.start(self.read_anew(mirror))
            mirror.lagging = behind and not mirror.lagging

    def subscribed(self, channel: bytes) -> None:
        """A room is heard; the second time, its connection was lost, and with it whatever was said meanwhile."""
        mirror = self._by_channel.get(channel)
        if mirror and mirror.subscribed.is_set():
            self._tasks.start(self.read_anew(mirror))
        elif mirror:
            mirror.subscribed.set()

    async def take(self, channel: bytes, data: bytes) -> None:
        """Take in what has happened in a room; raises BadRecord."""
        mirror = self._by_channel.get(channel)
        if mirror is None:
            return
        try:
            for event in list(mirror.take(codec.read_room_news(data))):
                self._hub.publish(mirror.id, event)
            await self._announce(mirror)
        except Gap:
            log.info("gap healed")
            mirror.forget()
            self._tasks.start(self.read_anew(mirror))

    def channel_of(self, room: RoomId) -> bytes:
        """Where the script publishes what happens in a room."""
        return f"{self._store.prefix}:room:{sha1(room.encode()).hexdigest()}".encode()  # noqa: S324 - as the script names it

    def _open(self, room: RoomId) -> Mirror:
        channel = self.channel_of(room)
        mirror = self._mirrors[room] = self._by_channel[channel] = Mirror(room)
        self._listener.subscribe(channel)
        return mirror

    async def _load(self, mirror: Mirror) -> None:
        answer = await self._store.ask("snapshot", room=mirror.id)
        if answer and not mirror.ready.is_set():
            for event in mirror.load(codec.read_snapshot(answer)):
                self._hub.publish(mirror.id, event)
            await self._announce(mirror)

    async def _announce(self, mirror: Mirror) -> None:
        async with mirror.heard:
            mirror.heard.notify_all()

    async def _wait_for(self, mirror: Mirror, n: int) -> None:
        """Wait until a mirror has reached an event; when that was lost, read the room anew."""
        try:
            async with asyncio.timeout(CATCH_UP_LIMIT), mirror.heard:
                await mirror.heard.wait_for(lambda: mirror.n >= n)
        except TimeoutError:
            await self.read_anew(mirror)


async def arrival_of(subscribed: asyncio.Event) -> None:
    """Wait until a channel is heard; raises Unavailable when that takes too long."""
    try:
        async with asyncio.timeout(CATCH_UP_LIMIT):
            await subscribed.wait()
    except TimeoutError:
        raise Unavailable("not subscribed") from None
