"""Who is here: a visitor is one open page, a browser may hold several of them."""

from dataclasses import dataclass
from typing import NewType

VisitorId = NewType("VisitorId", str)
"""Public: it stands beside everything the visitor says."""

BrowserId = NewType("BrowserId", str)
"""A keyed hash of the secret in the browser's cookie; shown to nobody but, in a report, the operator."""

ProcessId = NewType("ProcessId", str)
"""Names one run of one server process. A visitor's home is the process that holds its socket."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """One open page: two tabs of one browser are two visitors.

    `address` and `network` are keyed hashes of where it comes from: of the address (for IPv6 its /64), and of the
    network that one customer of a provider may own (for IPv6 its /48). The address itself is not kept.
    """

    id: VisitorId
    browser: BrowserId
    address: str = ""
    network: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """A visitor as the others in one room see it.

    `name` is unique there, and `seat` counts those who came: a newer member has a higher one.
    """

    id: VisitorId
    name: str
    seat: int = 0
