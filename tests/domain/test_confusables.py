import re
from pathlib import Path
from unicodedata import name

import pytest

from quart_chat.domain import confusables
from quart_chat.domain.confusables import MIDDLE_DOT, PROTOTYPES, is_dot, latin_letter
from tools.reduce_confusables import head, lines

DATA = Path(confusables.__file__).with_name("data")

PUBLISHED = """\
\ufeff# confusables.txt
# Date: 2030-01-02, 03:04:05 GMT
# © 2030 Unicode®, Inc.
# Version: 30.0.0

0430 ;\t0061 ;\tMA\t# ( а → a ) CYRILLIC SMALL LETTER A → LATIN SMALL LETTER A\t#
0031 ;\t006C ;\tMA\t# ( 1 → l ) DIGIT ONE → LATIN SMALL LETTER L\t#
20A5 ;\t0072 006E 0338 ;\tMA\t# ( ₥ → rn̸ ) MILL SIGN → ...\t#
0432 ;\t0299 ;\tMA\t# ( в → ʙ ) CYRILLIC SMALL LETTER VE → LATIN LETTER SMALL CAPITAL B\t#
2022 ;\t00B7 ;\tMA\t#* ( • → · ) BULLET → MIDDLE DOT\t#
2013 ;\t002D ;\tMA\t#* ( – → - ) EN DASH → HYPHEN-MINUS\t#
03A0 ;\t0420 03A0 ;\tMA\t# not wholly Latin\t#
"""


def test_the_table_is_reduced_to_what_looks_latin_or_like_a_dot() -> None:
    assert list(lines(PUBLISHED)) == [
        "0430 ; 0061\n",
        "0432 ; 0299\n",
        "2022 ; 00B7\n",
        "20A5 ; 0072 006E\n",
    ]


def test_the_reduced_table_says_where_it_comes_from() -> None:
    said = head(PUBLISHED.encode())
    assert "version 30.0.0, of 2030-01-02" in said
    assert "© 2030 Unicode®, Inc." in said
    with pytest.raises(ValueError):
        head(b"something else")


def test_the_table_here_names_its_version_and_its_licence_lies_beside_it() -> None:
    said = (DATA / "confusables.txt").read_text("utf-8")
    assert re.search(r"version \d+\.\d+\.\d+, of \d{4}-\d\d-\d\d", said)
    assert re.search(r"sha256 [0-9a-f]{64}\n", said)
    assert (DATA / "LICENSE").read_text("utf-8").startswith("UNICODE LICENSE V3")


def test_the_table_here_holds_characters_beyond_ascii_and_what_they_look_like() -> None:
    assert all(len(char) == 1 and not char.isascii() for char in PROTOTYPES)
    looks = {part for prototype in PROTOTYPES.values() for part in prototype} - {MIDDLE_DOT}
    assert [
        part for part in looks if not (part.isascii() and part.isalnum()) and not name(part).startswith("LATIN ")
    ] == []
    assert PROTOTYPES["\u0430"] == "a"


@pytest.mark.parametrize(
    ("char", "letter"),
    [
        ("d", "d"),
        ("D", "d"),
        ("\u0257", "d"),
        ("\u1d05", "d"),
        ("\u0131", "i"),
        ("\U0001f173", "d"),
        ("\U0001f1e9", "d"),
    ],
)
def test_a_form_of_a_latin_letter_is_known_by_its_name(char: str, letter: str) -> None:
    assert latin_letter(char) == letter


@pytest.mark.parametrize("char", ["\u0434", "\u00e6", "\u026f", "1", "-", "\U0001f98a", "\ue000"])
def test_nothing_else_is_a_form_of_a_latin_letter(char: str) -> None:
    assert latin_letter(char) is None


@pytest.mark.parametrize(("char", "answer"), [("·", True), ("•", True), (".", False), ("a", False), ("-", False)])
def test_a_middle_dot_is_known_in_any_shape(char: str, answer: bool) -> None:
    assert is_dot(char) is answer
