"""What becomes of a message after it was sent, and who may change it."""

from typing import Any

import pytest

from quart_chat.domain import commands, events
from quart_chat.domain.messages import (
    MOST_EDITS,
    MOST_EMOJI,
    MOST_MENTIONS,
    MOST_REACTIONS,
    QUOTED,
    Mention,
    Message,
    Quote,
    is_emoji,
)
from quart_chat.domain.naming import given_name
from quart_chat.domain.reports import ReportReason
from quart_chat.domain.requests import Refusal
from quart_chat.domain.rooms import LOBBY_TAIL, LOG_LENGTH, Room
from quart_chat.domain.spaces import LOBBY, Kind, SpaceId
from quart_chat.domain.timing import CHANGEABLE_FOR
from quart_chat.domain.visitors import VisitorId
from quart_chat.journal.codec import write_state
from tests.domain.journals import HERE, THERE, OneJournal, visitor

ANN, BOB = VisitorId("Ann"), VisitorId("Bob")


@pytest.fixture
def lobby() -> OneJournal:
    """A lobby with Ann and Bob, in which Ann has said hello."""
    journal = OneJournal(Room(LOBBY, Kind.LOBBY))
    for name in ("Ann", "Bob"):
        journal.append(commands.Join(visitor(name), given_name(name)))
    journal.append(commands.SendMessage(ANN, "key", "hello"))
    return journal


def log_of(journal: OneJournal) -> list[Message]:
    assert isinstance(journal.state, Room)
    return journal.state.log


def react(journal: OneJournal, who: VisitorId, emoji: str, on: bool = True, seq: int = 1) -> Any:
    done = journal.append(commands.React(who, seq, emoji, on))
    return done[0] if done else None


def test_reactions_are_counted_by_person_in_the_order_of_their_coming(lobby: OneJournal) -> None:
    for who, emoji in ((BOB, "🎉"), (ANN, "👍"), (BOB, "👍"), (BOB, "👍")):
        react(lobby, who, emoji)
    reactions = [(each.emoji, [by.name for by in each.by]) for each in log_of(lobby)[0].reactions]
    assert reactions == [("🎉", ["Bob"]), ("👍", ["Ann", "Bob"])]
    assert log_of(lobby)[0].changes == 3


def test_a_reaction_that_is_taken_away_leaves_no_trace_below_the_message(lobby: OneJournal) -> None:
    react(lobby, BOB, "👍")
    changed = react(lobby, BOB, "👍", on=False)
    assert changed == events.ReactionsChanged(log_of(lobby)[0])
    assert log_of(lobby)[0].reactions == ()
    assert react(lobby, BOB, "👍", on=False) is None


def test_a_message_takes_so_many_emoji_and_so_many_reactions(lobby: OneJournal) -> None:
    several = [chr(0x1F600 + number) for number in range(MOST_EMOJI)]
    assert all(isinstance(react(lobby, BOB, emoji), events.ReactionsChanged) for emoji in several)
    assert react(lobby, BOB, "👍") == events.ChangeRefused(BOB, Refusal.ENOUGH_REACTIONS)
    for number in range(MOST_REACTIONS - MOST_EMOJI):
        lobby.append(commands.Join(visitor(f"v{number}"), given_name("Guest")))
        react(lobby, VisitorId(f"v{number}"), several[0])
    assert react(lobby, ANN, several[0]) == events.ChangeRefused(ANN, Refusal.ENOUGH_REACTIONS)
    assert log_of(lobby)[0].reacted == MOST_REACTIONS


def test_nobody_reacts_to_what_it_cannot_read(lobby: OneJournal) -> None:
    """A message that never was, one from before the reader came, one no longer kept; and a stranger to the room."""
    for number in range(LOBBY_TAIL + 1):
        lobby.append(commands.SendMessage(ANN, f"key {number}", "more"))
    lobby.append(commands.Join(visitor("late"), given_name("Late")))
    late, eve = VisitorId("late"), VisitorId("Eve")
    for who, seq in ((BOB, 0), (BOB, 999), (late, 1), (eve, 2)):
        assert react(lobby, who, "👍", seq=seq) == events.ChangeRefused(who, Refusal.MESSAGE_GONE), (who, seq)
    for number in range(LOG_LENGTH):
        lobby.append(commands.SendMessage(ANN, f"later {number}", "more"))
    assert react(lobby, BOB, "👍", seq=2) == events.ChangeRefused(BOB, Refusal.MESSAGE_GONE)
    assert not any(message.reactions for message in log_of(lobby))


