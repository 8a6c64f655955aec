"""What has been said in a room."""

from dataclasses import dataclass

from quart_chat.domain.visitors import Member

GROUPED_WITHIN = 60.0  # seconds; a later message of the same author gets a head of its own


@dataclass(frozen=True, slots=True)
class Message:
    """One accepted message.

    `seq` counts the room's messages from 1 without a gap, `key` is the author's own id for it,
    `at` is the wall clock in seconds since the epoch, and `continued` says that it follows
    a message of the same author within a minute.
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
