"""The rules every template keeps: all words translated, all attributes quoted, nothing of a visitor's can act."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree.ElementTree import Element

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from quart_chat.delivery.channels import Gathered, MessageBatch, PeopleChanged
from quart_chat.delivery.sessions import Allowance, Session
from quart_chat.domain.answers import (
    Answer,
    Banned,
    Blocked,
    Ending,
    MessageAcknowledged,
    OthersWaiting,
    Refusal,
    Refused,
    Reported,
    RoomShown,
    StoreUnavailable,
    TalkEnded,
    Waiting,
)
from quart_chat.domain.events import (
    Disconnected,
    Joined,
    Left,
    MessagesChanged,
    MessagesLost,
    ReactionsChanged,
    Reconnected,
    TypingStarted,
)
from quart_chat.domain.limits import Limit
from quart_chat.domain.messages import Mention, Message, edited, quote_of, taken_back, with_reaction
from quart_chat.domain.rooms import RoomView
from quart_chat.domain.spaces import Kind, Place, SpaceId
from quart_chat.domain.text import Unwritable, clean_message, clean_name
from quart_chat.domain.visitors import BrowserId, Member, Visitor, VisitorId
from quart_chat.web.fragments import Fragments
from quart_chat.web.templating import ROOT, Stencil, Templates

TEMPLATES = ROOT / "templates"
FILES = sorted(TEMPLATES.rglob("*.html"))
FRAGMENTS = sorted((TEMPLATES / "fragments").glob("*.html"))
SCRIPTS = sorted(TEMPLATES.rglob("*.js"))
STYLES = ROOT / "static" / "css" / "app.css"
CALL = ROOT / "static" / "js" / "call.js"
LONGEST_LINE = {".html": 160, ".js": 120, ".css": 120}
JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
SPOKEN_ATTRIBUTES = {"alt", "aria-label", "placeholder", "title", "content"}
UNSPOKEN_CONTENT = re.compile(r"width=|light dark|#|website|summary|1200|630|\{")

templates = Templates(lambda path: f"/static/{path}")
fragments = Fragments(templates)


def name_of(path: Path) -> str:
    return str(path.relative_to(TEMPLATES))


class Words(HTMLParser):
    """Collects what people would read of a template if nothing in it were translated."""

    def __init__(self) -> None:
        super().__init__()
        self.silent = 0
        self.found: list[str] = []
        self.unnonced: list[str] = []
        self.styled: list[str] = []
        self.unquoted: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.silent += tag in ("style", "script")
        acts = [name for name in given if name.startswith(("hx-", "data-hx-")) and name != "hx-nonce"]
        if acts and tag not in ("hx-partial", "hx-upsert") and given.get("hx-nonce") != "NONCE":
            self.unnonced.append(f"<{tag} {' '.join(acts)}>")
        if "=" in re.sub(r"=\s*(\"[^\"]*\"|'[^']*')", "", self.get_starttag_text() or ""):
            self.unquoted.append(tag)
        if "style" in given:
            self.styled.append(tag)
        for name in SPOKEN_ATTRIBUTES & set(given):
            value = given[name] or ""
            if not (name == "content" and UNSPOKEN_CONTENT.search(value)):
                self.found.append(value)

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in ("style", "script")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.found.append(data)


def read(path: Path) -> Words:
    words = Words()
    source = path.read_text().replace("{{ nonce }}", "NONCE")
    words.feed(JINJA.sub(" ", source))
    return words


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_word_passes_through_gettext(path: Path) -> None:
    found = [text.strip() for text in read(path).found]
    spoken = [text for text in found if re.search(r"[^\W\d_]{2,}", text) and not text.startswith("/")]
    assert spoken == []


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_whatever_acts_carries_the_nonce_and_nothing_is_styled_inline(path: Path) -> None:
    words = read(path)
    assert words.unnonced == []
    assert words.styled == []


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_escapes_the_escaping(path: Path) -> None:
    source = path.read_text()
    assert not re.search(r"\|\s*safe|autoescape|Markup|hx-nonce:inherited", source)
    assert read(path).unquoted == []


@pytest.mark.parametrize("path", FRAGMENTS, ids=name_of)
def test_a_fragment_holds_nothing_that_acts(path: Path) -> None:
    acting = re.findall(r"(?<=\s)hx-[a-z:-]+", path.read_text())
    assert set(acting) <= {"hx-target", "hx-swap"}


@pytest.mark.parametrize("path", [*FILES, *SCRIPTS, STYLES, CALL], ids=lambda path: path.name)
def test_no_line_is_too_long_to_be_read(path: Path) -> None:
    """Issue 12, line 10."""
    long = [line for line in path.read_text().splitlines() if len(line) > LONGEST_LINE[path.suffix]]
    assert long == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_that_stands_in_an_attribute_does_not_end_it(path: Path) -> None:
    """A brace with `#`, `%` or another one would be Jinja's; a comment at the end would swallow what follows."""
    source = path.read_text()
    assert not re.search(r'"|&\w|\{[{%#]', source)
    assert not source.rstrip().splitlines()[-1].lstrip().startswith("//")


