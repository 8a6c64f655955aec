"""The journals of several processes that share a store.

A process holds the spaces that somebody at home with it is in. It appends to them by the store, which gives numbers,
hears what others append, and applies all entries in the order of their numbers. A number that is left out means that
something was missed: the journal is read from there. A store that has lost what it knew is offered the states that
processes hold, and takes the newest.
"""

import asyncio
import itertools
import math
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from quart_chat.domain.commands import Command, Entry, HomeLost
from quart_chat.domain.ports import Clock, Listener, Space, StoreAway
from quart_chat.domain.spaces import BANS, SpaceId
from quart_chat.domain.timing import (
    ANSWER_LIMIT,
    LEASE_EVERY,
    REASSEMBLY,
    RENEW_EVERY,
    SPARE,
    STORE_KEEPS,
    TOLD_AFTER,
    TRY_EVERY,
)
from quart_chat.domain.visitors import ProcessId
from quart_chat.journal.codec import BadRecord, NewerRules
from quart_chat.journal.leases import Leases
from quart_chat.journal.outbox import Outbox, Unsent
from quart_chat.journal.replica import NO_COMMAND, EntryRecord, Published, Replica, read_entry, read_published
from quart_chat.journal.states import Agenda, announce, begin, note_of_loss
from quart_chat.journal.store import Appended, LostEntries, Reading, Store, resolve
from quart_chat.log import log

AT_ONCE = 64  # entries that are sent together; a store does nothing else meanwhile
SNAPSHOT_EVERY = 256  # entries


@dataclass(slots=True, eq=False)
class Held(Replica):
    """A space that this process holds, and what is on its way there."""

    is_live: bool = False  # nothing is missing
    is_wanted: bool = True
    early: list[bytes] = field(default_factory=list)  # heard while it is being read
    outbox: Outbox = field(default_factory=Outbox)