def test_a_change_from_an_earlier_home_is_void(lobby: OneJournal) -> None:
    lobby.append(commands.Resume(visitor("Bob")), by=THERE)
    assert lobby.append(commands.React(BOB, 1, "👍", True), by=HERE) == []


def test_one_who_comes_back_is_shown_what_has_changed_meanwhile(lobby: OneJournal) -> None:
    lobby.append(commands.SendMessage(ANN, "key 2", "unchanged"))
    react(lobby, BOB, "👍")
    lobby.append(commands.SendMessage(ANN, "key 3", "missed"))
    assert isinstance(lobby.state, Room)
    view, fresh = lobby.state.view(BOB, since=2), lobby.state.view(BOB)
    assert view and [message.text for message in view.messages] == ["missed"]
    assert [message.text for message in view.changed] == ["hello"]
    assert fresh and [len(message.reactions) for message in fresh.messages] == [1, 0, 0]
    assert not fresh.changed


@pytest.mark.parametrize(
    "text",
    [
        "👍",
        "👍🏽",
        "❤️",
        "❤",
        "☀",
        "©",
        "👨\u200d👩\u200d👧\u200d👦",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "🇩🇪",
        "1️⃣",
        "🏳️\u200d🌈",
        "🧑🏽\u200d❤️\u200d💋\u200d🧑🏿",
        "🫩",
    ],
)
def test_an_emoji_is_one_picture(text: str) -> None:
    assert is_emoji(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "a", "1", "#", "👍👍", "👍 ", " 👍", "a👍", "∀", "→", "<b>", "🇩", "🇩🇪🇫🇷", "\ufe0f", "\u200d"),
        *("👍\u200d", "\u200d👍", "👍\ufe0f\ufe0f", "🏽🏽", "🏴\U000e0067", "👍\u0301", "👍\n", "\U000e0067"),
        "👍" + "\u200d👍" * 40,
        "👍" * 10_000,
    ],
    ids=repr,
)
def test_nothing_else_is_an_emoji(text: str) -> None:
    assert not is_emoji(text)


def change(journal: OneJournal, who: VisitorId, text: str, at: float = 0.0, seq: int = 1) -> list[events.Event]:
    return journal.append(commands.EditMessage(who, seq, f"change to {text}", text), at)


def test_an_author_edits_its_message_for_ten_minutes(lobby: OneJournal) -> None:
    changed, known = change(lobby, ANN, "hello you", CHANGEABLE_FOR)
    assert changed == events.MessagesChanged((log_of(lobby)[0],))
    assert known == events.MessageKnown(ANN, "change to hello you")
    assert (log_of(lobby)[0].text, log_of(lobby)[0].edits) == ("hello you", 1)
    late = change(lobby, ANN, "too late", CHANGEABLE_FOR + 1)
    assert late == [events.ChangeRefused(ANN, Refusal.TOO_LATE_TO_CHANGE, "change to too late")]


def test_the_same_change_offered_twice_is_made_once(lobby: OneJournal) -> None:
    change(lobby, ANN, "hello you")
    assert change(lobby, ANN, "hello you") == [events.MessageKnown(ANN, "change to hello you")]
    assert log_of(lobby)[0].edits == 1


def test_a_message_is_edited_so_many_times(lobby: OneJournal) -> None:
    for number in range(MOST_EDITS):
        change(lobby, ANN, str(number))
    assert change(lobby, ANN, "more") == [events.ChangeRefused(ANN, Refusal.ENOUGH_CHANGES, "change to more")]


def test_only_its_author_changes_a_message(lobby: OneJournal) -> None:
    assert change(lobby, BOB, "x") == [events.ChangeRefused(BOB, Refusal.NOT_YOURS, "change to x")]
    assert lobby.append(commands.TakeBack(BOB, 1)) == [events.ChangeRefused(BOB, Refusal.NOT_YOURS)]
    assert log_of(lobby)[0].text == "hello"


