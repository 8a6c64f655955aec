"""The links in what visitors write."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from unicodedata import category
from urllib.parse import quote

MAX_HREF = 500  # characters; encoding makes twelve of one emoji, so a longer link stays plain text
MAX_LINKS = 20  # in one message; the markup around each is four times as long as the shortest link


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a message: a link where it has an `href`, somebody's name where it has a `mention`, else plain."""

    text: str
    href: str | None
    mention: str | None = None


def pieces(text: str) -> list[Piece]:
    """Split a cleaned message into plain text and links; their texts joined are the message.

    Only http and https with a host and without user name become links, and of those the first `MAX_LINKS`. An `href`
    holds at most `MAX_HREF` characters, and no quotes, blanks, angle brackets or control characters. Takes time linear
    in the length of the text.
    """
    found: list[Piece] = []
    done = 0
    for start, link, href in islice(_links(text), MAX_LINKS):
        found += _plain(text[done:start])
        found.append(Piece(link, href))
        done = start + len(link)
    return found + _plain(text[done:])


# Browsers read a backslash as a slash, so that it could hide where the host ends.
# The punctuation of East Asian texts ends a link too, since these put no blank behind it.
_LINK = re.compile(
    r"(?<![A-Za-z0-9])[hH][tT][tT][pP][sS]?://[^\s<>\"\\\u3001\u3002\u3008-\u3011\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f]+"
)
_LINK_PARTS = re.compile(r"([A-Za-z]+)://([^/?#:]{1,253})(:[0-9]{1,5})?([/?#].*)?", re.DOTALL)
_CLOSING_PUNCTUATION = frozenset(".,;:!?)'\"\u2019\u201d\u2026")
_SAFE_IN_HREF = "/?#[]@!$&()*+,;=:%~"


def _links(text: str) -> Iterator[tuple[int, str, str]]:
    """Where each link begins, its text, and its `href`."""
    for run in _LINK.finditer(text):
        link = _without_closing_punctuation(run[0])
        if href := _href(link):
            yield run.start(), link, href


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
    href = f"{scheme.lower()}://{host}{port}{quote(rest, safe=_SAFE_IN_HREF)}"
    return href if len(href) <= MAX_HREF else None


def _is_host(host: str) -> bool:
    return all(map(_is_host_label, host.removesuffix(".").split(".")))


def _is_host_label(label: str) -> bool:
    return bool(label) and label == label.strip("-") and all(map(_may_be_in_host, label))


def _may_be_in_host(char: str) -> bool:
    if char.isascii():
        return char.isalnum() or char in "-_"
    return category(char)[0] in "LMN"
