"""What has been said in a room."""

from collections import OrderedDict
from dataclasses import dataclass, field

from quart_chat.domain.visitors import Member, VisitorId

GROUPED_WITHIN = 60.0  # seconds; a later message of the same author gets a head of its own
KEYS_KEPT = 128  # of one visitor; above what the message limit lets anyone say within the resume window
KEYS_KEPT_FOR = 600.0  # seconds after a visitor's last message; nothing is offered again for so long


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


@dataclass(slots=True)
class Keys:
    """The keys of one visitor's last messages, each with its room, and when the last one was said."""

    last: float = 0.0
    said: OrderedDict[tuple[str, str], None] = field(default_factory=OrderedDict)


class KeyRing:
    """Knows what has been said, so that a message offered twice is one, after its room is gone too."""

    def __init__(self) -> None:
        self._keys: OrderedDict[VisitorId, Keys] = OrderedDict()

    def __len__(self) -> int:
        return len(self._keys)

    def has(self, visitor: VisitorId, room: str, key: str) -> bool:
        """Say whether the visitor has said this already."""
        keys = self._keys.get(visitor)
        return keys is not None and (room, key) in keys.said

    def add(self, visitor: VisitorId, room: str, key: str, now: float) -> None:
        """Note that the visitor has said this, at a time of a clock that never goes back."""
        keys = self._keys.setdefault(visitor, Keys())
        self._keys.move_to_end(visitor)
        keys.last = now
        keys.said[room, key] = None
        if len(keys.said) > KEYS_KEPT:
            keys.said.popitem(last=False)

    def forget(self, now: float) -> None:
        """Let go of those who have been silent for long."""
        while self._keys and next(iter(self._keys.values())).last + KEYS_KEPT_FOR <= now:
            self._keys.popitem(last=False)
