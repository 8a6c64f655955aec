"""picows, a WebSocket library in Cython: it parses and writes, nothing more. The limit of one write a frame."""

import json
import sys
from collections import defaultdict
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

rooms: defaultdict[str, set[WSTransport]] = defaultdict(set)


class Member(WSListener):
    """One member of the chat."""

    def __init__(self, name: str, room: str) -> None:
        self.name = name
        self.connected = rooms[room]

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.connected.add(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != WSMsgType.TEXT:
            return
        said = json.loads(frame.get_payload_as_bytes())
        message = {"name": self.name, "text": said["text"], "time": datetime.now(UTC).isoformat()}
        encoded = json.dumps(message).encode()
        for member in self.connected:
            member.send(WSMsgType.TEXT, encoded)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.connected.discard(transport)


def admit(request: WSUpgradeRequest) -> WSListener:
    query = parse_qs(urlsplit(request.path.decode()).query)
    return Member(query["name"][0], query["room"][0])


async def main(port: int) -> None:
    server = await ws_create_server(admit, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
