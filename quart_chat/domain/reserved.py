"""Names nobody may bear: whoever did could speak for the app, for its people, or for the reader."""

import re
from collections.abc import Iterator
from functools import lru_cache
from unicodedata import normalize

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
def is_reserved(name: str) -> bool:
    """Say whether a cleaned name could be taken for one of those, spelled in whatever letters."""
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
_NUMBER_AT_END = re.compile(r"(?:\s+\d+)+\Z")
_DIGITS_AT_END = re.compile(r"[\W\d_]+\Z")
_DIGITS_AT_START = re.compile(r"^[\W\d_]+")
_RESERVED = re.compile(
    f"(?:{_skeleton('the')}|{_skeleton('official')}|{_skeleton('quartchat')}|{_skeleton('chat')})?"
    f"(?:{'|'.join(map(_skeleton, _RESERVED_NAMES.split()))})"
    f"(?:{_skeleton('s')}|{_skeleton('bot')}|{_skeleton('team')})?"
)
