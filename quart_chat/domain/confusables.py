"""Characters that look like Latin letters: by Unicode's table (https://www.unicode.org/reports/tr39), and by name."""

import re
from collections.abc import Iterator
from pathlib import Path
from unicodedata import name

MIDDLE_DOT = "\u00b7"

_TABLE = Path(__file__).with_name("data") / "confusables.txt"

# Such as LATIN SMALL LETTER D WITH HOOK, LATIN LETTER SMALL CAPITAL D, or NEGATIVE SQUARED LATIN CAPITAL LETTER D.
# A turned one looks like another letter.
_LATIN = re.compile(
    r"(?:.* )?(?:LATIN|REGIONAL INDICATOR SYMBOL) (?:.* )?LETTER (?!TURNED)(?:.* )?([A-Z])(?: WITH .*)?"
)


def _read(table: str) -> Iterator[tuple[str, str]]:
    for line in table.splitlines():
        if not line.startswith("#"):
            char, prototype = ("".join(chr(int(point, 16)) for point in field.split()) for field in line.split(";"))
            yield char, prototype


PROTOTYPES = dict(_read(_TABLE.read_text("utf-8")))
"""Characters beyond ASCII, each with the Latin letters and digits, or the middle dot, that it looks like."""


def latin_letter(char: str) -> str | None:
    """The small ASCII letter that a Latin letter is a form of, as its name tells; None for any other character."""
    found = _LATIN.fullmatch(name(char, ""))
    return found[1].lower() if found else None


def is_dot(char: str) -> bool:
    """Say whether a character is a middle dot or looks like one."""
    return PROTOTYPES.get(char, char) == MIDDLE_DOT
