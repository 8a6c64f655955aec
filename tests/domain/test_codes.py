from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quart_chat.domain.codes import ALPHABET, CODE_LENGTH, LONGEST_TYPED, new_code, read_code

codes = st.randoms(use_true_random=False).map(new_code)


@given(codes)
def test_a_new_code_has_six_characters_of_the_alphabet(code: str) -> None:
    assert len(code) == CODE_LENGTH == 6
    assert set(code) <= set(ALPHABET)


def test_the_alphabet_has_no_twins() -> None:
    assert not set(ALPHABET) & set("0O1IL")
    for twins in ("8B", "5S", "2Z", "VU", "MN"):
        assert len(set(twins) & set(ALPHABET)) == 1
    assert len(set(ALPHABET)) == len(ALPHABET)


def test_the_code_in_our_manual_can_be_read() -> None:
    assert read_code("K7QM2X") == "K7QM2X"


def test_chance_alone_decides() -> None:
    assert new_code(Random(7)) == new_code(Random(7))
    assert len({new_code(Random(seed)) for seed in range(200)}) == 200


@given(codes, st.lists(st.sampled_from([" ", "-", ".", "\t", "\n", "\r\n"]), max_size=20), st.randoms())
def test_a_code_is_read_in_any_case_and_with_separators_anywhere(code: str, between: list[str], chance: Random) -> None:
    typed = list(code.lower() if chance.random() < 0.5 else code)
    for separator in between:
        typed.insert(chance.randrange(len(typed) + 1), separator)
    assert read_code("".join(typed)) == code


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "      ",
        "K7QM2",
        "K7QM2XX",
        "K7QM2O",
        "K7QM21",
        "K7QM2i",
        "K7QM2_",
        "K7QM2\u0130",
        "K7QM2\u0131",
        "K7QM2ß",
        "K7QMß",
        "K7QM\ufb00",
        "K7QM٣²",
        "Ｋ7QM2X",
        "\u041a7QM2X",
        "K7QM\u00a02X",
        "K7QM\u20132X",
        "K7QM2X\0",
        "<script>",
        "../../",
        "%2e%2e",
        "K7QM2X" * 1000,
        "K7QM2X" + " " * LONGEST_TYPED,
        "\ud800",
    ],
)
def test_anything_else_is_no_code(typed: str) -> None:
    assert read_code(typed) is None


@given(st.text())
def test_whatever_is_typed_is_a_code_or_none(typed: str) -> None:
    code = read_code(typed)
    assert code is None or read_code(code) == code


@given(st.text(st.sampled_from(ALPHABET + "0O1ILBSZUNAEıİßſK- .")))
def test_only_codes_we_could_have_made_are_read(typed: str) -> None:
    code = read_code(typed)
    assert code is None or (len(code) == CODE_LENGTH and set(code) <= set(ALPHABET))
