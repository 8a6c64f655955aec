"""How many entries a second one store takes, from a load that does nothing but append and hear what was appended."""

import asyncio
from dataclasses import dataclass

from bench.scenarios import SETTLING, Figures, rates
from bench.servers import START_LIMIT, store, usage_of
from quart_chat.domain.commands import Command, Entry, Join, OpenRoom, SendMessage
from quart_chat.domain.naming import given_name
from quart_chat.domain.ports import StoreAway
from quart_chat.domain.rooms import LOG_LENGTH, Room
from quart_chat.domain.spaces import Kind, SpaceId
from quart_chat.domain.visitors import BrowserId, ProcessId, Visitor, VisitorId
from quart_chat.journal.codec import write_command
from quart_chat.journal.outbox import Unsent
from quart_chat.journal.redis import RedisStore
from quart_chat.journal.replica import Replica
from quart_chat.journal.resp import read_url
from quart_chat.journal.shared import SNAPSHOT_EVERY
from quart_chat.journal.store import Appended, LostEntries

SPACES = 200  # each with one call on its way, as the journal has it
LIFE = 900.0  # seconds
HERE = ProcessId("bench")
AUTHOR = Visitor(VisitorId("a" * 18), BrowserId("b" * 24), "c" * 16, "d" * 16)
MESSAGE = SendMessage(AUTHOR.id, "k" * 24, "The train is late again, see you at nine then")


async def store_capacity(at_once: int, seconds: float) -> Figures:
    """Entries a second of the clock and of the store's own time, when so many go in one call."""
    async with store() as (process, port):
        redis = RedisStore(read_url(f"redis://127.0.0.1:{port}"), "bench")
        redis.listen(Deaf())
        redis.start()
        writers = [Writer(redis, full_room(number), at_once) for number in range(SPACES)]
        async with asyncio.timeout(START_LIMIT):
            while not redis.is_up(writers[0].replica.space):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)
        for writer in writers:
            writer.begin()
        await asyncio.sleep(SETTLING)
        before, done = usage_of(process.pid), sum(writer.replica.n for writer in writers)
        await asyncio.sleep(seconds)
        after, done = usage_of(process.pid), sum(writer.replica.n for writer in writers) - done
        await redis.stop()
    assert all(writer.is_well for writer in writers), "the store refuses"
    return rates(done, before, after) | {"microseconds": (after.server - before.server) / done * 1e6}


class Deaf:
    """Hears everything and does nothing."""

    def up(self, space: SpaceId) -> None: ...

    def down(self, space: SpaceId) -> None: ...

    def heard(self, space: SpaceId, data: bytes) -> None: ...


@dataclass(slots=True)
class Writer:
    """Appends messages to one room, a call after the other, and a snapshot as often as the journal does."""

    redis: RedisStore
    replica: Replica
    at_once: int
    last_id: int = 0
    is_well: bool = True

    def begin(self) -> None:
        self.redis.subscribe(self.replica.space)
        self._append()

    def _append(self) -> None:
        ids = range(self.last_id + 1, self.last_id + self.at_once + 1)
        batch = [Unsent(MESSAGE, BODY, number) for number in ids]
        self.last_id += self.at_once
        self.redis.append(self.replica, HERE, batch, LIFE, self._appended)

    def _appended(self, answer: Appended | LostEntries | StoreAway) -> None:
        if not isinstance(answer, Appended):
            self.is_well = isinstance(answer, StoreAway)  # at the end of the run
            return
        has_snapshot = answer.n // SNAPSHOT_EVERY > self.replica.n // SNAPSHOT_EVERY
        self.replica.n, self.replica.at, self.replica.ids[HERE] = answer.n, answer.at, self.last_id
        if has_snapshot:
            self.redis.offer(self.replica, LIFE, lambda answer: None)
        self._append()


BODY = write_command(MESSAGE)


def full_room(number: int) -> Replica:
    """A room by code with as many messages as one keeps."""
    room = Room(SpaceId(f"room-{number}"), Kind.ROOM)
    said = [SendMessage(AUTHOR.id, f"key-{each:020}", MESSAGE.text) for each in range(LOG_LENGTH)]
    commands: list[Command] = [OpenRoom(), Join(AUTHOR, given_name("Guest")), *said]
    for command in commands:
        room.apply(Entry(1, 1.0, HERE, command))
    assert room.seq == LOG_LENGTH
    return Replica(room.id, room)
