"""The frames of one WebSocket as its server reads and writes them (RFC 6455), without any input or output."""

import codecs
from dataclasses import dataclass
from enum import IntEnum

from quart_chat.delivery.close_codes import CloseCode

LARGEST_MESSAGE = 65_536  # bytes; the longest thing a page sends is a call's session description of some 20 KiB


class Opcode(IntEnum):
    """What a frame is (section 5.2)."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


OPCODES = frozenset(Opcode)
FINAL, RESERVED_BITS, OPCODE_BITS = 0x80, 0x70, 0x0F
MASKED = 0x80
CONTROL = 0x8  # the bit that all control frames have
LONGEST_CONTROL = 125  # bytes
LENGTH_BITS, LONG = 0x7F, 126  # longer lengths stand in two or eight bytes of their own
SHORTEST_HEAD = 6  # bytes: two, and the mask
NOTHING = b""


@dataclass(frozen=True, slots=True)
class Ping:
    """The client wants these bytes back."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Loose:
    """A frame that is no whole message: a pong, or a piece before the last."""


@dataclass(frozen=True, slots=True)
class Closing:
    """The client's close frame, with its code if it has one; or the code that a violation is to be closed with."""

    code: int | None
    violation: str = ""


LOOSE = Loose()
Received = str | bytes | Ping | Loose | Closing


class Violation(Exception):
    """The client breaks the protocol."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.closing = Closing(code, reason)


class FrameReader:
    """Turns what comes from a client into messages and control frames, whatever the pieces it comes in.

    After a close frame or a violation nothing more is read.
    """

    __slots__ = ("_decoder", "_is_done", "_message", "_opcode", "_unread")

    def __init__(self) -> None:
        self._unread: bytes | bytearray = NOTHING
        self._is_done = False
        self._opcode: int | None = None  # of the message whose pieces are coming
        self._message: bytes | bytearray = NOTHING
        self._decoder: codecs.IncrementalDecoder | None = None

    def read(self, data: bytes) -> list[Received]:
        """Take in some bytes; returns what is complete by that. Never raises."""
        received: list[Received] = []
        if self._is_done:
            return received
        try:
            self._read(data, received)
        except Violation as violation:
            received.append(violation.closing)
        if received and isinstance(received[-1], Closing):
            self._is_done = True
            self._unread = self._message = NOTHING
        return received

    def _read(self, data: bytes | bytearray, received: list[Received]) -> None:
        if self._unread:
            self._unread += data
            data = self._unread
        at, size = 0, len(data)
        while size - at >= 2:
            first, length = data[at], data[at + 1] & LENGTH_BITS
            begin = at + SHORTEST_HEAD
            if length > LONGEST_CONTROL and not first & CONTROL:
                begin += 2 if length == LONG else 8
                length = _long_length(data[at + 2 : begin - 4]) if size >= begin - 4 else 0
            self._check_head(first, data[at + 1], length)
            if size < begin + length:
                break
            at = begin + length
            received.append(self._received(first, unmask(data[begin:at], data[begin - 4 : begin])))
            if first & OPCODE_BITS == Opcode.CLOSE:
                break
        self._keep(data, at)

    def _keep(self, data: bytes | bytearray, at: int) -> None:
        """Keep what is no whole frame yet, in one array: a frame in many small pieces is not copied with each."""
        if at == len(data):
            self._unread = NOTHING
        elif data is self._unread:
            del data[:at]  # type: ignore[union-attr] # it is ours, and so an array
        else:
            self._unread = bytearray(data[at:])

    def _check_head(self, first: int, second: int, length: int) -> None:
        """Refuse a frame by its head, before any of it is kept."""
        opcode = first & OPCODE_BITS
        if first & RESERVED_BITS or opcode not in OPCODES:
            raise Violation(CloseCode.PROTOCOL_ERROR, "a frame of no known kind")
        if not second & MASKED:
            raise Violation(CloseCode.PROTOCOL_ERROR, "a frame without a mask")
        if opcode & CONTROL:
            if length > LONGEST_CONTROL or not first & FINAL:
                raise Violation(CloseCode.PROTOCOL_ERROR, "a control frame that is long or in pieces")
        elif (opcode == Opcode.CONTINUATION) != (self._opcode is not None):
            raise Violation(CloseCode.PROTOCOL_ERROR, "pieces of two messages")
        elif len(self._message) + length > LARGEST_MESSAGE:
            raise Violation(CloseCode.TOO_BIG, "message too big")

    def _received(self, first: int, payload: bytes) -> Received:
        if first == FINAL | Opcode.TEXT:  # what nearly all frames are
            return _text(payload)
        match first & OPCODE_BITS:
            case Opcode.PING:
                return Ping(payload)
            case Opcode.PONG:
                return LOOSE
            case Opcode.CLOSE:
                return _closing(payload)
            case Opcode.BINARY if first & FINAL:
                return payload
        return self._piece(first, payload)

    def _piece(self, first: int, payload: bytes) -> Received:
        if self._opcode is None:
            self._opcode, self._message = first & OPCODE_BITS, bytearray()
            self._decoder = codecs.getincrementaldecoder("utf-8")() if self._opcode == Opcode.TEXT else None
        self._message += payload
        self._check_text(payload, final=bool(first & FINAL))
        if not first & FINAL:
            return LOOSE
        message = bytes(self._message)
        is_text = self._opcode == Opcode.TEXT
        self._opcode, self._message, self._decoder = None, NOTHING, None
        return _text(message) if is_text else message

    def _check_text(self, payload: bytes, *, final: bool) -> None:
        """Notice at its first piece what can never become UTF-8."""
        try:
            if self._decoder:
                self._decoder.decode(payload, final)
        except UnicodeDecodeError:
            raise Violation(CloseCode.BAD_TEXT, "no UTF-8") from None


def unmask(payload: bytes | bytearray, mask: bytes | bytearray) -> bytes:
    """Undo what section 5.3 does to a payload; as two large numbers, which is as fast as C at these sizes."""
    size = len(payload)
    return (int.from_bytes(payload) ^ int.from_bytes((mask * (size // 4 + 1))[:size])).to_bytes(size)


def _long_length(data: bytes | bytearray) -> int:
    length = int.from_bytes(data)
    if length <= LONGEST_CONTROL or (len(data) > 2 and not 2**16 <= length < 2**63):
        raise Violation(CloseCode.PROTOCOL_ERROR, "a length that may not be written so")
    return length


def close_payload(code: int | None, reason: str = "") -> bytes:
    """What stands in a close frame."""
    return b"" if code is None else code.to_bytes(2) + reason.encode()[: LONGEST_CONTROL - 2]


def control_frame(opcode: Opcode, payload: bytes = b"") -> bytes:
    """A control frame as a server writes it."""
    return bytes((FINAL | opcode, len(payload))) + payload


def _text(payload: bytes) -> str:
    try:
        return str(payload, "utf-8")
    except UnicodeDecodeError:
        raise Violation(CloseCode.BAD_TEXT, "no UTF-8") from None


def _closing(payload: bytes) -> Closing:
    if not payload:
        return Closing(None)
    code = int.from_bytes(payload[:2])
    if len(payload) == 1 or not _may_be_sent(code):
        raise Violation(CloseCode.PROTOCOL_ERROR, "no close code")
    _text(payload[2:])
    return Closing(code)


def _may_be_sent(code: int) -> bool:
    """Say whether a client may close with a code (section 7.4, and IANA's registry of 2024)."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999