def test_every_template_is_shown_or_included_somewhere() -> None:
    """Issue 12, line 10."""
    sources = [*FILES, *SCRIPTS, *(ROOT / "quart_chat").rglob("*.py")]
    named = {name for path in sources for name in re.findall(r"[a-z]+/[a-z_]+\.(?:html|js)", path.read_text())}
    files = {name_of(path) for path in (*FILES, *SCRIPTS) if path.parent != TEMPLATES / "fragments"}
    assert files - named <= {"base.html"}


def test_every_class_that_is_styled_is_a_word_and_used() -> None:
    """Issue 12, line 10."""
    selectors = re.sub(r"/\*.*?\*/|\{[^{}]*\}", "{", STYLES.read_text(), flags=re.DOTALL)
    styled = set(re.findall(r"\.([a-z][\w-]*)", selectors))
    sources = "".join(path.read_text() for path in [*FILES, *SCRIPTS, CALL])
    assert [name for name in styled if len(name) < 3] == []
    numbered = tuple(re.findall(r"([a-z]+-)\{\{", sources))
    unused = [name for name in styled if not re.search(rf"\b{name}\b", sources) and not name.startswith(numbered)]
    assert unused == []


def test_the_only_markup_made_in_python_comes_out_of_an_escaping_template() -> None:
    uses = [path.name for path in (ROOT / "quart_chat").rglob("*.py") if "Markup(" in path.read_text()]
    assert uses == ["templating.py"]


hostile = st.sampled_from(
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "<math><mi//xlink:href='javascript:alert(1)'>",
        "<iframe srcdoc='<script>alert(1)</script>'>",
        "<style>*{display:none}</style>",
        "<base href=//evil.example>",
        "<!--",
        "</template>",
        "</hx-partial>",
        "<hx-partial hx-target='body'>",
        "<plaintext>",
        '"><div hx-get="/leave" hx-trigger="load">',
        "'><div data-hx-get=/leave>",
        "<form hx-ws:send hx-trigger=load><input name=text value=spam></form>",
        '<div id="messages" hx-swap-oob="true">fake</div>',
        "{{7*7}}",
        "{% raw %}",
        "${7*7}",
        "javascript:alert(1)",
        'https://x.example/"onmouseover=alert(1)',
        "https://x.example/'><b>",
        'a" autofocus onfocus=alert(1) x="',
        "`",
    ]
)
texts = st.lists(st.one_of(hostile, st.text(max_size=30)), min_size=1, max_size=4).map(" ".join)


@st.composite
def members(draw: st.DrawFn) -> Member:
    """A member with a name that the app accepts, as hostile as that can be."""
    try:
        name = clean_name(draw(texts)[:24])
    except Unwritable:
        name = "Ann"
    return Member(VisitorId("0a1b2c3d4e5f607182"), name, 7)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """A message with a text that the app accepts."""
    try:
        text = clean_message(draw(texts))
    except Unwritable:
        text = "hello"
    return Message(draw(st.integers(1, 999)), "k" * 12, draw(members()), text, 1_700_000_000.0)


def parsed(html: str) -> Element:
    # The same change that htmx makes before it parses.
    html = re.sub(r"<hx-([a-z]+)", r'<template data-kind="\1"', html)
    html = re.sub(r"</hx-[a-z]+>", "</template>", html)
    tree: Element = html5lib.parseFragment(html, treebuilder="etree", namespaceHTMLElements=False)
    return tree


def attributes(tree: Element) -> Iterator[tuple[str, str, str]]:
    for element in tree.iter():
        for name, value in element.attrib.items():
            yield str(element.tag), name, value


OWN_ATTRIBUTES = {
    *(
        "class",
        "id",
        "data-seq",
        "data-by",
        "data-seat",
        "data-at",
        "data-joined",
        "data-kind",
        "data-emoji",
        "data-me",
        "aria-hidden",
        "dir",
    ),
    *("href", "target", "rel", "datetime", "role", "hidden", "type", "name", "value", "key", "sort"),
    *("hx-target", "hx-swap", "viewBox", "d", "aria-describedby"),
}
OWN_TAGS = {*("DOCUMENT_FRAGMENT", "template", "li", "ol", "ul", "span", "div", "b", "bdi", "a", "time", "i", "p")} | {
    *("small", "input", "h1", "button")
}


def assert_harmless(html: str) -> Element:
    tree = parsed(html)
    assert {str(element.tag) for element in tree.iter()} <= OWN_TAGS
    for tag, name, value in attributes(tree):
        assert name in OWN_ATTRIBUTES, f"<{tag} {name}>"
        assert tag == "template" or not name.startswith("hx-")
        if name == "href":
            assert re.fullmatch(r"https?://[^\s\"'<>]+|#m-[0-9]+", value)
    return tree


