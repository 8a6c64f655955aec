"""The name a visitor gives itself, and how namesakes in one room are told apart."""

from collections.abc import Container
from dataclasses import dataclass

from quart_chat.domain.text import MAX_NAME, clean_name, fold_name, shortened_name

FEW = 99  # namesakes; with more, long names are cut shorter
FOR_FEW = 3  # characters: a blank and up to two digits
FOR_MANY = 6  # characters: a blank and up to five digits


@dataclass(frozen=True, slots=True)
class Label:
    """A name and the key under which two names count as the same."""

    text: str
    fold: str


@dataclass(frozen=True, slots=True)
class GivenName:
    """A cleaned name with all that a room needs to make it unique: what a number is put behind, for few and for many.

    Folding and shortening depend on the version of Unicode that a Python knows. They are done once, by the process that
    the visitor is at home with, so that all processes agree on the name in a room.
    """

    full: Label
    stem: Label
    short_stem: Label

    def numbered(self, number: int) -> Label:
        """The name with a number behind it."""
        stem = self.stem if number <= FEW else self.short_stem
        return Label(f"{stem.text} {number}", f"{stem.fold} {number}")

    def free_in(self, taken: Container[str], numbers: dict[str, int]) -> Label:
        """Number the name until nobody has it.

        `taken` are the keys of the names in use. `numbers` remembers the last number given to each name, so that a
        thousand of one name cost no more than one each.
        """
        if self.full.fold not in taken:
            return self.full
        number = numbers.get(self.full.fold, 1) + 1
        while (candidate := self.numbered(number)).fold in taken:
            number += 1
        numbers[self.full.fold] = number
        return candidate


def given_name(raw: str) -> GivenName:
    """Clean what somebody typed as a name. Raises `Unwritable` (any reason)."""
    name = clean_name(raw)
    few, many = shortened_name(name, MAX_NAME - FOR_FEW), shortened_name(name, MAX_NAME - FOR_MANY)
    return GivenName(_label(name), _label(few), _label(many))


def _label(text: str) -> Label:
    return Label(text, fold_name(text))
