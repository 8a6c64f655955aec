"""What a visitor may write: messages, names, and the links in them."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from unicodedata import category, combining, normalize
from urllib.parse import quote

MAX_TEXT = 2000  # code points of a cleaned message
MAX_TEXT_BYTES = 8192  # UTF-8 bytes of a cleaned message; MAX_TEXT of the widest characters fit
MAX_NAME = 24  # code points of a cleaned name
MARKS_PER_BASE = 3  # living languages stack no more; hundreds of them bury the neighbouring lines

RAW_TEXT = 8 * MAX_TEXT  # code points cleaned at all; letters written in parts take three, the rest is decoration
RAW_NAME = 512  # code points cleaned at all


class Reason(StrEnum):
    """Why a text or a name is refused."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    RESERVED = "reserved"
    UNREADABLE = "unreadable"


class Unwritable(ValueError):
    """Raised for what a visitor may not write; `reason` says why, never what it was."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a message: plain where `href` is None, otherwise a link to it."""

    text: str
    href: str | None


def clean_message(raw: str) -> str:
    """Make a message safe to show beside others, its meaning untouched.

    The result is NFC, has one kind of line break, at most two empty lines in a row, nothing that is invisible
    or turns the direction of its neighbours, and cleans to itself. Raises `Unwritable` (EMPTY, TOO_LONG,
    UNREADABLE); a long message is never cut.
    """
    _check_readable(raw, RAW_TEXT)
    text = _settled(_LINE_BREAK.sub("\n", raw), _tidy_message)
    text = _MANY_EMPTY_LINES.sub("\n\n\n", text).strip()
    return _checked(text, MAX_TEXT)


def clean_name(raw: str) -> str:
    """Make a name of one line that nobody mistakes for the app's own voice.

    The result is NFKC, has single spaces, nothing invisible, and cleans to itself. Raises `Unwritable` (any reason).
    """
    _check_readable(raw, RAW_NAME)
    name = _checked(_settled(raw, _tidy_name), MAX_NAME)
    if _is_reserved(name):
        raise Unwritable(Reason.RESERVED)
    return name


@lru_cache(maxsize=4096)
def fold_name(name: str) -> str:
    """Give the key under which two names of one room count as the same."""
    return normalize("NFKC", normalize("NFKC", name).casefold())


def numbered(name: str, n: int) -> str:
    """Tell a cleaned name from its namesakes: "Ann" becomes "Ann 2", shortened to stay within `MAX_NAME`."""
    suffix = f" {n}"
    return _shortened(name, MAX_NAME - len(suffix)) + suffix


def pieces(text: str) -> list[Piece]:
    """Split a cleaned message into plain text and links; their texts joined are the message.

    Only http and https with a host and without user name become links. An `href` holds no quotes, blanks,
    angle brackets or control characters. Takes time linear in the length of the text.
    """
    found: list[Piece] = []
    done = 0
    for run in _LINK.finditer(text):
        link = _without_closing_punctuation(run[0])
        if (href := _href(link)) is None:
            continue
        found += _plain(text[done : run.start()])
        found.append(Piece(link, href))
        done = run.start() + len(link)
    return found + _plain(text[done:])


_LINE_BREAK = re.compile("\r\n?|[\u2028\u2029]")

# These look like nothing although Unicode calls them letters or symbols.
_FILLERS = "\u115f\u1160\u2800\u3164\uffa0\U00013441\U00013442\U0001d159"
_FILLERS_TO_SPACES = str.maketrans(dict.fromkeys(_FILLERS, " "))

# No possessive quantifiers in this file: Python 3.11.2 gets them wrong.
_MANY_EMPTY_LINES = re.compile(rf"\n(?:[ \t\xa0\u1680\u2000-\u200a\u202f\u205f\u3000{_FILLERS}]*\n){{3,}}")

_INVISIBLE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 and C1 controls but tab and newline
    "\u00ad\u034f\u17b4\u17b5\u180e"  # soft hyphen, grapheme joiner, vowels without a shape, vowel separator
    "\u061c\u200e\u200f\u202a-\u202e"  # marks, embeddings and overrides of direction
    "\u200b\u2060-\u206f"  # zero-width space, word joiner, invisible operators, isolates, deprecated controls
    "\ufeff\ufff0-\ufffc\ufffe\uffff"  # byte order mark, annotations, noncharacters
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # controls of shorthand and of music
    "\U000e0080-\U000e00ff\U000e01f0-\U000e0fff"  # reserved for more of the kind
    "]"
)

# Tag characters spell England, Scotland and Wales behind a black flag; elsewhere they smuggle hidden text.
_TAGS = re.compile(
    "(\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{2,6}\U000e007f)|[\U000e0000-\U000e007f]",
)

_ZERO_WIDTH_JOINER = "\u200d"
_JOINERS = frozenset("\u200c\u200d")
_VARIATION_SELECTOR = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_VIRAMA = 9  # the combining class of the signs that join two consonants

