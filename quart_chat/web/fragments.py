"""What has happened, as HTML: one template for each answer and event, named after it.

A fragment for a room is the same for everyone in it, so it holds nothing that only one of them may see.
No fragment holds an htmx attribute that acts: what acts stands in the page already.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache

from markupsafe import Markup

from quart_chat.delivery.channels import Gathered, MessageBatch, PeopleChanged
from quart_chat.delivery.sessions import Session
from quart_chat.domain.answers import (
    Answer,
    CallBegan,
    MessageAcknowledged,
    OthersWaiting,
    RoomShown,
    Signalled,
    TalkEnded,
    Waiting,
)
from quart_chat.domain.avatars import emoji_for, hue_for
from quart_chat.domain.events import Disconnected, MessagesChanged, MessagesLost, ReactionsChanged, TypingStarted
from quart_chat.domain.links import Piece, pieces
from quart_chat.domain.messages import Message
from quart_chat.domain.rooms import LISTED_PEOPLE
from quart_chat.domain.spaces import LOBBY, SpaceId
from quart_chat.domain.visitors import Member, VisitorId
from quart_chat.web.html_cache import HtmlCache
from quart_chat.web.templating import LANGUAGES, Stencil, Templates, joined

MESSAGES_SHOWN = 300  # on one page; the frame of a newer one deletes the oldest
NOTICES_SHOWN = 50
MESSAGES_KEPT_BYTES = 8 * 1024 * 1024  # as HTML, for those who come late or come back; some 5,000 ordinary ones
PEOPLE_RENDERED = 4_096  # kept as HTML, since everybody who enters gets up to a hundred of them
NAMES_SHOWN = 10  # of those who have reacted with one emoji
BIG_EMOJI = 3  # a message of so few emoji and nothing else is shown larger

BUBBLE = (
    "seq",
    "by",
    "name",
    "emoji",
    "hue",
    "words",
    "sent_at",
    "clock",
    "quote",
    "reactions",
)  # what partials/message.html shows

_emoji_only = re.compile(r"[\U0001F300-\U0001FAFF\u2600-\u27BF\u200D\uFE0F\U0001F1E6-\U0001F1FF\s]+")


@dataclass(frozen=True, slots=True)
class PersonView:
    """A member as a template shows it."""

    id: VisitorId
    name: str
    seat: int
    emoji: str
    hue: int
    away: bool = False


@dataclass(frozen=True, slots=True)
class ReactionView:
    """An emoji under a message as a template shows it: `ids` of all who chose it, and the names of some."""

    emoji: str
    count: int
    ids: str
    names: list[str]


@lru_cache(maxsize=4_096)
def person(member: Member, away: bool = False) -> PersonView:
    """Give a member its face."""
    return PersonView(member.id, member.name, member.seat, emoji_for(member.name), hue_for(member.id), away)


def _with_mentions(message: Message) -> list[Piece]:
    """The pieces of a message in which people are named; a name inside a link is part of that."""
    ids = {mention.text: mention.id for mention in message.mentions}
    names = re.compile("(" + "|".join(map(re.escape, sorted(ids, key=len, reverse=True))) + r")(?!\w)")
    found: list[Piece] = []
    for piece in pieces(message.text):
        parts = [piece.text] if piece.href else names.split(piece.text)
        found += [Piece(part, piece.href, None if piece.href else ids.get(part)) for part in parts if part]
    return found


def _reactions(message: Message) -> list[ReactionView]:
    return [
        ReactionView(
            reaction.emoji,
            len(reaction.by),
            " ".join(member.id for member in reaction.by),
            [member.name for member in reaction.by[:NAMES_SHOWN]],
        )
        for reaction in message.reactions
    ]


def is_big(text: str) -> bool:
    """Say whether a text is a few emoji and nothing else."""
    if len(text) > 8 * BIG_EMOJI or not _emoji_only.fullmatch(text):
        return False
    return sum(char not in "\u200d\ufe0f " for char in text) <= BIG_EMOJI


class Fragments:
    """The `Renderer` of the hub."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates
        self._messages = HtmlCache(MESSAGES_KEPT_BYTES)
        self._shape = lru_cache(maxsize=None)(self._make_shape)
        self._item = lru_cache(maxsize=PEOPLE_RENDERED)(self._render_item)

    def for_room(self, room: SpaceId, gathered: Gathered, language: str) -> str:
        """The fragment that every member of a room gets."""
        if isinstance(gathered, MessageBatch):
            return self._message_batch(room, gathered.messages, language)
        if isinstance(gathered, PeopleChanged):
            return self._people_changed(gathered, language)
        if isinstance(gathered, MessagesChanged):
            return self._messages_changed(room, gathered, language)
        if isinstance(gathered, ReactionsChanged):
            self.forget(room, gathered.message)
            return self._render(gathered, language, seq=gathered.message.seq, reactions=_reactions(gathered.message))
        if isinstance(gathered, TypingStarted):
            return self._typing_started(person(gathered.member), language)
        if isinstance(gathered, MessagesLost):
            return self._render(gathered, language, gap=gathered.seq)
        return self._render(gathered, language, who=person(gathered.member, isinstance(gathered, Disconnected)))

    def for_one(self, session: Session, answer: Answer) -> str:
        """The fragment that one visitor gets."""
        language = session.language
        match answer:
            case MessageAcknowledged(key):
                return self._templates.stencil("fragments/message_acknowledged.html", language, "key").fill(key)
            case RoomShown():
                return self._room_shown(session, answer)
            case Waiting(others=others, left=left):
                return self._render(answer, language, others=others, left=person(left) if left else None)
            case OthersWaiting(others):
                return self._render(answer, language, others=others)
            case CallBegan(room, polite, servers):
                return json.dumps({"call": {"room": room, "polite": polite, "iceServers": servers}})
            case Signalled(room, page, signal):
                return json.dumps({"signal": {"room": room, "page": page, **signal}})
            case TalkEnded():
                return self._render(answer, language, strangers=session.place.kind.is_pair)
            case _:
                return self._render(answer, language)

    def _render(self, answer: object, language: str, **values: object) -> str:
        """Render the template that is named after what is told."""
        return self._templates.render(_template_of(type(answer).__name__), language, answer=answer, **values)

    def _message_batch(self, room: SpaceId, messages: list[Message], language: str) -> str:
        typed = () if room == LOBBY else dict.fromkeys(f"t-{message.by.id}" for message in messages)
        outdated = [f"m-{message.seq - MESSAGES_SHOWN}" for message in messages if message.seq > MESSAGES_SHOWN]
        removed = self._templates.stencil("partials/removed.html", language, "id")
        batch = self._templates.stencil("fragments/message_batch.html", language, "messages", "removed")
        return batch.fill(
            joined(self._message(room, message, language) for message in messages),
            joined(removed.fill(id) for id in (*typed, *outdated)),
        )

    def _messages_changed(self, room: SpaceId, event: MessagesChanged, language: str) -> str:
        for message in event.messages:
            self.forget(room, message)  # once more, as what was said just before was rendered just now
        return self._render(
            event, language, messages=[(each.seq, self._message(room, each, language)) for each in event.messages]
        )

    def forget(self, room: SpaceId, message: Message) -> None:
        """Keep nothing of what a message was before it became this one."""
        for language in LANGUAGES:
            self._messages.drop((room, message.seq, message.changes - 1, language))

    def _typing_started(self, who: PersonView, language: str) -> str:
        note = self._templates.stencil("fragments/typing_started.html", language, "id", "name", "hue")
        return note.fill(who.id, who.name, who.hue)

    def _people_changed(self, change: PeopleChanged, language: str) -> str:
        return self._render(
            change,
            language,
            joined=[person(member) for member in change.joined.values()],
            left=[person(member) for member in change.left.values()],
            listed=joined(self._item(member, False, language) for member in change.listed.values()),
            unlisted=change.unlisted,
            number=change.number,
            most_listed=LISTED_PEOPLE,
            oldest=change.number - NOTICES_SHOWN,
        )

    def _room_shown(self, session: Session, answer: RoomShown) -> str:
        view, language = answer.view, session.language
        partner = view.partner if view.kind.is_pair else None
        return self._render(
            answer,
            language,
            view=view,
            most_listed=LISTED_PEOPLE,
            people=joined(self._item(one, one.id in view.away, language) for one in (() if partner else view.people)),
            partner=person(partner) if partner else None,
            partner_away=partner is not None and partner.id in view.away,
            messages=joined(self._message(view.room, each, language) for each in (*view.changed, *view.messages)),
        )

    def _render_item(self, member: Member, away: bool, language: str) -> Markup:
        """A member's item in the list of people."""
        return self._templates.render("partials/person.html", language, p=person(member, away))

    def _message(self, room: SpaceId, message: Message, language: str) -> Markup:
        """The message's list item, rendered once for all who see it now or later."""
        return self._messages.get(
            (room, message.seq, message.changes, language),
            lambda: self._bubble(message, language),
        )

    def _bubble(self, message: Message, language: str) -> Markup:
        author = person(message.by)
        minute, second = _time_of(int(message.at))
        shape = self._shape(language, message.continued, is_big(message.text), message.edits > 0, message.taken_back)
        return shape.fill(
            message.seq,
            author.id,
            author.name,
            author.emoji,
            author.hue,
            self._words(message, language),
            f"{second}.{int(message.at * 1e3) % 1_000:03}Z",
            minute,
            self._templates.render("partials/quote.html", language, quote=message.reply) if message.reply else "",
            self._reactions(message, language) if message.reactions else "",
        )

    def _make_shape(self, language: str, continued: bool, big: bool, is_edited: bool, is_taken_back: bool) -> Stencil:
        looks = {"continued": continued, "big": big, "is_edited": is_edited, "is_taken_back": is_taken_back}
        return self._templates.stencil("partials/message.html", language, *BUBBLE, **looks)

    def _reactions(self, message: Message, language: str) -> Markup:
        return self._templates.render(
            "partials/reactions.html", language, seq=message.seq, reactions=_reactions(message)
        )

    def _words(self, message: Message, language: str) -> str:
        """A text with its links and mentions; most have none, and are escaped where they are filled in."""
        if "://" not in message.text and not message.mentions:
            return message.text
        found = _with_mentions(message) if message.mentions else pieces(message.text)
        return joined(self._piece(piece, language) for piece in found)

    def _piece(self, piece: Piece, language: str) -> str:
        if piece.href:
            return self._templates.stencil("partials/link.html", language, "href", "text").fill(piece.href, piece.text)
        if piece.mention:
            mention = self._templates.stencil("partials/mention.html", language, "id", "text")
            return mention.fill(piece.mention, piece.text)
        return piece.text


@lru_cache(maxsize=64)
def _time_of(second: int) -> tuple[str, str]:
    """A second since the epoch in UTC: its hour and minute, and all of it as ISO 8601."""
    at = datetime.fromtimestamp(second, UTC)
    return f"{at:%H:%M}", f"{at:%Y-%m-%dT%H:%M:%S}"


@cache
def _template_of(answer: str) -> str:
    """`TypingStarted` is told by fragments/typing_started.html."""
    return f"fragments/{re.sub(r'(?<!^)(?=[A-Z])', '_', answer).lower()}.html"
