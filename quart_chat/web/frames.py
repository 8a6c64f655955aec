"""Inbound frames: one parser at the edge that turns a frame into a command or a refusal, whatever it holds."""

import re
from typing import Annotated

import msgspec

from quart_chat.domain import commands
from quart_chat.domain.rooms import RoomId

MAX_FRAME = 65_536  # characters; the server cuts larger frames off before they get here

Room = Annotated[str, msgspec.Meta(max_length=64)]
Name = Annotated[str, msgspec.Meta(max_length=512)]
Text = Annotated[str, msgspec.Meta(max_length=20_000)]
Key = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{8,40}$")]


class Unreadable(ValueError):
    """A frame that is no command."""


class Enter(msgspec.Struct, tag_field="do", tag="enter"):
    """`{"do": "enter", "name": ...}`."""

    name: Name

    def command(self) -> commands.Command:
        return commands.Enter(self.name)


class Seek(msgspec.Struct, tag_field="do", tag="seek"):
    """`{"do": "seek", "name": ...}`."""

    name: Name

    def command(self) -> commands.Command:
        return commands.Seek(self.name)


class Say(msgspec.Struct, tag_field="do", tag="say"):
    """`{"do": "say", "room": ..., "key": ..., "text": ...}`."""

    room: Room
    key: Key
    text: Text

    def command(self) -> commands.Command:
        return commands.Say(RoomId(self.room), self.key, self.text)


class Typing(msgspec.Struct, tag_field="do", tag="typing"):
    """`{"do": "typing", "room": ...}`."""

    room: Room

    def command(self) -> commands.Command:
        return commands.Typing(RoomId(self.room))


class Next(msgspec.Struct, tag_field="do", tag="next"):
    """`{"do": "next", "room": ...}`."""

    room: Room

    def command(self) -> commands.Command:
        return commands.Next(RoomId(self.room))


class Stop(msgspec.Struct, tag_field="do", tag="stop"):
    """`{"do": "stop", "room": ...}`; the room is empty for one who waits."""

    room: Room = ""

    def command(self) -> commands.Command:
        return commands.Stop(RoomId(self.room))


class Leave(msgspec.Struct, tag_field="do", tag="leave"):
    """`{"do": "leave", "room": ...}`."""

    room: Room

    def command(self) -> commands.Command:
        return commands.Leave(RoomId(self.room))


Inbound = Enter | Seek | Say | Typing | Next | Stop | Leave

_decoder: msgspec.json.Decoder[Inbound] = msgspec.json.Decoder(Inbound)
# Inside a JSON string every quote is escaped, so this finds keys and nothing a visitor has written.
_own_key = re.compile(r'[{,]\s*"(do|room|key|text|name)"\s*:')


def parse(frame: object) -> commands.Command:
    """Read one frame; raises Unreadable for anything that is not exactly one known command.

    Unknown fields are ignored, since htmx adds `headers`. A field of ours that stands twice is refused:
    the two readers of such a frame could disagree about which one counts.
    """
    if not isinstance(frame, str) or len(frame) > MAX_FRAME:
        raise Unreadable
    try:
        inbound = _decoder.decode(frame)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Unreadable from error
    ours = _own_key.findall(frame)
    if len(ours) != len(set(ours)):
        raise Unreadable
    return inbound.command()
