import subprocess
import sys
from string import ascii_lowercase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quart_chat.domain.avatars import FOR_EVERYONE_ELSE, HUES, THINGS, emoji_for, hue_for
from quart_chat.domain.names import ANIMALS

EVERY_EMOJI = {
    *ANIMALS.values(),
    *FOR_EVERYONE_ELSE,
    *(emoji for things in THINGS.values() for emoji in things.values()),
}

# Emoji younger than Unicode 13, between those of it.
TOO_YOUNG = {
    *range(0x1F6D8, 0x1F6E0), *range(0x1F7F0, 0x1F800), 0x1F979, 0x1F9CC, *range(0x1FA75, 0x1FA78),
    *range(0x1FA7B, 0x1FA80), *range(0x1FA87, 0x1FA90), *range(0x1FAA9, 0x1FAB0), *range(0x1FAB7, 0x1FAC0),
    *range(0x1FAC3, 0x1FAD0), *range(0x1FAD7, 0x1FB00),
}  # fmt: skip

# Emoji that show as black and white signs unless a selector follows.
SHOWN_AS_TEXT = set("🌡🌤🌥🌦🌧🌨🌩🌪🌫🌬🌶🍽🎖🎗🎙🎚🎛🎞🎟🏋🏌🏍🏎🏔🏕🏖🏗🏘🏙🏚🏛🏜🏝🏞🏟🏳🏵🏷🐿👁📽🕉🕊🕯🕰🕳🕴🕵🕶🕷🕸🕹🖇🖊🖋🖌🖍☀☁☂☃☄✂✈❄❤")

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=24)


def things_of(letter: str) -> set[str]:
    return set(THINGS[letter].values())


def test_every_letter_has_things_that_begin_with_it() -> None:
    assert list(THINGS) == list(ascii_lowercase)
    for letter, things in THINGS.items():
        assert len(things) >= 3
        assert [thing for thing in things if thing[0].lower() != letter] == []


@pytest.mark.parametrize("emoji", sorted(EVERY_EMOJI))
def test_every_emoji_is_one_that_phones_show_in_colour(emoji: str) -> None:
    assert len(emoji) == 1
    assert emoji in "⌚☔⚓⛵⭐" or 0x1F300 <= ord(emoji) < 0x1FB00
    assert ord(emoji) not in TOO_YOUNG
    assert emoji not in SHOWN_AS_TEXT


@pytest.mark.parametrize("letter", ascii_lowercase)
def test_a_name_wears_something_that_begins_with_its_letter(letter: str) -> None:
    assert emoji_for(f"{letter}qq") in things_of(letter)
    assert emoji_for(f"{letter.upper()}qq Smith") in things_of(letter)


@pytest.mark.parametrize(
    ("name", "letter"),
    [("Émile", "e"), ("Åsa", "a"), ("Øyvind", "o"), ("Łukasz", "l"), ("Đorđe", "d"), ("Æsa", "a"), ("Œuvre", "o"),
     ("ßen", "s"), ("Þór", "t"), ("İpek", "i"), ("Ṩ", "s"), ("_Ann_", "a"), ("'Ann", "a"), ("🦊 Fred", "f")],
)  # fmt: skip
def test_accents_and_signs_before_the_letter_do_not_matter(name: str, letter: str) -> None:
    assert emoji_for(name) in things_of(letter)


@pytest.mark.parametrize(
    ("name", "emoji"),
    [("Teal Otter", "🦦"), ("Otter", "🦦"), ("teal OTTER", "🦦"), ("Teal Otter 2", "🦦"), ("Mr. Fox!", "🦊"),
     ("Teal Otter 12 3", "🦦")],
)  # fmt: skip
def test_a_name_that_ends_in_an_animal_wears_the_animal(name: str, emoji: str) -> None:
    assert emoji_for(name) == emoji


def test_an_animal_elsewhere_in_a_name_does_not_count() -> None:
    assert emoji_for("Fox Teal") in things_of("f")
    assert emoji_for("Zara Foxy") in things_of("z")


@pytest.mark.parametrize("name", ["7of9", "42", "Иван", "王小明", "محمد", "नमन", "🦊", "!!!", ""])
def test_digits_and_other_scripts_wear_something_pleasant(name: str) -> None:
    assert emoji_for(name) in FOR_EVERYONE_ELSE


@given(words)
def test_every_name_has_an_emoji(name: str) -> None:
    assert emoji_for(name) in EVERY_EMOJI


@given(st.text(st.characters(codec="ascii", categories=["Lu", "Ll"]), min_size=1))
def test_the_case_of_a_name_does_not_matter(name: str) -> None:
    assert emoji_for(name.upper()) == emoji_for(name.lower())


def test_names_of_one_letter_share_its_things() -> None:
    assert {emoji_for(f"A{n}nn") for n in range(100)} == things_of("a")


@given(words)
def test_a_hue_is_one_of_24(visitor_id: str) -> None:
    assert 0 <= hue_for(visitor_id) < HUES == 24


def test_visitors_get_every_hue() -> None:
    assert {hue_for(f"visitor-{n}") for n in range(1000)} == set(range(HUES))


def test_every_process_picks_the_same() -> None:
    program = "from quart_chat.domain.avatars import *; print(emoji_for('Ann'), hue_for('v1'))"
    for seed in ("1", "2"):
        answer = subprocess.run(
            [sys.executable, "-X", "utf8", "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        assert answer.stdout == f"{emoji_for('Ann')} {hue_for('v1')}\n"
