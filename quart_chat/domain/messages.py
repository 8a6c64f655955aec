"""What has been said in a room, and how people have reacted to it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from quart_chat.domain.text import MAX_NAME, fold_name
from quart_chat.domain.timing import GROUPED_WITHIN
from quart_chat.domain.visitors import Member, VisitorId

MOST_EMOJI = 12  # different ones under one message; more are wider than a phone
QUOTED = 120  # characters of a message that is answered; more than a line on most screens
MOST_MENTIONS = 20  # looked for in one message; nobody means more people at once
MOST_EDITS = 10  # of one message; a report carries what it said before each
MOST_REACTIONS = 100  # to one message, since everybody in the room is sent who reacted


@dataclass(frozen=True, slots=True)
class Reaction:
    """One emoji under a message, and who has put it there, the first one first."""

    emoji: str
    by: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Mention:
    """Somebody who is named in a message, as `text` says it there, its @ included."""

    id: VisitorId
    text: str


@dataclass(frozen=True, slots=True)
class Quote:
    """What a message answers: the number of another one, who wrote that, and how it begins; "" once it is gone."""

    seq: int
    name: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One accepted message.

    `seq` counts the room's messages from 1, and leaves out numbers only where some may be lost. `key` is the author's
    own id for it, `at` is in seconds since the epoch, and `continued` says that it follows a message of the same author
    within a minute. `edits` counts how often its author has changed it, `changes` how often anything about it was
    changed. The text of one that was `taken_back` is gone.
    """

    seq: int
    key: str
    by: Member
    text: str
    at: float
    continued: bool = False
    reply: Quote | None = None
    mentions: tuple[Mention, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    edits: int = 0
    taken_back: bool = False
    changes: int = 0

    @property
    def reacted(self) -> int:
        """How many reactions there are, of all emoji together."""
        return sum(len(reaction.by) for reaction in self.reactions)


def continues(previous: Message | None, by: Member, at: float) -> bool:
    """Say whether a message of `by` belongs under the head of the previous one."""
    return previous is not None and previous.by == by and 0 <= at - previous.at <= GROUPED_WITHIN


def quote_of(message: Message) -> Quote:
    """How a message is quoted in an answer to it."""
    name = "" if message.taken_back else message.by.name
    return Quote(message.seq, name, " ".join(message.text[:QUOTED].split()))


def with_quote_of(answer: Message, message: Message) -> Message:
    """An answer to a message that has been changed."""
    return replace(answer, reply=quote_of(message), changes=answer.changes + 1)


def with_reaction(message: Message, emoji: str, by: Member, on: bool) -> Message:
    """The message once somebody has reacted, or does so no longer; the same one if that changes nothing."""
    found = {reaction.emoji: reaction.by for reaction in message.reactions}
    before = found.get(emoji, ())
    if on == any(member.id == by.id for member in before):
        return message
    found[emoji] = (*before, by) if on else tuple(member for member in before if member.id != by.id)
    reactions = tuple(Reaction(each, members) for each, members in found.items() if members)
    return replace(message, reactions=reactions, changes=message.changes + 1)


def mentions_in(text: str, names: Mapping[str, VisitorId]) -> tuple[Mention, ...]:
    """Who is named behind an @: the longest name that fits, of people by the key of their names.

    Only the first `MOST_MENTIONS` count.
    """
    found = (_mention_at(at, text, names) for at in islice(_all_at(text), MOST_MENTIONS))
    return tuple(dict.fromkeys(filter(None, found)))


def _all_at(text: str) -> Iterator[int]:
    return (match.start() for match in re.finditer(r"(?<!\w)@", text))


def _mention_at(at: int, text: str, names: Mapping[str, VisitorId]) -> Mention | None:
    for end in range(min(at + 1 + MAX_NAME, len(text)), at + 1, -1):
        ends_a_word = end == len(text) or not text[end].isalnum()
        if ends_a_word and (visitor := names.get(fold_name(text[at + 1 : end]))):
            return Mention(visitor, text[at:end])
    return None


def edited(message: Message, text: str, mentions: tuple[Mention, ...]) -> Message:
    """The message with another text."""
    return replace(message, text=text, mentions=mentions, edits=message.edits + 1, changes=message.changes + 1)


def taken_back(message: Message) -> Message:
    """What stands in the place of a message whose author has taken it back."""
    return replace(message, text="", reactions=(), mentions=(), taken_back=True, changes=message.changes + 1)


def is_emoji(text: str) -> bool:
    """Say whether a text is one emoji as people see it: one picture, a flag, a key, or a joined sequence.

    The grammar is that of Unicode Technical Standard 51, section 1.4.9. What is well formed and unknown to a browser is
    shown in its parts, of which there are at most eight.
    """
    return len(text) <= LONGEST_EMOJI and _EMOJI.fullmatch(text) is not None


LONGEST_EMOJI = 32  # code points; the longest one in use, a family with skin tones, has eleven

# The property Emoji of Unicode 16, without digits; what is reserved for younger emoji is let in.
_PICTURE = (
    "[\xa9\xae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u23cf\u23e9-\u23f3\u23f8-\u23fa"
    "\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u2604\u260e\u2611\u2614\u2615\u2618\u261d\u2620\u2622\u2623"
    "\u2626\u262a\u262e\u262f\u2638-\u263a\u2640\u2642\u2648-\u2653\u265f\u2660\u2663\u2665\u2666\u2668\u267b\u267e"
    "\u267f\u2692-\u2697\u2699\u269b\u269c\u26a0\u26a1\u26a7\u26aa\u26ab\u26b0\u26b1\u26bd\u26be\u26c4\u26c5\u26c8"
    "\u26ce\u26cf\u26d1\u26d3\u26d4\u26e9\u26ea\u26f0-\u26f5\u26f7-\u26fa\u26fd\u2702\u2705\u2708-\u270d\u270f\u2712"
    "\u2714\u2716\u271d\u2721\u2728\u2733\u2734\u2744\u2747\u274c\u274e\u2753-\u2755\u2757\u2763\u2764\u2795-\u2797"
    "\u27a1\u27b0\u27bf\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d\u3297\u3299"
    "\U0001f004\U0001f0cf\U0001f170\U0001f171\U0001f17e\U0001f17f\U0001f18e\U0001f191-\U0001f19a\U0001f201\U0001f202"
    "\U0001f21a\U0001f22f\U0001f232-\U0001f23a\U0001f250\U0001f251\U0001f300-\U0001f321\U0001f324-\U0001f393"
    "\U0001f396\U0001f397\U0001f399-\U0001f39b\U0001f39e-\U0001f3f0\U0001f3f3-\U0001f3f5\U0001f3f7-\U0001f3fa"
    "\U0001f400-\U0001f4fd\U0001f4ff-\U0001f53d\U0001f549-\U0001f54e\U0001f550-\U0001f567\U0001f56f\U0001f570"
    "\U0001f573-\U0001f57a\U0001f587\U0001f58a-\U0001f58d\U0001f590\U0001f595\U0001f596\U0001f5a4\U0001f5a5\U0001f5a8"
    "\U0001f5b1\U0001f5b2\U0001f5bc\U0001f5c2-\U0001f5c4\U0001f5d1-\U0001f5d3\U0001f5dc-\U0001f5de\U0001f5e1\U0001f5e3"
    "\U0001f5e8\U0001f5ef\U0001f5f3\U0001f5fa-\U0001f64f\U0001f680-\U0001f6c5\U0001f6cb-\U0001f6d2\U0001f6d5-\U0001f6e5"
    "\U0001f6e9\U0001f6eb-\U0001f6f0\U0001f6f3-\U0001f6fc\U0001f7e0-\U0001f7eb\U0001f7f0\U0001f90c-\U0001f93a"
    "\U0001f93c-\U0001f945\U0001f947-\U0001f9ff\U0001fa70-\U0001faff]"
)
_TONE = "[\U0001f3fb-\U0001f3ff]"
_PART = rf"{_PICTURE}(?:\ufe0f|{_TONE})?"
_SUBDIVISION = "\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{2,6}\U000e007f"
_FLAG = "[\U0001f1e6-\U0001f1ff]{2}"
_KEY = "[0-9#*]\ufe0f\u20e3"
_EMOJI = re.compile(rf"{_FLAG}|{_KEY}|{_SUBDIVISION}|{_TONE}|{_PART}(?:\u200d{_PART}){{0,7}}")
