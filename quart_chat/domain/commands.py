"""What a visitor may wish for. `room` names the conversation that is meant, never just "the current one":
a wish that arrives late, from a talk already over, must not reach the next stranger.
"""

from dataclasses import dataclass

from quart_chat.domain.rooms import RoomId
from quart_chat.domain.safety import Accusation
from quart_chat.domain.signals import Signal


@dataclass(frozen=True, slots=True)
class Enter:
    """Go into the lobby or a room by code."""

    name: str


@dataclass(frozen=True, slots=True)
class Seek:
    """Look for a stranger; `agreed` to the rules, and 18 or older."""

    name: str
    agreed: bool = False


@dataclass(frozen=True, slots=True)
class Say:
    """Say something; `key` is the author's own id for it, so that saying it twice is harmless."""

    room: RoomId
    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Typing:
    """Let the others know that something is being written."""

    room: RoomId


@dataclass(frozen=True, slots=True)
class Next:
    """Leave this stranger and look for another one."""

    room: RoomId


@dataclass(frozen=True, slots=True)
class Stop:
    """Leave the stranger or the queue and go back to the door."""

    room: RoomId


@dataclass(frozen=True, slots=True)
class Leave:
    """Go out of the lobby or a room by code."""

    room: RoomId


@dataclass(frozen=True, slots=True)
class Send:
    """Pass something on to the other browser of a call.

    `page` tells the sender's loads of the page apart, `relay` hides its own addresses.
    """

    room: RoomId
    page: str
    signal: Signal
    relay: bool = False


@dataclass(frozen=True, slots=True)
class Accuse:
    """Report the stranger of a talk, also for a while after it."""

    room: RoomId
    accusation: Accusation
    words: str


@dataclass(frozen=True, slots=True)
class Block:
    """Never meet the stranger of this talk again."""

    room: RoomId


Command = Enter | Seek | Say | Typing | Next | Stop | Leave | Send | Accuse | Block
