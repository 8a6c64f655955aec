"""Reduce Unicode's table of characters that look alike to what `domain/reserved.py` needs.

`python -m tools.reduce_confusables confusables.txt` reads the file as Unicode publishes it with UTS #39 and writes
`quart_chat/domain/data/confusables.txt`. The licence of both lies beside that.
"""

import re
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from unicodedata import name, normalize

MIDDLE_DOT = "\u00b7"
REDUCED = Path(__file__).resolve().parents[1] / "quart_chat" / "domain" / "data" / "confusables.txt"
HEAD = """\
# What looks like Latin letters and digits or like a middle dot, and what it looks like; code points in hexadecimal.
# Made by tools/reduce_confusables.py from confusables.txt of Unicode UTS #39, version {version}, of {date}:
# https://www.unicode.org/reports/tr39, sha256 {digest}
# Left out: what is ASCII itself or looks like anything else; and the marks and signs of what it looks like.
# {copyright} See LICENSE beside this file.
"""


def main() -> None:
    source = Path(sys.argv[1]).read_bytes()
    REDUCED.write_text(head(source) + "".join(lines(source.decode("utf-8-sig"))), "utf-8")


def head(source: bytes) -> str:
    """Say where the table comes from; raises ValueError for a file that is not Unicode's."""
    text = source.decode("utf-8-sig")
    found = [re.search(rf"^# {wanted}", text, re.MULTILINE) for wanted in (r"Version: (\S+)", r"Date: (\S+),", "(©.+)")]
    version, date, copyright = (match[1] for match in found if match)
    return HEAD.format(version=version, date=date, digest=sha256(source).hexdigest(), copyright=copyright)


def lines(text: str) -> Iterator[str]:
    """The lines of the reduced table, in the order of the characters."""
    for char, prototype in sorted(mappings(text)):
        if not char.isascii() and (plain := plain_part(prototype)):
            yield f"{code_points(char)} ; {code_points(plain)}\n"


def mappings(text: str) -> Iterator[tuple[str, str]]:
    """Each character of the table with its prototype."""
    for line in text.splitlines():
        fields = line.partition("#")[0].split(";")
        if len(fields) == 3:
            yield from_code_points(fields[0]), from_code_points(fields[1])


def plain_part(prototype: str) -> str:
    """The letters and digits of a prototype where all are Latin, or the middle dot; nothing for any other one."""
    if prototype == MIDDLE_DOT:
        return MIDDLE_DOT
    letters = "".join(filter(str.isalnum, normalize("NFD", prototype)))
    return letters if all(map(is_latin, letters)) else ""


def is_latin(char: str) -> bool:
    return char.isascii() or name(char).startswith("LATIN ")


def from_code_points(text: str) -> str:
    return "".join(chr(int(point, 16)) for point in text.split())


def code_points(text: str) -> str:
    return " ".join(f"{ord(char):04X}" for char in text)


if __name__ == "__main__":
    main()
