"""What has been said in a room."""

from dataclasses import dataclass

from quart_chat.domain.timing import GROUPED_WITHIN
from quart_chat.domain.visitors import Member


@dataclass(frozen=True, slots=True)
class Message:
    """One accepted message.

    `seq` counts the room's messages from 1, and leaves out numbers only where some may be lost. `key` is the author's
    own id for it, `at` is in seconds since the epoch, and `continued` says that it follows a message of the same author
    within a minute.
    """

    seq: int
    key: str
    by: Member
    text: str
    at: float
    continued: bool = False


def continues(previous: Message | None, by: Member, at: float) -> bool:
    """Say whether a message of `by` belongs under the head of the previous one."""
    return previous is not None and previous.by == by and 0 <= at - previous.at <= GROUPED_WITHIN
