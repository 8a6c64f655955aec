"""Inbound frames: one parser at the edge that turns a frame into a request or a refusal, whatever it holds."""

import re
from typing import Annotated

import msgspec

from quart_chat.delivery.websocket import LARGEST_MESSAGE
from quart_chat.domain import requests, signals
from quart_chat.domain.reports import MAX_WORDS, ReportReason
from quart_chat.domain.spaces import SpaceId

Room = Annotated[str, msgspec.Meta(max_length=64)]
Name = Annotated[str, msgspec.Meta(max_length=512)]
Text = Annotated[str, msgspec.Meta(max_length=20_000)]
Key = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{8,40}\Z")]

Seq = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,15}\Z")]  # fields of a form are texts


class Unreadable(ValueError):
    """A frame that is no request."""


class Enter(msgspec.Struct, tag_field="do", tag="enter"):
    """`{"do": "enter", "name": ...}`."""

    name: Name

    def request(self) -> requests.Request:
        return requests.Enter(self.name)


class Seek(msgspec.Struct, tag_field="do", tag="seek"):
    """`{"do": "seek", "name": ..., "agreed": "yes"}`."""

    name: Name
    agreed: Annotated[str, msgspec.Meta(max_length=8)] = ""

    def request(self) -> requests.Request:
        return requests.FindStranger(self.name, self.agreed == "yes")


class Say(msgspec.Struct, tag_field="do", tag="say"):
    """`{"do": "say", "room": ..., "key": ..., "text": ..., "reply": "5"}`; `reply` may be left out or empty."""

    room: Room
    key: Key
    text: Text
    reply: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{0,15}\Z")] = ""

    def request(self) -> requests.Request:
        return requests.Say(SpaceId(self.room), self.key, self.text, int(self.reply) if self.reply else None)


class React(msgspec.Struct, tag_field="do", tag="react"):
    """`{"do": "react", "room": ..., "seq": "5", "emoji": ..., "on": "yes"}`; without `on` it is taken away."""

    room: Room
    seq: Seq
    emoji: Annotated[str, msgspec.Meta(max_length=64)]
    on: Annotated[str, msgspec.Meta(max_length=8)] = ""

    def request(self) -> requests.Request:
        return requests.React(SpaceId(self.room), int(self.seq), self.emoji, self.on == "yes")


class Edit(msgspec.Struct, tag_field="do", tag="edit"):
    """`{"do": "edit", "room": ..., "seq": "5", "key": ..., "text": ...}`."""

    room: Room
    seq: Seq
    key: Key
    text: Text

    def request(self) -> requests.Request:
        return requests.Edit(SpaceId(self.room), int(self.seq), self.key, self.text)


class TakeBack(msgspec.Struct, tag_field="do", tag="take_back"):
    """`{"do": "take_back", "room": ..., "seq": "5"}`."""

    room: Room
    seq: Seq

    def request(self) -> requests.Request:
        return requests.TakeBack(SpaceId(self.room), int(self.seq))


class Typing(msgspec.Struct, tag_field="do", tag="typing"):
    """`{"do": "typing", "room": ...}`."""

    room: Room

    def request(self) -> requests.Request:
        return requests.Typing(SpaceId(self.room))


class Next(msgspec.Struct, tag_field="do", tag="next"):
    """`{"do": "next", "room": ...}`."""

    room: Room

    def request(self) -> requests.Request:
        return requests.Next(SpaceId(self.room))


class Stop(msgspec.Struct, tag_field="do", tag="stop"):
    """`{"do": "stop", "room": ...}`; the room is empty for one who waits."""

    room: Room = ""

    def request(self) -> requests.Request:
        return requests.Stop(SpaceId(self.room))


class Leave(msgspec.Struct, tag_field="do", tag="leave"):
    """`{"do": "leave", "room": ...}`."""

    room: Room

    def request(self) -> requests.Request:
        return requests.Leave(SpaceId(self.room))


class Description(msgspec.Struct):
    """`RTCSessionDescription` as JSON."""

    type: Annotated[str, msgspec.Meta(max_length=16)]
    sdp: Annotated[str, msgspec.Meta(max_length=signals.MAX_SDP)] = ""


class Candidate(msgspec.Struct, rename={"sdp_mid": "sdpMid", "sdp_m_line_index": "sdpMLineIndex"}):
    """`RTCIceCandidate` as JSON."""

    candidate: Annotated[str, msgspec.Meta(max_length=signals.MAX_CANDIDATE)] = ""
    sdp_mid: Annotated[str, msgspec.Meta(max_length=32)] | None = None
    sdp_m_line_index: Annotated[int, msgspec.Meta(ge=0, lt=64)] | None = None
    username_fragment: Annotated[str, msgspec.Meta(max_length=256)] | None = msgspec.field(
        default=None, name="usernameFragment"
    )


class Media(msgspec.Struct):
    """`{"mic": true, "camera": false, "shown": true}`."""

    mic: bool
    camera: bool
    shown: bool


class Signal(msgspec.Struct, tag_field="do", tag="signal"):
    """`{"do": "signal", "room": ..., "description" or "candidate" or "media": {...}}`, as call.js sends it."""

    room: Room
    page: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9-]{8,40}\Z")]
    description: Description | None = None
    candidate: Candidate | None = None
    media: Media | None = None
    relay: bool = False

    def request(self) -> requests.Request:
        return requests.RelaySignal(SpaceId(self.room), self.page, self._signal(), self.relay)

    def _signal(self) -> signals.Signal:
        if self.description:
            return signals.Description(self.description.type, self.description.sdp)
        if candidate := self.candidate:
            return signals.Candidate(
                candidate.candidate, candidate.sdp_mid, candidate.sdp_m_line_index, candidate.username_fragment
            )
        if self.media:
            return signals.Media(self.media.mic, self.media.camera, self.media.shown)
        raise Unreadable


class Report(msgspec.Struct, tag_field="do", tag="report"):
    """`{"do": "report", "room": ..., "reason": ..., "words": ...}`."""

    room: Room
    reason: ReportReason
    words: Annotated[str, msgspec.Meta(max_length=4 * MAX_WORDS)] = ""

    def request(self) -> requests.Request:
        return requests.ReportStranger(SpaceId(self.room), self.reason, self.words[:MAX_WORDS])


class Block(msgspec.Struct, tag_field="do", tag="block"):
    """`{"do": "block", "room": ...}`."""

    room: Room

    def request(self) -> requests.Request:
        return requests.Block(SpaceId(self.room))


Inbound = Enter | Seek | Say | React | Edit | TakeBack | Typing | Next | Stop | Leave | Signal | Report | Block

_decoder: msgspec.json.Decoder[Inbound] = msgspec.json.Decoder(Inbound)
# Inside a JSON string every quote is escaped, so this finds keys and nothing a visitor has written.
_own_key = re.compile(r'[{,]\s*"(do|room|key|text|name|seq|reply|emoji|on)"\s*:')


def parse(frame: object) -> requests.Request:
    """Read one frame; raises Unreadable for anything that is not exactly one known request.

    Unknown fields are ignored, since htmx adds `headers`. A field of ours that stands twice is refused:
    the two readers of such a frame could disagree about which one counts.
    """
    if not isinstance(frame, str) or len(frame) > LARGEST_MESSAGE:
        raise Unreadable
    try:
        inbound = _decoder.decode(frame)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Unreadable from error
    ours = _own_key.findall(frame)
    if len(ours) != len(set(ours)):
        raise Unreadable
    return inbound.request()
