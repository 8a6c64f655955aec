"""Numbering names, as rooms do it."""

from quart_chat.domain.naming import given_name


def numbered(name: str, number: int) -> str:
    """The name that a namesake gets."""
    return given_name(name).numbered(number).text