_EMOJI = re.compile("[\u2190-\u27bf\u2900-\u2bff\U0001f000-\U0001faff]")
_EMOJI_OR_ITS_END = re.compile(rf"{_EMOJI.pattern}|[\ufe0f\U000e007f]")

# The blocks of Arabic, Syriac, N'Ko, the Indic scripts, Myanmar, Khmer, Mongolian, Phags-pa and Adlam.
_JOINING_LETTER = re.compile(
    "[\u0600-\u0dff\u1000-\u109f\u1780-\u18af\ua840-\ua87f\ua8e0-\ua8ff\ufb50-\ufdff\ufe70-\ufefc"
    "\U00010a00-\U00011fff\U0001e900-\U0001e95f]"
)


def _check_readable(raw: str, limit: int) -> None:
    if len(raw) > limit:
        raise Unwritable(Reason.TOO_LONG)
    try:
        raw.encode()
    except UnicodeEncodeError:
        raise Unwritable(Reason.UNREADABLE) from None


def _checked(text: str, limit: int) -> str:
    if not any(map(_is_visible, text)):
        raise Unwritable(Reason.EMPTY)
    if len(text) > limit:
        raise Unwritable(Reason.TOO_LONG)
    return text


def _is_visible(char: str) -> bool:
    # Unassigned counts as visible: it may be an emoji younger than this Python.
    return char not in _FILLERS and category(char) not in _BLANK_CATEGORIES


_BLANK_CATEGORIES = frozenset(("Zs", "Zl", "Zp", "Cc", "Cf", "Mn", "Me", "Mc"))


def _settled(text: str, tidy: Callable[[str], str]) -> str:
    """Tidy until nothing changes: what normalising brings together may need tidying again."""
    while (tidied := tidy(text)) != text:
        text = tidied
    return text


def _tidy_message(text: str) -> str:
    # Excess marks go first: normalising sorts them in quadratic time, 1.5 s for a frame full of them.
    return normalize("NFC", _without_excess(text))


def _tidy_name(name: str) -> str:
    visible = _without_excess(name.translate(_FILLERS_TO_SPACES))
    return normalize("NFKC", " ".join(visible.split()))


def _without_excess(text: str) -> str:
    text = _TAGS.sub(r"\1", _INVISIBLE.sub("", text))
    return text if text.isascii() else _without_idle_characters(text)


def _without_idle_characters(text: str) -> str:
    """Drop what changes its neighbours but has none to change: joiners, selectors, and marks beyond the third."""
    kept: list[str] = []
    before, marks = " ", MARKS_PER_BASE
    for char, after in zip(text, text[1:] + " ", strict=True):
        if char in _JOINERS:
            fits = _joins(before, char, after)
        elif _VARIATION_SELECTOR.match(char):
            fits = _may_vary(before)
        elif _is_mark(char):
            fits = marks < MARKS_PER_BASE
            marks += 1
        else:
            fits = True
            marks = MARKS_PER_BASE if char.isspace() else 0
        if fits:
            kept.append(char)
            before = char
    return "".join(kept)


def _joins(before: str, joiner: str, after: str) -> bool:
    if combining(before) == _VIRAMA:
        return True
    if _JOINING_LETTER.match(before) and _JOINING_LETTER.match(after):
        return True
    return bool(joiner == _ZERO_WIDTH_JOINER and _EMOJI_OR_ITS_END.match(before) and _EMOJI.match(after))


def _may_vary(before: str) -> bool:
    return not (before.isspace() or before in _JOINERS or _is_mark(before))


def _is_mark(char: str) -> bool:
    # Spacing marks without a combining class stand beside their base; several in a row are ordinary Burmese.
    return combining(char) != 0 or category(char) in ("Mn", "Me")


# Whoever bore one of these could speak for the app, for its people, or for the reader.
_RESERVED_NAMES = (
    "admin administrator anybody anyone everybody everyone mod moderation moderator operator owner "
    "quartchat safety security server somebody someone staff stranger support sysop system you"
)

