from itertools import product
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from quart_chat.domain.avatars import emoji_for
from quart_chat.domain.names import ADJECTIVES, ANIMALS, friendly_name
from quart_chat.domain.text import MAX_NAME, clean_name
from tests.domain.namesakes import numbered


def test_there_are_enough_names_for_a_full_lobby() -> None:
    assert len(set(ADJECTIVES)) == len(ADJECTIVES) >= 64
    assert len(ANIMALS) >= 64


def test_adjectives_are_single_words_of_three_to_eight_letters() -> None:
    assert [word for word in ADJECTIVES if not (3 <= len(word) <= 8 and word.isalpha() and word.istitle())] == []


def test_animals_are_single_words() -> None:
    assert [word for word in ANIMALS if not (word.isalpha() and word.istitle())] == []


def test_every_friendly_name_is_a_clean_name_with_room_for_a_number() -> None:
    for animal in ANIMALS:
        assert clean_name(f"{ADJECTIVES[0]} {animal}")
    longest = f"{max(ADJECTIVES, key=len)} {max(ANIMALS, key=len)}"
    assert len(longest) <= MAX_NAME
    assert numbered(longest, 99) == f"{longest} 99"


def test_no_two_words_together_make_a_reserved_name() -> None:
    for adjective, animal in product(ADJECTIVES[::7], ANIMALS):
        assert clean_name(f"{adjective} {animal}") == f"{adjective} {animal}"


@given(st.randoms(use_true_random=False))
def test_a_friendly_name_is_an_adjective_and_an_animal_that_it_wears(chance: Random) -> None:
    name = friendly_name(chance)
    adjective, animal = name.split()
    assert adjective in ADJECTIVES
    assert emoji_for(name) == ANIMALS[animal]
    assert clean_name(name) == name


def test_chance_alone_decides() -> None:
    assert friendly_name(Random(7)) == friendly_name(Random(7))
    assert len({friendly_name(Random(seed)) for seed in range(100)}) > 90
