"""The codes that open rooms: short enough to read aloud, hard enough to guess."""

from collections.abc import Sequence
from typing import NewType, Protocol, TypeVar

T = TypeVar("T")

RoomCode = NewType("RoomCode", str)

ALPHABET = "23456789CDFGHJKMPQRTVWXY"
"""Without 0 O 1 I L; without B S Z U, which are read as 8 5 2 V; without N, which is heard as M;
and without A and E, so that no code spells a word."""

CODE_LENGTH = 6  # characters; 24 ** 6 is 191 million codes, enough where wrong ones are rate limited
LONGEST_TYPED = 64  # characters; a code with blanks and dashes between, and no more

_SEPARATORS = str.maketrans("", "", " \t\r\n-.")


class Chance(Protocol):
    """What picks for us: a `random.Random` or a `secrets.SystemRandom`."""

    def choice(self, seq: Sequence[T], /) -> T:
        """Pick one."""


def new_code(chance: Chance) -> RoomCode:
    """Make up a code. It opens a door, so hand in a chance that nobody can foresee."""
    return RoomCode("".join(chance.choice(ALPHABET) for _ in range(CODE_LENGTH)))


def read_code(raw: str) -> RoomCode | None:
    """Read a code as people type it: any case, with blanks, dashes or dots between; None for anything else."""
    # ASCII first: upper() makes FF of a ligature, SS of a sharp s and I of a dotless i.
    if len(raw) > LONGEST_TYPED or not raw.isascii():
        return None
    code = raw.translate(_SEPARATORS).upper()
    return RoomCode(code) if len(code) == CODE_LENGTH and set(code) <= set(ALPHABET) else None
