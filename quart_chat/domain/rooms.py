"""A room: who is in it, what was said, in which order.

The lobby, a room by code and a pair of strangers are all rooms; only their kind differs. A room is a state machine over
the entries of its journal: the same entries give the same state and the same events on every process.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from math import inf
from typing import Any

from quart_chat.domain import commands, events
from quart_chat.domain.commands import Command, Entry, Party
from quart_chat.domain.events import Event, Why
from quart_chat.domain.messages import (
    MOST_EDITS,
    MOST_EMOJI,
    MOST_REACTIONS,
    Mention,
    Message,
    Quote,
    continues,
    edited,
    mentions_in,
    quote_of,
    taken_back,
    with_quote_of,
    with_reaction,
)
from quart_chat.domain.naming import GivenName
from quart_chat.domain.reports import REPORTED_LINES, Line, Report
from quart_chat.domain.requests import Refusal
from quart_chat.domain.spaces import Kind, SpaceId, queue_of
from quart_chat.domain.timing import (
    CHANGEABLE_FOR,
    CODE_RESTS,
    KEYS_REMEMBERED_FOR,
    PARTNER_WAIT,
    REPORTABLE_FOR,
    RESUME_WINDOW,
    SHOWN_AWAY_AFTER,
    UNVISITED_ROOM,
)
from quart_chat.domain.visitors import Member, ProcessId, Visitor, VisitorId

LOG_LENGTH = 200  # messages kept for those who come late or come back
LOBBY_TAIL = 50  # messages shown to somebody who enters the lobby
LISTED_PEOPLE = 100  # the newest people, shown by name; the others are only counted
LEFT_OUT_AFTER_LOSS = 100_000  # numbers that lost messages may have had; more than a store loses at once
KEYS_KEPT = 128  # of one visitor; above what the message limit lets anyone send within the resume window


class Phase(StrEnum):
    """Whether a room can be entered."""

    NEW = "new"
    OPEN = "open"
    CLOSED = "closed"


@dataclass(slots=True)
class Seat:
    """A member's place in a room, which it keeps while it is away.

    `name` is what it called itself, `fold` the key of what it is called here. `home` is its process. It may read the
    messages after number `sees_after`.
    """

    visitor: Visitor
    member: Member
    name: GivenName
    fold: str
    home: ProcessId
    sees_after: int


@dataclass(slots=True)
class SentKeys:
    """The keys of one visitor's last messages, and when the last one was sent."""

    last: float = 0.0
    keys: dict[str, None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RoomView:
    """A room as one member sees it on entering or coming back.

    `people` holds the newest members first, at most `LISTED_PEOPLE` of `count`; `away` those of them
    who are reconnecting. `messages` are those that the member has not seen, `changed` older ones that may have changed
    since. `gap` is the newest number of those that may be missing before `messages`; 0 if none are.
    """

    room: SpaceId
    kind: Kind
    me: Member
    people: tuple[Member, ...]
    count: int
    messages: tuple[Message, ...]
    away: frozenset[VisitorId] = frozenset()
    gap: int = 0
    changed: tuple[Message, ...] = ()

    @property
    def partner(self) -> Member | None:
        """The other one of a pair."""
        return next((member for member in self.people if member.id != self.me.id), None)


@dataclass
class Room:
    """The state of one room. All of it is data, so that it can be stored and read again."""

    id: SpaceId
    kind: Kind
    phase: Phase = Phase.NEW
    since: float = 0.0  # of this phase
    visited: bool = False
    seats: dict[VisitorId, Seat] = field(default_factory=dict)  # oldest first
    dropped: dict[VisitorId, float] = field(default_factory=dict)  # away since then, the longest first
    shown_away: dict[VisitorId, float] = field(default_factory=dict)  # the same, once the others have been told
    names: dict[str, VisitorId] = field(default_factory=dict)  # by the key under which names count as the same
    numbers: dict[str, int] = field(default_factory=dict)  # the last one given to namesakes
    seated: int = 0
    seq: int = 0
    gap: int = 0  # messages up to this number may be missing
    lost_in: int = 0  # the epoch of the journal that said so
    log: list[Message] = field(default_factory=list)
    unsaid: dict[int, list[str]] = field(default_factory=dict)  # of a pair, what messages said before, for a report
    sent: dict[VisitorId, SentKeys] = field(default_factory=dict)  # the longest silent first
    parties: dict[VisitorId, Party] = field(default_factory=dict)  # of a pair, also after it
    stayed: VisitorId | None = None  # of a pair that has ended
    reported_by: list[VisitorId] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.kind is Kind.LOBBY:
            self.phase = Phase.OPEN

    # What changes it.

    def apply(self, entry: Entry) -> Sequence[Event]:
        """Change by one entry; returns what has happened.

        Deterministic and total: it raises for no entry in any state. One that makes no sense any more is refused, or
        does nothing.
        """
        change = _CHANGES.get(type(entry.command))
        return tuple(change(self, entry, entry.command)) if change else ()

    def due(self, now: float) -> Iterator[Command]:
        """The commands that time asks for. Anybody may append them; the first one of each counts."""
        for visitor in _older_than(self.dropped, now - SHOWN_AWAY_AFTER):
            yield commands.MarkAway(visitor)
        for visitor in _older_than(self.shown_away, now - self._patience):
            yield commands.GiveUp(visitor)
        if now >= self._tidied_at():
            yield commands.Tidy()

    def wakes_at(self) -> float:
        """When time asks for something next, or the room can be forgotten; infinity for never."""
        return min(
            _first(self.dropped) + SHOWN_AWAY_AFTER,
            _first(self.shown_away) + self._patience,
            self._tidied_at(),
            self.forgotten_at(),
        )

    def forgotten_at(self) -> float:
        """When nothing of a closed room matters any more; infinity while it is open."""
        if self.phase is not Phase.CLOSED:
            return inf
        return self.since + (CODE_RESTS if self.kind is Kind.ROOM else REPORTABLE_FOR)

    # What can be seen of it.

    def is_open_at(self, now: float) -> bool:
        """Say whether somebody may be in it."""
        return self.phase is Phase.OPEN and now < self._tidied_at()

    @property
    def present(self) -> int:
        """How many members are connected."""
        return len(self.seats) - len(self.dropped) - len(self.shown_away)

    def home_of(self, visitor: VisitorId) -> ProcessId | None:
        """The process that a member is at home with."""
        seat = self.seats.get(visitor)
        return seat.home if seat else None

    def homes(self) -> set[ProcessId]:
        """The processes that its members are at home with."""
        return {seat.home for seat in self.seats.values()}

    def view(self, visitor: VisitorId, since: int | None = None) -> RoomView | None:
        """The room as a member sees it who has seen everything up to `since`, or nothing yet; None for a stranger."""
        seat = self.seats.get(visitor)
        if seat is None:
            return None
        after = max(seat.sees_after, since or 0)
        return RoomView(
            room=self.id,
            kind=self.kind,
            me=seat.member,
            people=tuple(islice(self._newest(), LISTED_PEOPLE)),
            count=len(self.seats),
            messages=self.messages_after(after),
            away=frozenset(self.shown_away),
            gap=self._gap_after(after),
            changed=tuple(message for message in self.messages_after(seat.sees_after) if message.changes)
            if since
            else (),
        )

    def messages_after(self, seq: int) -> tuple[Message, ...]:
        """The messages still kept that are newer than `seq`, in order."""
        first = bisect_right(self.log, seq, key=_number)
        return tuple(self.log[max(first, len(self.log) - LOG_LENGTH) :])

    def partner_of(self, visitor: VisitorId) -> Seat | None:
        """The other one's seat in a pair that goes on; None for a stranger there."""
        if not self.kind.is_pair or visitor not in self.seats:
            return None
        return next((seat for other, seat in self.seats.items() if other != visitor), None)

    def name_of(self, visitor: VisitorId) -> GivenName | None:
        """The name of somebody who is or was in a pair."""
        party = self.parties.get(visitor)
        return party.name if party else None

    # Opening and closing.

    def _open(self, entry: Entry, command: commands.OpenRoom) -> Iterator[Event]:
        rests = self.phase is Phase.CLOSED and entry.at < self.since + CODE_RESTS
        if self.kind is not Kind.ROOM or self.phase is Phase.OPEN or rests:
            yield events.RoomOpened(False)
            return
        self.__dict__.update(Room(self.id, self.kind, Phase.OPEN, entry.at).__dict__)
        yield events.RoomOpened(True)

    def _open_pair(self, entry: Entry, command: commands.OpenPair) -> Iterator[Event]:
        one, other = command.parties
        if not self.kind.is_pair or self.phase is not Phase.NEW or one.visitor.id == other.visitor.id:
            return
        self.phase, self.since, self.visited = Phase.OPEN, entry.at, True
        for party in command.parties:
            self.parties[party.visitor.id] = party
            self._seat(party.visitor, party.name, party.home)
        for party in command.parties:
            yield events.Entered(party.visitor.id, party.home)

    def _tidy(self, entry: Entry, command: commands.Tidy) -> Sequence[Event]:
        """Close a room that nobody came to, and forget the keys of a closed one."""
        if entry.at >= self._tidied_at():
            if self.phase is Phase.OPEN:
                self._close(entry)
            self.sent.clear()
        return ()

    def _tidied_at(self) -> float:
        if self.kind is Kind.ROOM and self.phase is Phase.OPEN and not self.visited:
            return self.since + UNVISITED_ROOM
        return self.since + KEYS_REMEMBERED_FOR if self.phase is Phase.CLOSED and self.sent else inf

    def _close(self, entry: Entry) -> None:
        """Forget all but what may be reported or offered again."""
        self.phase, self.since = Phase.CLOSED, entry.at
        for forgotten in (self.seats, self.dropped, self.shown_away, self.names, self.numbers):
            forgotten.clear()
        self.log = self.log[-REPORTED_LINES:] if self.kind.is_pair else []

    # Coming and going.

    def _join(self, entry: Entry, command: commands.Join) -> Iterator[Event]:
        visitor = command.visitor
        if self.kind.is_pair or not self.is_open_at(entry.at):
            yield events.EnterRefused(visitor.id)
        elif visitor.id not in self.seats:
            self.visited = True
            member = self._seat(visitor, command.name, entry.by)
            pushed = next(islice(self._newest(), LISTED_PEOPLE, None), None)
            yield events.Joined(member, len(self.seats), pushed)
            yield events.Entered(visitor.id, entry.by)

    def _leave(self, entry: Entry, command: commands.Leave) -> Iterator[Event]:
        if seat := self._seat_at(entry, command.visitor):
            yield from self._part(entry, seat, Why.NEXT if command.next and self.kind.is_pair else Why.LEFT)

    def _part(self, entry: Entry, seat: Seat, why: Why) -> Iterator[Event]:
        """Let a member go; a pair ends with that, and a room by code when it was the last one."""
        if self.kind.is_pair:
            yield self._end_pair(entry, seat, why)
            return
        pulled = self._unseat(seat)
        yield events.Left(seat.member, len(self.seats), pulled)
        yield events.Gone(seat.visitor.id, why)
        if not self.seats and self.kind is Kind.ROOM:
            self._close(entry)

    def _end_pair(self, entry: Entry, seat: Seat, why: Why) -> Event:
        gone, stayed = seat, self.partner_of(seat.visitor.id) or seat
        self.stayed = stayed.visitor.id
        self._close(entry)
        return events.PairEnded(self.kind, _party(gone), _party(stayed), gone.member, why)

    def _seat(self, visitor: Visitor, given: GivenName, home: ProcessId) -> Member:
        if len(self.numbers) > 2 * len(self.seats) + 64:
            self.numbers.clear()
        label = given.free_in(self.names, self.numbers)
        self.seated += 1
        member = Member(visitor.id, label.text, self.seated)
        self.names[label.fold] = visitor.id
        self.seats[visitor.id] = Seat(visitor, member, given, label.fold, home, self._first_readable())
        return member

    def _unseat(self, seat: Seat) -> Member | None:
        """Take a seat away; returns who takes the free place at the end of the list of people."""
        visitor = seat.visitor.id
        listed = {member.id for member in islice(self._newest(), LISTED_PEOPLE)}
        del self.seats[visitor], self.names[seat.fold]
        self.dropped.pop(visitor, None)
        self.shown_away.pop(visitor, None)
        return next(islice(self._newest(), LISTED_PEOPLE - 1, None), None) if visitor in listed else None

    # Talking.

    def _send(self, entry: Entry, command: commands.SendMessage) -> Sequence[Event]:
        visitor, key = command.visitor, command.key
        sent, seat = self.sent.get(visitor), self.seats.get(visitor)
        if sent is not None and key in sent.keys:
            return (events.MessageKnown(visitor, key),)
        if seat is None:
            return (events.MessageRefused(visitor, key),)
        if seat.home != entry.by:
            return ()  # its page has moved to another process, and offers the message again there
        self._remember(visitor, key, entry.at)
        reply = self._quote(command.reply_to, visitor) if command.reply_to is not None else None
        return (events.MessageSent(self._record(key, seat.member, command.text, entry.at, reply)),)

    def _mentions(self, text: str) -> tuple[Mention, ...]:
        """Who of those who are there now is named; two strangers know whom they mean."""
        return () if self.kind.is_pair else mentions_in(text, self.names)

    def _quote(self, seq: int, reader: VisitorId) -> Quote:
        index = self._index_of(seq, reader)
        return Quote(seq) if index is None else quote_of(self.log[index])

    def _record(self, key: str, by: Member, text: str, at: float, reply: Quote | None) -> Message:
        previous = self.log[-1] if self.log else None
        self.seq += 1
        mentions = self._mentions(text) if "@" in text else ()
        message = Message(self.seq, key, by, text, at, continues(previous, by, at), reply, mentions)
        self.log.append(message)
        if len(self.log) > 2 * LOG_LENGTH:
            del self.log[:-LOG_LENGTH]
        return message

    def _react(self, entry: Entry, command: commands.React) -> Iterator[Event]:
        index = self._index_of(command.seq, command.visitor)
        if index is None:
            yield events.ChangeRefused(command.visitor, Refusal.MESSAGE_GONE)
        elif seat := self._seat_at(entry, command.visitor):
            message = with_reaction(self.log[index], command.emoji, seat.member, command.on)
            if len(message.reactions) > MOST_EMOJI or message.reacted > MOST_REACTIONS:
                yield events.ChangeRefused(command.visitor, Refusal.ENOUGH_REACTIONS)
            elif message is not self.log[index]:
                self.log[index] = message
                yield events.ReactionsChanged(message)

    def _edit(self, entry: Entry, command: commands.EditMessage) -> Iterator[Event]:
        index = self._index_of(command.seq, command.visitor)
        if why := self._why_not(entry, command.visitor, index):
            yield events.ChangeRefused(command.visitor, why, command.key)
        elif index is not None and self._seat_at(entry, command.visitor):
            if command.text != self.log[index].text:
                if self.log[index].edits >= MOST_EDITS:
                    yield events.ChangeRefused(command.visitor, Refusal.ENOUGH_CHANGES, command.key)
                    return
                yield self._change(index, edited(self.log[index], command.text, self._mentions(command.text)))
            yield events.MessageKnown(command.visitor, command.key)

    def _take_back(self, entry: Entry, command: commands.TakeBack) -> Iterator[Event]:
        index = self._index_of(command.seq, command.visitor)
        if why := self._why_not(entry, command.visitor, index):
            yield events.ChangeRefused(command.visitor, why)
        elif index is not None and self._seat_at(entry, command.visitor):
            yield self._change(index, taken_back(self.log[index]))

    def _why_not(self, entry: Entry, author: VisitorId, index: int | None) -> Refusal | None:
        """Why somebody may not change a message; None if it may."""
        if index is None:
            return Refusal.MESSAGE_GONE
        if self.log[index].by.id != author:
            return Refusal.NOT_YOURS
        return Refusal.TOO_LATE_TO_CHANGE if entry.at > self.log[index].at + CHANGEABLE_FOR else None

    def _change(self, index: int, message: Message) -> Event:
        """Let a message say something else; what it said before is kept in a pair alone, where it may be reported."""
        if self.kind.is_pair:
            self.unsaid.setdefault(message.seq, []).append(self.log[index].text)
            reportable = self.log[-REPORTED_LINES:][0].seq
            self.unsaid = {seq: texts for seq, texts in self.unsaid.items() if seq >= reportable}
        self.log[index] = message
        return events.MessagesChanged((message, *self._answers_to(message)))

    def _answers_to(self, message: Message) -> Iterator[Message]:
        """The answers to a message that has been changed; they quote it as it is now."""
        for index, answer in enumerate(self.log):
            if answer.reply and answer.reply.seq == message.seq:
                self.log[index] = with_quote_of(answer, message)
                yield self.log[index]

    def _reported_lines(self, reporter: VisitorId) -> Iterator[Line]:
        """The last lines of a pair, each with what it said before it was changed."""
        for message in self.log[-REPORTED_LINES:]:
            texts = [*self.unsaid.get(message.seq, ()), message.text]
            for text in filter(None, texts):
                yield Line(message.by.id != reporter, text, message.at)

    def _index_of(self, seq: int, reader: VisitorId) -> int | None:
        """Where in the log a message is that a member may read; None if it is not there, or is none of its business."""
        seat, index = self.seats.get(reader), bisect_left(self.log, seq, key=_number)
        if seat is None or seq <= seat.sees_after or index < len(self.log) - LOG_LENGTH:
            return None
        is_there = index < len(self.log) and self.log[index].seq == seq and not self.log[index].taken_back
        return index if is_there else None

    def _note_loss(self, entry: Entry, command: commands.NoteLoss) -> Iterator[Event]:
        """Give no number again that a lost message may have had: some pages show it."""
        if self.lost_in < command.epoch and self.seq and self.phase is Phase.OPEN:
            self.seq += LEFT_OUT_AFTER_LOSS
            self.gap, self.lost_in = self.seq, command.epoch
            yield events.MessagesLost(self.gap)

    def _remember(self, visitor: VisitorId, key: str, at: float) -> None:
        """Know a key again for as long as it may be offered again, also after its author has left."""
        sent = self.sent.pop(visitor, None) or SentKeys()
        self.sent[visitor] = sent
        sent.last = at
        sent.keys[key] = None
        if len(sent.keys) > KEYS_KEPT:
            del sent.keys[next(iter(sent.keys))]
        while (longest := next(iter(self.sent.values()))).last + KEYS_REMEMBERED_FOR <= at and longest is not sent:
            del self.sent[next(iter(self.sent))]

    def _typing(self, entry: Entry, command: commands.ShowTyping) -> Iterator[Event]:
        if seat := self._seat_at(entry, command.visitor):
            yield events.TypingStarted(seat.member)

    def _signal(self, entry: Entry, command: commands.PassSignal) -> Iterator[Event]:
        partner = self.partner_of(command.visitor)
        if self.kind is Kind.VIDEO and partner and self._seat_at(entry, command.visitor):
            yield events.SignalPassed(partner.visitor.id, command.page, command.signal)

    # Being safe.

    def _report(self, entry: Entry, command: commands.Report) -> Iterator[Event]:
        reporter, accused = self._parties_for(entry, command.visitor)
        if reporter is None or accused is None or command.visitor in self.reported_by:
            yield events.ReportRefused(command.visitor)
            return
        self.reported_by.append(command.visitor)
        ends_talk = self.phase is Phase.OPEN
        lines = tuple(self._reported_lines(command.visitor))
        yield from self._end_by(entry, command.visitor, Why.REPORTED)
        yield events.Blocked(reporter.visitor, accused.visitor, ends_talk, with_report=True)
        report = Report(entry.at, self.kind, command.reason, command.words, accused.visitor, reporter.visitor, lines)
        yield events.ReportMade(report, ends_talk)

    def _block(self, entry: Entry, command: commands.BlockPartner) -> Iterator[Event]:
        blocker, blocked = self._parties_for(entry, command.visitor)
        if blocker is None or blocked is None:
            yield events.ReportRefused(command.visitor)
            return
        ends_talk = self.phase is Phase.OPEN
        yield from self._end_by(entry, command.visitor, Why.BLOCKED)
        yield events.Blocked(blocker.visitor, blocked.visitor, ends_talk)

    def _end_by(self, entry: Entry, visitor: VisitorId, why: Why) -> Iterator[Event]:
        if seat := self.seats.get(visitor):
            yield self._end_pair(entry, seat, why)

    def _parties_for(self, entry: Entry, visitor: VisitorId) -> tuple[Party | None, Party | None]:
        """The one who complains, and the other one; None for somebody who was not there, or comes too late."""
        if self.phase is Phase.CLOSED and entry.at >= self.since + REPORTABLE_FOR:
            return None, None
        other = next((party for each, party in self.parties.items() if each != visitor), None)
        return self.parties.get(visitor), other

    # Being away.

    def _disconnect(self, entry: Entry, command: commands.Disconnect) -> Sequence[Event]:
        if (seat := self._seat_at(entry, command.visitor)) and not self._is_away(seat):
            self.dropped[command.visitor] = entry.at
        return ()

    def _resume(self, entry: Entry, command: commands.Resume) -> Iterator[Event]:
        visitor = command.visitor
        seat = self.seats.get(visitor.id)
        if seat is None or seat.visitor.browser != visitor.browser:
            yield events.ResumeRefused(visitor.id, self._next_of(visitor))
            return
        before, seat.home, seat.visitor = seat.home, entry.by, visitor
        if visitor.id in self.parties:
            self.parties[visitor.id] = _party(seat)
        self.dropped.pop(visitor.id, None)
        if self.shown_away.pop(visitor.id, None) is not None:
            yield events.Reconnected(seat.member)
        yield events.Resumed(visitor.id, entry.by, before)

    def _next_of(self, visitor: Visitor) -> SpaceId | None:
        """Where a visitor went when its pair ended: the one who was left waits for another one."""
        party = self.parties.get(visitor.id)
        is_left = self.stayed == visitor.id and party is not None and party.visitor.browser == visitor.browser
        return queue_of(self.kind) if is_left else None

    def _mark_away(self, entry: Entry, command: commands.MarkAway) -> Iterator[Event]:
        since = self.dropped.get(command.visitor, inf)
        if entry.at >= since + SHOWN_AWAY_AFTER:
            del self.dropped[command.visitor]
            self.shown_away[command.visitor] = since
            yield events.Disconnected(self.seats[command.visitor].member)

    def _give_up(self, entry: Entry, command: commands.GiveUp) -> Iterator[Event]:
        if entry.at >= self.shown_away.get(command.visitor, inf) + self._patience:
            yield from self._part(entry, self.seats[command.visitor], Why.EXPIRED)

    def _home_lost(self, entry: Entry, command: commands.HomeLost) -> Iterator[Event]:
        lost = [seat for seat in self.seats.values() if seat.home == command.process and not self._is_away(seat)]
        dropped = {**self.dropped, **{seat.visitor.id: command.since for seat in lost}}
        self.dropped = dict(sorted(dropped.items(), key=lambda item: item[1]))
        for seat in lost:
            yield events.HomeMissed(seat.visitor.id, seat.home)

    @property
    def _patience(self) -> float:
        """Strangers are not kept waiting as long as a room keeps a seat."""
        return PARTNER_WAIT if self.kind.is_pair else RESUME_WINDOW

    def _is_away(self, seat: Seat) -> bool:
        return seat.visitor.id in self.dropped or seat.visitor.id in self.shown_away

    # Small questions.

    def _seat_at(self, entry: Entry, visitor: VisitorId) -> Seat | None:
        """The seat of a visitor, if the entry comes from its home: what an earlier home still says is void."""
        seat = self.seats.get(visitor)
        return seat if seat and seat.home == entry.by else None

    def _newest(self) -> Iterator[Member]:
        return (seat.member for seat in reversed(self.seats.values()))

    def _gap_after(self, seq: int) -> int:
        """The newest of the messages after `seq` that are no longer kept, or were lost; 0 if there are none."""
        forgotten = self.log[max(len(self.log) - LOG_LENGTH, 0)].seq - 1 if self.log else self.seq
        gap = max(forgotten, self.gap)
        return gap if seq < gap else 0

    def _first_readable(self) -> int:
        if self.kind.is_pair:
            return 0
        return max(self.seq - LOBBY_TAIL, self.gap) if self.kind is Kind.LOBBY else self.seq


def _party(seat: Seat) -> Party:
    return Party(seat.visitor, seat.name, seat.home)


def _number(message: Message) -> int:
    return message.seq


def _first(since: dict[VisitorId, float]) -> float:
    return next(iter(since.values()), inf)


def _older_than(since: dict[VisitorId, float], limit: float) -> list[VisitorId]:
    """The first ones of an ordered dict, as far as they are old enough."""
    old: list[VisitorId] = []
    for visitor, at in since.items():
        if at > limit:
            break
        old.append(visitor)
    return old


_CHANGES: dict[type[Command], Callable[[Room, Entry, Any], Iterable[Event]]] = {
    commands.OpenRoom: Room._open,
    commands.OpenPair: Room._open_pair,
    commands.Tidy: Room._tidy,
    commands.Join: Room._join,
    commands.Leave: Room._leave,
    commands.SendMessage: Room._send,
    commands.React: Room._react,
    commands.EditMessage: Room._edit,
    commands.TakeBack: Room._take_back,
    commands.ShowTyping: Room._typing,
    commands.PassSignal: Room._signal,
    commands.Report: Room._report,
    commands.BlockPartner: Room._block,
    commands.Disconnect: Room._disconnect,
    commands.Resume: Room._resume,
    commands.MarkAway: Room._mark_away,
    commands.GiveUp: Room._give_up,
    commands.HomeLost: Room._home_lost,
    commands.NoteLoss: Room._note_loss,
}