# Letters that look like another one, by that other one. Escaped, since the eye cannot check them.
_LOOKALIKES = {
    "a": "\u0410\u0430\u0391\u03b1\u1d00\u0251@4",
    "b": "\u0412\u0432\u042c\u044c\u0392\u03b2\u0299\u0253\u00df8",
    "c": "\u0421\u0441\u03f2\u03f9\u1d04",
    "d": "\u0500\u0501\u1d05\u0256\u0111\u00f0",
    "e": "\u0415\u0435\u0404\u0454\u0395\u03b5\u1d07\u0259\u04bd3",
    "g": "\u050c\u050d\u0262\u0261",
    "h": "\u041d\u043d\u04ba\u04bb\u0397\u029c",
    "i": "\u0406\u0456\u0399\u03b9\u04c0\u04cf\u026a\u01311!|",
    "j": "\u0408\u0458\u1d0a",
    "k": "\u041a\u043a\u039a\u03ba\u1d0b",
    "l": "\u029f\u0142",
    "m": "\u041c\u043c\u039c\u1d0d",
    "n": "\u039d\u03b7\u041f\u043f\u0274\u0438\u0418",
    "o": "\u041e\u043e\u039f\u03bf\u03c3\u1d0f\u00f80",
    "p": "\u0420\u0440\u03a1\u03c1\u1d18",
    "q": "\u051a\u051b",
    "r": "\u0433\u0413\u0280\u1d26\u042f\u044f",
    "s": "\u0405\u0455\ua731$5",
    "t": "\u0422\u0442\u03a4\u03c4\u1d1b7",
    "u": "\u03c5\u03bc\u00b5\u1d1c\u0446",
    "v": "\u0474\u0475\u03bd\u1d20",
    "w": "\u051c\u051d\u03c9\u0461\u1d21\u0448\u0428",
    "x": "\u0425\u0445\u03a7\u03c7",
    "y": "\u0423\u0443\u04ae\u04af\u03a5\u03b3\u028f",
    "z": "\u0396\u03b6\u1d22",
}
# Three alphabets of letters in boxes, which Unicode does not relate to the letters inside.
_BOXED = {first + n: chr(ord("a") + n) for first in (0x1F150, 0x1F170, 0x1F1E6) for n in range(26)}
_UNMASKED = str.maketrans({mask: letter for letter, masks in _LOOKALIKES.items() for mask in masks})


@lru_cache(maxsize=4096)
def _is_reserved(name: str) -> bool:
    return any(_RESERVED.fullmatch(_skeleton(reading)) for reading in set(_readings(name.translate(_BOXED))))


def _readings(name: str) -> Iterator[str]:
    """Signs and digits may stand for letters (@dm1n) or just stand there (M.o.d! 2)."""
    unnumbered = _NUMBER_AT_END.sub("", name)
    for reading in (unnumbered, _SIGNS.sub("", unnumbered)):
        yield reading
        unended = _DIGITS_AT_END.sub("", reading)
        yield unended
        yield _DIGITS_AT_START.sub("", unended)


def _skeleton(name: str) -> str:
    """Reduce a name to what a hurried eye sees: plain letters, l and i as one, rn as m, vv as w."""
    unmasked = normalize("NFKD", name.translate(_UNMASKED)).casefold().translate(_UNMASKED)
    letters = "".join(filter(str.isalnum, unmasked))
    return letters.replace("l", "i").replace("rn", "m").replace("vv", "w")


_SIGNS = re.compile(r"[\W_]+")
_NUMBER_AT_END = re.compile(r"(?:\s+\d+)+$")
_DIGITS_AT_END = re.compile(r"[\W\d_]+$")
_DIGITS_AT_START = re.compile(r"^[\W\d_]+")
_RESERVED = re.compile(
    f"(?:{_skeleton('the')}|{_skeleton('official')}|{_skeleton('quartchat')}|{_skeleton('chat')})?"
    f"(?:{'|'.join(map(_skeleton, _RESERVED_NAMES.split()))})"
    f"(?:{_skeleton('s')}|{_skeleton('bot')}|{_skeleton('team')})?"
)


def _shortened(name: str, length: int) -> str:
    while len(name) > length or _is_reserved(name):
        name = _settled(name[: min(length, len(name) - 1)], _tidy_name)
    return name


# Browsers read a backslash as a slash, so that it could hide where the host ends.
# The punctuation of East Asian texts ends a link too, since these put no blank behind it.
_LINK = re.compile(
    r"(?<![A-Za-z0-9])[hH][tT][tT][pP][sS]?://[^\s<>\"\\\u3001\u3002\u3008-\u3011\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f]+"
)
_LINK_PARTS = re.compile(r"([A-Za-z]+)://([^/?#:]{1,253})(:[0-9]{1,5})?([/?#].*)?", re.DOTALL)
_CLOSING_PUNCTUATION = frozenset(".,;:!?)'\"\u2019\u201d\u2026")
_SAFE_IN_HREF = "/?#[]@!$&()*+,;=:%~"


def _plain(text: str) -> list[Piece]:
    return [Piece(text, None)] if text else []


def _without_closing_punctuation(link: str) -> str:
    end = len(link)
    surplus = link.count(")") - link.count("(")
    while link[end - 1] in _CLOSING_PUNCTUATION:
        if link[end - 1] == ")":
            if surplus <= 0:
                break
            surplus -= 1
        end -= 1
    return link[:end]


def _href(link: str) -> str | None:
    parts = _LINK_PARTS.fullmatch(link)
    if parts is None or not _is_host(parts[2]):
        return None
    scheme, host, port, rest = parts.groups(default="")
    return f"{scheme.lower()}://{host}{port}{quote(rest, safe=_SAFE_IN_HREF)}"


def _is_host(host: str) -> bool:
    return all(map(_is_host_label, host.removesuffix(".").split(".")))


def _is_host_label(label: str) -> bool:
    return bool(label) and label == label.strip("-") and all(map(_may_be_in_host, label))


def _may_be_in_host(char: str) -> bool:
    if char.isascii():
        return char.isalnum() or char in "-_"
    return category(char)[0] in "LMN"
