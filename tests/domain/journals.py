"""A journal for one state machine: appends commands to it, and lets tests say when and by which process."""

from quart_chat.domain.commands import Command, Entry, Passing, Seek
from quart_chat.domain.events import Event
from quart_chat.domain.naming import given_name
from quart_chat.domain.ports import Space
from quart_chat.domain.visitors import BrowserId, ProcessId, Visitor, VisitorId

HERE = ProcessId("here")
THERE = ProcessId("there")


def visitor(name: str, browser: str = "") -> Visitor:
    """Somebody with a browser, an address and a network of its own, unless told otherwise."""
    return Visitor(VisitorId(name), BrowserId(browser or name), f"at {name}", f"near {name}")


def seek(name: str, browser: str = "", **more: object) -> Seek:
    """Look for a stranger."""
    return Seek(visitor(name, browser), given_name(name), **more)  # type: ignore[arg-type] # as Seek takes them


class OneJournal:
    """Orders what is done to one space."""

    def __init__(self, state: Space) -> None:
        self.state = state
        self.entries: list[Entry] = []
        self.events: list[Event] = []

    def append(self, command: Command, at: float = 0.0, by: ProcessId = HERE) -> list[Event]:
        """Append one command; returns what it has done."""
        passing = isinstance(command, Passing)
        number = sum(not isinstance(entry.command, Passing) for entry in self.entries)
        entry = Entry(0 if passing else number + 1, at, by, command)
        self.entries.append(entry)
        events = list(self.state.apply(entry))
        self.events += events
        return events