@given(messages())
def test_a_message_shows_exactly_its_text_whatever_it_holds(message: Message) -> None:
    tree = assert_harmless(fragments.for_room(SpaceId(f"pair-{hash(message)}"), MessageBatch([message]), "en"))
    (shown,) = [element for element in tree.iter("span") if element.get("class") == "words"]
    assert "".join(shown.itertext()) == message.text


def session() -> Session:
    allowance = Allowance(*[Limit(1, 1.0)] * 5)
    return Session(Visitor(VisitorId("v"), BrowserId("b")), Place(Kind.TEXT), "en", allowance, 0.0)


def room_events(member: Member, message: Message) -> list[Gathered]:
    changed = PeopleChanged()
    changed.add(Joined(member, 101, Member(VisitorId("p"), "Pushed")))
    changed.add(Left(Member(VisitorId("l"), member.name), 100, Member(VisitorId("q"), "Pulled")))
    named = edited(message, f"{message.text} @{member.name}", (Mention(member.id, f"@{member.name}"),))
    reply = replace(message, reply=quote_of(message))
    reacted = with_reaction(reply, "👍", member, on=True)
    return [
        MessageBatch([message, reacted]),
        MessagesChanged((named, taken_back(reacted))),
        ReactionsChanged(reacted),
        TypingStarted(member),
        Disconnected(member),
        Reconnected(member),
        MessagesLost(7),
        changed,
    ]


def answers(member: Member, message: Message) -> list[Answer]:
    me = Member(VisitorId("me"), member.name)
    pair = RoomView(SpaceId("pair-x"), Kind.TEXT, me, (member, me), 2, (message,))
    lobby = RoomView(SpaceId("lobby"), Kind.LOBBY, me, (member, me), 200, (message,), frozenset({member.id}), gap=7)
    return [
        Waiting(Kind.TEXT, 3),
        Waiting(Kind.TEXT, 3, left=member),
        OthersWaiting(4),
        RoomShown(pair),
        RoomShown(lobby),
        RoomShown(lobby, resumed=True),
        *(TalkEnded(ending) for ending in Ending),
        *(Refused(why) for why in Refusal),
        *(Refused(why, "k" * 12) for why in Refusal),
        MessageAcknowledged("k" * 12),
        *(Reported(ended, kept) for ended in (True, False) for kept in (True, False)),
        *(Blocked(ended, kept) for ended in (True, False) for kept in (True, False)),
        Banned(1_700_000_000.0),
        StoreUnavailable(away=True),
        StoreUnavailable(away=False),
    ]


@given(members(), messages())
def test_no_event_lets_a_name_or_a_text_act(member: Member, message: Message) -> None:
    for gathered in room_events(member, message):
        assert_harmless(fragments.for_room(SpaceId(f"pair-{hash(message)}"), gathered, "en"))
    for answer in answers(member, message):
        assert_harmless(fragments.for_one(session(), answer))


class Unprepared(Templates):
    """Templates that Jinja renders each time, those too that are shown often."""

    def __init__(self) -> None:
        super().__init__(lambda path: f"/static/{path}")
        self.stencil = self._make_slow  # type: ignore[assignment] # an instance's own

    def _make_slow(self, name: str, language: str, /, *marked: str, **fixed: bool) -> "Unprepared.Slow":
        return Unprepared.Slow(
            lambda *values: self.render(name, language, **fixed, **dict(zip(marked, values, strict=True)))
        )

    @dataclass
    class Slow:
        fill: Callable[..., Markup]


by_jinja = Fragments(Unprepared())


@given(members(), messages())
def test_what_is_rendered_without_jinja_is_what_jinja_renders(member: Member, message: Message) -> None:
    """Issue 13, line 4."""
    room, late = SpaceId(f"pair-{hash(message)}"), replace(message, seq=message.seq + 300, continued=True)
    for gathered in (MessageBatch([message, late]), TypingStarted(member)):
        assert fragments.for_room(room, gathered, "en") == by_jinja.for_room(room, gathered, "en")
    receipt = MessageAcknowledged(message.text)
    assert fragments.for_one(session(), receipt) == by_jinja.for_one(session(), receipt)


@given(texts)
def test_a_stencil_escapes_all_that_it_shows(text: str) -> None:
    """Issue 13, line 4."""
    shown = Stencil('100 % <b title="AT">TEXT AT</b>', ["TEXT", "AT"]).fill(text, 7)
    assert shown == f'100 % <b title="7">{escape(text)} 7</b>'


def test_a_stencil_is_refused_for_a_template_that_does_not_show_a_value() -> None:
    with pytest.raises(ValueError, match="does not show"):
        templates.stencil("partials/link.html", "en", "href", "text", "name")


def test_every_event_and_every_answer_has_its_template() -> None:
    message = Message(1, "k" * 12, Member(VisitorId("a"), "Ann"), "hello", 0.0)
    used = {type(event) for event in (*room_events(message.by, message), *answers(message.by, message))}
    told_by = {re.sub(r"(?<!^)(?=[A-Z])", "_", event.__name__).lower() for event in used}
    others = {"counts", "face", "taken_over", "turned_away"}
    assert {path.stem for path in FRAGMENTS} == told_by | others