def test_what_is_taken_back_is_out_of_the_room(lobby: OneJournal) -> None:
    react(lobby, BOB, "👍")
    lobby.append(commands.TakeBack(ANN, 1), CHANGEABLE_FOR)
    assert b"hello" not in write_state(lobby.state)
    (message,) = log_of(lobby)
    assert (message.taken_back, message.text, message.reactions) == (True, "", ())
    for command in (commands.TakeBack(ANN, 1), commands.React(BOB, 1, "👍", True)):
        assert lobby.append(command) == [events.ChangeRefused(command.visitor, Refusal.MESSAGE_GONE)]
    assert change(lobby, ANN, "again")[0] == events.ChangeRefused(ANN, Refusal.MESSAGE_GONE, "change to again")


def test_a_report_carries_what_was_edited_and_taken_back() -> None:
    """Nobody takes an insult back to escape a report."""
    pair = OneJournal(Room(SpaceId("pair-text-1-1"), Kind.TEXT))
    parties = [commands.Party(visitor(name), given_name(name), HERE) for name in ("Ann", "Bob")]
    pair.append(commands.OpenPair((parties[0], parties[1])))
    for number, text in enumerate(("bad", "worse")):
        pair.append(commands.SendMessage(BOB, f"key {number}", text))
    change(pair, BOB, "good")
    pair.append(commands.TakeBack(BOB, 2))
    made = pair.append(commands.Report(ANN, ReportReason.HATE, ""))[-1]
    assert isinstance(made, events.ReportMade)
    assert [line.text for line in made.report.lines] == ["bad", "good", "worse"]


def test_a_reply_quotes_its_message_as_it_is_now(lobby: OneJournal) -> None:
    lobby.append(commands.SendMessage(BOB, "key 2", "hello Ann", reply_to=1))
    assert log_of(lobby)[1].reply == Quote(1, "Ann", "hello")
    (changed, _) = change(lobby, ANN, "hello all")
    assert isinstance(changed, events.MessagesChanged)
    assert [message.seq for message in changed.messages] == [1, 2]
    assert log_of(lobby)[1].reply == Quote(1, "Ann", "hello all")
    lobby.append(commands.TakeBack(ANN, 1))
    assert log_of(lobby)[1].reply == Quote(1)
    assert b"hello all" not in write_state(lobby.state)


def test_a_reply_to_what_is_not_there_says_so_and_quotes_nothing(lobby: OneJournal) -> None:
    for seq in (0, 77, 999):
        lobby.append(commands.SendMessage(BOB, f"key {seq}", "what?", reply_to=seq))
        assert log_of(lobby)[-1].reply == Quote(seq)


def test_a_quote_is_short(lobby: OneJournal) -> None:
    lobby.append(commands.SendMessage(ANN, "long", "long\n\n" * 300))
    lobby.append(commands.SendMessage(BOB, "reply", "yes", reply_to=2))
    reply = log_of(lobby)[-1].reply
    assert reply and len(reply.text) <= QUOTED and "\n" not in reply.text


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("@Ann hello", ["@Ann"]),
        ("hello @ann, and @BOB!", ["@ann", "@BOB"]),
        ("@Ann Lee is not here, @Annabel neither, nor is me@Ann", ["@Ann"]),
        ("@Bob Bear @Bob", ["@Bob Bear", "@Bob"]),
        ("@nobody @ @@ @@Ann", ["@Ann"]),
        ("@Ann @Ann @Ann", ["@Ann"]),
    ],
)
def test_a_name_behind_an_at_means_the_one_who_is_called_so(lobby: OneJournal, text: str, meant: list[str]) -> None:
    lobby.append(commands.Join(visitor("Bear"), given_name("Bob Bear")))
    lobby.append(commands.SendMessage(BOB, "key 2", text))
    assert [mention.text for mention in log_of(lobby)[-1].mentions] == meant
    assert all(mention.id in ("Ann", "Bob", "Bear") for mention in log_of(lobby)[-1].mentions)


def test_an_edit_changes_who_is_meant(lobby: OneJournal) -> None:
    change(lobby, ANN, "hello @Bob")
    assert log_of(lobby)[0].mentions == (Mention(BOB, "@Bob"),)
    change(lobby, ANN, "hello")
    assert log_of(lobby)[0].mentions == ()


def test_a_flood_of_mentions_is_looked_at_no_further_than_the_first(lobby: OneJournal) -> None:
    lobby.append(commands.SendMessage(BOB, "key 2", "@x " * MOST_MENTIONS + "@Ann"))
    assert log_of(lobby)[-1].mentions == ()
