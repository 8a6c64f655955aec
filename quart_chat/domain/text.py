"""What a visitor may write: messages and names, made safe to show beside others."""

import re
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from unicodedata import category, combining, normalize

from quart_chat.domain.confusables import is_dot
from quart_chat.domain.reserved import is_reserved

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


def clean_message(raw: str) -> str:
    """Make a message safe to show beside others, its meaning untouched.

    The result is NFC, has one kind of line break, at most two empty lines in a row, nothing that is invisible
    or turns the direction of its neighbours, and cleans to itself. Raises `Unwritable` (EMPTY, TOO_LONG,
    UNREADABLE); a long message is never cut.
    """
    if len(raw) <= MAX_TEXT and _CLEAN_ALREADY.fullmatch(raw):
        return raw
    _check_readable(raw, RAW_TEXT)
    text = _settled(_LINE_BREAK.sub("\n", raw), _tidy_message)
    text = _MANY_EMPTY_LINES.sub("\n\n\n", text).strip()
    return _checked(text, MAX_TEXT)


def clean_note(raw: str, limit: int) -> str:
    """Make a note for the operator safe to read anywhere, also in a terminal; it may be empty, and is cut if too long.

    The result has nothing that is invisible, moves the cursor or turns the direction of its neighbours.
    """
    readable = raw[:RAW_TEXT].encode(errors="ignore").decode()
    return _settled(_LINE_BREAK.sub("\n", readable), _tidy_message).strip()[:limit]


def clean_name(raw: str) -> str:
    """Make a name of one line that nobody mistakes for the app's own voice.

    The result is NFKC, has single spaces, nothing invisible, and cleans to itself. Raises `Unwritable` (any reason).
    """
    name = raw if len(raw) <= MAX_NAME and _CLEAN_NAME_ALREADY.fullmatch(raw) else _cleaned_name(raw)
    if is_reserved(name):
        raise Unwritable(Reason.RESERVED)
    return name


def _cleaned_name(raw: str) -> str:
    _check_readable(raw, RAW_NAME)
    return _checked(_settled(raw, _tidy_name), MAX_NAME)


@lru_cache(maxsize=4096)
def fold_name(name: str) -> str:
    """Give the key under which two names of one room count as the same."""
    return normalize("NFKC", normalize("NFKC", name).casefold())


# Most messages: one line of ASCII without blanks around it. That is told ten times as fast as cleaned.
_CLEAN_ALREADY = re.compile("[!-~](?:[ -~]*[!-~])?")
_CLEAN_NAME_ALREADY = re.compile("[!-~]+(?: [!-~]+)*")  # as most names; its blanks are single

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
    return _without_separators(normalize("NFKC", " ".join(visible.split())))


def _without_separators(name: str) -> str:
    """Take out the dot that stands between the parts of a notice; it stays within a word, as in Gal·la."""
    if name.isascii():
        return name
    around = zip(f" {name}", name, f"{name[1:]} ", strict=False)
    return "".join(" " if is_dot(char) and not (_is_of_word(a) and _is_of_word(b)) else char for a, char, b in around)


def _is_of_word(char: str) -> bool:
    return category(char)[0] in "LMN"


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


def shortened_name(name: str, length: int) -> str:
    """Cut a cleaned name down so that it is still a cleaned name that is not reserved."""
    while len(name) > length or is_reserved(name):
        name = _settled(name[: min(length, len(name) - 1)], _tidy_name)
    return name
