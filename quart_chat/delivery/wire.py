"""Frames onto one socket, without ever waiting for the one who reads it."""

from typing import Protocol

WRITE_LIMIT = 1_048_576  # bytes waiting for one client; a slower one is cut and may resume

TEXT_FRAME = 0x81  # the last and only frame of a text message


class Frame:
    """One text frame, the same for everybody who gets it.

    `encoded` is the frame as it goes onto the line: RFC 6455, section 5.2, one final unmasked text frame.
    """

    __slots__ = ("_payload", "encoded")

    def __init__(self, text: str) -> None:
        self._take(text.encode())

    def _take(self, payload: bytes) -> None:
        self._payload = payload
        self.encoded = _head(len(payload)) + payload

    @property
    def text(self) -> str:
        """What it says."""
        return self._payload.decode()

    def followed_by(self, text: str) -> "Frame":
        """A frame that says the same, and then something more."""
        longer = Frame.__new__(Frame)
        longer._take(self._payload + text.encode())
        return longer

    def __len__(self) -> int:
        return len(self.encoded)


def _head(length: int) -> bytes:
    if length < 126:
        return bytes((TEXT_FRAME, length))
    if length < 65_536:
        return bytes((TEXT_FRAME, 126)) + length.to_bytes(2)
    return bytes((TEXT_FRAME, 127)) + length.to_bytes(8)


BEAT = Frame('{"beat": 1}')  # JSON without content, which htmx hears and does not show


class Wire(Protocol):
    """One client's end of the line. Frames and the close keep their order."""

    def send(self, frame: Frame) -> None:
        """Write a frame without waiting."""

    def close(self, code: int, reason: str = "") -> None:
        """Close after what has been sent; later frames are dropped."""

    def beat(self, second: int) -> None:
        """Let the page hear something."""

    def check(self, second: int) -> None:
        """Give up a page that has not answered beats for too long."""


class Reader(Protocol):
    """Who listens to a client."""

    def hear(self, message: str | bytes) -> None:
        """The client has sent a message."""

    def flooded(self) -> None:
        """The client sends more than any page does: it is to be closed."""

    def ended(self) -> None:
        """The line is gone, or about to be closed by us; told once."""
