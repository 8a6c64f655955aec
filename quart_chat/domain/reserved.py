"""Names that nobody may have, because they would speak for the app, for its staff or for the reader.

Names are compared by their skeletons (UTS #39, section 4): by what a hurried eye takes their characters for.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from unicodedata import category, normalize

from quart_chat.domain.confusables import PROTOTYPES, latin_letter

TITLES = (
    *("admin", "administrator", "mod", "moderation", "moderator", "operator", "owner"),
    *("quartchat", "safety", "security", "staff", "support", "sysop", "system"),
)
"""No word of a name may be one of these: "Anna (Admin)"."""

_ADDRESSES = ("anybody", "anyone", "everybody", "everyone", "somebody", "someone", "stranger", "you", "server")
"""What the app calls people, and itself: no whole name, and no label in brackets.

As a word among others they harm nobody: "Perfect Stranger", or "Server Demir", since Server is a name in Turkey.
"""

_NOTICES = ("joined", "left")
"""What notices say of people: no word of a name but the first, since "Ann left" reads like a notice."""

_SHORTEST_DIVIDED = 5  # letters of a word that a blank may divide ("Ad min"); "Mo D" is no moderator

# What neither Unicode's table nor the letter's name tells. Escaped, since the eye cannot check them.
_ALSO_ALIKE = {
    "a": "\u0250\u0394\u039b\u0245\u028c\u2200",
    "b": "\u044c\u00df\u03b2",
    "c": "\u03c2",
    "d": "\u00f0",
    "e": "\u01dd\u0259\u0404\u0454\u03b5\u03a3\u039e\u20ac",
    "i": "\u1d09",
    "k": "\u0138\u043a\u03ba",
    "l": "\u00a3",
    "m": "\u028d",
    "n": "\u041f\u043f\u0438\u0418",
    "r": "\u0279\u042f\u044f",
    "s": "\u00a7",
    "t": "\u0287\u2020\u2021",
    "u": "\u03bc\u00b5\u0446\u0426",
    "w": "\u03c9",
    "y": "\u028e",
}
_LETTERS = {char: letter for letter, chars in _ALSO_ALIKE.items() for char in chars}
_SIGNS_AS_LETTERS = str.maketrans("@$!|+", "asllt")
_DIGITS_AS_LETTERS = str.maketrans("013456789", "oleasbtbg")
# In this order: a "cl" is looked for before l and i become one.
_LOOKS_LIKE = (("cl", "d"), ("l", "i"), ("rn", "m"), ("vv", "w"))

_WORD = re.compile(r"[^\W_]+")
_LABEL = re.compile(r"[^()\[\]{}<>]+")
_SIGNS_AT_END = re.compile(r"[^\w\s]+(?!\S)")
_NUMBERS_AT_END = re.compile(r"(?:\s+\d+)+\Z")
_DIGITS_AT_END = re.compile(r"\d+\Z")
_DIGITS_AT_START = re.compile(r"^\d+")


@lru_cache(maxsize=4096)
def is_reserved(name: str) -> bool:
    """Say whether a cleaned name, or a part of it, could be taken for one of those, spelled in whatever letters."""
    text = _plain(_NUMBERS_AT_END.sub("", name))
    # Signs may stand for letters (@dm!n), all but the last ones (@dm!n!), or for nothing (M!o!d).
    spelled = {reading.translate(_SIGNS_AS_LETTERS) for reading in (text, _SIGNS_AT_END.sub("", text))}
    return any(map(_is_misleading, {text, *spelled}))


def _is_misleading(text: str) -> bool:
    words = _WORD.findall(text)
    labels = ("".join(_WORD.findall(label)) for label in _LABEL.findall(text))
    return (
        any(_reads_as(_TITLE, run) for run in _runs(text))
        or any(_reads_as(_ADDRESS, label) for label in labels)
        or any(_reads_as(_NOTICE, word) for word in words[1:])
    )


def _runs(text: str) -> Iterator[str]:
    """The words of a text, and whatever words next to each other could be one that is only spelled apart."""
    words = [(chunk, word) for chunk, part in enumerate(text.split()) for word in _WORD.findall(part)]
    for first, (chunk, _) in enumerate(words):
        run, is_spelled = "", True
        for other_chunk, word in words[first:]:
            run += word
            is_spelled = is_spelled and len(word) == 1
            if other_chunk == chunk or is_spelled or len(run) >= _SHORTEST_DIVIDED:
                yield run


def _reads_as(pattern: re.Pattern[str], run: str) -> bool:
    """Digits may stand for letters (m0d3rator) or just stand there (mod2)."""
    unended = _DIGITS_AT_END.sub("", run)
    readings = {run, unended, _DIGITS_AT_START.sub("", unended)}
    return any(pattern.fullmatch(_skeleton(reading)) for reading in readings)


def _plain(text: str) -> str:
    """Bring a text into small ASCII letters as far as it looks like any, and its words apart."""
    bare = "".join(filter(_is_seen, normalize("NFKD", text)))
    plain = "".join(map(_looks, _apart(bare))).casefold()
    return plain if plain.isascii() else "".join(map(_looks, plain))  # some have a look-alike in one case only


def _is_seen(char: str) -> bool:
    """Marks and raised apostrophes only adorn their neighbours, but for those that look like a letter."""
    return char in PROTOTYPES or category(char) not in ("Mn", "Mc", "Me", "Lm")


def _apart(text: str) -> str:
    """Put a sign where a capital begins a word: AnnaAdmin."""
    return text[:1] + "".join(f"_{b}" if a.islower() and b.isupper() else b for a, b in pairwise(text))


@lru_cache(maxsize=4096)
def _looks(char: str) -> str:
    """What a character looks like: a bracket, small ASCII letters or digits, or nothing but itself."""
    if char.isascii():
        return char
    if category(char) in ("Ps", "Pe"):
        return "("
    return _LETTERS.get(char) or "".join(
        _LETTERS.get(part) or latin_letter(part) or part for part in PROTOTYPES.get(char, char)
    )


def _skeleton(text: str) -> str:
    text = text.translate(_DIGITS_AS_LETTERS)
    for looks, like in _LOOKS_LIKE:
        text = text.replace(looks, like)
    return text


def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    before, within, after = ("|".join(map(_skeleton, part)) for part in (_BEFORE, words, _AFTER))
    return re.compile(f"(?:{before})?(?:{within})(?:{after})?")


_BEFORE = ("the", "official", "quartchat", "chat")
_AFTER = ("s", "bot", "team")
_TITLE, _ADDRESS = _pattern(TITLES), _pattern(_ADDRESSES)
_NOTICE = re.compile("|".join(map(_skeleton, _NOTICES)))
