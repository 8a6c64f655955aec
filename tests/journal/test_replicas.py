"""The same entries give the same state and events everywhere, whatever they say and whenever a replica begins."""

from dataclasses import fields
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from quart_chat.domain import commands
from quart_chat.domain.commands import Command, Entry, Party, Passing
from quart_chat.domain.naming import given_name
from quart_chat.domain.ports import Space
from quart_chat.domain.reports import ReportReason
from quart_chat.domain.spaces import BANS, LOBBY, SpaceId
from quart_chat.domain.visitors import BrowserId, ProcessId, Visitor, VisitorId
from quart_chat.journal.codec import COMMANDS, BadRecord, read_command, read_state, write_command, write_state
from quart_chat.journal.states import begin

SPACES = [LOBBY, BANS, *map(SpaceId, ("room-K7QM2X", "pair-text-1-1", "pair-video-2-2", "queue-text", "queue-video"))]

names = st.sampled_from(["Ann", "Bob", "Cid", "Dot", "ann"])
visitors = st.builds(
    lambda name, browser: Visitor(VisitorId(name), BrowserId(browser), f"at {name}", f"near {name}"),
    names,
    st.sampled_from(["one", "two", "three"]),
)
processes = st.sampled_from([ProcessId("here"), ProcessId("there")])
times = st.floats(0, 1e6)
parties = st.builds(Party, visitors, st.builds(given_name, names), processes)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "visitor": visitors,
    "accused": visitors,
    "reporter": visitors,
    "name": st.builds(given_name, names),
    "parties": st.tuples(parties, parties),
    "next": st.booleans(),
    "key": st.sampled_from(["key-1", "key-2", "key-3"]),
    "text": st.one_of(st.text(max_size=5), names.map("@{}".format)),
    "reply_to": st.one_of(st.none(), st.integers(0, 5)),
    "seq": st.integers(0, 5),
    "emoji": st.sampled_from(["👍", "🎉"]),
    "on": st.booleans(),
    "page": st.just("page"),
    "signal": st.just({"media": {"mic": True}}),
    "reason": st.sampled_from(ReportReason),
    "words": st.just(""),
    "process": processes,
    "since": times,
    "epoch": st.integers(1, 3),
    "recent": st.lists(st.sampled_from([BrowserId("one"), BrowserId("two")]), max_size=2).map(tuple),
    "blocked": st.lists(st.sampled_from([BrowserId("two")]), max_size=1).map(tuple),
    "held_until": st.sampled_from([0.0, 0.0, 50.0, 1e6]),
    "ended": st.sampled_from([None, SpaceId("pair-text-1-1")]),
    "browser": st.sampled_from([BrowserId("one"), BrowserId("two")]),
    "needed": st.integers(1, 3),
}


def any_of(kind: type[Command]) -> st.SearchStrategy[Command]:
    """Any command of a kind, sensible or not."""
    by_id = {"visitor": names.map(VisitorId)} if kind not in WHOLE_VISITORS else {}
    blocked = {"blocked": st.just(BrowserId("three"))} if kind is commands.KeepApart else {}
    values = {**VALUES, **by_id, **blocked}
    return st.builds(kind, **{field.name: values[field.name] for field in fields(kind)})


WHOLE_VISITORS = (commands.Join, commands.Resume, commands.Seek)
any_command = st.one_of([any_of(kind) for kind in COMMANDS.values()])


class Replicas(RuleBasedStateMachine):
    """One state that is there from the beginning, and one that begins anew from a snapshot now and then."""

    @initialize(space=st.sampled_from(SPACES))
    def starts(self, space: SpaceId) -> None:
        self.space = space
        self.first, self.second = self._begin(), self._begin()
        self.n, self.at = 0, 0.0

    def _begin(self) -> Space:
        state = begin(self.space)
        assert state
        return state

    @rule(command=any_command, passes=st.sampled_from([0.0, 0.5, 6.0, 50.0, 130.0, 700.0]), by=processes)
    def happens(self, command: Command, passes: float, by: ProcessId) -> None:
        self.at += passes
        for each in [command, *self.first.due(self.at)]:
            self._apply(each, by)

    def _apply(self, command: Command, by: ProcessId) -> None:
        self.n += not isinstance(command, Passing)
        entry = Entry(0 if isinstance(command, Passing) else self.n, self.at, by, command)
        copied = Entry(entry.n, entry.at, by, read_command(write_command(command)))
        assert list(self.first.apply(entry)) == list(self.second.apply(copied))

    @rule()
    def begins_anew(self) -> None:
        self.second = read_state(self.space, write_state(self.first))

    @invariant()
    def they_are_the_same(self) -> None:
        if hasattr(self, "first"):
            assert self.first == self.second
            assert write_state(self.first) == write_state(self.second)


TestReplicas = Replicas.TestCase
TestReplicas.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


@given(any_command)
def test_a_command_is_what_was_written(command: Command) -> None:
    assert read_command(write_command(command)) == command


def test_every_command_has_a_name_of_its_own() -> None:
    assert len(COMMANDS) == len(get_args(Command))


@pytest.mark.parametrize("wrong", [space for space in SPACES if space != LOBBY])
def test_a_space_never_becomes_another_one(wrong: SpaceId) -> None:
    """Issue 22: the second of three locks. Whatever a store says, the id of a space decides what it is."""
    state = begin(wrong)
    assert state
    with pytest.raises(BadRecord):
        read_state(LOBBY, write_state(state))
    state.id = LOBBY
    with pytest.raises(BadRecord):
        read_state(LOBBY, write_state(state))
