"""Who is here: a visitor is one open page, a browser may hold several of them."""

from dataclasses import dataclass
from typing import NewType

VisitorId = NewType("VisitorId", str)
"""Public: it stands beside everything the visitor says."""

BrowserId = NewType("BrowserId", str)
"""A keyed hash of the secret in the browser's cookie; shown to nobody but, in a report, the operator."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """One open page: two tabs of one browser are two visitors. `address` is a keyed hash, never the address itself."""

    id: VisitorId
    browser: BrowserId
    address: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """A visitor as the others in one room see it.

    `name` is unique there, and `seat` counts those who came: a newer member has a higher one.
    """

    id: VisitorId
    name: str
    seat: int = 0
