"""A planned restart of the only process: what it knows is left to the next one, which goes on with it."""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from quart_chat.chat import Chat
from quart_chat.delivery.sessions import Sessions
from quart_chat.domain.browsers import BrowserRecord
from quart_chat.domain.commands import RULES
from quart_chat.domain.ports import Space
from quart_chat.domain.spaces import BANS, Place
from quart_chat.domain.timing import RESUME_WINDOW
from quart_chat.domain.visitors import BrowserId, Visitor
from quart_chat.journal.codec import BadRecord, NewerRules, StateRecord, decode, read_state, write_state
from quart_chat.journal.memory import MemoryJournal
from quart_chat.log import log
from quart_chat.storage.browsers import RememberedBrowsers


class SpaceRecord(msgspec.Struct):
    """A space after its entry `n`."""

    n: int
    state: msgspec.Raw


class SessionRecord(msgspec.Struct):
    """A visitor whose page is connected, and what that is for."""

    visitor: Visitor
    place: Place


class Heading(msgspec.Struct):
    """By which rules a snapshot was written, when, and in which run of the server."""

    rules: int
    at: float
    boot: str


class Snapshot(Heading):
    """All that the next process needs so that pages find what they have left."""

    spaces: list[SpaceRecord]
    sessions: list[SessionRecord]
    browsers: dict[BrowserId, BrowserRecord]


@dataclass(frozen=True, slots=True)
class Restart:
    """The parts of a process that know something of people."""

    journal: MemoryJournal
    sessions: Sessions
    browsers: RememberedBrowsers
    chat: Chat

    def freeze(self, boot: str) -> bytes:
        """End all changes, and return all there is. What comes later is answered by the next process.

        The list of bans is not in it: its rows outlive any end of a process.
        """
        spaces = [
            SpaceRecord(n, msgspec.Raw(write_state(state))) for n, state in self.journal.freeze() if state.id != BANS
        ]
        here = [SessionRecord(session.visitor, session.place) for session in self.sessions if session.wire]
        return msgspec.json.encode(
            Snapshot(RULES, self.journal.now(), boot, spaces, here, dict(self.browsers.records()))
        )

    def restore(self, data: bytes) -> str | None:
        """Go on with what the process before has frozen; returns the name of its run, or None if that cannot be done.

        The time for which people are away begins now: that the server was away is not their fault.
        """
        snapshot = read_snapshot(data, self.journal.now())
        if snapshot is None:
            return None
        self.browsers.restore(snapshot.browsers)
        self.journal.restore(_readable(snapshot))
        for session in snapshot.sessions:
            self.chat.disconnect(session.visitor, session.place)
        log.info("restored", extra={"spaces": len(snapshot.spaces), "sessions": len(snapshot.sessions)})
        return snapshot.boot


def read_snapshot(data: bytes, now: float) -> Snapshot | None:
    """What the process before has frozen; None, and a line in the log, if this one cannot go on with it."""
    try:
        heading = decode(data, Heading)
        if heading.rules > RULES:  # those of the version before are read, as in a rolling upgrade
            raise BadRecord(f"written by rules {heading.rules}, read by rules {RULES}")
        if abs(now - heading.at) > RESUME_WINDOW:
            raise BadRecord(f"{now - heading.at:.0f} s old, good for {RESUME_WINDOW:.0f} s")
        return decode(data, Snapshot)
    except BadRecord as error:
        log.warning("snapshot refused", extra={"why": str(error)})
        return None


def _readable(snapshot: Snapshot) -> Iterator[tuple[int, Space]]:
    """The spaces; one that cannot be read must not cost the others theirs."""
    for record in snapshot.spaces:
        try:
            yield record.n, read_state(decode(record.state, StateRecord).space, record.state)
        except (BadRecord, NewerRules) as error:
            log.error("space not restored", extra={"why": str(error)})
