"""Rows: what is kept of people beside the journals, each for its time. They outlive every process."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from quart_chat.domain.ports import Kept, Storage


class RowKind(StrEnum):
    """What a row is. One more kind is one more line here; no storage has to be changed for it."""

    BLOCK = "block"
    REPORT = "report"
    BROWSER = "browser"  # what is held against a browser, its ban included
    ADDRESS = "address"  # the same against an address


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that is kept: the only one of its kind with this key.

    `about` is what rows of a kind are found by. `at` and `expires` are in seconds since the epoch. `body` is JSON.
    """

    kind: RowKind
    key: str
    about: str
    at: float
    expires: float
    body: str = "null"


def nobody(kept: bool) -> None:
    """Be told nothing."""


class Rows(Storage, Protocol):
    """Keeps rows. Every implementation passes the tests in tests/storage/test_rows.py."""

    async def start(self) -> None:
        """Be ready."""

    async def stop(self) -> None:
        """Keep what has been put until now, if that is possible soon, and end."""

    def put(self, row: Row, done: Kept = nobody) -> None:
        """Keep a row, in the place of the one with its key. It never waits."""

    async def about(self, kind: RowKind, about: str) -> Sequence[Row]:
        """The rows of a kind on one browser or address that have not expired, the earliest first. Raises StoreAway."""

    async def all(self, kind: RowKind) -> Sequence[Row]:
        """All rows of a kind that have not expired, the earliest first. Raises StoreAway."""

    def forget_expired(self) -> None:
        """Delete what has expired; to be called from time to time."""


def in_order(rows: Sequence[Row]) -> list[Row]:
    """The rows by time."""
    return sorted(rows, key=lambda row: (row.at, row.key))
