"""Commands and states as JSON, for a store or a file. What comes from there is checked on its way in."""

from typing import TypeVar, get_args

import msgspec

from quart_chat.domain.commands import RULES, Command
from quart_chat.domain.ports import Space
from quart_chat.domain.spaces import SpaceId
from quart_chat.journal.states import begin

COMMANDS: dict[str, type[Command]] = {kind.__name__: kind for kind in get_args(Command)}


T = TypeVar("T")


class BadRecord(ValueError):
    """Something that no process of ours has written."""


class NewerRules(Exception):
    """Something that a process with newer rules has written."""


class CommandRecord(msgspec.Struct, array_like=True):
    """A command, its name, and the rules of the process that wrote it."""

    rules: int
    name: str
    fields: msgspec.Raw


class StateRecord(msgspec.Struct):
    """A state, what it is a state of, and the rules of the process that wrote it."""

    rules: int
    space: SpaceId
    state: msgspec.Raw


def write_command(command: Command) -> bytes:
    """A command as JSON."""
    return msgspec.json.encode(CommandRecord(RULES, type(command).__name__, msgspec.Raw(msgspec.json.encode(command))))


def read_command(data: bytes | msgspec.Raw) -> Command:
    """The command of what `write_command` has written. Raises BadRecord and NewerRules."""
    record = decode(data, CommandRecord)
    if record.rules > RULES:
        raise NewerRules(f"a command by rules {record.rules}")
    if record.name not in COMMANDS:
        raise BadRecord(record.name)
    return decode(record.fields, COMMANDS[record.name])


def write_state(state: Space) -> bytes:
    """A state as JSON."""
    return msgspec.json.encode(StateRecord(RULES, state.id, msgspec.Raw(msgspec.json.encode(state))))


def read_state(space: SpaceId, data: bytes) -> Space:
    """The state of a space. Raises NewerRules, and BadRecord, also for the state of any other space.

    What a space is depends on its id alone: nothing that a store says can make a room of one kind one of another.
    """
    record, empty = decode(data, StateRecord), begin(space)
    if record.rules > RULES:
        raise NewerRules(f"a state by rules {record.rules}")
    if empty is None or record.space != space:
        raise BadRecord("another space")
    state = decode(record.state, type(empty))
    if state.id != space or getattr(state, "kind", None) != getattr(empty, "kind", None):
        raise BadRecord("another kind of space")
    return state


def decode(data: bytes | msgspec.Raw, kind: type[T]) -> T:
    """JSON as what it should be. Raises BadRecord."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise BadRecord(type(error).__name__) from None
