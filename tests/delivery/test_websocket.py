"""Our reader of frames beside wsproto's, which is the oracle: the same messages and close codes, however it is cut."""

from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, Pong, TextMessage

from quart_chat.delivery.close_codes import CloseCode
from quart_chat.delivery.websocket import (
    LARGEST_MESSAGE,
    LOOSE,
    Closing,
    FrameReader,
    Loose,
    Opcode,
    Received,
    close_payload,
    unmask,
)
from quart_chat.delivery.websocket import Ping as OurPing

MASK = b"\x01\xf2\x03\xa4"


def frame(opcode: int, payload: bytes = b"", *, final: bool = True, bits: int = 0, mask: bytes | None = MASK) -> bytes:
    """A frame as a client sends it, or should not."""
    first, masked = bytes([final << 7 | bits << 4 | opcode]), 0x80 if mask else 0
    size = len(payload)
    if size < 126:
        head = bytes([masked | size])
    elif size < 65_536:
        head = bytes([masked | 126]) + size.to_bytes(2)
    else:
        head = bytes([masked | 127]) + size.to_bytes(8)
    return first + head + (mask + unmask(payload, mask) if mask else payload)


def ours(chunks: list[bytes]) -> list[Received]:
    reader = FrameReader()
    return [received for chunk in chunks for received in reader.read(chunk)]


def wsprotos(chunks: list[bytes]) -> list[object]:
    """What wsproto says, put into our terms."""
    connection = Connection(ConnectionType.SERVER)
    said: list[object] = []
    text: list[str] = []
    binary: list[bytes] = []
    for chunk in chunks:
        connection.receive_data(chunk)
        for event in connection.events():
            match event:
                case TextMessage(data=data, message_finished=finished):
                    text.append(str(data))
                    said += ["".join(text)] if finished else []
                case BytesMessage(data=data, message_finished=finished):
                    binary.append(bytes(data))
                    said += [b"".join(binary)] if finished else []
                case Ping(payload=payload):
                    said.append(OurPing(bytes(payload)))
                case CloseConnection(code=code):
                    return [*said, "closing", None if code == 1005 else int(code)]
                case Pong() | Message():
                    pass
            if isinstance(event, Message) and event.message_finished:
                text.clear()
                binary.clear()
    return said


def in_the_same_terms(received: list[Received]) -> list[object]:
    said: list[object] = []
    for each in received:
        if isinstance(each, Closing):
            return [*said, "closing", each.code]
        if not isinstance(each, Loose):
            said.append(each)
    return said


def cut(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    """The data in pieces of these sizes, and the rest at once."""
    for size in sizes:
        yield data[:size]
        data = data[size:]
    yield data


payloads = st.one_of(
    st.text(max_size=40).map(str.encode),
    st.binary(max_size=200),
    st.sampled_from(
        [b"", b"\x03\xe8", b"\x03\xe8bye", b"\x03", b"\x00\x00", b"\x03\xe8\xff", b"x" * 126, b"\xc3" * 127]
    ),
)
masks = st.binary(min_size=4, max_size=4)
whole_texts = st.builds(frame, st.just(1), st.text(max_size=300).map(str.encode), mask=masks)
any_frames = st.builds(
    frame,
    st.sampled_from([0, 0, 1, 1, 2, 8, 9, 10, 3, 11]),
    payloads,
    final=st.booleans(),
    bits=st.sampled_from([0] * 20 + [1, 4]),
    mask=st.sampled_from([MASK] * 20 + [None]),
)
conversations = st.lists(st.one_of(whole_texts, any_frames), max_size=8).map(b"".join)


@given(conversations, st.lists(st.integers(0, 40), max_size=30))
@settings(max_examples=1_000, deadline=None)
@example(frame(1, "é".encode()[:1], final=False) + frame(0, "é".encode()[1:]), [])
@example(frame(1, b"a", final=False) + frame(9, b"!") + frame(0, b"b"), [3, 3, 3])
def test_it_reads_what_wsproto_reads_however_it_is_cut(data: bytes, sizes: list[int]) -> None:
    assert in_the_same_terms(ours(list(cut(data, sizes)))) == wsprotos([data])


@given(st.binary(max_size=200), st.lists(st.integers(0, 20), max_size=30))
def test_any_bytes_are_read_as_the_same_however_they_are_cut(data: bytes, sizes: list[int]) -> None:
    assert ours(list(cut(data, sizes))) == ours([data])


def test_a_message_may_be_as_long_as_it_says_and_no_byte_longer() -> None:
    text = "x" * LARGEST_MESSAGE
    assert ours([frame(1, text.encode())]) == [text]
    half = text[: LARGEST_MESSAGE // 2].encode()
    assert ours([frame(1, half, final=False) + frame(0, half)]) == [LOOSE, text]
    too_long = Closing(CloseCode.TOO_BIG, "message too big")
    assert ours([frame(1, text.encode() + b"x")[:20]]) == [too_long]
    assert ours([frame(1, half, final=False) + frame(0, half + b"x")[:20]]) == [LOOSE, too_long]


@pytest.mark.parametrize("length", [65_537, 2**62, 2**63 - 1])
def test_an_endless_frame_is_refused_by_its_head(length: int) -> None:
    assert ours([b"\x81\xff" + length.to_bytes(8) + MASK]) == [Closing(CloseCode.TOO_BIG, "message too big")]


def test_nothing_is_read_after_the_end() -> None:
    assert ours([frame(8), frame(1, b"more")]) == [Closing(None)]
    assert ours([frame(3) + frame(1, b"more"), frame(1, b"more")])[1:] == []


def test_a_frame_in_single_bytes_is_read_in_time_that_grows_with_its_length_alone() -> None:
    """Else somebody could keep the process busy with one slow message."""
    reader = FrameReader()
    data = frame(1, b"x" * LARGEST_MESSAGE)
    received = [reader.read(data[at : at + 1]) for at in range(len(data))]
    assert received[-1] == ["x" * LARGEST_MESSAGE]


@given(st.binary(max_size=500), st.binary(min_size=4, max_size=4))
def test_what_is_masked_twice_is_as_it_was(payload: bytes, mask: bytes) -> None:
    assert unmask(unmask(payload, mask), mask) == payload


def test_a_close_frame_holds_no_more_than_a_control_frame_may() -> None:
    assert len(close_payload(CloseCode.POLICY, "x" * 500)) == 125
    assert close_payload(None) == b""
    assert ours([frame(Opcode.CLOSE, close_payload(1000, "bye"))]) == [Closing(1000)]