class SharedJournal:
    """The `Journal` of one of several processes."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.process = ProcessId(secrets.token_urlsafe(9))
        self._store = store
        self._clock = clock
        self.leases = Leases(self.process, store, self.now)
        self._held: dict[SpaceId, Held] = {}
        self._left: dict[SpaceId, Space | None] = {}  # to newer processes, as far as it is known
        self._unsent: dict[Held, None] = {}
        self._agenda = Agenda()
        self._listener: Listener | None = None
        self._ahead = 0.0  # seconds that the store's clock is before ours
        self._latest = 0.0
        self._away_for = 0.0  # seconds
        self._told_away = False
        self._watching: asyncio.Task[None] | None = None
        store.listen(self)

    # Starting and ending.

    def listen(self, listener: Listener) -> None:
        """Tell somebody of everything that happens from now on."""
        self._listener = listener

    async def open(self) -> None:
        """Connect, and read who is banned. Raises StoreAway."""
        self._store.start()
        self.hold(BANS)
        self._watching = asyncio.create_task(self._watch())
        await _until(lambda: self._is_open or BANS in self._left, 2 * ANSWER_LIMIT + REASSEMBLY)
        if not self._is_open:
            await self.close()
            raise StoreAway("newer processes use it" if BANS in self._left else "the store does not answer")

    async def close(self) -> None:
        """Say what is still unsaid, and that this process ends."""
        if self._watching:
            self._watching.cancel()
        self.leases.end()
        await _until(lambda: not any(self._can_send(held) for held in self._held.values()), ANSWER_LIMIT)
        await self._store.stop()

    @property
    def _is_open(self) -> bool:
        return BANS in self._held and self._held[BANS].is_live and self.leases.is_read

    # The journal.

    def append(self, space: SpaceId, command: Command) -> None:
        """Send a command with all others of this turn of the loop; it is applied when it has its number."""
        held = self._hold(space)
        held.outbox.put(command)
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._send_all)
        self._unsent[held] = None

    def hold(self, space: SpaceId) -> None:
        """Keep the state of a space at hand, as soon as it is read."""
        self._hold(space).is_wanted = True

    def release(self, space: SpaceId) -> None:
        """Let go of a space, once all that is unsaid there is said."""
        if held := self._held.get(space):
            held.is_wanted = False
            self._drop_unwanted(held)

    def holds(self, space: SpaceId) -> bool:
        """Say whether a space is held; its state may still be on its way, or something unsaid there."""
        return space in self._held

    def state(self, space: SpaceId) -> Space | None:
        """The state of a space that is held, and who is banned as far as is known; None while it is not at hand."""
        held = self._held.get(space)
        return held.state if held else self._left.get(space)

    async def read(self, space: SpaceId) -> Space | None:
        """The state of any space, as it was a moment ago. Raises StoreAway."""
        held = self._held.get(space)
        if held and held.is_live:
            return held.state
        replica = Replica(space)
        answer: asyncio.Future[Reading | StoreAway] = asyncio.get_running_loop().create_future()
        self._store.read(replica, self.process, partial(resolve, answer))
        reading = await answer
        if isinstance(reading, StoreAway):
            raise reading
        replica.rebuild(reading.snapshot, reading.entries)
        return replica.state

    def due(self) -> Iterator[tuple[SpaceId, Command]]:
        """The commands that time asks for in the spaces that are held."""
        now = self.now()
        for space in list(self._agenda.due(now)):
            if state := self.state(space):
                yield from [(space, command) for command in state.due(now)]
                self._agenda.note(space, state)

    def is_away(self, space: SpaceId) -> bool:
        """Say whether the store of a space does not answer."""
        return not self._store.is_up(space)

    def is_alive(self, process: ProcessId) -> bool:
        """Say whether a process is believed to live."""
        return process == self.process or self.leases.is_alive(process)

    def now(self) -> float:
        """The time of the store, as far as it is known, and never back."""
        self._latest = max(self._latest, self._clock.now() + self._ahead)
        return self._latest

    def elsewhere(self) -> Mapping[str, int]:
        """How many people are in each kind of place with other processes."""
        return self.leases.counts()

    # Sending.

    def _can_send(self, held: Held) -> bool:
        return bool(held.outbox) and self._store.is_up(held.space)

    def _send_all(self) -> None:
        unsent, self._unsent = self._unsent, {}
        for held in unsent:
            self._send(held)

    def _send(self, held: Held) -> None:
        if held.is_live and (batch := held.outbox.next_batch(AT_ONCE)):
            self._store.append(held, self.process, batch, self._life(held), partial(self._sent, held, batch))

    def _sent(self, held: Held, batch: Sequence[Unsent], answer: Appended | LostEntries | StoreAway) -> None:
        """Apply what has got its numbers; what has no answer stays in the outbox, and is never done twice."""
        if not held.outbox.is_in_flight(batch):
            return
        if not isinstance(answer, Appended):
            held.outbox.failed()
            if held.is_live:  # the store has lost something, or the space is kept elsewhere now
                self._read(held)
            return
        held.outbox.done()
        held.epoch = held.epoch or answer.epoch
        self._ahead = answer.at / 1000 - self._clock.now()
        if answer.skipped:  # sent before, so that their numbers are not known
            self._read(held)
        else:
            self._apply_own(held, batch, answer)
        self._send(held)
        self._drop_unwanted(held)

    def _apply_own(self, held: Held, batch: Sequence[Unsent], answer: Appended) -> None:
        """Apply what was not heard before the answer; which of the two comes first depends on the store."""
        number = answer.n - sum(unsent.is_kept for unsent in batch)
        for unsent in batch:
            number += unsent.is_kept
            record = EntryRecord(number if unsent.is_kept else 0, answer.at, self.process, unsent.id, NO_COMMAND)
            if record.n in (0, held.n + 1):
                self._apply(held, record, record.entry_of(unsent.command))

    # Reading.

    def _read(self, held: Held) -> None:
        """Read what is missing, or all; meanwhile nothing is sent, and what is heard waits."""
        if self._held.get(held.space) is held:
            held.is_live = False
            self._store.read(held, self.process, partial(self._take, held))

    def _take(self, held: Held, reading: Reading | StoreAway) -> None:
        if isinstance(reading, StoreAway):
            return
        self._ahead = reading.now - self._clock.now()
        held.outbox.last_id = max(held.outbox.last_id, reading.last_id)
        is_begun_here = not reading.epoch and not held.epoch and held.outbox.begins_space
        with self._guarded(held):
            if (reading.is_uncertain and not is_begun_here) or reading.opens_in:
                self._offer(held)
            else:
                self._catch_up(held, reading)

    def _offer(self, held: Held) -> None:
        """Let a store that may have lost something have what is known here; read on when it has heard from all."""
        early, held.early = held.early, []
        for published in map(read_published, early if held.state else ()):
            self._apply_all(held, published.entries if published.epoch == held.epoch else ())
        self._store.offer(held, self._life(held), partial(self._offered, held))

    def _offered(self, held: Held, opens_in: float | StoreAway) -> None:
        if not isinstance(opens_in, StoreAway) and not held.is_live:
            asyncio.get_running_loop().call_later(opens_in + SPARE, self._read, held)

    def _catch_up(self, held: Held, reading: Reading) -> None:
        """Become what the store knows. In a new epoch that may be less than what was known here."""
        before, is_new_epoch = held.state, reading.epoch != held.epoch
        if before is None or is_new_epoch or reading.snapshot:
            self._rebuild(held, reading)
        else:
            self._apply_all(held, list(map(read_entry, reading.entries)))
        held.epoch, held.is_live = reading.epoch, True
        held.early.clear()  # what was heard before the answer is in it
        if is_new_epoch:
            self._begin_epoch(held, reading)
        if held.state and held.state != before and self._listener:
            self._listener.reloaded(held.space, held.state, before)
        self._send(held)
        self._drop_unwanted(held)

    def _begin_epoch(self, held: Held, reading: Reading) -> None:
        """Say first what everybody in the space has to know."""
        held.outbox.begin_anew(reading.last_id)
        if reading.has_loss and held.state and (note := note_of_loss(held.state, reading.epoch)):
            held.outbox.put(note, first=True)

    def _rebuild(self, held: Held, reading: Reading) -> None:
        try:
            held.rebuild(reading.snapshot, reading.entries)
            if held.n < reading.n:
                raise BadRecord("entries are missing")
        except BadRecord as error:  # nobody can know the state any more: all begin anew from here
            log.error("journal lost", extra={"why": str(error)})
            held.state, held.n, held.at, held.ids = begin(held.space), reading.n, int(1000 * reading.now), {}
        if held.state:
            self._agenda.note(held.space, held.state)
        self._tell_of_dead_homes(held)

    @contextmanager
    def _guarded(self, held: Held) -> Iterator[None]:
        """Pass over what nobody can read, and leave a space to those who can."""
        try:
            yield
        except BadRecord as error:
            log.warning("bad record", extra={"why": str(error)})
        except NewerRules as error:
            log.warning("newer rules", extra={"why": str(error)})
            self._drop(held)  # the states would differ from now on, so our part in this space ends
            if held.space == BANS:
                self._left[BANS] = held.state
            if self._listener:
                self._listener.superseded(held.space, held.outbox.commands)

    # Applying.

    def _apply_all(self, held: Held, records: Sequence[EntryRecord]) -> None:
        for record in records:
            if record.n > held.n + 1:
                self._read(held)
                return
            if record.n == held.n + 1 or (not record.n and record.by != self.process):
                self._apply(held, record, record.entry())

    def _apply(self, held: Held, record: EntryRecord, entry: Entry | None) -> None:
        if record.n:
            held.count(record)
        if entry is None or held.state is None:
            return
        events = held.state.apply(entry)
        self._agenda.note_after(entry.command, held.space, held.state)
        announce(self._listener, held.space, held.state, entry, events)
        if record.by == self.process and record.n and record.n % SNAPSHOT_EVERY == 0:
            self._store.keep(held, self._life(held))

    # What the store does.

    def up(self, space: SpaceId) -> None:
        """Read what was missed."""
        if held := self._held.get(space):
            self._read(held)
        if space == BANS:
            self.leases.renew()

    def down(self, space: SpaceId) -> None:
        """Whatever is missing is read when it is back."""
        if held := self._held.get(space):
            held.is_live = False

    def heard(self, space: SpaceId, data: bytes) -> None:
        """Apply what others have appended."""
        held = self._held.get(space)
        if held and held.is_live:
            with self._guarded(held):
                self._hear(held, read_published(data))
        elif held:
            held.early.append(data)

    def _hear(self, held: Held, published: Published) -> None:
        held.epoch = held.epoch or published.epoch
        if published.epoch == held.epoch:
            self._apply_all(held, published.entries)
        else:
            self._read(held)

    async def _watch(self) -> None:
        """Look after the store, the lease of this process, and what must not expire."""
        for tick in itertools.count():
            try:
                self._look_after(tick)
            except Exception:
                log.exception("the store is not looked after")
            await asyncio.sleep(TRY_EVERY)

    def _look_after(self, tick: int) -> None:
        self._store.check()
        seconds = tick * TRY_EVERY
        if seconds % LEASE_EVERY == 0 or not self.leases.is_read:
            self.look_for_the_dead()
        if seconds % RENEW_EVERY == 0:
            for held in self._held.values():
                self._probe(held)
        away = [held for held in self._held.values() if self.is_away(held.space)]
        if away:
            self._probe(away[tick % len(away)])  # they may be kept by several servers: ask one after the other
        self._away_for = self._away_for + TRY_EVERY if away else 0.0
        self._tell_away(self._away_for > TOLD_AFTER)

    def look_for_the_dead(self) -> None:
        """Say that this process lives, and that the visitors of those that do not are away."""
        self.leases.renew()
        for held in self._held.values():
            self._tell_of_dead_homes(held)
        self._send_all()

    def _probe(self, held: Held) -> None:
        """Append nothing: that keeps a space from expiring, and shows whether its store is well again."""
        self._store.append(held, self.process, (), self._life(held), partial(self._probed, held))

    def _probed(self, held: Held, answer: Appended | LostEntries | StoreAway) -> None:
        if isinstance(answer, LostEntries) and held.is_live:
            self._read(held)

    def _tell_of_dead_homes(self, held: Held) -> None:
        """Say first that the visitors of dead processes are away, so that nobody is matched to them."""
        for process in held.state.homes() if held.state else ():
            since = self.leases.dead_since(process)
            if since is not None:
                held.outbox.put(HomeLost(process, since), first=True)
                self._unsent[held] = None

    def _tell_away(self, away: bool) -> None:
        if away != self._told_away and self._listener:
            self._told_away = away
            self._listener.store_away(away)

    # Small steps.

    def _hold(self, space: SpaceId) -> Held:
        if space not in self._held:
            held = self._held[space] = Held(space)
            self._store.subscribe(space)
            self._read(held)
        return self._held[space]

    def _drop_unwanted(self, held: Held) -> None:
        is_done = held.is_live and not held.outbox
        if is_done and not held.is_wanted and self._held.get(held.space) is held:
            self._drop(held)

    def _drop(self, held: Held) -> None:
        held.is_live = False
        del self._held[held.space]
        self._store.unsubscribe(held.space)
        self._agenda.forget(held.space)

    def _life(self, held: Held) -> float:
        """Seconds until the store may forget a space that nobody renews."""
        forgotten_in = held.state.forgotten_at() - self.now() if held.state else math.inf
        return max(forgotten_in, SPARE) if forgotten_in < math.inf else STORE_KEEPS


async def _until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for something that is told to callbacks, which nobody can await."""
    end = asyncio.get_running_loop().time() + seconds
    while not condition() and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110 - callbacks have no event
        await asyncio.sleep(SPARE)
    return condition()
